import asyncio
import json
from datetime import timedelta

import pytest
import respx
from structlog.testing import capture_logs

from cds_hooks.guard.keys import MAX_KEYS, MAX_SET_BYTES, KeySets, UnusableKeys, key_set, reader
from cds_hooks.model.results import GapReason
from cds_hooks.transport import Client, Unanswered
from tests.signing import AT, JKU, PUBLIC_DEMO_KEY, jwks, key

pytestmark = pytest.mark.anyio


def public(kid="k1", kind="P-384", **changes):
    return key(kid, kind).as_dict(private=False) | changes


def listed(*keys):
    return json.dumps({"keys": keys}).encode()


# ---------------------------------------------------------------- what a set holds


def test_the_usable_keys_are_known_by_their_ids():
    found = key_set(jwks(key(), key("r1", "RSA")))

    assert list(found.keys) == ["k1", "r1"]
    assert found.ignored == ()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (public() | {"kid": None}, "kid"),
        (public() | {"kid": ""}, "kid"),
        (public() | {"kid": "k" * 257}, "kid"),
        (public(kty="oct"), "neither EC nor RSA"),
        (public(kty=["EC"]), "neither EC nor RSA"),
        (key().as_dict(private=True), "private key"),
        (key("o1", "oct").as_dict(private=True), "neither EC nor RSA"),
        (public(use="enc"), "not sig"),
        (public(crv="P-999"), "cannot be read"),
        (public(x="!"), "cannot be read"),
        (public(x=5), "cannot be read"),
        (public("r1", "RSA", n="AQAB"), "cannot be read"),
        (PUBLIC_DEMO_KEY, "public CDS Hooks sandbox"),
    ],
)
def test_an_unfit_key_is_left_out_and_the_reason_is_told(entry, reason):
    found = key_set(listed(entry, public("k2")))

    assert list(found.keys) == ["k2"]
    assert len(found.ignored) == 1
    assert found.ignored[0].startswith("key 1: ")
    assert reason in found.ignored[0]


@pytest.mark.parametrize("kid", ["k", "k" * 256])
def test_a_name_of_one_letter_and_the_longest_are_names(kid):
    assert list(key_set(listed(public() | {"kid": kid})).keys) == [kid]


def test_a_set_of_the_most_keys_and_the_most_bytes_is_read():
    most = [public() | {"kid": str(number)} for number in range(MAX_KEYS)]

    assert len(key_set(listed(*most)).keys) == MAX_KEYS
    assert key_set(jwks().ljust(MAX_SET_BYTES)).keys


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (jwks().ljust(MAX_SET_BYTES + 1), "is larger than 64 KiB"),
        (listed(*[{}] * (MAX_KEYS + 1)), "holds more than 50 keys"),
        (listed(), "holds no usable key"),
        (
            listed(public(use="enc"), public() | {"kid": ""}),
            "holds no usable key; key 1: its `use` is not sig; key 2: needs a `kid` of 1 to 256 characters",
        ),
    ],
)
def test_why_a_set_is_unusable_is_told_to_who_wrote_it(body, told):
    with pytest.raises(UnusableKeys) as caught:
        key_set(body)

    assert told == str(caught.value)


def test_of_two_keys_of_one_id_the_first_counts():
    found = key_set(listed(public(), public("r1", "RSA") | {"kid": "k1"}))

    assert found.keys["k1"].key_type == "EC"
    assert "twice" in found.ignored[0]


def test_the_key_of_the_public_sandbox_counts_where_it_is_let_in():
    assert list(key_set(listed(PUBLIC_DEMO_KEY), demo_key=True).keys) == ["a-name"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": [7]}',
        b'{"keys": ' + b"[" * 60_000,
        b'{"keys": []}',
        b"\xff",
        listed(public(use="enc")),
        listed(*[{}] * (MAX_KEYS + 1)),
        jwks() + b" " * MAX_SET_BYTES,
    ],
)
def test_what_is_no_set_of_keys_is_unusable(body):
    with pytest.raises(UnusableKeys):
        key_set(body)


# ---------------------------------------------------------------- reading


async def test_a_set_is_fetched_without_credentials():
    http = Client()
    with respx.mock() as ehr:
        ehr.get(JKU).respond(200, content=jwks(), content_type="application/jwk-set+json")

        assert jwks() == await reader(http)(JKU)
        assert "authorization" not in ehr.calls[0].request.headers


@pytest.mark.parametrize("answer", [{"status_code": 302}, {"status_code": 200, "content": b"{" + b" " * 70_000}])
async def test_a_redirect_and_a_large_set_are_no_answer(answer):
    with respx.mock() as ehr:
        ehr.get(JKU).respond(**answer, headers={"location": "https://evil.example/jwks.json"})

        with pytest.raises(Unanswered):
            await reader(Client())(JKU)


async def test_a_file_is_read(tmp_path):
    (tmp_path / "keys.json").write_bytes(jwks())

    assert jwks() == await reader(Client())(str(tmp_path / "keys.json"))
    with pytest.raises(Unanswered):
        await reader(Client())(str(tmp_path / "gone.json"))


