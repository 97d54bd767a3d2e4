"""Reading the journal back: calls, what users made of cards, and codes nobody knew, since an instant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Row, and_, func, select

from cds_hooks.journal.entries import Call, Made, Met
from cds_hooks.journal.store import Store
from cds_hooks.journal.tables import calls, cards_issued, codings, feedback, rule_sets

_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a user made of a card of ours."""

    rules: tuple[str, ...]
    outcome: str
    reason: str
    """"" for none."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A code that stands for no concept here."""

    kind: str
    system: str
    code: str
    seen: int
    """Calls with a chart that carries it."""


async def rules_asked(store: Store) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """(digest, hook) -> ids of the rules that were asked there."""
    async with store.transaction() as connection:
        found = await connection.execute(select(rule_sets))
        return {(row.digest, row.hook): tuple(row.rules.split()) for row in found}


async def calls_between(store: Store, since: datetime, until: datetime) -> AsyncIterator[Call]:
    """The calls, oldest first; `rules` and `unmapped` are empty."""
    after = since, ""
    while True:
        later = (calls.c.at > after[0]) | and_(calls.c.at == after[0], calls.c.id > after[1])
        asked = select(calls).where(later, calls.c.at < until).order_by(calls.c.at, calls.c.id).limit(_AT_ONCE)
        async with store.transaction() as connection:
            rows = (await connection.execute(asked)).all()
        for row in rows:
            yield _call(row)
        if not rows:
            return
        after = rows[-1].at, rows[-1].id


async def opinions_between(store: Store, since: datetime, until: datetime) -> tuple[Opinion, ...]:
    """The latest about each card of those that we sent to whoever says it; about other cards nothing counts."""
    sent = and_(
        cards_issued.c.card == feedback.c.card,
        cards_issued.c.service == feedback.c.service,
        cards_issued.c.client == feedback.c.client,
    )
    asked = (
        select(feedback.c.card, cards_issued.c.rules, feedback.c.outcome, feedback.c.reason)
        .join_from(feedback, cards_issued, sent)
        .where(feedback.c.received >= since, feedback.c.received < until)
        .order_by(feedback.c.at, feedback.c.received, feedback.c.id)
    )
    async with store.transaction() as connection:
        rows = (await connection.execute(asked)).all()
    latest = {row.card: Opinion(tuple(row.rules.split()), row.outcome, row.reason) for row in rows}
    return tuple(latest.values())


async def unknown_between(store: Store, since: datetime, until: datetime) -> tuple[Unknown, ...]:
    """The codes, most frequent first; counted by whole days of UTC."""
    total = func.sum(codings.c.seen).label("total")
    asked = (
        select(codings.c.kind, codings.c.system, codings.c.code, total)
        .where(codings.c.day >= since.astimezone(UTC).date(), codings.c.day <= until.astimezone(UTC).date())
        .group_by(codings.c.kind, codings.c.system, codings.c.code)
        .order_by(total.desc(), codings.c.code)
    )
    async with store.transaction() as connection:
        rows = (await connection.execute(asked)).all()
    return tuple(Unknown(row.kind, row.system, row.code, int(row.total)) for row in rows)


def _call(row: Row[Any]) -> Call:
    return Call(
        id=row.id,
        at=row.at,
        client=row.client,
        hook=row.hook,
        service=row.service,
        status=row.status,
        ms=row.ms,
        software=row.software,
        knowledge=row.knowledge,
        released=row.released,
        digest=row.digest,
        mode=row.mode,
        skin_bleeding=row.skin_bleeding,
        present=tuple(Met(*met) for met in msgspec.json.decode(row.present)),
        unknown=tuple(msgspec.json.decode(row.unknown)),
        open=msgspec.json.decode(row.open),
        gaps=msgspec.json.decode(row.gaps),
        cards=tuple(Made(*made) for made in msgspec.json.decode(row.cards)),
        entries={kind: (mapped, total) for kind, (mapped, total) in msgspec.json.decode(row.entries).items()},
    )
