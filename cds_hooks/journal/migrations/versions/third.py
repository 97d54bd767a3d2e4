"""What a user was told, one row a card, and what the latest answer said.

What was remembered before cannot be compared with what is remembered now, and is dropped: it is told once more.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables anew."""
    op.drop_table("quiet")
    op.create_table(
        "quiet",
        sa.Column("card", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("tier", sa.String(16), nullable=False),
        sa.Column("until", sa.DateTime, nullable=False),
        sa.Column("latest", sa.DateTime, nullable=False),
    )
    op.create_index("quiet_subject", "quiet", ["subject"])
    op.create_index("quiet_latest", "quiet", ["latest"])
    op.create_table(
        "heard",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
    )
