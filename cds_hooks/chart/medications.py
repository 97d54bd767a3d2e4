"""Statements, requests, administrations and dispenses as uses of a medicine: who says so, taken or not, when.

One table for each resource turns FHIR's status into ours; a status that is not in the table is unknown. A
hold is unknown too: it says neither that the medicine is taken nor when it last was. A use that the status
calls current has ended when its recorded end has passed, and is planned while its start is still to come.
Source: FHIR R4 4.0.1, the status value sets of the four resources; R5 5.0.0 (recorded, ended, adherence);
STU3 3.0.2 (taken, notGiven); US Core 6.1, Medication List (intent plan, reported).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from cds_hooks.chart.datatypes import Period, Quantity
from cds_hooks.chart.medicines import Find, medicine
from cds_hooks.chart.record import MedicationUse
from cds_hooks.chart.shapes import (
    Dosage,
    MedicationAdministration,
    MedicationDispense,
    MedicationRequest,
    MedicationStatement,
)
from cds_hooks.chart.times import when
from cds_hooks.chart.values import all_coded, is_restricted, quantity, words
from cds_hooks.model.truth import When

State: TypeAlias = Literal["current", "ended", "not-taken", "planned", "unknown"]
Source: TypeAlias = Literal["ordered", "reported", "administered", "dispensed", "proposed"]
Said: TypeAlias = MedicationStatement | MedicationRequest | MedicationAdministration | MedicationDispense

_STATEMENT: Final[Mapping[str, State]] = {
    "active": "current",
    "completed": "ended",
    "intended": "planned",
    "stopped": "ended",
    "on-hold": "unknown",
    "not-taken": "not-taken",
    "recorded": "current",
    "draft": "unknown",
    "unknown": "unknown",
}
_TAKEN: Final[Mapping[str, State]] = {"n": "not-taken", "unk": "unknown"}
"""STU3 `taken`; y and na leave the matter to the status."""
_ADHERENCE: Final[Mapping[str, State]] = {
    "taking": "current",
    "taking-as-directed": "current",
    "taking-not-as-directed": "current",
    "not-taking": "not-taken",
    "on-hold": "unknown",
    "on-hold-as-directed": "unknown",
    "on-hold-not-as-directed": "unknown",
    "stopped": "ended",
    "stopped-as-directed": "ended",
    "stopped-not-as-directed": "ended",
    "unknown": "unknown",
}
"""R5 adherence codes."""
_REQUEST: Final[Mapping[str, State]] = {
    "active": "current",
    "on-hold": "unknown",
    "cancelled": "not-taken",
    "completed": "ended",
    "ended": "ended",
    "stopped": "ended",
    "draft": "planned",
    "unknown": "unknown",
}
"""FHIR: a prescription is cancelled before anything was given, and stopped after it."""
_PROPOSED: Final = frozenset({"proposal", "option"})
_ADMINISTRATION: Final[Mapping[str, State]] = {
    "in-progress": "current",
    "not-done": "not-taken",
    "on-hold": "unknown",
    "completed": "ended",
    "stopped": "ended",
    "unknown": "unknown",
}
_DISPENSE: Final[Mapping[str, State]] = {
    "preparation": "planned",
    "in-progress": "planned",
    "cancelled": "not-taken",
    "declined": "not-taken",
    "on-hold": "unknown",
    "stopped": "ended",
    "unknown": "unknown",
}
"""`completed` is decided by how long the supply lasts."""
_LONGEST_SUPPLY: Final = 3660
"""Days; a greater number is damage."""


def use(resource: Said, reference: str, find: Find, at: datetime) -> MedicationUse | None:
    """The resource as a use of a medicine; None when it was entered in error."""
    if resource.status == "entered-in-error":
        return None
    course = _course(resource)
    what, ingredients = medicine(resource, find)
    return MedicationUse(
        reference,
        what,
        ingredients,
        course.source,
        _state_at(course, at),
        course.start,
        course.end,
        course.written,
        routes=all_coded(dosage.route for dosage in course.dosages if dosage.route),
        restricted=is_restricted(resource.meta),
    )


@dataclass(frozen=True, slots=True)
class _Course:
    """What a resource says of a medicine, besides which one it is."""

    source: Source
    state: State
    start: When | None
    end: When | None
    written: When | None = None
    dosages: Sequence[Dosage] = ()


def _course(resource: Said) -> _Course:
    match resource:
        case MedicationStatement():
            return _stated(resource)
        case MedicationRequest():
            return _requested(resource)
        case MedicationAdministration():
            return _administered(resource)
        case _:
            return _dispensed(resource)


def _stated(statement: MedicationStatement) -> _Course:
    state = _STATEMENT.get(statement.status, "unknown")
    adherence = words(statement.adherence.code) if statement.adherence else ()
    state = next((_ADHERENCE[code] for code in adherence if code in _ADHERENCE), state)
    state = _TAKEN.get(statement.taken, state)
    start, end = _taken_during(statement.effective_date_time, statement.effective_period, state)
    return _Course("reported", state, start, end, when(statement.date_asserted), statement.dosage)


def _requested(request: MedicationRequest) -> _Course:
    state = _REQUEST.get(request.status, "unknown")
    if request.intent in _PROPOSED:
        state = "planned"
    if request.do_not_perform:
        state = "not-taken"
    start, end = _bounds(request)
    return _Course(_asked_by(request), state, start, end, when(request.authored_on), request.dosage_instruction)


def _administered(administration: MedicationAdministration) -> _Course:
    state = "not-taken" if administration.not_given else _ADMINISTRATION.get(administration.status, "unknown")
    start, end = _taken_during(
        administration.effective_date_time or administration.occurence_date_time,
        administration.effective_period or administration.occurence_period,
        state,
    )
    dosages = (administration.dosage,) if administration.dosage else ()
    return _Course("administered", state, start, end, dosages=dosages)


def _dispensed(dispense: MedicationDispense) -> _Course:
    """A completed supply is taken until it is used up; nobody can say when no number of days is given."""
    start = when(dispense.when_handed_over or dispense.when_prepared)
    end = _used_up(start, dispense.days_supply)
    completed: State = "current" if end else "unknown"
    state = completed if dispense.status == "completed" else _DISPENSE.get(dispense.status, "unknown")
    return _Course("dispensed", state, start, end, dosages=dispense.dosage_instruction)


def _taken_during(moment: str, stretch: Period | None, state: State) -> tuple[When | None, When | None]:
    """Start and end. What is over and has one time only was taken at that time."""
    if stretch:
        return when(stretch.start), when(stretch.end)
    start = when(moment)
    return start, start if state == "ended" else None


def _asked_by(request: MedicationRequest) -> Source:
    """Reported when it says so or, left open, when its intent is a plan: so patients' own medicines are kept."""
    said = request.reported_boolean if request.reported_boolean is not None else request.reported
    if said or request.reported_reference or (said is None and request.intent == "plan"):
        return "reported"
    return "proposed" if request.intent in _PROPOSED or request.status == "draft" else "ordered"


