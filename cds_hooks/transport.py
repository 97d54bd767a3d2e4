"""The guarded HTTP client: the only way out of this process, and the only module that imports httpx2.

Whom to ask is decided by the caller (chart/fetch.py); how is decided here: GET only, no redirects, no
proxies or credentials from the environment, no cookies, capped answers, one deadline. A name that stands
for an address inside a network is not connected to, unless the deployment says so. What a server sends is
untrusted input: it may be huge, compressed a thousandfold, endless, or a login page.
"""

from __future__ import annotations

import asyncio
import codecs
import ipaddress
import random
import socket
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore2
import httpx2

from cds_hooks.breaker import Breakers
from cds_hooks.model.results import GapReason

MAX_BYTES = 10 * 1024 * 1024
"""Largest answer that is read, after inflating."""

_RETRY_SHARE = 0.4
"""A second try is made only while this share of the whole time is left."""

_RETRY_PAUSE_S = (0.02, 0.08)
"""Shortest and longest pause before it, drawn by lot: not all questions are to come back at the same instant."""
_SEARCH_REFUSED = frozenset({400, 404, 405, 501})
_GONE = frozenset({404, 410})
_LOST = (httpx2.NetworkError, httpx2.RemoteProtocolError)
_CONNECTIONS, _KEPT_OPEN, _KEPT_OPEN_S = 100, 20, 5.0
_FIRST_TRY_S = 0.25
"""For each address of a server but the last, so that a dead one does not cost the whole deadline."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses whose last four bytes are the IPv4 address that a gateway will ask."""
_V6 = 6
_GIVEN_OUT = ipaddress.ip_network("2000::/3")
"""All IPv6 addresses of the internet lie here. Outside: this machine, the site, and other wrappings of IPv4."""
_NOT_FOR_SERVERS = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("3fff::/20"))
"""Set aside for protocols and examples; the standard library counts some of them as global."""


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


def is_public(address: str) -> bool:
    """True for an address of the open internet; False for this machine, private networks and what wraps one."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or (_last_four(ip) if ip in _NAT64 else ip)
    if any(ip in network for network in _NOT_FOR_SERVERS) or (ip.version == _V6 and ip not in _GIVEN_OUT):
        return False
    return ip.is_global and not ip.is_multicast


class Client:
    """An HTTP client to share between requests. What it carries from one to the next: connections, and `breakers`.

    `may_be_private` says of a host name whether its address may lie inside a network; left out: none may.
    """

    def __init__(self, may_be_private: Callable[[str], bool] = lambda _host: False) -> None:
        self.breakers = Breakers()
        self._http = httpx2.AsyncClient(
            transport=_Transport(_Network(may_be_private)),
            follow_redirects=False,
            trust_env=False,
            timeout=None,  # the deadline rules: a timeout of the library counts each read anew
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def get(self, url: str, *, token: str, deadline: Deadline, max_bytes: int = MAX_BYTES) -> bytes:
        """The JSON body of a 2xx answer, inflated, without byte order mark. An empty token sends none.

        Raises Unanswered: not permitted (401, 403, or a private address), not supported (a search refused with
        400, 404, 405 or 501), not found (a read of what is not there), timed out, unreadable (not JSON, over
        `max_bytes`, wrongly compressed), failed (all else, redirects too).
        One second try after a lost connection or 503, as long as the deadline allows it.
        """
        headers = {"Accept": "application/fhir+json, application/json", "Accept-Encoding": "gzip"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with asyncio.timeout_at(deadline.ends):
                request = self._http.build_request("GET", url, headers=headers)
                return await self._twice(request, deadline, max_bytes)
        except TimeoutError:
            raise Unanswered(GapReason.TIMED_OUT) from None
        except (httpx2.HTTPError, httpx2.InvalidURL):
            raise Unanswered(GapReason.FAILED) from None

    async def close(self) -> None:
        """Nothing; the connections are closed."""
        await self._http.aclose()

    async def _twice(self, request: httpx2.Request, deadline: Deadline, max_bytes: int) -> bytes:
        try:
            return await self._once(request, max_bytes)
        except (_Busy, *_LOST):
            if not deadline.allows_retry:
                raise
        await asyncio.sleep(random.uniform(*_RETRY_PAUSE_S))  # noqa: S311  # no secret
        return await self._once(request, max_bytes)

    async def _once(self, request: httpx2.Request, max_bytes: int) -> bytes:
        response = await self._http.send(request, stream=True)
        try:
            _refuse(response)
            return _json(await _read(response, max_bytes))
        finally:
            await response.aclose()


class _Transport(httpx2.AsyncHTTPTransport):
    """The library's own transport over our network; it has no argument for one."""

    def __init__(self, network: httpcore2.AsyncNetworkBackend) -> None:
        context = httpx2.create_ssl_context(trust_env=False)
        super().__init__(verify=context)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_KEPT_OPEN,
            keepalive_expiry=_KEPT_OPEN_S,
            network_backend=network,
        )


class _Network(httpcore2.AnyIOBackend):
    """Connects to the very address that was judged: a name that is looked up twice can answer twice."""

    def __init__(self, may_be_private: Callable[[str], bool]) -> None:
        self._may_be_private = may_be_private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await _addresses(host, port)
        if not self._may_be_private(host) and not all(map(is_public, addresses)):
            raise Unanswered(GapReason.NOT_PERMITTED)
        for address in addresses[:-1]:
            try:
                return await super().connect_tcp(address, port, _FIRST_TRY_S, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await super().connect_tcp(addresses[-1], port, timeout, local_address, socket_options)


async def _addresses(host: str, port: int) -> list[str]:
    """At least one, in the order in which the system prefers them."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise httpcore2.ConnectError("The name of the server is not known.") from None
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def _last_four(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(ip.packed[-4:])


class _Busy(Unanswered):
    """503 without the wish to wait: worth a second try."""


def _refuse(response: httpx2.Response) -> None:
    status = response.status_code
    if response.is_success:
        return
    if status in {401, 403}:
        raise Unanswered(GapReason.NOT_PERMITTED)
    is_search = bool(response.request.url.query)
    if status in _SEARCH_REFUSED and is_search:
        raise Unanswered(GapReason.NOT_SUPPORTED)
    if status in _GONE and not is_search:
        raise Unanswered(GapReason.NOT_FOUND)
    # Retry-After counts whole seconds, longer than our deadline is worth: such a server is left alone.
    if status == httpx2.codes.SERVICE_UNAVAILABLE and "retry-after" not in response.headers:
        raise _Busy(GapReason.FAILED)
    raise Unanswered(GapReason.FAILED)


async def _read(response: httpx2.Response, max_bytes: int) -> bytes:
    inflate = _inflater(response.headers.get("content-encoding", "identity").strip().lower())
    body = bytearray()
    async for piece in response.aiter_raw():
        body += inflate(piece)
        if len(body) > max_bytes:
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
