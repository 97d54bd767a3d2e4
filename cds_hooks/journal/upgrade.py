"""The journal's tables, brought to the shape that this release writes; in a new database they are made at once.

The whole change is one transaction that begins by locking the database, so that of several processes one does
it and the others find it done. Alembic, which takes long to load, is for journals of an older release alone.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select
from sqlalchemy.ext.asyncio import AsyncEngine

from cds_hooks.journal.tables import HEAD, metadata

_VERSIONS = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
"""Where Alembic looks for the migration that a database stands at."""
_LOCKS = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(7310001)"}
"""By dialect: what makes others wait until the transaction ends. The number is ours, and of no other meaning."""


async def version_of(engine: AsyncEngine) -> str:
    """The migration that the database stands at; "" for one that has none of our tables."""
    async with engine.connect() as connection:
        return await connection.run_sync(_version)


async def upgrade(engine: AsyncEngine) -> None:
    """Nothing; the database stands at the newest migration."""
    async with engine.connect() as connection:
        await connection.exec_driver_sql(_LOCKS[engine.dialect.name])
        await connection.run_sync(_upgrade)
        await connection.commit()


def _version(connection: Connection) -> str:
    if not inspect(connection).has_table(_VERSIONS.name):
        return ""
    return connection.execute(select(_VERSIONS.c.version_num)).scalar() or ""


def _upgrade(connection: Connection) -> None:
    if not _version(connection):
        _make(connection)
    else:
        migrate(connection)


def _make(connection: Connection) -> None:
    """Nothing; a database without our tables has them, as the newest migration would leave them."""
    metadata.create_all(connection)
    _VERSIONS.create(connection, checkfirst=True)
    connection.execute(_VERSIONS.insert().values(version_num=HEAD))


def migrate(connection: Connection) -> None:
    """Nothing; every migration that the database has not seen was made."""
    config = import_module("alembic.config").Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    import_module("alembic.command").upgrade(config, "head")
