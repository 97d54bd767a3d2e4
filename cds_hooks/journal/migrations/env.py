"""How Alembic reaches the database: over the connection that journal/upgrade.py hands it, and no other."""

from __future__ import annotations

from alembic import context

from cds_hooks.journal.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
