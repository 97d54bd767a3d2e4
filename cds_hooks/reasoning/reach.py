"""reach: rules that could never speak, and publications that nothing rests on.

`pinpoint check` refuses the first. A case may say findings directly, and then nothing proves that a chart can
bring them about together; so for each such rule a chart is put together from the cases of the findings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, product
from pathlib import Path

from cds_hooks.model.citations import Cite
from cds_hooks.model.codes import Concept
from cds_hooks.model.criteria import Cause, Criterion
from cds_hooks.model.findings import FindingRule
from cds_hooks.model.library import Library
from cds_hooks.model.truth import All, AnyOf, AtLeast, Expression, Truth
from cds_hooks.reasoning.asked import ASSESSED, reached
from cds_hooks.reasoning.assess import assess_cause
from cds_hooks.reasoning.case_charts import AT, Given, chart_of
from cds_hooks.reasoning.cases import Case, rules_with_cases
from cds_hooks.reasoning.criteria import assess_criterion
from cds_hooks.reasoning.lint import concepts_of
from cds_hooks.reasoning.logic import names
from cds_hooks.reasoning.mapping import find

_CHARTS_OF_A_FINDING = 4
_CHARTS_OF_A_CASE = 60

_Charts = Mapping[str, list[tuple[Given, ...]]]
"""Finding -> the charts of its own cases that make it present."""


def faults(library: Library, root: Path) -> tuple[str, ...]:
    """Every criterion without a window, cause without support, and rule that no chart fires; in that order."""
    return (*_without_window(library), *_unsupported(library), *_unreached(library, root))


def citation_counts(library: Library) -> Counter[str]:
    """How many rules and prompts cite each publication; 0 for one that nothing rests on."""
    return Counter(source for cites in _all_citations(library) for source in {cite.source for cite in cites})


def _all_citations(library: Library) -> Iterator[tuple[Cite, ...]]:
    for rules in (library.findings, library.criteria, library.causes, library.scores, library.demotions):
        yield from (rule.citations for rule in rules.values())
    for bundle in library.orders.values():
        yield bundle.citations
        yield from (prompt.citations for prompt in bundle.prompts)
    if library.leaflet is not None:
        yield library.leaflet.citations


# ---------------------------------------------------------------- windows


def _without_window(library: Library) -> Iterator[str]:
    for rule in library.criteria.values():
        asked = [library.findings[name] for name in reached(names(rule.when), library) if name in library.findings]
        if not any(_has_window(finding) for finding in asked):
            yield f"{rule.id}: nothing it asks for has a window, so what is long over would count; give one"


def _has_window(rule: FindingRule) -> bool:
    """Whether the age of an entry matters. Measured values always have one."""
    if rule.sign is not None:
        return any((rule.sign.observed_within, rule.sign.problem_within, rule.sign.new_within))
    return any((rule.measure, rule.answer, rule.medication, rule.trend, rule.since))


# ---------------------------------------------------------------- support


def _unsupported(library: Library) -> Iterator[str]:
    for rule in library.causes.values():
        weight = sum(item.weight for item in rule.supports if _can_be(item.finding, library))
        if not _can_be(rule.when, library):
            yield f"{rule.id}: no chart can hold what it needs: its concepts have neither code nor text; add them"
        elif weight < rule.list_from:
            yield f"{rule.id}: what can speak for it weighs {weight}, less than its list_from; mend one of them"


def _can_be(rule: Expression, library: Library) -> bool:
    """Whether a chart can make it present, as far as codes and texts go."""
    match rule:
        case str():
            return rule not in library.findings or _can_be_found(library.findings[rule], library)
        case All(all=parts):
            return all(_can_be(part, library) for part in parts)
        case AnyOf(any=parts):
            return any(_can_be(part, library) for part in parts)
        case AtLeast(at_least=counted):
            return sum(_can_be(part, library) for part in counted.of) >= counted.count
    return True  # what must be absent, and a score: no text can forbid them


def _can_be_found(rule: FindingRule, library: Library) -> bool:
    if rule.when is not None:
        return _can_be(rule.when, library)
    read = [library.concepts[name] for name in concepts_of(rule) if name in library.concepts]
    return not read or any(map(_has_words, read))


def _has_words(concept: Concept) -> bool:
    return bool(concept.codes or concept.texts or concept.described)


# ---------------------------------------------------------------- charts


def _unreached(library: Library, root: Path) -> Iterator[str]:
    unread: list[str] = []
    charts: dict[str, list[tuple[Given, ...]]] = {}
    for rule, name, cases in rules_with_cases(library, root, unread):
        firing = [case for case in cases if case.expect is Truth.PRESENT]
        if isinstance(rule, FindingRule):
            charts[rule.id] = [case.given for case in firing if case.given is not None]
        elif isinstance(rule, Criterion | Cause) and rule.status in ASSESSED:
            together = (given for case in firing for given in _charts(case, charts, library))
            if not any(_fires(rule, given, library) for given in together):
                yield f"{name}: no chart fires it: its findings do not come together; write a case with `given`"


def _charts(case: Case, charts: _Charts, library: Library) -> Iterable[tuple[Given, ...]]:
    """The case's own chart, or charts put together from the cases of the findings that it says."""
    if case.given is not None:
        return (case.given,)
    said = dict.fromkeys((library.card.gate, *case.present))
    choices = [charts.get(name, [])[:_CHARTS_OF_A_FINDING] or [()] for name in said]
    together = (tuple(item for chart in chosen for item in chart) for chosen in product(*choices))
    return islice(together, _CHARTS_OF_A_CASE)


def _fires(rule: Criterion | Cause, given: tuple[Given, ...], library: Library) -> bool:
    truth_of = find(chart_of(given, library), library, AT).truth_of
    gate = truth_of(library.card.gate)
    match = (
        assess_criterion(rule, truth_of, gate)
        if isinstance(rule, Criterion)
        else assess_cause(rule, truth_of, gate)
    )
    return match.truth is Truth.PRESENT
