"""Procedures, vaccinations, coded conclusions of reports and alerts as the record's events.

Only FHIR's statuses are judged. What was begun counts, even when it was stopped: blood from half a bag was
given. What is planned or in error is no event; what was not done is kept as denied. The words of a report
and the documents attached to it are never read.
Source: FHIR R4 4.0.1, Procedure, Immunization, DiagnosticReport, Flag; R5 5.0.0; STU3 3.0.2 (notDone,
notGiven, codedDiagnosis).
"""

from __future__ import annotations

from typing import Final

from cds_hooks.chart.record import Event
from cds_hooks.chart.shapes import DiagnosticReport, Flag, Immunization, Procedure
from cds_hooks.chart.times import period, when
from cds_hooks.chart.values import all_coded, coded, is_restricted

_BEGUN: Final = frozenset({"completed", "in-progress", "stopped", "aborted", ""})
"""`aborted` is STU3's word for stopped; a sender without a status has at least filed it as a procedure."""
_NOT_DONE: Final = "not-done"
_FINAL: Final = frozenset({"final", "amended", "corrected", "appended"})
_NO_REPORT: Final = frozenset({"entered-in-error", "cancelled", "registered"})


def procedure(resource: Procedure, reference: str) -> Event | None:
    """The Procedure as an event, denied when it was not done; None when it is planned, on hold or in error."""
    denied = resource.status == _NOT_DONE or (resource.status in _BEGUN and bool(resource.not_done))
    if not denied and resource.status not in _BEGUN:
        return None
    return Event(
        reference,
        coded(resource.code),
        when(resource.performed_date_time or resource.occurrence_date_time)
        or period(resource.performed_period or resource.occurrence_period),
        "procedure",
        denied=denied,
        categories=all_coded((resource.category,)) if resource.category else (),
        sites=all_coded(resource.body_site),
        restricted=is_restricted(resource.meta),
    )


def vaccination(resource: Immunization, reference: str) -> Event | None:
    """The Immunization as an event, denied when it was not given; None when it is neither done nor not done."""
    denied = resource.status == _NOT_DONE or (resource.status == "completed" and bool(resource.not_given))
    if not denied and resource.status != "completed":
        return None
    return Event(
        reference,
        coded(resource.vaccine_code),
        when(resource.occurrence_date_time or resource.date),
        "vaccination",
        denied=denied,
        restricted=is_restricted(resource.meta),
    )


def conclusions(report: DiagnosticReport, reference: str) -> tuple[Event, ...]:
    """One event for each coded conclusion; none when the report is void or only announced."""
    if report.status in _NO_REPORT:
        return ()
    at = when(report.effective_date_time) or period(report.effective_period) or when(report.issued)
    return tuple(
        Event(
            reference,
            what,
            at,
            "report",
            preliminary=report.status not in _FINAL,
            restricted=is_restricted(report.meta),
        )
        for what in all_coded((*report.conclusion_code, *report.coded_diagnosis))
    )


def alert(flag: Flag, reference: str) -> Event | None:
    """The Flag as an event dated by its start; None when it is not active."""
    if flag.status != "active":
        return None
    start = when(flag.period.start) if flag.period else None
    return Event(reference, coded(flag.code), start, "flag", restricted=is_restricted(flag.meta))
