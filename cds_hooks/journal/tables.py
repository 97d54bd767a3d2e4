"""The tables of the journal. No column can hold a chart entry, a patient's id or a name.

`comment` is the one exception a deployment can ask for: what users write may name anyone. Times are UTC. A
change here needs a migration in migrations/versions and another HEAD.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    and_,
    bindparam,
    or_,
    select,
    update,
)
from sqlalchemy.types import TypeDecorator

HEAD = "0003"
"""The newest migration."""
_LONGEST_IN_A_SPOOL = timedelta(days=1)
"""As long an answer is remembered that said nothing: nothing older can come after it and stay quiet."""
_LIFE_OF_A_TOKEN = timedelta(hours=2)
"""One lives an hour at most."""


class UtcTime(TypeDecorator[datetime]):
    """An instant in UTC. SQLite forgets zones, so one goes in as UTC and comes out with its zone again."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """The instant in UTC without its zone. Raises ValueError for one that has none: nobody could tell when."""
        if value and value.tzinfo is None:
            raise ValueError("A time without a zone cannot be kept; give it one.")
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """The instant with its zone."""
        return value and value.replace(tzinfo=UTC)


metadata = MetaData()


def fitting(place: str, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The row with those columns that its table has: another release may have written others into the spool.

    None for what an older one remembered of what was told, if anything lacks: migrations drop that, too.
    """
    columns = metadata.tables[place].columns.keys()
    if place == "quiet" and not row.keys() >= set(columns):
        return None
    return {name: value for name, value in row.items() if name in columns}


jti = Table(
    "jti",
    metadata,
    Column("iss", Text, primary_key=True),
    Column("jti", Text, primary_key=True),
    Column("until", Float, nullable=False),
    sqlite_with_rowid=False,
)
"""Tokens that were used (journal/replay.py), until they cannot be valid any more, in UTC seconds."""

cards_issued = Table(
    "cards_issued",
    metadata,
    Column("card", String(64), primary_key=True),
    Column("service", String(64), nullable=False),
    Column("client", String(64), nullable=False),
    Column("rules", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("cards_issued_at", "at"),
)
"""Cards that went out; `rules` are ids parted by blanks."""

feedback = Table(
    "feedback",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("card", String(64), nullable=False),
    Column("service", String(64), nullable=False),
    Column("client", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("suggestions", Text, nullable=False),
    Column("reason", String(64), nullable=False),
    Column("comment_length", Integer, nullable=False),
    Column("comment", Text),
    Column("at", UtcTime, nullable=False),
    Column("received", UtcTime, nullable=False),
    Column("matched", Boolean, nullable=False),
    Index("feedback_card", "card"),
    Index("feedback_received", "received"),
)
"""What users made of cards; `id` is a digest of what was said, so that saying it twice is saying it once."""

calls = Table(
    "calls",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("client", String(64), nullable=False),
    Column("hook", String(64), nullable=False),
    Column("service", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("software", String(64), nullable=False),
    Column("knowledge", String(64), nullable=False),
    Column("released", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("ms", Float, nullable=False),
    Column("skin_bleeding", String(16), nullable=False),
    Column("present", Text, nullable=False),
    Column("unknown", Text, nullable=False),
    Column("open", Text, nullable=False),
    Column("gaps", Text, nullable=False),
    Column("cards", Text, nullable=False),
    Column("entries", Text, nullable=False),
    Index("calls_at", "at"),
)
"""Every call, written once and never changed. The texts are JSON, in the shape of journal/entries.py `Call`."""

rule_sets = Table(
    "rule_sets",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("hook", String(64), primary_key=True),
    Column("rules", Text, nullable=False),
)
"""Ids of the rules that were asked: what is in no list of a call of this digest and hook was absent."""

codings = Table(
    "codings",
    metadata,
    Column("day", Date, primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("system", String(200), primary_key=True),
    Column("code", String(64), primary_key=True),
    Column("seen", Integer, nullable=False),
)
"""Codes that stand for no concept here, counted by day, so that none can be traced to a call."""

quiet = Table(
    "quiet",
    metadata,
    Column("card", String(64), primary_key=True),
    Column("subject", String(64), nullable=False),
    Column("facts", Text, nullable=False),
    Column("tier", String(16), nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("latest", UtcTime, nullable=False),
    Index("quiet_subject", "subject"),
    Index("quiet_latest", "latest"),
)
"""What a user was told already, until when it stays quiet, and until when at the latest. `subject` and `facts`
(parted by blanks) are keyed hashes; nobody can read them without the site's key.
"""

heard = Table(
    "heard",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("facts", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)
"""What the latest answer said, one row for each subject that has any in `quiet`; hashes as there."""
HEARD_LATER = (
    update(heard)
    .where(heard.c.subject == bindparam("whose"))
    .where(or_(heard.c.at <= bindparam("then"), heard.c.at > bindparam("ahead")))
    .values(facts=bindparam("said"), at=bindparam("then"))
)
"""A later answer takes the place of an earlier one, and any the place of one that is dated ahead."""


def outdated(before: datetime, now: datetime) -> tuple[tuple[Table, ColumnElement[bool]], ...]:
    """Which rows may go: entries from before that instant, and what nobody can need any more now."""
    unneeded = heard.c.subject.not_in(select(quiet.c.subject))
    return (
        (calls, calls.c.at < before),
        (cards_issued, cards_issued.c.at < before),
        (feedback, feedback.c.received < before),
        (codings, codings.c.day < before.astimezone(UTC).date()),
        (quiet, quiet.c.latest < now),
        (heard, and_(heard.c.at < now - _LONGEST_IN_A_SPOOL, unneeded)),
        (jti, jti.c.until < (now - _LIFE_OF_A_TOKEN).timestamp()),
    )
