"""How much of a request is taken in: JSON only, not compressed, at most 10 MB, counted as it arrives, in time.

Depth needs no rule here: the decoder refuses what is nested too deeply (cards/wire.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from cds_hooks.errors import RequestError

MAX_BODY_BYTES = 10_000_000
MAX_BODY_S = 10.0
"""From the headers to the last byte."""
_DIGITS = 20
"""A longer number is not even read as one."""


class BodyTooLarge(RequestError):
    """A request body over the limit; nothing of it is kept."""


class BodyTooSlow(RequestError):
    """A request body that did not come in time."""


class BodyUnsupported(RequestError):
    """A request body of a kind that is not read: not JSON, or compressed."""


async def body_within_limits(
    headers: Mapping[str, str], pieces: AsyncIterator[bytes], seconds: float = MAX_BODY_S
) -> bytes:
    """The request body. `headers` are looked up in lower case.

    Raises BodyUnsupported or BodyTooLarge before the first piece when the headers say enough, BodyTooLarge as
    soon as the pieces exceed the limit, whatever length was declared, and BodyTooSlow when time is up.
    """
    _check_kind(headers)
    declared = headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > _DIGITS or int(declared) > MAX_BODY_BYTES):
        raise _too_large()
    try:
        async with asyncio.timeout(seconds):
            return await _counted(pieces)
    except TimeoutError:
        raise BodyTooSlow(f"The body did not come within {seconds:g} seconds.") from None


async def _counted(pieces: AsyncIterator[bytes]) -> bytes:
    came, length = list[bytes](), 0
    async for piece in pieces:
        came.append(piece)
        length += len(piece)
        if length > MAX_BODY_BYTES:
            raise _too_large()
    return b"".join(came)


def _check_kind(headers: Mapping[str, str]) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not is_json:
        raise BodyUnsupported("Content-Type must be application/json.")
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise BodyUnsupported("Content-Encoding is not supported: send the body uncompressed.")


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {MAX_BODY_BYTES // 1_000_000} MB.")
