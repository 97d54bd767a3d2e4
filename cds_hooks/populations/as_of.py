"""as_of: what of a chart had been written by an instant, and the instants of its visits.

An export shows charts as they are at its end. For an earlier instant every entry is left out that was written
later; a death or the end of a problem that was recorded later is taken back. What else changed since (the
status of an order, a corrected value) cannot be undone: it is read as the export has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from cds_hooks.chart.decoding import UNREADABLE_JSON, body
from cds_hooks.chart.shapes import Condition, Encounter, Known, Patient
from cds_hooks.chart.times import period, when
from cds_hooks.model.truth import When
from cds_hooks.populations.rows import Row

_WRITTEN: Final = (
    "issued",
    "recorded_date",
    "asserted_date",
    "authored_on",
    "date_asserted",
    "when_handed_over",
    "when_prepared",
)
"""When an entry was put down; it stands before when the thing itself was."""
_HAPPENED: Final = (
    "effective_date_time",
    "effective_instant",
    "onset_date_time",
    "performed_date_time",
    "occurrence_date_time",
    "occurence_date_time",
    "date",
)
_STRETCHES: Final = (
    "effective_period",
    "onset_period",
    "performed_period",
    "occurrence_period",
    "period",
    "actual_period",
    "occurence_period",
)
_RESULT: Final = "Observation"
"""The type of which a chart can have very many, and that points to nothing else that is read."""
_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)


def as_of(rows: Sequence[Row], instant: datetime, end: datetime) -> Sequence[Row]:
    """The rows as far as they were written at the instant; all of them at the end of the series.

    What is dated after `end` stays: it is an error of the chart, and counted as one.
    """
    if instant >= end:
        return rows
    return [seen for row in rows if (seen := _as_of(row, instant, end)) is not None]


def visits(rows: Iterable[Row]) -> tuple[datetime, ...]:
    """The start of each visit of a chart, oldest first, each once."""
    found = (_read(row) for row in rows if row.kind == "Encounter")
    starts = (_first(resource) for resource in found if isinstance(resource, Encounter))
    return tuple(sorted({start.earliest for start in starts if start}))


def without_old(rows: list[Row], most: int) -> list[Row]:
    """The rows without results that are not read; one more than are read is kept, to tell that there were more."""
    results = [row for row in rows if row.kind == _RESULT]
    kept = newest(results, most + 1)
    if any(row.may_speak for row in results):
        kept[0] = msgspec.structs.replace(kept[0], may_speak=True)
    return [row for row in rows if row.kind != _RESULT] + kept


def newest(rows: list[Row], most: int) -> list[Row]:
    """At most so many rows, newest first when some are left out."""
    if len(rows) <= most:
        return rows
    return sorted(rows, key=_age, reverse=True)[:most]


def _age(row: Row) -> tuple[datetime, bytes]:
    time = _first(_read(row))
    return time.earliest if time else _NEVER, row.slim


def _as_of(row: Row, instant: datetime, end: datetime) -> Row | None:
    resource = _read(row)
    time = next(_times(resource, (*_WRITTEN, *_HAPPENED, *_STRETCHES)), None)
    if time and instant < time.earliest <= end and not isinstance(resource, Patient):
        return None
    if isinstance(resource, Patient) and _is_later(resource.deceased_date_time, instant):
        return _with(row, resource, deceased_date_time="", deceased_boolean=None)
    if isinstance(resource, Condition) and _is_later(resource.abatement_date_time, instant):
        return _with(row, resource, abatement_date_time="", clinical_status=None)
    return row


def _with(row: Row, resource: Known, **changed: object) -> Row:
    changed_resource = msgspec.structs.replace(resource, **changed)
    return msgspec.structs.replace(row, slim=msgspec.json.encode(changed_resource))


def _is_later(text: str, instant: datetime) -> bool:
    time = when(text) if text else None
    return time is not None and time.earliest > instant


def _first(resource: Known | None) -> When | None:
    """When it was so: what a searchset is sorted by."""
    return next(_times(resource, (*_HAPPENED, *_STRETCHES, *_WRITTEN)), None)


def _times(resource: Known | None, names: Iterable[str]) -> Iterator[When]:
    for name in names:
        value = getattr(resource, name, None)
        time = when(value) if isinstance(value, str) else period(value)
        if time:
            yield time


def _read(row: Row) -> Known | None:
    try:
        resource = body(row.slim)
    except UNREADABLE_JSON:
        return None
    return None if isinstance(resource, tuple) else resource
