"""charts: one chart put together from its rows, and the advice on it, exactly as the service gives it.

The service asks for several lists by several queries; here each list is asked for once, by its type. What no
query asks for (reports, alerts, administered medicines) is read for what is there, as in a call.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.wire import parse_request
from cds_hooks.chart.decoding import UNREADABLE_JSON, body
from cds_hooks.chart.pool import tail
from cds_hooks.chart.queries import queries
from cds_hooks.chart.reader import read
from cds_hooks.chart.record import Answer, PatientRecord, Query
from cds_hooks.chart.shapes import Medication, OfMedicine
from cds_hooks.model.library import Library
from cds_hooks.populations.as_of import newest
from cds_hooks.populations.rows import BUNDLE, SPOILT, Row
from cds_hooks.service import Advice, advise, answer

Lookup: TypeAlias = Callable[[str], bytes | None]
"""A Medication by its `Medication/id`; None when the export holds none."""

_SHARED: Final = "Medication"
_DEPTH: Final = 3
"""How far a Medication may point to another."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Which lists of a chart were read, and how well."""

    held: frozenset[str] | None
    """Resource types that the export holds; None when the chart came whole."""
    cut_short: frozenset[str] = frozenset()
    most: int = 20_000
    """Entries of one list that are read; of more the newest, and the list is not whole."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One patient's rows, which lists they come from, and where Medications are looked up."""

    patient: str
    rows: Sequence[Row]
    lists: Lists
    medication: Lookup


def chart_advice(chart: Chart, at: datetime, voice: Voice, library: Library) -> Advice:
    """The advice on a chart when it is opened. Errors: DataUnavailable, as the service."""
    return answer(record_of(chart, at, library), library, at, voice)


def request_advice(body: bytes, at: datetime, voice: Voice, library: Library) -> Advice:
    """The advice on a hook request with what it brings; nothing is fetched. Errors: as the service."""
    return asyncio.run(advise(parse_request(body), _fetch_nothing, library, at, voice))


def record_of(chart: Chart, at: datetime, library: Library) -> PatientRecord:
    """The record of a chart, with the Medications that it refers to."""
    by_kind: dict[str, list[Row]] = defaultdict(list)
    for row in chart.rows:
        by_kind[row.kind].append(row)
    by_kind.pop(BUNDLE, None)
    spoilt = by_kind.pop(SPOILT, [])
    by_kind[_SHARED] += _referred(by_kind, chart.medication)
    asked, held = _as_written(_asked(library), chart.lists.cut_short), chart.lists.held
    answers = {
        query.key: _answer(by_kind.pop(query.key, []), spoilt, query.key, chart.lists)
        for query in asked
        if held is None or query.key in held or query.key in by_kind
    }
    loose = [bundle_of(found) for found in by_kind.values() if found]
    return read(asked, answers, chart.patient, at, loose)


def bundle_of(rows: Iterable[Row]) -> bytes:
    """The rows as a searchset, as a client would send them."""
    entries = (
        b'{"fullUrl":' + msgspec.json.encode(row.address) + b',"resource":' + row.slim + b"}"
        if row.address
        else b'{"resource":' + row.slim + b"}"
        for row in rows
    )
    return b'{"resourceType":"Bundle","type":"searchset","entry":[' + b",".join(entries) + b"]}"


@lru_cache(maxsize=8)
def _asked(library: Library) -> tuple[Query, ...]:
    """One query for each list that the service asks for when a chart is opened."""
    lists = {query.resource_type: query.newest_first for query in queries(library)}
    return tuple(Query(kind, "", kind, newest_first) for kind, newest_first in lists.items())


def _as_written(asked: tuple[Query, ...], cut_short: frozenset[str]) -> tuple[Query, ...]:
    """The queries; a file has no order, so that one that was cut off is complete back to nothing."""
    return tuple(replace(one, newest_first=False) if one.key in cut_short else one for one in asked)


def _answer(rows: list[Row], spoilt: list[Row], kind: str, lists: Lists) -> Answer:
    """One list, with what stands there in place of entries: nobody knows of which list they would be."""
    kept = newest(rows, lists.most)
    return Answer((bundle_of([*kept, *spoilt]),), more=len(kept) < len(rows) or kind in lists.cut_short)


def _referred(by_kind: Mapping[str, list[Row]], medication: Lookup) -> list[Row]:
    """The Medications that the chart refers to, and those that these consist of."""
    found: dict[str, Row] = {}
    wanted = {name for rows in list(by_kind.values()) for row in rows for name in references(row)}
    for _ in range(_DEPTH):
        came = [(name, raw) for name in sorted(wanted - found.keys()) if (raw := medication(name)) is not None]
        rows = {name: Row("", _SHARED, raw) for name, raw in came}
        found |= rows
        wanted = {name for row in rows.values() for name in references(row)}
    return list(found.values())


def references(row: Row) -> Iterator[str]:
    """`Medication/id` of each Medication that a row points to."""
    if not row.kind.startswith(_SHARED):
        return
    try:
        resource = body(row.slim)
    except UNREADABLE_JSON:
        return
    if isinstance(resource, OfMedicine):
        pointed = resource.medication.reference if resource.medication else None
        addresses = [resource.medication_reference, pointed]
    elif isinstance(resource, Medication):
        addresses = [
            one.item_reference or (one.item.reference if one.item else None) for one in resource.ingredient
        ]
    else:
        return
    yield from (tail(one.reference, _SHARED) for one in addresses if one and one.reference[:1] not in {"", "#"})


async def _fetch_nothing(_wanted: Mapping[str, str]) -> Mapping[str, Answer]:
    return {}
