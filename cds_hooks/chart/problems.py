"""Conditions and the reasons of visits as problems, and Encounters as visits.

Only FHIR's statuses are judged: what is in error is no entry, what is refuted is kept as denied.
A problem may contradict itself: con-4 forbids to be active and abated.
Source: FHIR R4 4.0.1, Condition (con-4) and Encounter; R5 5.0.0; STU3 3.0.2.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from cds_hooks.chart.record import Problem, Visit
from cds_hooks.chart.shapes import Condition, Encounter
from cds_hooks.chart.times import at_age, period, when
from cds_hooks.chart.values import all_coded, coded, is_restricted, quantity, words
from cds_hooks.model.truth import When

_ACTIVE: Final = frozenset({"active", "recurrence", "relapse"})
_INACTIVE: Final = frozenset({"inactive", "remission", "resolved"})
_PROVISIONAL: Final = frozenset({"unconfirmed", "provisional"})
_NO_VISIT: Final = frozenset({"entered-in-error", "cancelled"})
_OVER: Final = frozenset({"finished", "completed", "discharged", "discontinued"})


def problem(condition: Condition, reference: str, born: When | None, at: datetime) -> Problem | None:
    """The Condition as a problem; None when it was entered in error. `born` turns an age into a date.

    An end that lies ahead of `at` is none yet.
    """
    verification = words(condition.verification_status)
    if "entered-in-error" in verification or "entered-in-error" in words(condition.clinical_status):
        return None
    ended = _end(condition, born)
    is_yet_to_end = ended is not None and ended.earliest > at
    return Problem(
        reference,
        coded(condition.code),
        _state(condition, has_abated=_has_abated(condition) and not is_yet_to_end),
        denied="refuted" in verification,
        doubtful="differential" in verification,
        provisional=not _PROVISIONAL.isdisjoint(verification),
        onset=when(condition.onset_date_time)
        or period(condition.onset_period)
        or at_age(born, quantity(condition.onset_age)),
        recorded=when(condition.recorded_date or condition.asserted_date),
        ended=None if is_yet_to_end else ended,
        sites=all_coded(condition.body_site),
        restricted=is_restricted(condition.meta),
    )


def visit(encounter: Encounter, reference: str) -> Visit | None:
    """The Encounter as a visit; None when it was cancelled or entered in error."""
    if encounter.status in _NO_VISIT:
        return None
    kind = next(iter(words(encounter.kind)), "")
    return Visit(reference, kind, *stay(encounter), finished=encounter.status in _OVER)


def stay(encounter: Encounter) -> tuple[When | None, When | None]:
    """Start and end of the visit."""
    stretch = encounter.period or encounter.actual_period
    return (when(stretch.start), when(stretch.end)) if stretch else (None, None)


def reasons(encounter: Encounter, of: Visit) -> tuple[Problem, ...]:
    """One problem for each reason of the visit, dated by its start: how old it is decides what it is worth."""
    concepts = [*encounter.reason_code, *encounter.reason]
    concepts += [concept for reason in encounter.reason for concept in reason.value]
    return tuple(
        Problem(
            of.reference,
            what,
            "active",
            onset=of.start,
            recorded=of.start,
            source="visit",
            restricted=is_restricted(encounter.meta),
        )
        for what in all_coded(concepts)
    )


def _end(condition: Condition, born: When | None) -> When | None:
    stretch, age = condition.abatement_period, condition.abatement_age
    return when(condition.abatement_date_time) or period(stretch) or at_age(born, quantity(age))


def _state(
    condition: Condition, *, has_abated: bool
) -> Literal["active", "inactive", "contradictory", "unstated"]:
    status = words(condition.clinical_status)
    is_active, is_over = not _ACTIVE.isdisjoint(status), has_abated or not _INACTIVE.isdisjoint(status)
    if is_active and is_over:
        return "contradictory"
    return "active" if is_active else "inactive" if is_over else "unstated"


def _has_abated(condition: Condition) -> bool:
    """Whether any abatement is recorded. Only `abatementBoolean: false` says that there was none."""
    return bool(
        condition.abatement_boolean
        or condition.abatement_date_time
        or condition.abatement_date_time_is_missing
        or condition.abatement_string
        or condition.abatement_period
        or condition.abatement_age
        or condition.abatement_range
    )
