"""The public keys of callers: from a JWK set at a configured address, or from a file beside the clients.

What the address sends is untrusted: capped, and of its keys only public ones of a kind that can sign are
used. A set is kept for five minutes. A key id nobody knows makes one new try, at most every half minute, so
that rotation is noticed and a storm of made-up ids is not passed on. While the address cannot be had, the
keys that came last are good for a day; a set that came and holds none takes them back at once.
Source: CDS Hooks 2.0.1, "Trusting CDS Clients"; RFC 7517.
"""

from __future__ import annotations

import asyncio
import warnings
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from cds_hooks.model.results import GapReason
from cds_hooks.transport import Client, Deadline, Unanswered

MAX_SET_BYTES = 64 * 1024
MAX_KEYS = 50
MAX_KID = 256
FETCH_S = 2.0
"""For one JWK set, connecting included."""

KEPT = timedelta(minutes=5)
COOL_DOWN = timedelta(seconds=30)
KEPT_IF_ERROR = timedelta(hours=24)

PUBLIC_DEMO_KEY = "s9fOe-KDYD1myZ8YCzleUqJQgrYZL49kVijBxhnZvZc"
"""RFC 7638 thumbprint of the key of the public CDS Hooks sandbox. Its private half is published, too, so
that anyone can sign with it."""

_log = structlog.get_logger()

Key: TypeAlias = ECKey | RSAKey
Read: TypeAlias = Callable[[str], Awaitable[bytes]]
"""The bytes of a JWK set, by its address or path. Raises Unanswered when there are none."""


class UnusableKeys(Exception):
    """No JWK set, or one that holds no key to check a signature with; the message says why, for who wrote it."""


class NoKeys(UnusableKeys):
    """A JWK set, well-formed, without a usable key."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys by their ids, and why others are not used: `which key: reason`, in order."""

    keys: Mapping[str, Key] = field(default_factory=lambda: MappingProxyType({}))
    ignored: tuple[str, ...] = ()


def key_set(body: bytes, *, demo_key: bool = False) -> KeySet:
    """The keys of a JWK set. With `demo_key` the published key of the public sandbox is a key like others.

    Raises UnusableKeys when it is no JWK set or too large, NoKeys when nothing in it is usable.
    """
    if len(body) > MAX_SET_BYTES:
        raise UnusableKeys(f"is larger than {MAX_SET_BYTES // 1024} KiB")
    try:
        entries = msgspec.json.decode(body, type=_Sent).keys
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise UnusableKeys("is not a JWK set: an object with the list `keys`") from None
    if len(entries) > MAX_KEYS:
        raise UnusableKeys(f"holds more than {MAX_KEYS} keys")
    keys: dict[str, Key] = {}
    ignored = []
    for number, entry in enumerate(entries, start=1):
        if reason := _unfit(entry, keys) or _taken(entry, keys, demo_key=demo_key):
            ignored.append(f"key {number}: {reason}")
    if not keys:
        raise NoKeys("; ".join(["holds no usable key", *ignored]))
    return KeySet(MappingProxyType(keys), tuple(ignored))


def reader(http: Client) -> Read:
    """What reads key files, and fetches JWK sets under a deadline of their own."""

    async def read(source: str) -> bytes:
        if "://" in source:
            return await http.get(source, token="", deadline=Deadline.after(FETCH_S), max_bytes=MAX_SET_BYTES)
        try:
            return await asyncio.to_thread(Path(source).read_bytes)
        except OSError:
            raise Unanswered(GapReason.FAILED) from None

    return read


class KeySets:
    """Keys by source and key id, kept as this module says. To be shared by all requests of one event loop."""

    def __init__(self, read: Read, *, demo_key: bool = False) -> None:
        self._read = read
        self._demo_key = demo_key
        self._kept: dict[str, _Kept] = defaultdict(_Kept)

    async def __call__(self, source: str, kid: str, at: datetime) -> Key | None:
        """The key, or None when the source does not have it, or cannot be had and was not had for a day."""
        kept = self._kept[source]
        if kept.needs_reading(kid, at) and not (kept.lock.locked() and kept.key(kid, at)):
            async with kept.lock:
                if kept.needs_reading(kid, at):
                    await self._refresh(source, kept, at)
        return kept.key(kid, at)

    async def _refresh(self, source: str, kept: _Kept, at: datetime) -> None:
        try:
            kept.held = _held(await self._read(source), demo_key=self._demo_key)
            kept.came = at
        except (Unanswered, UnusableKeys) as fault:
            _log.warning("keys_unavailable", error=type(fault).__name__)
        kept.tried = at  # not before: a call that is given up while it reads has tried nothing


@dataclass(slots=True)
class _Kept:
    """One source: what it said last, when that came, and when it was last asked."""

    held: KeySet = field(default_factory=KeySet)
    came: datetime | None = None
    tried: datetime | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def needs_reading(self, kid: str, at: datetime) -> bool:
        is_fresh = self.came is not None and at - self.came < KEPT
        rests = self.tried is not None and at - self.tried < COOL_DOWN
        return not rests and not (is_fresh and kid in self.held.keys)

    def key(self, kid: str, at: datetime) -> Key | None:
        if self.came is None or at - self.came >= KEPT_IF_ERROR:
            return None
        return self.held.keys.get(kid)


def _held(body: bytes, *, demo_key: bool) -> KeySet:
    """The set that came. One without keys is an answer as well: whoever empties it takes the old ones back."""
    try:
        return key_set(body, demo_key=demo_key)
    except NoKeys:
        return KeySet()


class _Sent(msgspec.Struct):
    keys: list[dict[str, Any]]  # Any: JSON of whoever sends it


_KINDS: Mapping[str, type[Key]] = {"EC": ECKey, "RSA": RSAKey}


def _unfit(entry: Mapping[str, Any], keys: Mapping[str, Key]) -> str:
    """Why the entry is not even tried as a key; empty when it is."""
    kid = entry.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
        return f"needs a `kid` of 1 to {MAX_KID} characters"
    if kid in keys:
        return "its `kid` stands twice; the first counts"
    if entry.get("kty") not in ("EC", "RSA"):
        return "its `kty` is neither EC nor RSA"
    if "d" in entry:
        return "is a private key: publish the public half only, and replace this key"
    return "" if entry.get("use", "sig") == "sig" else "its `use` is not sig"


def _taken(entry: dict[str, Any], keys: dict[str, Key], *, demo_key: bool) -> str:
    """Puts the entry among the keys; what hinders it, empty when nothing does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # the library only warns of RSA keys that are too short
            key = _KINDS[entry["kty"]].import_key(entry)
    except (JoseError, Warning, LookupError, ValueError, TypeError):
        return "cannot be read as a public key, or is too short"
    if key.thumbprint() == PUBLIC_DEMO_KEY and not demo_key:
        return "is the key of the public CDS Hooks sandbox, whose private half is published"
    keys[entry["kid"]] = key
    return ""
