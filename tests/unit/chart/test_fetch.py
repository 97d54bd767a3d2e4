import asyncio
import json

import httpx2
import pytest
import respx

from cds_hooks.breaker import FAILURES
from cds_hooks.chart.fetch import FAIR_S, MAX_PAGES, FhirServer, allowed, fetch, next_page, permitted
from cds_hooks.chart.record import Answer
from cds_hooks.model.results import GapReason
from cds_hooks.settings import AllowList, parse_base
from cds_hooks.transport import Client

BASE = "https://ehr.example/r4"
OPEN = AllowList(any_loopback=True)
LISTED = AllowList((parse_base(BASE),))
SERVER = FhirServer(parse_base(BASE), "secret")


def page(number=1, url=""):
    link = [{"relation": "self", "url": BASE}, {"relation": "next", "url": url}] if url else []
    return json.dumps({"resourceType": "Bundle", "total": number, "link": link}).encode()


async def answers(deadline_s=5, *, client=None, **queries):
    asking_by = client or Client()
    found = await fetch(queries, SERVER, asking_by, deadline_s)
    if client is None:
        await asking_by.close()
    return found


# ---------------------------------------------------------------- whom we may ask


@pytest.mark.parametrize("url", [BASE, BASE + "/", "https://EHR.example:443/r4", "https://ehr.example./r4"])
def test_a_base_on_the_list_is_allowed_however_it_is_written(url):
    assert parse_base(BASE) == allowed(url, LISTED)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://ehr.example",
        "https://ehr.example/r4-evil",
        "https://ehr.example/r4/tenant",
        "https://ehr.example/R4",
        "http://ehr.example/r4",
        "https://ehr.example:8443/r4",
        "https://ehr.example.evil.example/r4",
        "https://ehr.example@evil.example/r4",
        "https://evil.example/r4?https://ehr.example/r4",
        "https://evil.example/r4#@ehr.example/r4",
        "https://ehr.example/r4/../admin",
        "https://ehr.example/r4/%2e%2e/admin",
        "https://ehr.example\\@evil.example/r4",
        "https://ehr.example/r4\t",
        "//ehr.example/r4",
        "http://169.254.169.254/latest",
        "http://127.0.0.1:8080/fhir",
    ],
)
def test_any_other_base_is_not(url):
    assert allowed(url, LISTED) is None


def may_ask(**changes):
    asked = {"url": BASE, "token": "secret", "token_patient": "", "patient_id": "1"}
    asked |= {"allow_list": LISTED, "needs_token": True}
    return permitted(**(asked | changes))


def test_a_listed_server_is_asked_with_the_token():
    assert may_ask() == SERVER
    assert may_ask(token_patient="1") == SERVER


def test_nothing_is_asked_without_a_server_or_off_the_list():
    assert may_ask(url="") is None
    assert may_ask(url="https://evil.example/r4") is None


def test_nothing_is_asked_without_a_token_where_one_is_needed():
    assert may_ask(token="") is None


def test_an_open_server_of_the_sandbox_is_asked_without_a_token():
    server = may_ask(url="http://127.0.0.1:8080/fhir", token="", allow_list=OPEN, needs_token=False)

    assert server == FhirServer(parse_base("http://127.0.0.1:8080/fhir"))


def test_nothing_is_asked_with_a_token_that_is_meant_for_another_patient():
    assert may_ask(token_patient="2") is None


def test_the_token_is_not_shown():
    assert "secret" not in repr(SERVER)


# ---------------------------------------------------------------- what came back

asking = pytest.mark.anyio


@asking
async def test_every_key_is_asked_once_and_all_at_the_same_time():
    both_are_waiting = asyncio.Barrier(2)

    async def together(_request):
        await both_are_waiting.wait()
        return httpx2.Response(200, content=page())

    with respx.mock(base_url=BASE) as mock:
        mock.get("/Condition?patient=1").mock(side_effect=together)
        mock.get("/Observation?patient=1&code=http://loinc.org%7C777-3").mock(side_effect=together)

        found = await answers(
            conditions="Condition?patient=1", platelets="Observation?patient=1&code=http://loinc.org%7C777-3"
        )

        tokens = {call.request.headers["authorization"] for call in mock.calls}

    assert {"conditions": Answer((page(),)), "platelets": Answer((page(),))} == found
    assert {"Bearer secret"} == tokens


