"""One resource as the record's entries, and whether they are dated later than can be.

Types that carry no entry of their own (Patient, Medication) and what is void by its status give none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from cds_hooks.chart.medications import use
from cds_hooks.chart.medicines import Find
from cds_hooks.chart.observations import observed
from cds_hooks.chart.problems import problem, reasons, visit
from cds_hooks.chart.record import MedicationUse, Observed, Problem, Visit
from cds_hooks.chart.shapes import (
    Condition,
    Encounter,
    Known,
    MedicationAdministration,
    MedicationDispense,
    MedicationRequest,
    MedicationStatement,
    Observation,
)
from cds_hooks.model import When

Entry: TypeAlias = Observed | Problem | MedicationUse | Visit

_AHEAD: Final = timedelta(hours=24)
"""How far ahead of us a clock or an unwritten time zone may be; what is dated later is an error."""


def entries(
    resource: Known | None, reference: str, born: When | None, find: Find, at: datetime
) -> tuple[Entry, ...]:
    """What the resource says, in the record's terms; empty when it says nothing that counts."""
    match resource:
        case Observation():
            return observed(resource, reference)
        case Condition():
            return _some(problem(resource, reference, born))
        case Encounter():
            stay = visit(resource, reference)
            return (stay, *reasons(resource, stay)) if stay else ()
        case MedicationStatement() | MedicationRequest() | MedicationAdministration() | MedicationDispense():
            return _some(use(resource, reference, find, at))
        case _:
            return ()


def is_ahead(of_resource: Iterable[Entry], at: datetime) -> bool:
    """Whether an entry is dated more than a day after now. A start still to come of what is planned is not."""
    times = (_dated(entry) for entry in of_resource)
    return any(time.earliest > at + _AHEAD for time in times if time)


def _some(entry: Problem | MedicationUse | None) -> tuple[Entry, ...]:
    return (entry,) if entry else ()


def _dated(entry: Entry) -> When | None:
    match entry:
        case Observed():
            return entry.at or entry.issued
        case Problem():
            return entry.recorded or entry.onset
        case MedicationUse():
            return entry.written or (None if entry.state == "planned" else entry.start)
        case _:
            return entry.start
