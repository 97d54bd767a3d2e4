"""How well each kind of chart entry was read, from what became of the queries for it.

Silence of a list means something only when the list was read whole. A truncated answer that was asked for
newest first is whole back to its oldest entry, unless the entries show that nobody sorted them.
Source: CDS Hooks 2.0.1, Prefetch Template; FHIR R4 4.0.1, 3.1.1.5.7 Sorting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from cds_hooks.chart.answers import Item, Opened
from cds_hooks.chart.observations import time_of
from cds_hooks.chart.problems import stay
from cds_hooks.chart.record import Listing, ListRead, Query
from cds_hooks.chart.shapes import Encounter, Observation
from cds_hooks.model import GapReason, When

_OPTIONAL: Final = frozenset({"MedicationStatement", "MedicationRequest"})
"""Servers commonly offer one of the two; the other is then not unread but not kept."""
_NOTHING_CAME: Final = frozenset({Listing.FAILED, Listing.NOT_READ})
_WORST_FIRST: Final = (Listing.FAILED, Listing.NOT_READ, Listing.INCOMPLETE)


def lists(queries: Iterable[Query], held: Mapping[str, Opened]) -> dict[str, ListRead]:
    """The state of each resource type that was asked for. Keys that are not in `held` were not supplied."""
    reads: dict[str, list[ListRead]] = {}
    for query in queries:
        reads.setdefault(query.resource_type, []).append(_read(query, held.get(query.key)))
    return {resource_type: _together(states) for resource_type, states in reads.items()}


def _read(query: Query, answer: Opened | None) -> ListRead:
    if answer is None:
        return ListRead(Listing.NOT_READ, reason=GapReason.NOT_SUPPLIED)
    if answer.failed is GapReason.NOT_SUPPORTED and query.resource_type in _OPTIONAL:
        return ListRead(Listing.NOT_READ, reason=answer.failed)
    reason = answer.failed or next((item.flaw for item in answer.items if item.flaw), None)
    if reason:
        is_usable = any(item.kind == query.resource_type and item.flaw is None for item in answer.items)
        return ListRead(Listing.INCOMPLETE if is_usable else Listing.FAILED, reason=reason)
    if answer.more:
        back_to = _oldest(answer.items) if query.newest_first else None
        return ListRead(Listing.INCOMPLETE, back_to, GapReason.INCOMPLETE)
    return ListRead(Listing.COMPLETE)


def _together(states: Sequence[ListRead]) -> ListRead:
    """All queries for one type: what holds for all of them, else incomplete, and only as far back as the least."""
    lacking = [state for state in states if state.state is not Listing.COMPLETE]
    if not lacking:
        return states[0]
    worst = min(lacking, key=lambda one: _WORST_FIRST.index(one.state))
    if all(state.state in _NOTHING_CAME for state in states):
        return worst
    limits = [state.back_to for state in lacking if state.back_to]
    back_to = max(limits) if len(limits) == len(lacking) else None
    return ListRead(Listing.INCOMPLETE, back_to, worst.reason)


def _oldest(items: Iterable[Item]) -> datetime | None:
    """From when on nothing is missing; None when no entry is dated, or when they are not sorted after all."""
    times = [time for item in items if (time := _time_of(item))]
    if not times or any(newer.latest < older.earliest for newer, older in pairwise(times)):
        return None
    return min(time.latest for time in times)


def _time_of(item: Item) -> When | None:
    match item.resource:
        case Observation():
            return time_of(item.resource)
        case Encounter():
            return stay(item.resource)[0]
        case _:
            return None