@asking
async def test_one_failure_leaves_the_other_answers_alone():
    with respx.mock(base_url=BASE) as mock:
        mock.get("/Condition").respond(200, content=page())
        mock.get("/MedicationStatement").respond(404)

        found = await answers(conditions="Condition?patient=1", statements="MedicationStatement?patient=1")

    assert found["conditions"] == Answer((page(),))
    assert found["statements"] == Answer(failed=GapReason.NOT_SUPPORTED)


@asking
@pytest.mark.parametrize("relative", [False, True])
async def test_pages_are_followed_with_the_token(relative):
    link = "Condition?page=2" if relative else f"{BASE}/Condition?page=2"
    with respx.mock(base_url=BASE) as mock:
        mock.get("/Condition?patient=1").respond(200, content=page(1, link))
        mock.get("/Condition?page=2").respond(200, content=page(2))

        found = await answers(conditions="Condition?patient=1")
        tokens = [call.request.headers["authorization"] for call in mock.calls]

    assert found["conditions"] == Answer((page(1, link), page(2)))
    assert ["Bearer secret"] * 2 == tokens


@asking
async def test_a_next_link_may_be_the_base_with_a_query():
    link = f"{BASE}?_getpages=abc&_offset=20"
    with respx.mock() as mock:
        mock.get(f"{BASE}/Condition?patient=1").respond(200, content=page(1, link))
        mock.get(link).respond(200, content=page(2))

        found = await answers(conditions="Condition?patient=1")

    assert len(found["conditions"].bodies) == 2


@asking
async def test_a_next_link_that_prefetch_brought_can_be_asked_itself():
    with respx.mock(base_url=BASE) as mock:
        mock.get("/Condition?page=2").respond(200, content=page(2))

        found = await answers(conditions=f"{BASE}/Condition?page=2")

    assert found["conditions"] == Answer((page(2),))


@asking
async def test_no_more_than_five_pages_are_read():
    endless = page(1, f"{BASE}/Condition?page=next")
    with respx.mock(base_url=BASE) as mock:
        mock.get("/Condition").respond(200, content=endless)

        found = await answers(conditions="Condition?patient=1")
        asked = mock.calls.call_count

    assert found["conditions"] == Answer((endless,) * MAX_PAGES, more=True)
    assert asked == MAX_PAGES


@asking
@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/r4/Condition?page=2",
        "https://ehr.example/r4-evil/Condition?page=2",
        "http://ehr.example/r4/Condition?page=2",
        "https://ehr.example:8443/r4/Condition?page=2",
        "https://ehr.example/r4/../admin",
        "https://ehr.example/r4/%2e%2e/admin",
        "//evil.example/r4/Condition",
        "../admin",
        "/admin",
        "Condition?page=2\r\nX: y",
        "https://ehr.example/r4/Condition#page2",
        "http://[::1/fhir",
        "javascript:alert(1)",
    ],
)
async def test_a_next_link_out_of_the_base_is_not_followed(link):
    first = page(1, link)
    with respx.mock(base_url=BASE) as mock:
        mock.get("/Condition?patient=1").respond(200, content=first)

        found = await answers(conditions="Condition?patient=1")
        asked = mock.calls.call_count

    assert found["conditions"] == Answer((first,), GapReason.NOT_PERMITTED, more=True)
    assert asked == 1


@asking
async def test_an_address_out_of_the_base_is_not_asked_at_all():
    with respx.mock():
        found = await answers(conditions="https://evil.example/r4/Condition?page=2")

    assert found["conditions"] == Answer(failed=GapReason.NOT_PERMITTED)


@asking
@pytest.mark.parametrize("status", [404, 500])
async def test_pages_that_came_before_a_failure_are_kept_beside_it(status):
    first = page(1, f"{BASE}/Condition?page=2")
    with respx.mock(base_url=BASE) as mock:
        mock.get("/Condition?patient=1").respond(200, content=first)
        mock.get("/Condition?page=2").respond(status)

        found = await answers(conditions="Condition?patient=1")

    assert found["conditions"] == Answer((first,), GapReason.FAILED, more=True)


