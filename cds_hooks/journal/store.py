"""The journal in a database: written whole or not at all, and on the disk before anyone is told that it is kept.

SQLite has a write-ahead log that is flushed at every commit, PostgreSQL does so by itself: a process that is
killed after an acknowledgement loses nothing. Every row has a key of its own: writing twice is writing once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Table,
    and_,
    delete,
    exists,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cds_hooks.errors import JournalRefused, JournalUnavailable
from cds_hooks.journal.entries import Entry, Outcome
from cds_hooks.journal.opening import REFUSALS, faults, is_refusal, open_engine
from cds_hooks.journal.recall import still_told
from cds_hooks.journal.rows import PLACES, Line, Place, Row, lines_of
from cds_hooks.journal.tables import (
    HEARD_LATER,
    calls,
    cards_issued,
    codings,
    feedback,
    fitting,
    heard,
    jti,
    metadata,
    outdated,
    quiet,
)

_AT_ONCE = 500
"""Cards looked up in one statement; databases take some ten thousand values at most."""
_GONE_AT_ONCE = 5_000
_ONE_AT_A_TIME = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(7310002)"}
"""By dialect: what lets one writer after the other in. A card and what is said of it, written at the same time,
would else not see each other.
"""
_PLAINLY: tuple[Place, ...] = ("rule_sets", "cards_issued", "quiet")
_WITHOUT_WAITING_FOR_THE_DISK = "SET synchronous_commit = off"
"""For tokens: a server that loses its power forgets those of the last half second."""
_CLOCKS_DIFFER = timedelta(minutes=1)
"""Between hosts. What is dated further ahead comes from a clock that was wrong."""
_NEVER = datetime.max.replace(tzinfo=UTC)


class Store:
    """The journal of one deployment. Several processes, and with PostgreSQL several hosts, may write to it."""

    def __init__(self, engine: AsyncEngine, *, keep_comments: bool) -> None:
        self.engine = engine
        self._keep_comments = keep_comments
        self._faults = faults(engine)
        self._turn = asyncio.Lock()  # a database lets waiting writers in by chance, and gives up on the unlucky
        self._asking = asyncio.Lock()
        self._line: AsyncConnection | None = None

    async def keep(self, entries: Sequence[Entry]) -> None:
        """The entries are kept; feedback that came before its card counts from now on."""
        await self.write(lines_of(entries, keep_comments=self._keep_comments))

    async def report(self, outcomes: Sequence[Outcome]) -> int:
        """How many of the outcomes are about cards that this service sent to this caller; each is kept once."""
        return await self.write(lines_of(outcomes, keep_comments=self._keep_comments))

    async def write(self, lines: Sequence[Line], now: datetime | None = None) -> int:
        """How many lines of feedback are about cards of ours; all lines are kept, together or not at all.

        A line that is there already stays as it is. With `now`, what was told at a later instant than that is
        forgotten: a clock that was set back would else keep it quiet for longer than anything may be.
        Raises JournalUnavailable, and JournalRefused for lines that can never be written.
        """
        by_place: dict[Place, list[Line]] = {place: [] for place in PLACES}
        for line in lines:
            if (row := fitting(line.place, line.row)) is not None:
                by_place[line.place].append(replace(line, row=row))
        async with self._turn, self.transaction() as connection:
            await connection.exec_driver_sql(_ONE_AT_A_TIME[self.engine.dialect.name])
            new_calls = await self._add_calls(connection, _rows(by_place["calls"]))
            await self._count(connection, [one for one in by_place["codings"] if one.call in new_calls])
            for place in _PLAINLY:
                await self._add(connection, metadata.tables[place], _rows(by_place[place]))
            await self._hear(connection, _rows(by_place["heard"]), now + _CLOCKS_DIFFER if now else _NEVER)
            await _match(connection, _rows(by_place["cards_issued"]))
            return await self._add_feedback(connection, _rows(by_place["feedback"]))

    async def told(self, subjects: Sequence[str], at: datetime) -> frozenset[str]:
        """Hashes of facts that stay quiet at this instant: told to these subjects, and in their latest answer.

        What was told later than that is none of it: a clock was ahead, and the end of that time is as wrong.
        """
        both = quiet.join(heard, heard.c.subject == quiet.c.subject)
        asked = select(quiet.c.facts, heard.c.facts).select_from(both)
        asked = asked.where(quiet.c.subject.in_(subjects), quiet.c.until > at, heard.c.at <= at)
        asked = asked.where(~exists().where(cards_issued.c.card == quiet.c.card, cards_issued.c.at > at))
        async with self._quickly() as connection:
            return still_told((told, said) for told, said in await connection.execute(asked))

    async def prolong(
        self, cards: Sequence[str], service: str, client: str, at: datetime, windows: Mapping[str, timedelta]
    ) -> None:
        """As Journal.prolong. Never a shorter time than before, and never beyond the card's `latest`."""
        both = quiet.join(cards_issued, cards_issued.c.card == quiet.c.card)
        sent = select(quiet.c.card, quiet.c.tier, quiet.c.latest, cards_issued.c.at).select_from(both)
        sent = sent.where(quiet.c.card.in_(cards), cards_issued.c.service == service)
        async with self.transaction() as connection:
            for one in (await connection.execute(sent.where(cards_issued.c.client == client))).all():
                end = min(max(at, one.at) + windows[one.tier], one.latest)
                which = and_(quiet.c.card == one.card, quiet.c.until < end)
                await connection.execute(update(quiet).where(which).values(until=end))

    async def seen(self, iss: str, jti_: str, until: datetime) -> bool:
        """True when this token was used before. Whoever inserts it first has the call; the database decides."""
        row = {"iss": iss, "jti": jti_, "until": until.timestamp()}
        async with self._quickly() as connection:
            return _count_of(await connection.execute(self._new(jti).values(row))) == 0

    async def forget(self, before: datetime, now: datetime) -> int:
        """How many rows are gone: entries from before that instant, and what nobody can need any more now."""
        return sum([await self._remove(*one) for one in outdated(before, now)])

    async def _remove(self, table: Table, which: ColumnElement[bool]) -> int:
        """How many rows are gone, some at a time: a server that is asked for all at once takes too long."""
        keys = table.primary_key.columns
        some = delete(table).where(tuple_(*keys).in_(select(*keys).where(which).limit(_GONE_AT_ONCE)))
        gone, last = 0, _GONE_AT_ONCE
        while last == _GONE_AT_ONCE:
            async with self.transaction() as connection:
                last = _count_of(await connection.execute(some))
            gone += last
        return gone

    async def close(self) -> None:
        """Nothing; no connection is left open."""
        await self._hang_up()
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One connection whose changes are kept together at the end.

        Raises JournalUnavailable; JournalRefused when what was to be written is at fault.
        """
        try:
            async with self.engine.begin() as connection:
                yield connection
        except (*self._faults, *REFUSALS) as fault:
            if is_refusal(fault):
                raise JournalRefused("The journal does not take such an entry.") from None
            raise JournalUnavailable("The journal could not be written; send the feedback again later.") from None

    @asynccontextmanager
    async def _quickly(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which one statement is one trip to the server: an answer waits for it.

        Raises JournalUnavailable; then the next question takes a new connection. A file needs none of its own.
        """
        if self.engine.dialect.name != "postgresql":
            async with self.transaction() as connection:
                yield connection
            return
        async with self._asking:
            is_well = False
            try:
                if self._line is None:
                    line = await self.engine.connect()
                    self._line = await line.execution_options(isolation_level="AUTOCOMMIT")
                    await self._line.exec_driver_sql(_WITHOUT_WAITING_FOR_THE_DISK)
                yield self._line
                is_well = True
            except self._faults:
                raise JournalUnavailable("The journal does not answer at the moment.") from None
            finally:
                if not is_well:  # also when the question was given up in the middle
                    await self._hang_up()

    async def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            with suppress(*self._faults):
                await line.invalidate()
                await line.close()

    def _new(self, table: Table) -> Any:  # noqa: ANN401  # the two dialects share no type of such a statement
        """An INSERT that leaves a row with the same key as it is."""
        return self._insert(table).on_conflict_do_nothing()

    def _insert(self, table: Table) -> Any:  # noqa: ANN401  # as _new
        dialect = postgresql if self.engine.dialect.name == "postgresql" else sqlite
        return dialect.insert(table)

    async def _add(self, connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
        if rows:
            await connection.execute(self._new(table), rows)

    async def _hear(self, connection: AsyncConnection, rows: Sequence[Row], ahead: datetime) -> None:
        """Nothing; the latest answer of each subject is known, in whatever order answers are written.

        One without cards, too: an older answer may still lie in a spool, and would else be taken for the latest.
        """
        newest = {row["subject"]: row for row in sorted(rows, key=lambda row: row["at"])}
        await self._add(connection, heard, list(newest.values()))
        if newest:
            renewed = [
                {"whose": one["subject"], "said": one["facts"], "then": one["at"], "ahead": ahead}
                for one in newest.values()
            ]
            await connection.execute(HEARD_LATER, renewed)
            wrong = select(cards_issued.c.card).where(cards_issued.c.at > ahead)
            await connection.execute(delete(quiet).where(quiet.c.card.in_(wrong)))

    async def _add_calls(self, connection: AsyncConnection, rows: Sequence[Row]) -> frozenset[str]:
        """Ids of the calls that are new."""
        if not rows:
            return frozenset()
        return frozenset((await connection.execute(self._new(calls).returning(calls.c.id), rows)).scalars())

    async def _count(self, connection: AsyncConnection, lines: Iterable[Line]) -> None:
        """Nothing; the codes are counted, always in the same order: else two writers could wait for each other."""
        totals: dict[tuple[date, str, str, str], int] = {}
        for row in _rows(lines):
            key = date.fromisoformat(row["day"]), row["kind"], row["system"], row["code"]
            totals[key] = totals.get(key, 0) + row["seen"]
        rows = [
            {"day": day, "kind": kind, "system": system, "code": code, "seen": seen}
            for (day, kind, system, code), seen in sorted(totals.items())
        ]
        added = self._insert(codings)
        summed = {"seen": codings.c.seen + added.excluded.seen}
        if rows:
            columns = list(codings.primary_key.columns)
            await connection.execute(added.on_conflict_do_update(index_elements=columns, set_=summed), rows)

    async def _add_feedback(self, connection: AsyncConnection, rows: Sequence[Row]) -> int:
        ours = await _ours(connection, {row["card"] for row in rows})
        judged = [{**row, "matched": ours.get(row["card"]) == (row["service"], row["client"])} for row in rows]
        await self._add(connection, feedback, judged)
        return sum(row["matched"] for row in judged)


async def open_store(url: str, *, keep_comments: bool) -> Store:
    """The journal at this address. A new one is made; an older one is left as it is.

    Raises JournalUnavailable when it cannot be opened, or must be upgraded first.
    """
    return Store(await open_engine(url), keep_comments=keep_comments)


def _rows(lines: Iterable[Line]) -> list[Row]:
    return [line.row for line in lines]


def _count_of(result: object) -> int:
    return cast("CursorResult[Any]", result).rowcount


async def _match(connection: AsyncConnection, cards: Sequence[Row]) -> None:
    """Nothing; feedback that came before its card counts from now on. Seldom there is any."""
    ours = {row["card"]: (row["service"], row["client"]) for row in cards}
    for some in _parts(sorted(ours)):
        early = select(feedback.c.id, feedback.c.card, feedback.c.service, feedback.c.client).where(
            feedback.c.card.in_(some)
        )
        rows = (await connection.execute(early)).all()
        known = [row.id for row in rows if ours[row.card] == (row.service, row.client)]
        for ids in _parts(known):
            await connection.execute(update(feedback).where(feedback.c.id.in_(ids)).values(matched=True))


def _parts(items: Sequence[str]) -> list[Sequence[str]]:
    return [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)]


async def _ours(connection: AsyncConnection, asked: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Service and caller of each card that we sent."""
    found = select(cards_issued.c.card, cards_issued.c.service, cards_issued.c.client)
    ours: dict[str, tuple[str, str]] = {}
    for some in _parts(sorted(asked)):
        for card, service, client in await connection.execute(found.where(cards_issued.c.card.in_(some))):
            ours[card] = (service, client)
    return ours
