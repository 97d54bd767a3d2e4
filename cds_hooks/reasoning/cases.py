"""The cases beside each rule: small charts with the answer a clinician expects, and whether it comes out.

`pinpoint check`, the tests and the canaries of a running service read the same files. Time in cases is
fixed; ages and times are written as distances from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
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
from cds_hooks.errors import LibraryError
from cds_hooks.model.codes import Coding, Limits
from cds_hooks.model.criteria import Cause, Criterion, Demotion
from cds_hooks.model.findings import FindingRule, Measure
from cds_hooks.model.library import Library
from cds_hooks.model.orders import OrderBundle
from cds_hooks.model.results import GapReason, Match
from cds_hooks.model.truth import Span, Tier, Truth, When
from cds_hooks.reasoning.assess import assess, assess_cause, assess_demotion
from cds_hooks.reasoning.caution import firm
from cds_hooks.reasoning.codes import system_uri
from cds_hooks.reasoning.criteria import assess_criterion, judge_criterion
from cds_hooks.reasoning.library import data_root
from cds_hooks.reasoning.mapping import Findings, find
from cds_hooks.reasoning.orders import bundle_truth, proposed, rule_named, truth_in
from cds_hooks.reasoning.strict_yaml import build, read_document

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
_FOLDERS = (
    "mappings/findings",
    "knowledge/criteria",
    "knowledge/causes",
    "knowledge/demotions",
    "knowledge/orders",
)


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


@dataclass(frozen=True, slots=True)
class Case:
    """One expectation: a chart (`given`) or findings said directly, and the truth that must come out."""

    name: str
    expect: Truth
    given: tuple[Given, ...] | None = None
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    tier: Tier | None = None
    orders: tuple[str, ...] | None = None
    """For order bundles: the orders that must be proposed, and no others."""


@dataclass(frozen=True, slots=True)
class CaseFile:
    """All cases of one rule."""

    cases: tuple[Case, ...]


Rule = FindingRule | Criterion | Cause | Demotion | OrderBundle


@dataclass(frozen=True, slots=True)
class CaseReport:
    """How many cases were judged, and every fault found, as `file: case: what`."""

    judged: int
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Canary:
    """A rule with the cases that tell whether it still works."""

    rule: FindingRule | Criterion | Cause
    cases: tuple[Case, ...]


def check_cases(library: Library, root: Path | None = None) -> CaseReport:
    """All cases of all rules, and what each rule's cases must cover; faults in file order."""
    faults: list[str] = []
    judged = 0
    for rule, name, cases in rules_with_cases(library, root or data_root(), faults):
        judged += len(cases)
        faults += [f"{name}: {text}" for case in cases for text in _wrong(rule, case, library)]
        faults += [f"{name}: {text}" for text in _uncovered(rule, cases, library)]
    return CaseReport(judged, tuple(faults))


def canaries(library: Library, root: Path | None = None) -> tuple[Canary, ...]:
    """For each finding, and each active criterion and cause, a case that must fire and one that must not.

    A rule whose cases cannot be read has none, and so counts as turned: nobody can tell.
    """
    asked: tuple[tuple[FindingRule | Criterion | Cause, ...], ...] = (
        tuple(library.findings.values()),
        tuple(rule for rule in library.criteria.values() if rule.status == "active"),
        tuple(rule for rule in library.causes.values() if rule.status == "active"),
    )
    unread: list[str] = []
    found = {
        id(rule): cases
        for folder, rules in zip(
            _FOLDERS, asked, strict=False
        )  # no other cases are read: a service waits for this
        for rule, _, cases in _with_cases(rules, folder, root or data_root(), unread)
    }
    return tuple(Canary(rule, tuple(_one_of_each(found.get(id(rule), ())))) for rule in chain(*asked))


def has_turned(canary: Canary, library: Library) -> bool:
    """Whether the library no longer says of the canary's charts what it must."""
    return not canary.cases or any([*_wrong(canary.rule, case, library)] for case in canary.cases)


def _one_of_each(cases: Iterable[Case]) -> Iterator[Case]:
    """The first case that must fire and the first that must not; a chart is better than findings said directly."""
    for truth in (Truth.PRESENT, Truth.ABSENT):
        asked = sorted((case for case in cases if case.expect is truth), key=lambda case: case.given is None)
        yield from asked[:1]


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


# ---------------------------------------------------------------- judging


def rules_with_cases(
    library: Library, root: Path, faults: list[str]
) -> Iterator[tuple[Rule, str, tuple[Case, ...]]]:
    """Each rule with the name and the cases of its file, in file order; what cannot be read goes to `faults`."""
    rules: tuple[Mapping[str, Rule], ...] = (
        library.findings,
        library.criteria,
        library.causes,
        library.demotions,
        library.orders,
    )
    for folder, by_id in zip(_FOLDERS, rules, strict=True):
        yield from _with_cases(by_id.values(), folder, root, faults)


def _with_cases(
    rules: Iterable[Rule], folder: str, root: Path, faults: list[str]
) -> Iterator[tuple[Rule, str, tuple[Case, ...]]]:
    for rule in rules:
        name = f"{folder}/{rule.id}.cases.yaml"
        try:
            document = read_document(root / name, name)
            cases = build(document.value, CaseFile, document).cases
        except LibraryError as error:
            faults += error.faults
            continue
        yield rule, name, cases


