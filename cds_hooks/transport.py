"""The guarded HTTP client: the only way out of this process, and the only module that imports httpx2.

Whom to ask is decided by the caller (chart/fetch.py); how is decided here: GET only, no redirects, no
proxies or credentials from the environment, no cookies, capped answers, one deadline. What a server sends
is untrusted input: it may be huge, compressed a thousandfold, endless, or a login page.
"""

from __future__ import annotations

import asyncio
import codecs
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from cds_hooks.model import GapReason

MAX_BYTES = 10 * 1024 * 1024
"""Largest answer that is read, after inflating."""

_RETRY_SHARE = 0.4
"""A second try is made only while this share of the whole time is left."""

_RETRY_PAUSE_S = 0.05
_SEARCH_REFUSED = frozenset({400, 404, 405, 501})
_LOST = (httpx2.NetworkError, httpx2.RemoteProtocolError)


class Unanswered(Exception):
    """A question that got no usable answer. `reason` says why; nothing of the answer is kept."""

    def __init__(self, reason: GapReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the event loop's clock by which everything must be in, and the last point for a second try."""

    ends: float
    retry_until: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline that many seconds from now; needs a running event loop."""
        ends = asyncio.get_running_loop().time() + seconds
        return cls(ends, ends - seconds * _RETRY_SHARE)

    @property
    def allows_retry(self) -> bool:
        """True while enough time is left for a second try."""
        return asyncio.get_running_loop().time() < self.retry_until


class Client:
    """An HTTP client to share between requests; it carries nothing over from one to the next but connections."""

    def __init__(self) -> None:
        self._http = httpx2.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=None,  # the deadline rules: a timeout of the library counts each read anew
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def get(self, url: str, *, token: str, deadline: Deadline) -> bytes:
        """The JSON body of a 2xx answer, inflated, without byte order mark. An empty token sends none.

        Raises Unanswered: not permitted (401, 403), not supported (a search refused with 400, 404, 405 or
        501), timed out, unreadable (not JSON, too large, wrongly compressed), failed (all else, redirects too).
        One second try after a lost connection or 503, as long as the deadline allows it.
        """
        headers = {"Accept": "application/fhir+json, application/json", "Accept-Encoding": "gzip"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with asyncio.timeout_at(deadline.ends):
                return await self._twice(self._http.build_request("GET", url, headers=headers), deadline)
        except TimeoutError:
            raise Unanswered(GapReason.TIMED_OUT) from None
        except (httpx2.HTTPError, httpx2.InvalidURL):
            raise Unanswered(GapReason.FAILED) from None

    async def close(self) -> None:
        """Nothing; the connections are closed."""
        await self._http.aclose()

    async def _twice(self, request: httpx2.Request, deadline: Deadline) -> bytes:
        try:
            return await self._once(request)
        except (_Busy, *_LOST):
            if not deadline.allows_retry:
                raise
        await asyncio.sleep(_RETRY_PAUSE_S)
        return await self._once(request)

    async def _once(self, request: httpx2.Request) -> bytes:
        response = await self._http.send(request, stream=True)
        try:
            _refuse(response)
            return _json(await _read(response))
        finally:
            await response.aclose()


class _Busy(Unanswered):
    """503 without the wish to wait: worth a second try."""


def _refuse(response: httpx2.Response) -> None:
    status = response.status_code
    if response.is_success:
        return
    if status in {401, 403}:
        raise Unanswered(GapReason.NOT_PERMITTED)
    if status in _SEARCH_REFUSED and response.request.url.query:
        raise Unanswered(GapReason.NOT_SUPPORTED)
    # Retry-After counts whole seconds, longer than our deadline is worth: such a server is left alone.
    if status == httpx2.codes.SERVICE_UNAVAILABLE and "retry-after" not in response.headers:
        raise _Busy(GapReason.FAILED)
    raise Unanswered(GapReason.FAILED)


async def _read(response: httpx2.Response) -> bytes:
    inflate = _inflater(response.headers.get("content-encoding", "identity").strip().lower())
    body = bytearray()
    async for piece in response.aiter_raw():
        body += inflate(piece)
        if len(body) > MAX_BYTES:
            raise Unanswered(GapReason.UNREADABLE)
    return bytes(body)


def _inflater(encoding: str) -> Callable[[bytes], bytes]:
    """What undoes the encoding, piece by piece, never to much over the cap: the library inflates whole pieces."""
    if encoding == "identity":
        return bytes
    if encoding not in {"gzip", "x-gzip"}:
        raise Unanswered(GapReason.UNREADABLE)
    gzip = zlib.decompressobj(16 + zlib.MAX_WBITS)

    def inflate(piece: bytes) -> bytes:
        try:
            return gzip.decompress(piece, MAX_BYTES + 1)
        except zlib.error:
            raise Unanswered(GapReason.UNREADABLE) from None

    return inflate


def _json(body: bytes) -> bytes:
    """The body, if it can be a JSON object whatever its content type says: servers send text/plain, too."""
    text = body.removeprefix(codecs.BOM_UTF8)
    if not text.lstrip().startswith(b"{"):
        raise Unanswered(GapReason.UNREADABLE)
    return text