def _bounds(request: MedicationRequest) -> tuple[When | None, When | None]:
    """From the first start to the last end of all dosages; without an end, the prescription's validity."""
    repeats = [dosage.timing.repeat for dosage in request.dosage_instruction if dosage.timing]
    periods = [request.effective_dose_period, *(repeat.bounds_period for repeat in repeats if repeat)]
    given = [one for one in periods if one]
    starts = [start for one in given if (start := when(one.start))]
    ends = [when(one.end) for one in given]
    known = [end for end in ends if end]
    start = min(starts, key=lambda one: one.earliest, default=None)
    if known and len(known) == len(ends):
        return start, max(known, key=lambda one: one.latest)
    validity = request.dispense_request and request.dispense_request.validity_period
    return start, when(validity.end) if validity and not known else None


def _used_up(start: When | None, supply: Quantity | None) -> When | None:
    days = quantity(supply)
    if start is None or days is None or not 0 < days.value <= _LONGEST_SUPPLY:
        return None
    later = timedelta(days=int(days.value))
    return When(start.earliest + later, start.latest + later, "day", zone_assumed=start.zone_assumed)


def _state_at(course: _Course, at: datetime) -> State:
    """The state, seen from now. A start without a zone may be a day off and is given that day."""
    if course.state != "current":
        return course.state
    if course.end and course.end.latest <= at:
        return "ended"
    grace = timedelta(days=1) if course.start and course.start.zone_assumed else timedelta()
    return "planned" if course.start and course.start.earliest > at + grace else "current"
