"""One resource as the record's entries, and whether they are dated later than can be.

Types that carry no entry of their own (Patient, Medication) and what is void by its status give none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from cds_hooks.chart.events import alert, conclusions, procedure, vaccination
from cds_hooks.chart.intolerances import intolerance
from cds_hooks.chart.medications import use
from cds_hooks.chart.medicines import Find
from cds_hooks.chart.observations import observed
from cds_hooks.chart.problems import problem, reasons, visit
from cds_hooks.chart.record import Event, Intolerance, MedicationUse, Observed, Problem, Visit
from cds_hooks.chart.shapes import (
    AllergyIntolerance,
    Condition,
    DiagnosticReport,
    Encounter,
    Flag,
    Immunization,
    Known,
    MedicationAdministration,
    MedicationDispense,
    MedicationRequest,
    MedicationStatement,
    Observation,
    Procedure,
)
from cds_hooks.model.truth import When

Entry: TypeAlias = Observed | Problem | MedicationUse | Visit | Event | Intolerance

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
            return _some(problem(resource, reference, born, at))
        case Encounter():
            stay = visit(resource, reference)
            return (stay, *reasons(resource, stay)) if stay else ()
        case MedicationStatement() | MedicationRequest() | MedicationAdministration() | MedicationDispense():
            return _some(use(resource, reference, find, at))
        case _:
            return _events(resource, reference)


def is_ahead(of_resource: Iterable[Entry], at: datetime) -> bool:
    """Whether an entry is dated more than a day after now. A start still to come of what is planned is not."""
    latest = at + _AHEAD
    return any(time is not None and time.earliest > latest for time in map(_dated, of_resource))


def _events(resource: Known | None, reference: str) -> tuple[Entry, ...]:
    match resource:
        case Procedure():
            return _some(procedure(resource, reference))
        case Immunization():
            return _some(vaccination(resource, reference))
        case DiagnosticReport():
            return conclusions(resource, reference)
        case Flag():
            return _some(alert(resource, reference))
        case AllergyIntolerance():
            return _some(intolerance(resource, reference))
        case _:
            return ()


def _some(entry: Problem | MedicationUse | Event | Intolerance | None) -> tuple[Entry, ...]:
    return (entry,) if entry else ()


def _dated(entry: Entry) -> When | None:
    match entry:
        case Observed():
            return entry.at or entry.issued
        case Problem():
            return entry.recorded or entry.onset
        case Intolerance():
            return entry.recorded
        case Event():
            return entry.at
        case MedicationUse():
            return entry.written or (None if entry.state == "planned" else entry.start)
        case _:
            return entry.start
