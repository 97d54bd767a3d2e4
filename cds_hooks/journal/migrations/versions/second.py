"""Every call, what was asked in it, codes nobody knew, and what a user was told already."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables; those of the first release stay as they are, with one index more."""
    op.create_index("feedback_received", "feedback", ["received"])
    _calls()
    op.create_table(
        "rule_sets",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("hook", sa.String(64), primary_key=True),
        sa.Column("rules", sa.Text, nullable=False),
    )
    op.create_table(
        "codings",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("system", sa.String(200), primary_key=True),
        sa.Column("code", sa.String(64), primary_key=True),
        sa.Column("seen", sa.Integer, nullable=False),
    )
    op.create_table(
        "quiet",
        sa.Column("card", sa.String(64), primary_key=True),
        sa.Column("fact", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("tier", sa.String(16), nullable=False),
        sa.Column("until", sa.DateTime, nullable=False),
        sa.Column("latest", sa.DateTime, nullable=False),
    )
    op.create_index("quiet_subject", "quiet", ["subject"])
    op.create_index("quiet_latest", "quiet", ["latest"])


def _calls() -> None:
    texts = ("present", "unknown", "open", "gaps", "cards", "entries")
    op.create_table(
        "calls",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False),
        *(sa.Column(name, sa.String(64), nullable=False) for name in ("client", "hook", "service")),
        sa.Column("status", sa.Integer, nullable=False),
        *(
            sa.Column(name, sa.String(64), nullable=False)
            for name in ("software", "knowledge", "released", "digest")
        ),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("ms", sa.Float, nullable=False),
        sa.Column("skin_bleeding", sa.String(16), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
    )
    op.create_index("calls_at", "calls", ["at"])
