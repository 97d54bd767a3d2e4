"""How the journal's database is opened: a SQLite file of one host, or a PostgreSQL database of several.

A new database is made; one of an older release is left as it is until someone upgrades it. Statements and values
are never logged, since a comment can name a patient.
"""

from __future__ import annotations

import asyncio
import sqlite3

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import CompileError, DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from cds_hooks.errors import JournalUnavailable
from cds_hooks.journal.tables import HEAD
from cds_hooks.journal.upgrade import upgrade, version_of
from cds_hooks.journal.write_ahead import make_ready

FAULTS = (SQLAlchemyError, sqlite3.Error, OSError)
"""What a database that fails is seen by, whichever it is; `faults` adds what the driver of PostgreSQL raises."""

REFUSALS: tuple[type[Exception], ...] = (ValueError, TypeError, LookupError, ArithmeticError)
"""What drivers raise for values of which they can make nothing."""
_OF_VALUES = ("22", "23")
"""Classes of SQLSTATE: data exceptions, and constraints that are not met."""
_PRAGMAS = ("busy_timeout = 2000", "synchronous = FULL", "foreign_keys = ON")
_PATIENCE_S = 2.0
"""For a server to take a connection."""
_STATEMENT_S = 5.0
_CANNOT_BE_OPENED = (
    "CDS_JOURNAL cannot be opened: name a file in a folder we may write to, or a database that is there."
)
_OLDER = "CDS_JOURNAL was written by an older release: run `pinpoint journal upgrade`."
_NEWER = "CDS_JOURNAL was written by a newer release: run that one, or name another journal."


async def open_engine(url: str) -> AsyncEngine:
    """Connections to the journal at this address, which is made when there is none yet.

    Raises JournalUnavailable when it cannot be opened, or must be upgraded first.
    """
    engine = engine_at(url)
    try:
        version = await _ready(engine)
        if not version:
            await upgrade(engine)
    except faults(engine):
        await engine.dispose()
        raise JournalUnavailable(_CANNOT_BE_OPENED) from None
    if version not in {"", HEAD}:
        await engine.dispose()
        raise JournalUnavailable(_NEWER if version > HEAD else _OLDER)
    return engine


async def upgrade_at(url: str) -> tuple[str, str]:
    """The migration before and after; the journal at this address stands at the newest one. Makes a new one.

    Raises JournalUnavailable.
    """
    engine = engine_at(url, statement_s=None)
    try:
        before = await _ready(engine)
        if before > HEAD:
            raise JournalUnavailable(_NEWER)
        await upgrade(engine)
        return before, await version_of(engine)
    except faults(engine):
        raise JournalUnavailable(_CANNOT_BE_OPENED) from None
    finally:
        await engine.dispose()


def engine_at(url: str, *, statement_s: float | None = _STATEMENT_S) -> AsyncEngine:
    """Connections to the database; one kept in memory has a single connection, or each would see its own.

    `statement_s`: what a server may take for one statement; None: as long as it takes.
    """
    if url.startswith("postgresql"):
        limits = {"timeout": _PATIENCE_S, "command_timeout": statement_s}
        return create_async_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=limits)
    in_memory = {"poolclass": StaticPool} if url.endswith(":memory:") else {}
    engine = create_async_engine(url, hide_parameters=True, **in_memory)
    event.listen(engine.sync_engine, "connect", _prepare)
    return engine


def faults(engine: AsyncEngine) -> tuple[type[Exception], ...]:
    """What a failing database raises; the driver of PostgreSQL has errors of its own while it connects."""
    if engine.dialect.name != "postgresql":
        return FAULTS
    import asyncpg  # noqa: PLC0415  # an extra: not everywhere installed

    return (*FAULTS, asyncpg.PostgresError, asyncpg.InterfaceError)


def is_refusal(fault: Exception) -> bool:
    """Whether the values were at fault, and not the database: it would not take them later, either."""
    if isinstance(fault, DBAPIError):
        state = str(getattr(fault.orig, "sqlstate", None) or "")
        by_the_driver = isinstance(fault.orig and fault.orig.__cause__, REFUSALS)
        return isinstance(fault, (DataError, IntegrityError)) or state[:2] in _OF_VALUES or by_the_driver
    return isinstance(fault, (StatementError, CompileError, *REFUSALS))


async def _ready(engine: AsyncEngine) -> str:
    """The migration that the database stands at, when it can be used at all."""
    if engine.dialect.name == "sqlite":
        # Apart from the driver, whose thread would report a wrong path after its loop has gone.
        await asyncio.to_thread(make_ready, engine.url.database or "")
    return await version_of(engine)


def _prepare(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()  # no cover: what follows a greenlet on its thread is not measured
