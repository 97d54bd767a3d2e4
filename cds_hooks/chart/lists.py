"""How well each kind of chart entry was read, from what became of the queries for it.

Silence of a list means something only when the list was read whole. An entry that was refused is missing from
it, unless it is somebody else's among the patient's own. A truncated answer that was asked for
newest first is whole back to its oldest entry, unless the entries show that nobody sorted them.
Source: CDS Hooks 2.0.1, Prefetch Template; FHIR R4 4.0.1, 3.1.1.5.7 Sorting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from msgspec.structs import replace

from cds_hooks.chart.answers import Item, Opened
from cds_hooks.chart.observations import time_of
from cds_hooks.chart.problems import stay
from cds_hooks.chart.record import Listing, ListRead, Query
from cds_hooks.chart.shapes import Encounter, Observation
from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import When

_OPTIONAL: Final = frozenset({"MedicationStatement", "MedicationRequest"})
"""Servers commonly offer one of the two; the other is then not unread but not kept."""
_NOTHING_CAME: Final = frozenset({Listing.FAILED, Listing.NOT_READ})
_WORST_FIRST: Final = (Listing.FAILED, Listing.NOT_READ, Listing.INCOMPLETE)


def lists(queries: Iterable[Query], held: Mapping[str, Opened]) -> dict[str, ListRead]:
    """The state of each resource type that was asked for. Keys that are not in `held` were not supplied."""
    by_type: dict[str, list[tuple[Query, Opened | None]]] = {}
    for query in queries:
        by_type.setdefault(query.resource_type, []).append((query, held.get(query.key)))
    return {resource_type: _list(resource_type, asked) for resource_type, asked in by_type.items()}


def _list(resource_type: str, asked: Sequence[tuple[Query, Opened | None]]) -> ListRead:
    """Of all queries for one type. Entries that had to be refused are missing, whoever else found nothing."""
    items = [item for _, answer in asked if answer for item in answer.items]
    if _any_usable(items, resource_type):
        return _together([_read(query, _without_others(answer)) for query, answer in asked], is_spoilt=False)
    is_spoilt = any(item.flaw for item in items)
    return _together([_read(query, answer) for query, answer in asked], is_spoilt=is_spoilt)


def _without_others(answer: Opened | None) -> Opened | None:
    """Beside the patient's own, entries of somebody else are misfiled: nothing of the patient's is missing."""
    if answer is None:
        return None
    return replace(answer, items=tuple(item for item in answer.items if item.flaw is not GapReason.OTHER_PATIENT))


def _read(query: Query, answer: Opened | None) -> ListRead:
    if answer is None:
        return ListRead(Listing.NOT_READ, reason=GapReason.NOT_SUPPLIED)
    if answer.failed is GapReason.NOT_SUPPORTED and query.resource_type in _OPTIONAL:
        return ListRead(Listing.NOT_READ, reason=answer.failed)
    flaw = min((item.flaw for item in answer.items if item.flaw), key=_is_of_the_future, default=None)
    reason = answer.failed or flaw
    if reason and not _any_usable(answer.items, query.resource_type):
        return ListRead(Listing.FAILED, reason=reason)
    if reason or answer.more:
        is_cut_off = answer.more and query.newest_first and not flaw
        back_to = _oldest(answer.items) if is_cut_off else None
        return ListRead(Listing.INCOMPLETE, back_to, reason or GapReason.INCOMPLETE)
    return ListRead(Listing.COMPLETE)


def _is_of_the_future(reason: GapReason | None) -> bool:
    """The one reason that may not matter: what was left out for it can be read."""
    return reason is GapReason.FUTURE


def _any_usable(items: Iterable[Item], resource_type: str) -> bool:
    return any(item.kind == resource_type and item.flaw is None for item in items)


def _together(states: Sequence[ListRead], *, is_spoilt: bool) -> ListRead:
    """What holds for all of them, else incomplete, and only as far back as the least.

    Nothing came when no query brought anything, or all that they brought `is_spoilt`.
    """
    lacking = [state for state in states if state.state is not Listing.COMPLETE]
    if not lacking:
        return states[0]
    worst = min(lacking, key=lambda one: (_WORST_FIRST.index(one.state), _is_of_the_future(one.reason)))
    if is_spoilt or all(state.state in _NOTHING_CAME for state in states):
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
