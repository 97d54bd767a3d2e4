"""What is wrong with a token or with a client's entry, in words for the person who connects a record system.

The service itself tells a caller nothing but 401. These words are for the command line of whoever runs it,
so they may show what a token says of itself; they never show the token.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cds_hooks.guard.clients import CdsClient
from cds_hooks.guard.keys import Key, KeySet, Read, UnusableKeys, key_set
from cds_hooks.guard.tokens import (
    MAX_JTI,
    Keys,
    Opened,
    Refusal,
    TokenRefused,
    check_signature,
    faults,
    open_token,
)
from cds_hooks.settings import Base
from cds_hooks.transport import Unanswered, is_public


@dataclass(frozen=True, slots=True)
class Report:
    """What holds, and what is wrong; each a line."""

    facts: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


async def about_token(
    token: str, client: CdsClient, keys: Keys, *, audiences: Collection[str], at: datetime
) -> Report:
    """Everything because of which the token would be refused, but for one thing: whether it was used before."""
    try:
        opened = open_token(token)
    except TokenRefused:
        return Report(problems=(_MALFORMED,))
    problems = [_WORDS[fault](opened, client, audiences, at) for fault in faults(opened, client, audiences, at)]
    if isinstance(opened.header.get("kid"), str):
        try:
            await check_signature(token, opened, client, keys, at)
        except TokenRefused as refused:
            problems.append(_WORDS[refused.reason](opened, client, audiences, at))
    if problems:
        return Report(problems=tuple(problems))
    return Report((f"A call with this token is accepted as {client.name}, once, until {_moment(opened, 'exp')}.",))


async def about_client(client: CdsClient, read: Read, public_url: str, *, demo_key: bool = False) -> Report:
    """What the entry of a client comes to: its keys as they are now, its audiences, its FHIR servers."""
    keys, problems = await _keys(client, read, demo_key=demo_key)
    return Report(
        facts=(
            f"iss: {client.iss}",
            f"algorithms: {', '.join(client.algorithms)}",
            f"keys: {', '.join(f'{_shown(kid)} ({_kind(key)})' for kid, key in keys.items()) or 'none'}",
            f"aud: {', '.join((f'{public_url}/cds-services/<id of the service>', *client.audiences))}",
            f"FHIR servers: {', '.join(client.fhir_bases) or 'none, so answers rest on prefetch alone'}",
        ),
        problems=(*problems, *_keyless(client, keys), *[line async for line in _unreachable(client)]),
    )


# ---------------------------------------------------------------- a token

_MALFORMED = (
    "This is no signed token: three parts with dots between, of which the first two are JSON objects in "
    "base64url, at most 8 kB together."
)

_MOST = 300
"""Characters of a value that are shown."""

_Words = Callable[[Opened, CdsClient, Collection[str], datetime], str]


def _said(value: object) -> str:
    return "nothing" if value is None else f"`{_shown(value)}`"


def _shown(value: object) -> str:
    """What someone else wrote, as it may stand on a terminal: one line, not too long, and nothing but letters."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(value))
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


def _moment(opened: Opened, claim: str) -> str:
    return datetime.fromtimestamp(opened.seconds(claim) or 0, UTC).isoformat()


def _audience(opened: Opened, client: CdsClient, audiences: Collection[str]) -> str:
    expected = " or ".join(f"`{one}`" for one in (*audiences, *client.audiences))
    return (
        f"aud is {_said(opened.claims.get('aud'))} and must be {expected}, character for character. If the record "
        "system sets it by hand, put its value into `audiences`."
    )


