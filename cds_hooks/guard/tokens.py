"""The caller of a request, from the signed token that came with it.

Everything that needs neither a key nor a store is checked first, so that a token which is wrong anyway
makes us ask nobody. Then the signature, and last whether the token was used before. Whatever is wrong, the
caller learns only that the token was not accepted; the reason goes to the log.
What a token brings along to be verified with (`jwk`, `x5c`, `x5u`) is not looked at.
Source: CDS Hooks 2.0.1, "Trusting CDS Clients"; RFC 7515, RFC 7519.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from cds_hooks.errors import AccessError
from cds_hooks.guard.clients import CdsClient, Clients
from cds_hooks.guard.keys import MAX_KID, Key

MAX_TOKEN = 8 * 1024
"""Characters in a token."""
MAX_LIFE_S = 3600
MAX_JTI = 256
_NO_TIME = 10**11
"""Seconds since 1970 that no calendar holds any more."""

Keys: TypeAlias = Callable[[str, str, datetime], Awaitable[Key | None]]
"""The key of a source with this id; None when there is none. Third argument: the instant of asking."""
Seen: TypeAlias = Callable[[str, str, datetime], Awaitable[bool]]
"""(issuer, token id, until when to remember it) -> True when it was here before; remembers it from now on."""


class Refusal(StrEnum):
    """Why a token is not accepted. For the log and for `check-jwt`; never for the caller."""

    MISSING = "missing"
    MALFORMED = "malformed"
    TYP = "typ"
    ALG = "alg"
    KID = "kid"
    CRIT = "crit"
    ISSUER = "iss"
    JKU = "jku"
    AUDIENCE = "aud"
    TIMES = "exp or iat missing"
    EXPIRED = "exp passed"
    EARLY = "iat or nbf in the future"
    LIFETIME = "lifetime"
    TOKEN_ID = "jti"  # noqa: S105  # a claim's name
    TENANT = "tenant"
    KEY = "no such key"
    SIGNATURE = "signature"
    REPLAYED = "used before"


class TokenRefused(AccessError):
    """A caller that could not prove who it is. The message is the same whatever the reason."""

    def __init__(self, reason: Refusal, client: str = "unknown") -> None:
        super().__init__("A bearer token of a known client is needed, and no such token came with this call.")
        self.reason = reason
        self.client = client


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the client, and the tenant its token names ("" when it names none)."""

    client: CdsClient
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A token taken apart, not yet believed."""

    header: Mapping[str, object]
    claims: Mapping[str, object]

    def text(self, claim: str) -> str:
        """The claim when it is text; "" otherwise."""
        value = self.claims.get(claim)
        return value if isinstance(value, str) else ""

    def seconds(self, claim: str) -> float | None:
        """The claim when it is a number of seconds since 1970; None otherwise."""
        value = self.claims.get(claim)
        is_time = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _NO_TIME
        return float(value) if isinstance(value, int | float) and is_time else None


def bearer(authorization: Sequence[str]) -> str:
    """The token in the one Authorization header of a request. Raises TokenRefused when there is no such thing."""
    scheme, _, token = authorization[0].strip().partition(" ") if len(authorization) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenRefused(Refusal.MISSING)
    return token.strip()


async def verify(
    token: str, clients: Clients, keys: Keys, seen: Seen, *, audiences: Collection[str], at: datetime
) -> Caller:
    """Who calls, when the token is one of a known client, for one of these audiences, valid now, and new.

    Raises TokenRefused in every other case.
    """
    opened = open_token(token)
    tenant = opened.text("tenant")
    client = clients.issued_by(opened.text("iss"), tenant)
    if client is None:
        raise TokenRefused(Refusal.ISSUER)
    for fault in faults(opened, client, audiences, at):
        raise TokenRefused(fault, client.name)
    await check_signature(token, opened, client, keys, at)
    until = datetime.fromtimestamp((opened.seconds("exp") or 0) + client.leeway_s, UTC)
    if await seen(client.iss, opened.text("jti"), until):
        raise TokenRefused(Refusal.REPLAYED, client.name)
    return Caller(client, tenant)


def open_token(token: str) -> Opened:
    """Header and claims of a token, neither of them believed. Raises TokenRefused when it has not these parts."""
    try:
        header, claims, signature = token[: MAX_TOKEN + 1].encode("ascii").split(b".")
        opened = Opened(_members(header), _members(claims))
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise TokenRefused(Refusal.MALFORMED) from None
    if not signature or len(token) > MAX_TOKEN:
        raise TokenRefused(Refusal.MALFORMED)
    return opened


def faults(opened: Opened, client: CdsClient, audiences: Collection[str], at: datetime) -> Iterator[Refusal]:
    """Everything in which the token is not one of this client's, but for signature and repetition."""
    yield from _wrong_header(opened.header, client)
    if opened.text("iss") != client.iss:
        yield Refusal.ISSUER
    if client.tenants and opened.text("tenant") not in client.tenants:
        yield Refusal.TENANT
    if not _named(opened.claims.get("aud")) & {*audiences, *client.audiences}:
        yield Refusal.AUDIENCE
    yield from _wrong_times(opened, client.leeway_s, at.timestamp())
    if not 0 < len(opened.text("jti")) <= MAX_JTI:
        yield Refusal.TOKEN_ID


