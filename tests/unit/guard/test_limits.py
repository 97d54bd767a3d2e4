import asyncio

import pytest

from cds_hooks.guard.limits import MAX_BODY_BYTES, BodyTooLarge, BodyTooSlow, BodyUnsupported, body_within_limits

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}


async def pieces(*given):
    for piece in given:
        yield piece


async def untouched():
    raise AssertionError("nothing may be read")
    yield


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/fhir+json"]
)
async def test_json_is_read_whole(kind):
    assert await body_within_limits({"content-type": kind}, pieces(b"{", b"", b"}")) == b"{}"


@pytest.mark.parametrize("kind", ["", "text/plain", "application/xml", "application/jsonp", "text/x+json"])
async def test_any_other_kind_is_refused_unread(kind):
    with pytest.raises(BodyUnsupported, match=r"^Content-Type must be application/json\.$"):
        await body_within_limits({"content-type": kind}, untouched())


async def test_a_body_without_a_kind_is_refused():
    with pytest.raises(BodyUnsupported):
        await body_within_limits({}, untouched())


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, identity"])
async def test_a_compressed_body_is_refused_unread(encoding):
    with pytest.raises(BodyUnsupported, match=r"^Content-Encoding is not supported: send the body uncompressed"):
        await body_within_limits(JSON | {"content-encoding": encoding}, untouched())


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
async def test_identity_is_no_compression(encoding):
    assert await body_within_limits(JSON | {"content-encoding": encoding}, pieces(b"{}")) == b"{}"


async def test_a_declared_length_over_the_limit_is_refused_unread():
    with pytest.raises(BodyTooLarge, match=r"^The body is larger than 10 MB\.$"):
        await body_within_limits(JSON | {"content-length": str(MAX_BODY_BYTES + 1)}, untouched())


async def test_a_declared_length_of_many_digits_is_refused_unread():
    with pytest.raises(BodyTooLarge):
        await body_within_limits(JSON | {"content-length": "9" * 5000}, untouched())


async def test_a_body_that_drips_is_given_up():
    async def drip():
        for _ in range(100):
            yield b" "
            await asyncio.sleep(0.01)

    with pytest.raises(BodyTooSlow, match=r"^The body did not come within 0\.05 seconds\.$"):
        await body_within_limits(JSON, drip(), 0.05)


@pytest.mark.parametrize("declared", [{}, {"content-length": "2"}, {"content-length": "many"}])
async def test_bytes_are_counted_whatever_was_declared(declared):
    async def long():
        for _ in range(11):
            yield b" " * 1_000_000
        raise AssertionError("nothing more may be read")

    with pytest.raises(BodyTooLarge):
        await body_within_limits(JSON | declared, long())


async def test_the_limit_itself_is_allowed():
    declared = JSON | {"content-length": str(MAX_BODY_BYTES)}

    assert MAX_BODY_BYTES == len(await body_within_limits(declared, pieces(b" " * MAX_BODY_BYTES)))
