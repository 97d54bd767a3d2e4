import asyncio
import gzip
import socket

import httpx2
import pytest
import respx

from cds_hooks.model.results import GapReason
from cds_hooks.transport import MAX_BYTES, Client, Deadline, Unanswered, _inflater, is_public
from tests.servers import respond, serving

pytestmark = pytest.mark.anyio

URL = "https://ehr.example/r4/Observation?patient=1"
READ = "https://ehr.example/r4/Patient/1"


@pytest.fixture
async def client():
    client = Client()
    yield client
    await client.close()


@pytest.fixture
def route():
    with respx.mock(assert_all_called=False) as mock:
        yield mock.get(URL)


async def refused(client, url=URL, **deadline):
    with pytest.raises(Unanswered) as caught:
        await client.get(url, token="", deadline=Deadline.after(deadline.get("seconds", 5)))
    return caught.value.reason


async def got(client, token=""):
    return await client.get(URL, token=token, deadline=Deadline.after(5))


async def test_the_body_comes_back_as_it_was_sent(client, route):
    route.respond(200, content=b' {"resourceType": "Bundle"}', content_type="text/plain")

    assert await got(client) == b' {"resourceType": "Bundle"}'


async def test_a_token_is_sent_as_bearer_and_no_token_sends_nothing(client, route):
    route.respond(200, json={})

    await got(client, token="secret")
    await got(client)

    assert route.calls[0].request.headers["authorization"] == "Bearer secret"
    assert "authorization" not in route.calls[1].request.headers


async def test_cookies_of_one_answer_do_not_travel_with_the_next_question(client, route):
    route.respond(200, json={}, headers={"set-cookie": "session=of-someone; Path=/"})

    await got(client)
    await got(client)

    assert "cookie" not in route.calls[1].request.headers


async def test_a_redirect_is_a_failure_and_not_followed(client, route):
    route.respond(302, headers={"location": "https://evil.example/"})

    assert await refused(client) == GapReason.FAILED
    assert route.call_count == 1


async def test_proxies_and_passwords_of_the_environment_are_not_used(client, route, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    route.respond(200, json={})

    await got(client)

    assert route.call_count == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, GapReason.NOT_SUPPORTED),
        (401, GapReason.NOT_PERMITTED),
        (403, GapReason.NOT_PERMITTED),
        (404, GapReason.NOT_SUPPORTED),
        (405, GapReason.NOT_SUPPORTED),
        (501, GapReason.NOT_SUPPORTED),
        (410, GapReason.FAILED),
        (429, GapReason.FAILED),
        (500, GapReason.FAILED),
    ],
)
async def test_a_refused_search_says_why(client, route, status, reason):
    route.respond(status, json={})

    assert reason == await refused(client)
    assert route.call_count == 1


@pytest.mark.parametrize("status", [404, 410])
async def test_a_read_of_what_is_not_there_says_so(client, status):
    with respx.mock() as mock:
        mock.get(READ).respond(status)

        assert await refused(client, READ) == GapReason.NOT_FOUND


@pytest.mark.parametrize("content", [b"<html>Please log in</html>", b"", b"[]", b"<Bundle/>", b"null"])
async def test_what_cannot_be_a_json_object_is_unreadable(client, route, content):
    route.respond(200, content=content, content_type="application/fhir+json")

    assert await refused(client) == GapReason.UNREADABLE


async def test_a_byte_order_mark_is_taken_off(client, route):
    route.respond(200, content=b"\xef\xbb\xbf{}")

    assert await got(client) == b"{}"


@pytest.mark.parametrize("name", ["gzip", "x-gzip"])
async def test_a_compressed_body_is_inflated(client, route, name):
    route.respond(200, content=gzip.compress(b'{"a":1}'), headers={"content-encoding": name})

    assert await got(client) == b'{"a":1}'


async def test_a_body_compressed_in_another_way_is_unreadable(client, route):
    route.respond(200, content=b"{}", headers={"content-encoding": "br"})

    assert await refused(client) == GapReason.UNREADABLE


async def test_a_body_that_only_claims_to_be_compressed_is_unreadable():
    inflate = _inflater("gzip")  # directly: respx inflates what it is given, and fails before we could

    with pytest.raises(Unanswered) as caught:
        inflate(b"{}")

    assert caught.value.reason == GapReason.UNREADABLE


async def test_a_body_that_inflates_beyond_the_cap_is_unreadable(client, route):
    bomb = gzip.compress(b"{" + b" " * (MAX_BYTES * 4))
    route.respond(200, content=bomb, headers={"content-encoding": "gzip"})

    assert await refused(client) == GapReason.UNREADABLE


@pytest.mark.parametrize(("size", "is_read"), [(MAX_BYTES, True), (MAX_BYTES + 1, False)])
async def test_the_cap_is_exact(client, route, size, is_read):
    route.respond(200, content=b"{}" + b" " * (size - 2))

    if is_read:
        assert size == len(await got(client))
    else:
        assert await refused(client) == GapReason.UNREADABLE


