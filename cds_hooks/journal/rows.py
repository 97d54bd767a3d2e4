"""Entries as rows: what of them goes into which table, and as what. The spool holds the same rows.

Here is decided what is never kept: words where a code was asked for, comments unless the deployment wants them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec

from cds_hooks.journal.entries import Call, Entry, Heard, Issued, Outcome, Told

Place: TypeAlias = Literal["rule_sets", "calls", "codings", "cards_issued", "quiet", "heard", "feedback"]
"""A table. Lines are written in this order: a card before what is said about it."""
PLACES: tuple[Place, ...] = ("rule_sets", "calls", "codings", "cards_issued", "quiet", "heard", "feedback")

Row: TypeAlias = Mapping[str, Any]
"""Values by column."""

_Plain: TypeAlias = str | int | float | bool | None
_PLAIN = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""What an id looks like; anything else could be words, and is not kept."""
_CODE = re.compile(r"[A-Za-z0-9.-]{0,18}")
_DAY = re.compile(
    r"(?<!\d)((19|20)\d\d[.-]?[01]\d[.-]?[0-3]\d|[0-3]\d[01]\d(19|20)\d\d|\d{1,2}[.-]\d{1,2}[.-](19|20)\d\d)(?!\d)"
)
"""A code with a day in it could be a name with a date of birth."""
_SYSTEM = re.compile(r"|https?://[A-Za-z0-9._:/~%-]{1,190}|urn:oid:[0-9.]{1,190}")
_OTHER = "(other)"
_TIMES = frozenset({"at", "received", "until", "latest"})


@dataclass(frozen=True, slots=True)
class Line:
    """One row of one table. `call` is the call that a count belongs to: it counts only when that call is new."""

    place: Place
    row: Row
    call: str = ""


def lines_of(entries: Iterable[Entry], *, keep_comments: bool = False) -> tuple[Line, ...]:
    """The rows of these entries, in the order in which they must be written."""
    lines = [line for entry in entries for line in _lines(entry, keep_comments=keep_comments)]
    return tuple(sorted(_once(lines), key=lambda line: PLACES.index(line.place)))


def _once(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines; of the rules that calls asked, which are mostly the same, each set once."""
    named = set[tuple[object, ...]]()
    for line in lines:
        rules = tuple(line.row.values()) if line.place == "rule_sets" else ()
        if rules not in named:
            yield line
        if rules:
            named.add(rules)


def encoded(lines: Iterable[Line]) -> bytes:
    """The lines as text, to be kept until the database is there again."""
    return msgspec.json.encode([[line.place, line.row, line.call] for line in lines])


def decoded(text: bytes) -> tuple[Line, ...]:
    """Lines that were kept as text. Raises msgspec.MsgspecError when these are none."""
    found = msgspec.json.decode(text, type=list[tuple[Place, dict[str, _Plain], str]])
    return tuple(
        Line(place, {name: _value(name, value) for name, value in row.items()}, call) for place, row, call in found
    )


def _value(name: str, value: object) -> object:
    return datetime.fromisoformat(value) if name in _TIMES and isinstance(value, str) else value


def _lines(entry: Entry, *, keep_comments: bool) -> Iterator[Line]:
    if isinstance(entry, Call):
        yield from _of_call(entry)
    elif isinstance(entry, Issued):
        yield Line("cards_issued", _issued(entry))
    elif isinstance(entry, Told):
        yield Line("quiet", _told(entry))
    elif isinstance(entry, Heard):
        yield Line("heard", {"subject": entry.subject, "facts": " ".join(entry.facts), "at": entry.at})
    else:
        yield Line("feedback", _outcome(entry, keep_comments=keep_comments))


def _of_call(call: Call) -> Iterator[Line]:
    if call.rules:
        yield Line("rule_sets", {"digest": call.digest, "hook": call.hook, "rules": " ".join(call.rules)})
    yield Line(
        "calls",
        {
            "id": call.id,
            "at": call.at,
            "client": call.client,
            "hook": call.hook,
            "service": call.service,
            "status": call.status,
            "software": call.software,
            "knowledge": call.knowledge,
            "released": call.released,
            "digest": call.digest,
            "mode": call.mode,
            "ms": call.ms,
            "skin_bleeding": call.skin_bleeding,
            "present": _json([(met.rule, met.tier, met.how) for met in call.present]),
            "unknown": _json(call.unknown),
            "open": _json(call.open),
            "gaps": _json(call.gaps),
            "cards": _json([(made.card, made.indicator, made.how) for made in call.cards]),
            "entries": _json(call.entries),
        },
    )
    for kind, system, code in sorted({(one.kind, _system(one.system), _code(one.code)) for one in call.unmapped}):
        row = {"day": call.at.date().isoformat(), "kind": kind, "system": system, "code": code}
        yield Line("codings", row | {"seen": 1}, call.id)  # a chart with the code five times is one patient


def _issued(card: Issued) -> Row:
    return {
        "card": card.card,
        "service": card.service,
        "client": card.client,
        "rules": " ".join(card.rules),
        "at": card.at,
    }


def _told(told: Told) -> Row:
    return {
        "card": told.card,
        "subject": told.subject,
        "facts": " ".join(told.facts),
        "tier": told.tier,
        "until": told.until,
        "latest": told.latest,
    }


def _outcome(one: Outcome, *, keep_comments: bool) -> Row:
    """The digest leaves the comment out: a repetition stays one if it is reworded."""
    said = (one.card, one.service, one.client, one.outcome, one.at.isoformat(), one.reason, *one.suggestions)
    return {
        "id": hashlib.sha256("\0".join(said).encode()).hexdigest(),
        "card": _plain(one.card),
        "service": one.service,
        "client": one.client,
        "outcome": one.outcome,
        "suggestions": " ".join(map(_plain, one.suggestions)),
        "reason": _plain(one.reason),
        "comment_length": len(one.comment),
        "comment": _storable(one.comment) if keep_comments and one.comment else None,
        "at": one.at,
        "received": one.received,
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _storable(text: str) -> str:
    """The text without what no database takes: the character zero, and halves of characters."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def _plain(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _OTHER if text else ""


def _code(text: str) -> str:
    return text if _CODE.fullmatch(text) and not _DAY.search(text) else _OTHER


def _system(text: str) -> str:
    return text if _SYSTEM.fullmatch(text) else _OTHER