async def check_signature(token: str, opened: Opened, client: CdsClient, keys: Keys, at: datetime) -> None:
    """Nothing, when the token bears the signature of a key of this client. Raises TokenRefused otherwise."""
    key = await keys(client.key_source, str(opened.header["kid"]), at)
    if key is None:
        raise TokenRefused(Refusal.KEY, client.name)
    try:
        jws.deserialize_compact(token, key, registry=_registry(client))
    except (JoseError, ValueError, TypeError, RecursionError):
        raise TokenRefused(Refusal.SIGNATURE, client.name) from None


class _Registry(jws.JWSRegistry):
    """The library's default of 512 bytes is less than the headers of some record systems."""

    max_header_length = MAX_TOKEN
    max_payload_length = MAX_TOKEN
    max_signature_length = MAX_TOKEN


def _registry(client: CdsClient) -> jws.JWSRegistry:
    return _Registry(algorithms=list(client.algorithms), strict_check_header=False)


def _members(part: bytes) -> dict[str, object]:
    return msgspec.json.decode(urlsafe_b64decode(part), type=dict[str, object])


def _wrong_header(header: Mapping[str, object], client: CdsClient) -> Iterator[Refusal]:
    typ, kid = header.get("typ"), header.get("kid")
    if not isinstance(typ, str) or typ.upper() != "JWT":
        yield Refusal.TYP
    if header.get("alg") not in client.algorithms:
        yield Refusal.ALG
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
        yield Refusal.KID
    if "crit" in header:  # extensions that must be understood, and none is
        yield Refusal.CRIT
    if "jku" in header and header["jku"] != client.jku:
        yield Refusal.JKU


def _named(aud: object) -> set[str]:
    """RFC 7519, 4.1.3: one audience, or a list of them."""
    listed = aud if isinstance(aud, list) else [aud]
    return {one for one in listed if isinstance(one, str)}


def _wrong_times(opened: Opened, leeway_s: int, now: float) -> Iterator[Refusal]:
    expires, issued, not_before = opened.seconds("exp"), opened.seconds("iat"), opened.seconds("nbf")
    if expires is None or issued is None or ("nbf" in opened.claims and not_before is None):
        yield Refusal.TIMES
        return
    if max(issued, not_before or issued) > now + leeway_s:
        yield Refusal.EARLY
    if not 0 < expires - issued <= MAX_LIFE_S:
        yield Refusal.LIFETIME
    if expires <= now - leeway_s:
        yield Refusal.EXPIRED