async def test_an_answer_after_the_deadline_is_timed_out(client, route):
    async def too_late(_request):
        await asyncio.sleep(5)

    route.mock(side_effect=too_late)

    assert await refused(client, seconds=0.02) == GapReason.TIMED_OUT


@pytest.mark.parametrize("error", [httpx2.ConnectError, httpx2.ReadError, httpx2.RemoteProtocolError])
async def test_a_lost_connection_is_tried_once_more(client, route, error):
    route.mock(side_effect=[error, httpx2.Response(200, json={})])

    assert await got(client) == b"{}"


async def test_a_busy_server_is_tried_once_more(client, route):
    route.mock(side_effect=[httpx2.Response(503), httpx2.Response(200, json={})])

    assert await got(client) == b"{}"


async def test_a_second_failure_is_the_answer(client, route):
    route.mock(side_effect=httpx2.ConnectError)

    assert await refused(client) == GapReason.FAILED
    assert route.call_count == 2


async def test_a_server_that_asks_to_wait_is_left_alone(client, route):
    route.respond(503, headers={"retry-after": "1"})

    assert await refused(client) == GapReason.FAILED
    assert route.call_count == 1


@pytest.mark.parametrize("first", [httpx2.ConnectError, httpx2.Response(503)])
async def test_no_second_try_when_most_of_the_time_is_gone(client, route, first):
    route.mock(side_effect=first if isinstance(first, type) else [first])
    late = Deadline.after(5)

    with pytest.raises(Unanswered) as caught:
        await client.get(URL, token="", deadline=Deadline(late.ends, late.retry_until - 10))

    assert caught.value.reason == GapReason.FAILED
    assert route.call_count == 1


async def test_an_address_the_library_refuses_is_a_failure(client):
    assert await refused(client, "https://ehr.example/\x00") == GapReason.FAILED


async def test_nothing_of_an_answer_is_in_the_error(client, route):
    route.respond(500, text="Jane Canary")

    with pytest.raises(Unanswered) as caught:
        await got(client)

    assert str(caught.value) == "could not be fetched"


# ---------------------------------------------------------------- private networks


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%lo",
        "fd00::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::10.0.0.1",
        "::10.0.0.1",
        "::127.0.0.1",
        "::ffff:0:10.0.0.1",
        "fec0::1",
        "3fff::1",
        "5f00::1",
        "192.0.0.8",
    ],
)
def test_an_address_inside_a_network_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_an_address_of_the_internet_is_public(address):
    assert is_public(address)


@pytest.fixture
def names(monkeypatch):
    """What a name resolves to, asked for one answer after the other; the last one stays."""
    answers = {}

    def getaddrinfo(host, port, *_args, **_kwargs):
        found = answers.get(host, [])
        if not found:
            raise socket.gaierror
        places = found.pop(0) if len(found) > 1 else found[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port)) for place in places]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return answers


async def asked_by_name(server, *, may_be_private=False):
    url = server.url.replace("127.0.0.1", "ehr.example")
    named = Client(lambda host: may_be_private and host == "ehr.example")
    try:
        return await named.get(url, token="", deadline=Deadline.after(5))
    finally:
        await named.close()


async def test_a_name_that_stands_for_this_machine_is_not_connected_to(names):
    names["ehr.example"] = [["127.0.0.1"]]
    with serving(respond) as server, pytest.raises(Unanswered) as caught:
        await asked_by_name(server)

    assert caught.value.reason == GapReason.NOT_PERMITTED
    assert server.asked == []


async def test_one_private_address_among_public_ones_is_one_too_many(names):
    names["ehr.example"] = [["8.8.8.8", "127.0.0.1"]]
    with serving(respond) as server, pytest.raises(Unanswered) as caught:
        await asked_by_name(server)

    assert caught.value.reason == GapReason.NOT_PERMITTED


async def test_a_private_address_is_connected_to_when_the_deployment_says_so(names):
    names["ehr.example"] = [["127.0.0.1"]]
    with serving(respond) as server:
        assert await asked_by_name(server, may_be_private=True) == b"{}"


async def test_a_name_is_looked_up_once_so_that_it_cannot_answer_differently_later(names):
    names["ehr.example"] = [["127.0.0.1"], ["8.8.8.8"]]
    with serving(respond) as server:
        assert await asked_by_name(server, may_be_private=True) == b"{}"

    assert names["ehr.example"] == [["8.8.8.8"]]


async def test_when_the_first_address_is_dead_the_next_is_tried(names):
    names["ehr.example"] = [["127.0.0.2", "127.0.0.1"]]
    with serving(respond) as server:
        assert await asked_by_name(server, may_be_private=True) == b"{}"


async def test_a_name_nobody_knows_is_a_failure(client, names):
    assert names == {}
    assert await refused(client, "https://nobody.example/r4") == GapReason.FAILED