_WORDS: Mapping[Refusal, _Words] = {
    Refusal.TYP: lambda token, *_: f"typ in the header is {_said(token.header.get('typ'))} and must be `JWT`.",
    Refusal.ALG: lambda token, client, *_: (
        f"alg in the header is {_said(token.header.get('alg'))}; `algorithms` of {client.name} allows "
        f"{', '.join(client.algorithms)}."
    ),
    Refusal.KID: lambda *_: "kid is missing in the header, or too long: it must name the key that signed.",
    Refusal.CRIT: lambda *_: "The header has crit, and no extension of it is supported.",
    Refusal.JKU: lambda token, client, *_: (
        f"jku in the header is {_said(token.header.get('jku'))}; "
        f"`jku` of {client.name} is {_said(client.jku or None)}."
    ),
    Refusal.ISSUER: lambda token, client, *_: (
        f"iss is {_said(token.claims.get('iss'))}; `iss` of {client.name} is `{client.iss}`."
    ),
    Refusal.TENANT: lambda token, client, *_: (
        f"tenant is {_said(token.claims.get('tenant'))}; "
        f"`tenants` of {client.name} are {', '.join(client.tenants)}."
    ),
    Refusal.AUDIENCE: lambda token, client, audiences, _: _audience(token, client, audiences),
    Refusal.TIMES: lambda *_: (
        "exp and iat must both be there, and they and nbf must be numbers: seconds since 1970."
    ),
    Refusal.EARLY: lambda token, client, _, at: (
        f"iat or nbf lies in the future: iat is {_moment(token, 'iat')}, here it is {at.isoformat()}, and "
        f"`leeway_s` of {client.name} is {client.leeway_s}. Set the clocks."
    ),
    Refusal.LIFETIME: lambda *_: "exp must lie after iat, and at most an hour after it.",
    Refusal.EXPIRED: lambda token, _, __, at: (
        f"exp has passed: it was {_moment(token, 'exp')}, here it is {at.isoformat()}."
    ),
    Refusal.TOKEN_ID: lambda *_: f"jti must be text of 1 to {MAX_JTI} characters, new in every token.",
    Refusal.KEY: lambda token, client, *_: (
        f"kid is {_said(token.header.get('kid'))}, and {client.key_source} has no usable key of that name; see "
        f"check-client {client.name}."
    ),
    Refusal.SIGNATURE: lambda *_: (
        "The signature is not that of the key named by kid, or the key is of another kind than alg says."
    ),
}


# ---------------------------------------------------------------- a client


async def _keys(client: CdsClient, read: Read, *, demo_key: bool) -> tuple[Mapping[str, Key], tuple[str, ...]]:
    try:
        found = key_set(await read(client.key_source), demo_key=demo_key)
    except Unanswered as fault:
        return KeySet().keys, (f"{client.key_source} gives no keys: {fault}.",)
    except UnusableKeys as fault:
        return KeySet().keys, (f"{client.key_source} {fault}.",)
    return found.keys, tuple(f"{client.key_source}: {reason}." for reason in found.ignored)


def _kind(key: Key) -> str:
    return f"{key.key_type} {key.get('crv') or key.raw_value.key_size}"


_ALGORITHM_OF = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


def _keyless(client: CdsClient, keys: Mapping[str, Key]) -> Iterator[str]:
    """Whether any key can make a signature of a kind that is allowed."""
    made = {_ALGORITHM_OF.get(str(key.get("crv")), "RS PS") for key in keys.values()}
    if keys and not any(
        allowed in kind or allowed[:2] in kind.split() for allowed in client.algorithms for kind in made
    ):
        yield f"None of the keys fits `algorithms`: {', '.join(client.algorithms)}."


async def _unreachable(client: CdsClient) -> AsyncIterator[str]:
    for base in client.bases:
        if line := await _obstacle(base, client):
            yield line


async def _obstacle(base: Base, client: CdsClient) -> str:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(base.host, base.port, type=socket.SOCK_STREAM)
    except OSError:
        return f"{base.host}: no address is known for this name."
    if not client.allow_private and not all(is_public(str(place[0])) for *_, place in found):
        return f"{base.host} lies inside a private network: nothing is asked there without `allow_private: true`."
    return ""