@asking
@pytest.mark.parametrize("status", [404, 410])
async def test_a_patient_whom_the_server_does_not_know_is_not_found(status):
    with respx.mock(base_url=BASE) as mock:
        mock.get("/Patient/1").respond(status)

        found = await answers(patient="Patient/1")

    assert found["patient"] == Answer(failed=GapReason.NOT_FOUND)


@asking
async def test_pages_that_came_before_the_deadline_are_kept():
    async def too_late(_request):
        await asyncio.sleep(5)

    first = page(1, f"{BASE}/Condition?page=2")
    with respx.mock(base_url=BASE, assert_all_called=False) as mock:
        mock.get("/Condition?patient=1").respond(200, content=first)
        mock.get("/Condition?page=2").mock(side_effect=too_late)
        mock.get("/Encounter").mock(side_effect=too_late)

        found = await answers(0.1, conditions="Condition?patient=1", encounters="Encounter?patient=1")

    assert found["conditions"] == Answer((first,), GapReason.TIMED_OUT, more=True)
    assert found["encounters"] == Answer(failed=GapReason.TIMED_OUT)


@asking
@pytest.mark.parametrize("body", [b'{"resourceType": "Bund', b'{"link": ' + b"[" * 100_000, b'{"link": 5}'])
async def test_a_body_that_is_no_resource_is_unreadable(body):
    with respx.mock(base_url=BASE) as mock:
        mock.get("/Condition").respond(200, content=body)

        found = await answers(conditions="Condition?patient=1")

    assert found["conditions"] == Answer(failed=GapReason.UNREADABLE)


@asking
async def test_nothing_asked_is_nothing_answered():
    assert await answers() == {}


# ---------------------------------------------------------------- a server that does not answer


async def asked_often(deadline_s=5, times=FAILURES, **replies):
    """What comes back for one chart more, after as many charts as open the breaker; and whether it was asked."""
    client = Client()
    with respx.mock(base_url=BASE, assert_all_called=False) as mock:
        for path, reply in replies.items():
            mock.get(f"/{path}").mock(side_effect=reply)
        for _ in range(times):
            await answers(deadline_s, client=client, **{path: f"{path}?patient=1" for path in replies})
        before = mock.calls.call_count
        found = await answers(deadline_s, client=client, **{path: f"{path}?patient=1" for path in replies})
        await client.close()
        return found, mock.calls.call_count > before


def replying(status):
    async def reply(_request):
        return httpx2.Response(status)

    return reply


@asking
async def test_a_server_that_answered_nothing_for_some_charts_is_left_alone_and_that_is_said():
    found, was_asked = await asked_often(Condition=replying(500), Observation=replying(429))

    assert not was_asked
    assert set(found.values()) == {Answer(failed=GapReason.NOT_ANSWERING)}


@asking
@pytest.mark.parametrize("status", [401, 403, 404, 200])
async def test_one_answer_is_enough_for_a_server_to_be_asked_again(status):
    _, was_asked = await asked_often(Condition=replying(500), Observation=replying(status))

    assert was_asked


@asking
async def test_one_failure_less_changes_nothing():
    _, was_asked = await asked_often(times=FAILURES - 1, Condition=replying(500))

    assert was_asked


@asking
@pytest.mark.parametrize(
    ("seconds", "reason"), [(FAIR_S / 2, GapReason.TIMED_OUT), (FAIR_S, GapReason.NOT_ANSWERING)]
)
async def test_silence_counts_only_where_there_was_time_to_answer(seconds, reason):
    async def too_late(_request):
        await asyncio.sleep(5)

    found, _ = await asked_often(seconds, Condition=too_late)

    assert found["Condition"] == Answer(failed=reason)


@asking
async def test_nothing_asked_is_no_silence():
    client = Client()
    for _ in range(FAILURES):
        await answers(client=client)

    assert client.breakers.may_ask(BASE)
    await client.close()


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("", b'{"resourceType": "Patient"}'),
        ("", b'{"resourceType": "Patient", "link": [{"type": "seealso", "other": {"reference": "Patient/2"}}]}'),
        ("", b'{"resourceType": "Bundle", "link": null}'),
        ("", b'{"resourceType": "Bundle", "link": [{"relation": "self", "url": "x"}]}'),
        ("x", b'{"link": [{"relation": "self", "url": "y"}, {"relation": "next", "url": "x"}]}'),
    ],
)
def test_the_next_page_is_the_one_the_bundle_links_to(url, body):
    assert url == next_page(body)
