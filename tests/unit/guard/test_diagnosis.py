import json
import socket

import pytest

from cds_hooks.guard.diagnosis import about_client, about_token
from cds_hooks.model.results import GapReason
from cds_hooks.transport import Unanswered
from tests.signing import AT, JKU, PUBLIC, PUBLIC_DEMO_KEY, SERVICE, client, jwks, key, keys_of_k1, token
from tests.unit.guard.test_tokens import BAD, TIMES

pytestmark = pytest.mark.anyio


async def told(sent, known=None):
    return await about_token(sent, known or client(), keys_of_k1, audiences=[SERVICE], at=AT)


# ---------------------------------------------------------------- a token


async def test_a_good_token_is_called_good():
    report = await told(token())

    assert report.problems == ()
    assert report.facts == (
        "A call with this token is accepted as general, once, until 2026-03-02T09:05:00+00:00.",
    )


@pytest.mark.parametrize("sent", [sent for sent, _ in BAD.values()], ids=BAD)
async def test_every_bad_token_is_explained_without_being_shown(sent):
    report = await told(sent)

    assert report.problems
    assert report.facts == ()
    assert all(problem.endswith(".") for problem in report.problems)
    assert not [part for part in sent.split(".") if len(part) > 20 and part in "".join(report.problems)]


@pytest.mark.parametrize("changes", [changes for changes, expected in TIMES if expected])
async def test_wrong_times_are_explained(changes):
    assert (await told(token(**changes))).problems


async def test_everything_that_is_wrong_is_told_at_once():
    sent = token(
        key("x"), {"typ": None, "jku": "https://evil.example/k"}, aud="x", iss="y", exp=1, iat=0, jti=None
    )

    words = "\n".join((await told(sent)).problems)

    for part in (
        "typ in the header is nothing",
        "jku in the header is `https://evil.example/k`",
        "iss is `y`; `iss` of general is `https://ehr.example`",
        f"aud is `x` and must be `{SERVICE}`, character for character",
        "exp has passed: it was 1970-01-01T00:00:01+00:00",
        "jti must be",
        "The signature is not that of the key",
    ):
        assert part in words


async def test_what_a_token_says_cannot_write_on_the_terminal():
    hostile = "\x1b[2J\x07\u202e" + "k" * 1000

    words = "\n".join((await told(token(aud=hostile, head={"typ": hostile, "kid": hostile[:200]}))).problems)

    assert "k" * 100 in words
    assert len(words) < 1500
    assert all(letter.isprintable() or letter == "\n" for letter in words)


async def test_every_audience_that_counts_is_named():
    [line] = (await told(token(aud="x"), client(audiences=("word",)))).problems

    assert line == (
        f"aud is `x` and must be `{SERVICE}` or `word`, character for character. If the record system sets it by "
        "hand, put its value into `audiences`."
    )


async def test_the_key_is_asked_for_as_of_the_moment_of_asking():
    asked = []

    async def keys(source, kid, at):
        asked.append((source, kid, at))
        return key()

    await about_token(token(), client(), keys, audiences=[SERVICE], at=AT)

    assert asked == [(JKU, "k1", AT)]


async def test_what_is_too_long_is_cut_and_what_is_just_as_long_is_not():
    [whole] = (await told(token(aud="a" * 300))).problems
    [cut] = (await told(token(aud="a" * 299 + "\x07b"))).problems

    assert whole.startswith(f"aud is `{'a' * 300}` and")
    assert cut.startswith(f"aud is `{'a' * 299}?…` and")


async def test_tenants_are_named():
    [line] = (await told(token(tenant="x"), client(tenants=("a", "b")))).problems

    assert line == "tenant is `x`; `tenants` of general are a, b."


# ---------------------------------------------------------------- a client


