"""The journal's tables, brought to the shape that this release writes. A new database is filled on the way.

The whole change is one transaction that begins by locking the database, so that of several processes one does
it and the others find it done.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

_VERSIONS = "alembic_version"
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
    if not inspect(connection).has_table(_VERSIONS):
        return ""
    return connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalar() or ""  # noqa: S608  # our constant


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