def _wrong(rule: Rule, case: Case, library: Library) -> Iterator[str]:
    unknown = [*_unknown_names(case, library)]
    if unknown:
        yield f'case "{case.name}" names {", ".join(unknown)}, which the library does not know; mend the id'
        return
    if isinstance(rule, FindingRule):
        truth = find(chart_of(case.given or (), library), library, AT)[rule.id].truth
        if truth is not case.expect:
            yield f'case "{case.name}" expects {case.expect.value}, is {truth.value}'
        return
    if isinstance(rule, OrderBundle):
        yield from _wrong_orders(rule, case, library)
        return
    match = _match(rule, case, library)
    if match.truth is not case.expect:
        yield f'case "{case.name}" expects {case.expect.value}, is {match.truth.value}'
    elif case.tier is not None and match.tier is not case.tier:
        yield f'case "{case.name}" expects {case.tier.value}, is {match.tier.value if match.tier else "no tier"}'


def _wrong_orders(bundle: OrderBundle, case: Case, library: Library) -> Iterator[str]:
    truth_of = _said(case)
    if case.given is not None:
        findings = find(chart_of(case.given, library), library, AT)
        assessment = assess(findings, (), library, AT, truth_of=findings.truth_of, scores=lambda: ())
        truth_of = truth_in(assessment, library)
    truth = bundle_truth(bundle, truth_of)
    if truth is not case.expect:
        yield f'case "{case.name}" expects {case.expect.value}, is {truth.value}'
    names = proposed(bundle, truth_of)
    if case.orders is not None and names != case.orders:
        yield f'case "{case.name}" expects the orders {", ".join(case.orders)}; proposed: {", ".join(names)}'


def _match(rule: Criterion | Cause | Demotion, case: Case, library: Library) -> Match:
    """As `assess` judges it where the case gives a chart; said findings are taken as firm."""
    if case.given is not None:
        return _match_on_chart(rule, find(chart_of(case.given, library), library, AT), library)
    truth_of = _said(case)
    if isinstance(rule, Demotion):
        return assess_demotion(rule, truth_of)
    says_gate = library.card.gate in (*case.present, *case.absent)
    gate = truth_of(library.card.gate) if says_gate else Truth.PRESENT
    if isinstance(rule, Criterion):
        return assess_criterion(rule, truth_of, gate)
    return assess_cause(rule, truth_of, gate)


def _match_on_chart(rule: Criterion | Cause | Demotion, findings: Findings, library: Library) -> Match:
    truth_of = findings.truth_of
    if isinstance(rule, Demotion):
        return assess_demotion(rule, truth_of, firm(findings, truth_of), findings)
    gate = truth_of(library.card.gate)
    if isinstance(rule, Criterion):
        return judge_criterion(rule, findings, library, truth_of, gate)
    return assess_cause(rule, truth_of, gate)


def _said(case: Case) -> Callable[[str], Truth]:
    said = dict.fromkeys(case.present, Truth.PRESENT) | dict.fromkeys(case.absent, Truth.ABSENT)
    return lambda name: said.get(name, Truth.UNKNOWN)


def _unknown_names(case: Case, library: Library) -> Iterator[str]:
    for name in (*case.present, *case.absent):
        known = name in library.findings or rule_named(name, library) is not None
        if not known and not name.startswith("score:"):
            yield f"finding `{name}`"
    for item in case.given or ():
        for concept in (item.concept, item.medicine, item.answer, item.route, *item.sites):
            if concept and concept not in library.concepts:
                yield f"concept `{concept}`"
        yield from _unknown_states(item)


def _unknown_states(item: Given) -> Iterator[str]:
    if item.list and item.list not in _LISTS:
        yield f"list `{item.list}`"
    if (item.list and item.state not in _LIST_STATES) or (item.medicine and item.state not in _STATES):
        yield f"state `{item.state}`"


# ---------------------------------------------------------------- what cases must cover


def _uncovered(rule: Rule, cases: tuple[Case, ...], library: Library) -> Iterator[str]:
    seen = {case.expect for case in cases}
    certain = isinstance(rule, FindingRule) and rule.person is not None and _is_always_known(rule)
    for truth in Truth:
        if truth not in seen and not (certain and truth is Truth.UNKNOWN):
            yield f"no case is {truth.value}; write one"
    if isinstance(rule, FindingRule) and rule.measure is not None:
        yield from _missing_triples(rule.measure, cases)
    if isinstance(rule, Criterion):
        yield from _unreached_steps(rule, cases, library)


def _is_always_known(rule: FindingRule) -> bool:
    return rule.person is not None and (rule.person.deceased or rule.person.age_unknown)


def _missing_triples(measure: Measure, cases: tuple[Case, ...]) -> Iterator[str]:
    ranges = [band.is_ for band in measure.by_age] + ([measure.is_] if measure.is_ else [])
    values = [
        item.value for case in cases for item in case.given or () if item.value is not None and not item.comparator
    ]
    for bound in dict.fromkeys(bound for limits in ranges if not limits.of for bound in _bounds(limits)):
        near = max(abs(bound) * Decimal("0.05"), Decimal("0.11"))
        if bound not in values:
            yield f"no case at the limit {bound}; write one with exactly that value"
        if not any(bound - near <= value < bound for value in values):
            yield f"no case just below the limit {bound}; write one"
        if not any(bound < value <= bound + near for value in values):
            yield f"no case just above the limit {bound}; write one"


def _bounds(limits: Limits) -> Iterator[Decimal]:
    for bound in (limits.above, limits.at_least, limits.below, limits.at_most):
        if bound is not None:
            yield bound


def _unreached_steps(rule: Criterion, cases: tuple[Case, ...], library: Library) -> Iterator[str]:
    reached = {
        _match(rule, case, library).step
        for case in cases
        if case.expect is Truth.PRESENT and not [*_unknown_names(case, library)]
    }
    for index, step in enumerate(rule.tiers):
        if index not in reached:
            yield f"no case reaches tier step {index + 1} ({step.tier.value}); write one"


# ---------------------------------------------------------------- charts from cases


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