@pytest.fixture
def addresses(monkeypatch):
    """What names resolve to; a name that is not here is unknown."""
    known = {"ehr.example": "203.0.114.7"}

    def getaddrinfo(host, port, *_args, **_kwargs):
        if host not in known:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (known[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


def saying(body):
    async def read(_source):
        if isinstance(body, Exception):
            raise body
        return body

    return read


async def test_an_entry_in_order_tells_what_holds(addresses):
    assert addresses
    report = await about_client(client(audiences=("word",)), saying(jwks(key(), key("r1", "RSA"))), PUBLIC)

    assert report.problems == ()
    assert report.facts == (
        "iss: https://ehr.example",
        "algorithms: ES384, RS384",
        "keys: k1 (EC P-384), r1 (RSA 2048)",
        f"aud: {PUBLIC}/cds-services/<id of the service>, word",
        "FHIR servers: https://ehr.example/r4",
    )


async def test_an_rsa_key_fits_every_algorithm_of_its_kind(addresses):
    assert addresses
    for algorithm in ("RS384", "PS256"):
        only = client(algorithms=(algorithm,))
        assert (await about_client(only, saying(jwks(key("r1", "RSA"))), PUBLIC)).problems == ()
        [line] = (await about_client(only, saying(jwks(key())), PUBLIC)).problems
        assert line == f"None of the keys fits `algorithms`: {algorithm}."


@pytest.mark.parametrize(("how", "counts"), [({}, False), ({"demo_key": True}, True)])
async def test_the_published_key_is_called_good_only_where_it_counts(addresses, how, counts):
    assert addresses
    published = json.dumps({"keys": [PUBLIC_DEMO_KEY]}).encode()

    report = await about_client(client(), saying(published), PUBLIC, **how)

    assert counts == (report.problems == ())
    assert f"keys: {'a-name (EC P-384)' if counts else 'none'}" in report.facts


async def test_keys_are_read_where_the_entry_says(addresses):
    assert addresses
    asked = []

    async def read(source):
        asked.append(source)
        return jwks()

    await about_client(client(), read, PUBLIC)

    assert asked == [JKU]


async def test_every_server_is_named(addresses):
    addresses["other.example"] = "203.0.114.8"
    two = client(fhir_bases=("https://ehr.example/r4", "https://other.example/r4"))

    report = await about_client(two, saying(jwks()), PUBLIC)

    assert report.facts[-1] == "FHIR servers: https://ehr.example/r4, https://other.example/r4"


async def test_names_of_keys_cannot_write_on_the_terminal(addresses):
    assert addresses
    report = await about_client(client(), saying(jwks(key("\x1b[2J"))), PUBLIC)

    assert all(letter.isprintable() for line in report.facts for letter in line)


async def test_without_servers_it_says_that_prefetch_is_all():
    report = await about_client(client(fhir_bases=()), saying(jwks()), PUBLIC)

    assert report.facts[-1] == "FHIR servers: none, so answers rest on prefetch alone"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (Unanswered(GapReason.TIMED_OUT), f"{JKU} gives no keys: "),
        (b"<html>", f"{JKU} is not a JWK set"),
        (jwks(key("o1", "oct"), key()), f"{JKU}: key 1: its `kty` is neither EC nor RSA."),
        (jwks(key("p1", "P-256")), "None of the keys fits `algorithms`: ES384, RS384."),
    ],
)
async def test_what_is_wrong_with_its_keys_is_told(addresses, body, words):
    assert addresses
    report = await about_client(client(), saying(body), PUBLIC)

    assert len(report.problems) == 1
    assert words in report.problems[0]


async def test_a_server_nobody_knows_is_told(addresses):
    addresses.clear()

    [line] = (await about_client(client(), saying(jwks()), PUBLIC)).problems

    assert line == "ehr.example: no address is known for this name."


async def test_a_server_in_a_private_network_is_told_unless_it_may_be(addresses):
    addresses["ehr.example"] = "10.1.2.3"

    [line] = (await about_client(client(), saying(jwks()), PUBLIC)).problems

    assert "allow_private" in line
    assert (await about_client(client(allow_private=True), saying(jwks()), PUBLIC)).problems == ()
