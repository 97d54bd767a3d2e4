"""The cases beside each rule: small charts with the answer a clinician expects, and whether it comes out.

`pinpoint check`, the tests and the canaries of a running service read the same files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from pathlib import Path

from cds_hooks.errors import LibraryError
from cds_hooks.model.codes import Limits
from cds_hooks.model.criteria import Cause, Criterion, Demotion
from cds_hooks.model.findings import FindingRule, Measure
from cds_hooks.model.library import Library
from cds_hooks.model.orders import OrderBundle
from cds_hooks.model.results import Match
from cds_hooks.model.truth import Tier, Truth
from cds_hooks.reasoning.assess import assess, assess_cause, assess_demotion
from cds_hooks.reasoning.case_charts import AT, Given, chart_of, unknown_words
from cds_hooks.reasoning.caution import firm
from cds_hooks.reasoning.criteria import assess_criterion, judge_criterion
from cds_hooks.reasoning.library import data_root
from cds_hooks.reasoning.mapping import Findings, find
from cds_hooks.reasoning.orders import bundle_truth, proposed, rule_named, truth_in
from cds_hooks.reasoning.strict_yaml import build, read_document

_FOLDERS = (
    "mappings/findings",
    "knowledge/criteria",
    "knowledge/causes",
    "knowledge/demotions",
    "knowledge/orders",
)


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


def holds(library: Library, rule_id: str) -> bool:
    """Whether a finding, criterion or cause is there at all; a site switches rules off, and takes none out."""
    return any(rule_id in rules for rules in (library.findings, library.criteria, library.causes))


def _one_of_each(cases: Iterable[Case]) -> Iterator[Case]:
    """The first case that must fire and the first that must not; a chart is better than findings said directly."""
    for truth in (Truth.PRESENT, Truth.ABSENT):
        asked = sorted((case for case in cases if case.expect is truth), key=lambda case: case.given is None)
        yield from asked[:1]


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
        return judge_criterion(rule, findings, library, truth_of, gate, firmly=firm(findings, truth_of))
    return assess_cause(rule, truth_of, gate)


def _said(case: Case) -> Callable[[str], Truth]:
    said = dict.fromkeys(case.present, Truth.PRESENT) | dict.fromkeys(case.absent, Truth.ABSENT)
    return lambda name: said.get(name, Truth.UNKNOWN)


def _unknown_names(case: Case, library: Library) -> Iterator[str]:
    for name in (*case.present, *case.absent):
        known = name in library.findings or rule_named(name, library) is not None
        if not known and not name.startswith("score:"):
            yield f"finding `{name}`"
    yield from unknown_words(case.given or (), library)


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
