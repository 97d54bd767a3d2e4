"""The journal in a database: written whole or not at all, and on the disk before anyone is told that it is kept.

SQLite with a write-ahead log that is flushed at every commit: a process that is killed after an acknowledgement
loses nothing. Statements and values are never logged, since a comment can name a patient.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any

from sqlalchemy import ColumnElement, and_, event, insert, select, update
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from cds_hooks.errors import JournalUnavailable
from cds_hooks.journal.entries import Issued, Outcome
from cds_hooks.journal.tables import HEAD, cards_issued, feedback
from cds_hooks.journal.upgrade import upgrade, version_of

_PRAGMAS = ("busy_timeout = 2000", "synchronous = FULL", "foreign_keys = ON")
_PATIENCE_S = 2.0
"""For another process that is making the file at this moment."""
_PAUSE_S = 0.05
_PRIMARY = 0xFF
"""The part of SQLite's error codes that says what failed, without the details of why."""
_AT_ONCE = 500
"""Cards looked up in one statement; SQLite takes no more than some ten thousand values."""
_FAULTS = (SQLAlchemyError, sqlite3.Error, OSError)
_CANNOT_BE_OPENED = "CDS_JOURNAL cannot be opened: name a file in a folder we may write to."
_PLAIN = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""What an id or a code looks like; anything else could be words, and is not kept."""


class Store:
    """The journal of one deployment. Several processes may write to the same file."""

    def __init__(self, engine: AsyncEngine, *, keep_comments: bool) -> None:
        self._engine = engine
        self._keep_comments = keep_comments

    async def issue(self, cards: Sequence[Issued]) -> None:
        """The cards are kept; feedback that came before its card counts from now on."""
        async with self._transaction() as connection:
            for card in cards:
                await connection.execute(insert(cards_issued).values(_issued_row(card)))
                await connection.execute(
                    update(feedback).where(_is_about(card.card, card.service, card.client)).values(matched=True)
                )

    async def report(self, outcomes: Sequence[Outcome]) -> int:
        """How many of the outcomes are about cards that this service sent to this caller; each is kept once."""
        async with self._transaction() as connection:
            ours = await _ours(connection, {one.card for one in outcomes})
            rows = [self._row(one, ours) for one in outcomes]
            if rows:
                await connection.execute(insert(feedback).prefix_with("OR IGNORE", dialect="sqlite"), rows)
        return sum(row["matched"] for row in rows)

    async def close(self) -> None:
        """Nothing; no connection is left open."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        """One connection whose changes are kept together at the end. Raises JournalUnavailable."""
        try:
            async with self._engine.begin() as connection:
                yield connection
        except _FAULTS:
            raise JournalUnavailable("The journal could not be written; send the feedback again later.") from None

    def _row(self, one: Outcome, ours: Mapping[str, tuple[str, str]]) -> dict[str, Any]:  # values of columns
        """The row of an outcome. The digest leaves the comment out: a repetition stays one if it is reworded."""
        card, reason, suggestions = _plain(one.card), _plain(one.reason), " ".join(map(_plain, one.suggestions))
        said = (one.card, one.service, one.client, one.outcome, one.at.isoformat(), one.reason, *one.suggestions)
        return {
            "id": hashlib.sha256("\0".join(said).encode()).hexdigest(),
            "card": card,
            "service": one.service,
            "client": one.client,
            "outcome": one.outcome,
            "suggestions": suggestions,
            "reason": reason,
            "comment_length": len(one.comment),
            "comment": one.comment if self._keep_comments and one.comment else None,
            "at": one.at,
            "received": one.received,
            "matched": ours.get(card) == (one.service, one.client),
        }


async def open_store(url: str, *, keep_comments: bool) -> Store:
    """The journal at this address. A new one is made; an older one is left as it is.

    Raises JournalUnavailable when it cannot be opened, or must be upgraded first.
    """
    engine = engine_at(url)
    try:
        await asyncio.to_thread(_make_ready, engine.url.database or "")
        version = await version_of(engine)
        if not version:
            await upgrade(engine)
    except _FAULTS:
        await engine.dispose()
        raise JournalUnavailable(_CANNOT_BE_OPENED) from None
    if version not in {"", HEAD}:
        await engine.dispose()
        raise JournalUnavailable("CDS_JOURNAL was written by another release: run `pinpoint journal upgrade`.")
    return Store(engine, keep_comments=keep_comments)


async def upgrade_at(url: str) -> tuple[str, str]:
    """The migration before and after; the journal at this address stands at the newest one. Makes a new file.

    Raises JournalUnavailable.
    """
    engine = engine_at(url)
    try:
        await asyncio.to_thread(_make_ready, engine.url.database or "")
        before = await version_of(engine)
        await upgrade(engine)
        return before, await version_of(engine)
    except _FAULTS:
        raise JournalUnavailable(_CANNOT_BE_OPENED) from None
    finally:
        await engine.dispose()


def engine_at(url: str) -> AsyncEngine:
    """Connections to the database; one kept in memory has a single connection, or each would see its own."""
    in_memory = {"poolclass": StaticPool} if url.endswith(":memory:") else {}
    engine = create_async_engine(url, hide_parameters=True, **in_memory)
    event.listen(engine.sync_engine, "connect", _prepare)
    return engine


def _make_ready(database: str) -> None:
    """Nothing; the file can be opened and has a write-ahead log. Raises sqlite3.Error when it cannot.

    Done apart from the driver: its thread would report a wrong path after its loop has gone, and SQLite does not
    wait when two processes give a new file its log at once.
    """
    ends = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with closing(sqlite3.connect(database, timeout=0)) as file:
                file.execute("PRAGMA journal_mode = WAL")
                return
        except sqlite3.OperationalError as fault:
            is_busy = fault.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > ends:
                raise
            time.sleep(_PAUSE_S)


def _prepare(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


async def _ours(connection: AsyncConnection, cards: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Service and caller of each card that we sent."""
    asked, found = sorted(cards), select(cards_issued.c.card, cards_issued.c.service, cards_issued.c.client)
    ours: dict[str, tuple[str, str]] = {}
    for start in range(0, len(asked), _AT_ONCE):
        wanted = cards_issued.c.card.in_(asked[start : start + _AT_ONCE])
        ours |= {
            card: (service, client) for card, service, client in await connection.execute(found.where(wanted))
        }
    return ours


def _issued_row(card: Issued) -> dict[str, Any]:  # values of columns
    return {
        "card": card.card,
        "service": card.service,
        "client": card.client,
        "rules": " ".join(card.rules),
        "at": card.at,
    }


def _is_about(card: str, service: str, client: str) -> ColumnElement[bool]:
    return and_(feedback.c.card == card, feedback.c.service == service, feedback.c.client == client)


def _plain(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else "(other)" if text else ""
