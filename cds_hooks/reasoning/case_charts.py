"""Charts as cases write them: each entry by its concept, ages and times as distances from one fixed instant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from cds_hooks.chart.record import (
    Coded,
    Event,
    Intolerance,
    Listing,
    ListRead,
    MedicationUse,
    Observed,
    Patient,
    PatientRecord,
    Problem,
    Quantity,
    Visit,
)
from cds_hooks.model.codes import Coding
from cds_hooks.model.library import Library
from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import Span, When
from cds_hooks.reasoning.codes import system_uri

AT = datetime(2026, 3, 18, 12, 0, tzinfo=UTC)
"""The instant at which every case is judged."""
_LISTS = (
    "Condition",
    "Observation",
    "MedicationStatement",
    "MedicationRequest",
    "Encounter",
    "Immunization",
    "Procedure",
    "AllergyIntolerance",
)
_LIST_STATES: Mapping[str, ListRead] = {
    "failed": ListRead(Listing.FAILED, reason=GapReason.FAILED),
    "incomplete": ListRead(Listing.INCOMPLETE, reason=GapReason.INCOMPLETE),
    "not-read": ListRead(Listing.NOT_READ, reason=GapReason.NOT_SUPPLIED),
}


@dataclass(frozen=True, slots=True)
class Given:
    """One chart entry of a case, written by its concept."""

    concept: str = ""
    value: Decimal | None = None
    unit: str = ""
    comparator: Literal["", "<", "<=", ">", ">="] = ""
    low: Decimal | None = None
    high: Decimal | None = None
    answer: str = ""
    value_text: str = ""
    interpretation: str = ""
    observed: bool | None = None
    problem: Literal["", "active", "inactive", "denied", "doubtful"] = ""
    visit: bool = False
    """With a concept: a visit reason. Alone: a visit that is over."""
    event: Literal["", "procedure", "vaccination", "report", "flag"] = ""
    """What was done or concluded; `observed: false` beside it: not done."""
    panel: str = ""
    """Entries with the same panel are parts of one observation."""
    days_ago: Decimal | None = None
    hours_ago: Decimal | None = None
    day_only: bool = False
    undated: bool = False
    recorded_hours_ago: Decimal | None = None
    sites: tuple[str, ...] = ()
    medicine: str = ""
    """Beside a problem: the medicine that its words name."""
    draft: bool = False
    """The medicine of an order that is being written; without `medicine` one that nobody can identify."""
    reaction: str = ""
    """An allergy to the medicine, with this concept as its reaction."""
    state: str = ""
    started_days_ago: Decimal | None = None
    ended_days_ago: Decimal | None = None
    route: str = ""
    source: Literal["ordered", "reported", "administered", "dispensed", "proposed"] = "reported"
    age: Span | None = None
    sex: Literal["", "female", "male"] = ""
    deceased: bool = False
    list: str = ""


def chart_of(given: Iterable[Given], library: Library, at: datetime = AT) -> PatientRecord:
    """The chart that a case describes; every list counts as read whole unless the case says otherwise."""
    items = tuple(given)
    lists = {name: ListRead(Listing.COMPLETE) for name in _LISTS}
    lists |= {item.list: _LIST_STATES[item.state] for item in items if item.list}
    return PatientRecord(
        patient=_patient(items, at),
        observed=tuple(_observed(n, item, library, at) for n, item in enumerate(items) if _is_observed(item)),
        problems=tuple(
            _problem(n, item, library, at) for n, item in enumerate(items) if item.problem or _is_reason(item)
        ),
        events=tuple(_event(n, item, library, at) for n, item in enumerate(items) if item.event),
        visits=tuple(_visit(n, item, at) for n, item in enumerate(items) if item.visit and not item.concept),
        medications=tuple(_medicine(n, item, library, at) for n, item in enumerate(items) if _is_medicine(item)),
        intolerances=tuple(_intolerance(n, item, library) for n, item in enumerate(items) if item.reaction),
        lists=lists,
    )


def unknown_words(given: Iterable[Given], library: Library) -> Iterator[str]:
    """What entries name that the library does not know, as "concept `word`"."""
    for item in given:
        for concept in (item.concept, item.medicine, item.answer, item.route, *item.sites):
            if concept and concept not in library.concepts:
                yield f"concept `{concept}`"
        yield from _unknown_states(item)


def _unknown_states(item: Given) -> Iterator[str]:
    if item.list and item.list not in _LISTS:
        yield f"list `{item.list}`"
    if (item.list and item.state not in _LIST_STATES) or (item.medicine and item.state not in _STATES):
        yield f"state `{item.state}`"


def _is_observed(item: Given) -> bool:
    return bool(item.concept) and not item.problem and not item.visit and not item.event


def _is_medicine(item: Given) -> bool:
    return item.draft or bool(item.medicine and not item.problem and not item.reaction)


def _is_reason(item: Given) -> bool:
    return item.visit and bool(item.concept)


def _event(number: int, item: Given, library: Library, at: datetime) -> Event:
    return Event(
        reference=f"{item.event.capitalize()}/case-{number}",
        what=_coded(item.concept, library),
        at=None if item.undated else _when(item, at),
        kind=item.event or "procedure",
        denied=item.observed is False,
        sites=tuple(_coded(site, library) for site in item.sites),
    )


def _visit(number: int, item: Given, at: datetime) -> Visit:
    return Visit(f"Encounter/case-{number}", start=_when(item, at), finished=True)


def _coded(concept_id: str, library: Library) -> Coded:
    concept = library.concepts[concept_id]
    if concept.codes:
        code = concept.codes[0]
        return Coded((Coding(system_uri(code.system), code.code),))
    return Coded(text=concept.texts[0] if concept.texts else concept.name)


def _observed(number: int, item: Given, library: Library, at: datetime) -> Observed:
    return Observed(
        reference=f"Observation/case-{item.panel or number}",
        what=_coded(item.concept, library),
        value=_value(item, library),
        at=None if item.undated else _when(item, at),
        interpretation=(item.interpretation,) if item.interpretation else (),
        sites=tuple(_coded(site, library) for site in item.sites),
        low=None if item.low is None else Quantity(item.low, item.unit),
        high=None if item.high is None else Quantity(item.high, item.unit),
    )


def _value(item: Given, library: Library) -> Quantity | Coded | str | bool | None:
    if item.value is not None:
        return Quantity(item.value, item.unit, item.comparator)
    if item.answer:
        return _coded(item.answer, library)
    return item.value_text or item.observed


def _problem(number: int, item: Given, library: Library, at: datetime) -> Problem:
    recorded = item.recorded_hours_ago
    return Problem(
        reference=f"Condition/case-{number}",
        what=_naming(item, library),
        state="inactive" if item.problem == "inactive" else "active",
        denied=item.problem == "denied",
        doubtful=item.problem == "doubtful",
        onset=None if item.undated else _when(item, at),
        recorded=None if recorded is None else _instant(at - timedelta(hours=float(recorded))),
        sites=tuple(_coded(site, library) for site in item.sites),
        source="visit" if item.visit else "problem",
    )


_STATES: Mapping[str, Literal["current", "ended", "not-taken", "planned", "unknown"]] = {
    "": "current",
    "current": "current",
    "ended": "ended",
    "not-taken": "not-taken",
    "planned": "planned",
    "unknown": "unknown",
}


def _medicine(number: int, item: Given, library: Library, at: datetime) -> MedicationUse:
    return MedicationUse(
        reference=f"MedicationStatement/case-{number}",
        what=_medicine_coded(item.medicine, library) if item.medicine else Coded(),
        source="proposed" if item.draft else item.source,
        state="planned" if item.draft else _STATES[item.state],
        start=_days_before(item.started_days_ago, at),
        end=_days_before(item.ended_days_ago, at),
        routes=(_coded(item.route, library),) if item.route else (),
        drafted=item.draft,
    )


def _intolerance(number: int, item: Given, library: Library) -> Intolerance:
    return Intolerance(
        f"AllergyIntolerance/case-{number}",
        (_medicine_coded(item.medicine, library),),
        (_coded(item.reaction, library),),
    )


def _naming(item: Given, library: Library) -> Coded:
    """The problem, with the name of a medicine in its words where the case gives one."""
    what = _coded(item.concept, library)
    if not item.medicine:
        return what
    return Coded(
        what.codings, f"{library.concepts[item.concept].name}, {library.concepts[item.medicine].texts[0]}"
    )


def _medicine_coded(ingredient_id: str, library: Library) -> Coded:
    """By a code that says nothing of the route, so that the case's own route decides."""
    concept = library.concepts[ingredient_id]
    for code in concept.codes:
        if not code.route:
            return Coded((Coding(system_uri(code.system), code.code),))
    return Coded(text=concept.texts[0] if concept.texts else concept.name)


def _days_before(days: Decimal | None, at: datetime) -> When | None:
    return None if days is None else _instant(at - timedelta(days=float(days)))


def _when(item: Given, at: datetime) -> When:
    ago = timedelta(days=float(item.days_ago or 0), hours=float(item.hours_ago or 0))
    moment = at - ago
    if not item.day_only:
        return _instant(moment)
    start = moment.replace(hour=0, minute=0)
    return When(start, start + timedelta(days=1), "day")


def _instant(moment: datetime) -> When:
    return When(moment, moment)


def _patient(items: tuple[Given, ...], at: datetime) -> Patient:
    age = next((item.age for item in items if item.age is not None), None)
    return Patient(
        born=None if age is None else _born(age, at),
        sex=next((item.sex for item in items if item.sex), ""),
        deceased=any(item.deceased for item in items),
    )


def _born(age: Span, at: datetime) -> When:
    """A birth day on which the patient has just completed the age."""
    day = at - timedelta(weeks=age.weeks, days=age.days)
    months = day.year * 12 + day.month - 1 - age.years * 12 - age.months
    start = day.replace(year=months // 12, month=months % 12 + 1, day=min(day.day, 28), hour=0)
    return When(start, start + timedelta(days=1), "day")
