"""gather: the report of a journal, read from its database."""

from __future__ import annotations

from datetime import UTC, datetime

from cds_hooks.journal.reading import calls_between, opinions_between, rules_asked, unknown_between
from cds_hooks.journal.store import Store
from cds_hooks.report.counting import Counting
from cds_hooks.report.numbers import Report


async def gather(store: Store, since: datetime, until: datetime) -> Report:
    """The track record between two instants, looking back as long again. Raises JournalUnavailable."""
    counting = Counting(since, until, await rules_asked(store))
    before = since - min(until - since, since - datetime.min.replace(tzinfo=UTC))
    async for call in calls_between(store, before, until):
        counting.add(call)
    said, codes = await opinions_between(store, since, until), await unknown_between(store, since, until)
    return counting.report(said, codes)
