"""gather: the report of a journal, read from its database."""

from __future__ import annotations

from datetime import datetime

from cds_hooks.journal.reading import calls_between, opinions_between, rules_asked, unknown_between
from cds_hooks.journal.store import Store
from cds_hooks.report.counting import Counting
from cds_hooks.report.numbers import Report


async def gather(store: Store, since: datetime, until: datetime) -> Report:
    """The track record between two instants. Raises JournalUnavailable."""
    counting = Counting(since, until, await rules_asked(store))
    async for call in calls_between(store, since, until):
        counting.add(call)
    said, codes = await opinions_between(store, since, until), await unknown_between(store, since, until)
    return counting.report(said, codes)