# ---------------------------------------------------------------- keeping


class Source:
    """A JWK set address whose answers can be changed; counts how often it was asked."""

    def __init__(self, *keys):
        self.says, self.asked = jwks(*keys or [key()]), 0

    async def __call__(self, _source):
        self.asked += 1
        await asyncio.sleep(0)
        if self.says is None:
            raise Unanswered(GapReason.TIMED_OUT)
        return self.says


def after(**span):
    return AT + timedelta(**span)


async def test_a_set_is_fetched_once_and_kept_for_five_minutes():
    source = Source()
    keys = KeySets(source)

    for at in (AT, AT, after(minutes=4, seconds=59)):
        assert await keys("a", "k1", at)
    assert source.asked == 1
    await keys("a", "k1", after(minutes=5))
    assert source.asked == 2


async def test_sets_are_kept_apart():
    source = Source()
    keys = KeySets(source)

    await keys("a", "k1", AT)
    await keys("b", "k1", AT)

    assert source.asked == 2


@pytest.mark.parametrize(
    ("how", "counts"), [({}, False), ({"demo_key": False}, False), ({"demo_key": True}, True)]
)
async def test_a_call_signed_with_the_published_key_counts_only_where_that_was_said(how, counts):
    async def published(_source):
        return listed(PUBLIC_DEMO_KEY)

    assert counts == (await KeySets(published, **how)("a", "a-name", AT) is not None)


async def test_the_log_learns_that_keys_could_not_be_had_and_of_what_kind_the_fault_was():
    source = Source()
    source.says = None

    with capture_logs() as lines:
        await KeySets(source)("a", "k1", AT)

    assert lines == [{"event": "keys_unavailable", "error": "Unanswered", "log_level": "warning"}]


async def test_callers_at_one_instant_cause_one_fetch():
    source = Source()
    keys = KeySets(source)

    found = await asyncio.gather(*(keys("a", "k1", AT) for _ in range(50)))

    assert all(found)
    assert source.asked == 1


async def test_a_new_key_is_noticed_at_once_when_the_last_fetch_is_half_a_minute_ago():
    source = Source()
    keys = KeySets(source)
    await keys("a", "k1", AT)
    source.says = jwks(key("k2"))

    assert await keys("a", "k2", after(seconds=29)) is None
    assert await keys("a", "k2", after(seconds=30))
    assert await keys("a", "k1", after(seconds=31)) is None
    assert source.asked == 2


async def test_a_storm_of_unknown_ids_is_not_passed_on():
    source = Source()
    keys = KeySets(source)
    await keys("a", "k1", AT)

    for number in range(1000):
        assert await keys("a", f"made-up-{number}", after(seconds=30 + number / 40)) is None

    assert source.asked == 2


async def test_when_the_address_cannot_be_had_the_last_keys_are_good_for_a_day():
    source = Source()
    keys = KeySets(source)
    await keys("a", "k1", AT)
    source.says = None

    assert await keys("a", "k1", after(minutes=6))
    assert await keys("a", "k1", after(hours=23, minutes=59))
    assert await keys("a", "k1", after(hours=24)) is None


async def test_an_outage_is_not_asked_about_by_every_call():
    source = Source()
    keys = KeySets(source)
    await keys("a", "k1", AT)
    source.says = None

    for second in range(60):
        await keys("a", "k1", after(minutes=6, seconds=second))

    assert source.asked == 3


async def test_rubbish_does_not_replace_keys():
    source = Source()
    keys = KeySets(source)
    await keys("a", "k1", AT)
    source.says = b"<html>maintenance</html>"

    assert await keys("a", "k1", after(minutes=6))


async def test_nobody_waits_for_a_slow_address_while_the_key_is_known():
    going, let_go = asyncio.Event(), asyncio.Event()

    async def slow(_source):
        if going.is_set():
            await let_go.wait()
        going.set()
        return jwks()

    keys = KeySets(slow)
    await keys("a", "k1", AT)
    waits = asyncio.create_task(keys("a", "k1", after(minutes=6)))
    await asyncio.sleep(0)

    assert await asyncio.wait_for(keys("a", "k1", after(minutes=6)), 1)
    let_go.set()
    assert await waits


async def test_a_call_that_is_given_up_while_it_reads_leaves_no_trace():
    async def never(_source):
        await asyncio.sleep(60)

    source = Source()
    keys = KeySets(never)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(keys("a", "k1", AT), 0.01)
    keys._read = source

    assert await keys("a", "k1", AT)


async def test_an_address_that_lists_no_key_any_more_takes_the_old_ones_back():
    source = Source()
    keys = KeySets(source)
    assert await keys("a", "k1", AT)

    source.says = listed()

    assert await keys("a", "k1", after(minutes=5)) is None


@pytest.mark.parametrize("says", [None, b"<html>", b"{}"])
async def test_what_is_no_set_of_keys_takes_nothing_back(says):
    source = Source()
    keys = KeySets(source)
    assert await keys("a", "k1", AT)

    source.says = says

    assert await keys("a", "k1", after(minutes=5))
