"""What must hold across files before a library may be used: every id known, every claim cited, words that fit.

Each fault names file and line, the thing, and the mend. Whether the rules say the right thing is for
their cases (cases.py) and for a clinician.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

from cds_hooks.model.citations import Cite, Review
from cds_hooks.model.codes import Concept, Limits
from cds_hooks.model.criteria import Cause, Criterion, Demotion, Status
from cds_hooks.model.findings import FindingRule, Measure
from cds_hooks.model.library import Library
from cds_hooks.model.orders import OrderBundle
from cds_hooks.reasoning.asked import (
    asked_by,
    asked_by_cause,
    asked_by_criterion,
    asked_by_finding,
    asked_by_score,
)
from cds_hooks.reasoning.logic import SCORE_PREFIX, names, parsed_key
from cds_hooks.reasoning.order_lint import order_faults
from cds_hooks.reasoning.orders import asked_by_bundle
from cds_hooks.reasoning.page_lint import page_faults
from cds_hooks.reasoning.text_index import text_faults

SUMMARY_LIMIT = 139
"""CDS Hooks 2.0, card `summary`: fewer than 140 characters."""
SHORT_LIMIT = 40
LABEL_LIMIT = 60
_TESTS = ("sign", "measure", "answer", "medication", "trend", "since", "person", "when")
_SPEAKING: frozenset[Status] = frozenset({"active", "silent"})
_MOST_MONTHS_TO_REVIEW = 24

Places = Mapping[tuple[str, str], str]


def lint(library: Library, places: Places) -> tuple[str, ...]:
    """Every fault of the library, in file order; empty when it may be used."""
    faults = [
        *_concept_faults(library, places),
        *_finding_faults(library, places),
        *_criterion_faults(library, places),
        *_cause_faults(library, places),
        *_demotion_faults(library, places),
        *_ask_faults(library, places),
        *_score_faults(library, places),
        *order_faults(library, places),
        *page_faults(library),
        *text_faults(library),
        *_card_faults(library),
    ]
    return tuple(faults)


def unused_findings(library: Library) -> tuple[str, ...]:
    """Findings that no rule, no other finding and not the library's own card asks for, in alphabetical order."""
    used = {library.card.gate, *library.card.silent_when}
    used |= {name for rule in library.findings.values() for name in asked_by_finding(rule)}
    for criterion in library.criteria.values():
        used |= set(asked_by_criterion(criterion))
    for cause in library.causes.values():
        used |= set(asked_by_cause(cause))
    for score in library.scores.values():
        used |= set(asked_by_score(score))
    for demotion in library.demotions.values():
        used |= {*names(demotion.when), *names(demotion.never_when)}
    for bundle in library.orders.values():
        used |= set(asked_by_bundle(bundle))
    for ask in library.asks.values():
        used |= set(names(ask.when)) if ask.when is not None else set()
    return tuple(sorted(set(library.findings) - used))


def reviews_due(library: Library, today: date) -> tuple[str, ...]:
    """Signed rules whose review is overdue, or was signed by its own author, or lies too far ahead."""
    faults = []
    rules: list[FindingRule | Criterion | Cause | Demotion | OrderBundle] = [*library.findings.values()]
    rules += [*library.criteria.values(), *library.causes.values(), *library.demotions.values()]
    rules += library.orders.values()
    for rule in rules:
        if isinstance(rule.review, Review):
            faults += [f"{rule.id}: {text}" for text in _review_faults(rule.review, today)]
    return tuple(faults)


def _concept_faults(library: Library, places: Places) -> Iterator[str]:
    for concept in library.concepts.values():
        at = _place(places, "mappings/concepts", concept.id)
        if concept.kind in ("lab", "vital") and concept.plausible is None and concept.unit:
            yield f"{at}: `{concept.id}` has a unit but no `plausible` window; write min and max"
        for text in concept.texts:
            if not any(letter.isalnum() for letter in text) and concept.kind != "answer":
                yield f"{at}: `{concept.id}` has a text without a letter; take it out"
        for other in (*concept.hides, *concept.sites, *_described_by(concept)):
            if other not in library.concepts:
                yield f"{at}: `{concept.id}` names the unknown concept `{other}`; mend the id"
        yield from _description_faults(concept, at, library)


def _described_by(concept: Concept) -> Iterator[str]:
    for description in concept.described:
        yield from (*description.says, *description.denies, *description.unless)
        for part in description.parts:
            yield from (part.aspect, *part.answers)


def _description_faults(concept: Concept, at: str, library: Library) -> Iterator[str]:
    """A part must be able to tell: an aspect, with a word or a bound in the aspect's own unit."""
    for part in (part for description in concept.described for part in description.parts):
        aspect = library.concepts.get(part.aspect)
        if aspect is None:
            continue
        if aspect.kind != "aspect":
            yield f"{at}: `{concept.id}` is described by `{aspect.id}`, which is no aspect; set `kind: aspect`"
        if not part.answers and (part.is_ is None or not _bounded(part.is_)):
            yield f"{at}: `{concept.id}` needs answers or a range for `{aspect.id}`"
        if part.is_ is not None and part.is_.unit != aspect.unit:
            yield f"{at}: `{concept.id}` measures `{aspect.id}` in another unit than its `{aspect.unit}`"


def _finding_faults(library: Library, places: Places) -> Iterator[str]:
    for rule in library.findings.values():
        at = _place(places, "mappings/findings", rule.id)
        tests = [test for test in _TESTS if getattr(rule, test) is not None]
        if len(tests) != 1:
            yield f"{at}: needs exactly one of {', '.join(_TESTS)}, has {len(tests)}; keep one"
        for concept in concepts_of(rule):
            if concept not in library.concepts:
                yield f"{at}: unknown concept `{concept}`; write it in mappings/concepts or mend the id"
        for name in asked_by_finding(rule):
            yield from _unknown_name(name, at, library)
        yield from _unit_faults(rule, at, library)
        yield from _trend_faults(rule, at, library)
        yield from _unknown_groups(rule, at, library)
        if rule.medication is not None and rule.medication.blamed_for and not rule.medication.proposed:
            yield f"{at}: `blamed_for` looks at what is being ordered; write `proposed: true` beside it"
        yield from _citation_faults(rule.citations, at, library)
    yield from _cycles(library, places)


def _criterion_faults(library: Library, places: Places) -> Iterator[str]:
    for rule in library.criteria.values():
        at = _place(places, "knowledge/criteria", rule.id)
        yield from _unknown_findings(asked_by_criterion(rule), at, library)
        yield from _source_faults(rule, at, library)
        if rule.group not in library.card.groups:
            yield f"{at}: unknown group `{rule.group}`; use one of {', '.join(library.card.groups)}"
        if not rule.tiers:
            yield f"{at}: has no tier; write `tiers: [{{tier: …}}]`"
        yield from _wording_faults(rule, at)
        for choice in (*(u.choice for u in rule.unless), *(step.choice for step in rule.tiers)):
            if choice and choice not in library.choices:
                yield f"{at}: unknown choice `{choice}`; write it in knowledge/choices.yaml"


def _wording_faults(rule: Criterion, at: str) -> Iterator[str]:
    for summary in (rule.summary, *(step.summary for step in rule.tiers)):
        if len(summary) > SUMMARY_LIMIT:
            yield f"{at}: summary has {len(summary)} characters, at most {SUMMARY_LIMIT} fit; say it shorter"


def _source_faults(rule: Criterion | Cause, at: str, library: Library) -> Iterator[str]:
    yield from _citation_faults(rule.citations, at, library)
    if not rule.citations and rule.status in _SPEAKING:
        yield f"{at}: has no citation; cite what was read or set `status: draft`"


def _cause_faults(library: Library, places: Places) -> Iterator[str]:
    for rule in library.causes.values():
        at = _place(places, "knowledge/causes", rule.id)
        yield from _unknown_findings(asked_by_cause(rule), at, library)
        yield from _source_faults(rule, at, library)
        if len(rule.short) > SHORT_LIMIT:
            yield f"{at}: short has {len(rule.short)} characters, at most {SHORT_LIMIT} fit; say it shorter"


def _demotion_faults(library: Library, places: Places) -> Iterator[str]:
    for rule in library.demotions.values():
        at = _place(places, "knowledge/demotions", rule.id)
        yield from _unknown_findings((*names(rule.when), *names(rule.never_when)), at, library)
        yield from _citation_faults(rule.citations, at, library)
        if not rule.citations and rule.choice not in library.choices:
            yield f"{at}: rests on nothing; cite what was read or name its `choice` of knowledge/choices.yaml"
        if len(rule.summary) > SUMMARY_LIMIT:
            yield f"{at}: summary has {len(rule.summary)} characters, at most {SUMMARY_LIMIT} fit; say it shorter"
        known = {*library.criteria, *library.causes, *library.card.groups}
        for name in (*rule.criteria, *rule.causes, *rule.groups):
            if name not in known:
                yield f"{at}: lowers `{name}`, which is no criterion, cause or group; mend the id"


def _ask_faults(library: Library, places: Places) -> Iterator[str]:
    """An ask that no rule can need would never be shown, and one asked twice would be shown twice."""
    needed = {rule.settle for rule in library.findings.values()}
    items = [item for score in library.scores.values() for item in score.items]
    needed |= {item.settle for item in items} | {scale.settle for item in items for scale in item.scales}
    seen: set[str] = set()
    for ask in library.asks.values():
        at = places.get(("knowledge/asks.yaml", ask.id), "knowledge/asks.yaml:1")
        yield from _unknown_findings(names(ask.when) if ask.when is not None else (), at, library)
        for text in ask.settles:
            if text in seen or text not in needed:
                fault = "stands twice; keep one" if text in seen else "is no `settle` of a finding; mend the words"
                yield f"{at}: `{text}` {fault}"
            seen.add(text)


def _score_faults(library: Library, places: Places) -> Iterator[str]:
    for rule in library.scores.values():
        at = _place(places, "knowledge/scores", rule.id)
        yield from _unknown_findings(asked_by_score(rule), at, library)
        yield from _citation_faults(rule.citations, at, library)
        if not rule.citations:
            yield f"{at}: has no citation; cite the publication of the score"
        for item in rule.items:
            if item.concept and item.concept not in library.concepts:
                yield f"{at}: item `{item.name}` reads the unknown concept `{item.concept}`; mend the id"
            if sum((bool(item.bands), bool(item.options), bool(item.judged_up_to))) != 1:
                yield f"{at}: item `{item.name}` needs exactly one of bands, options, judged_up_to"
            if item.scales and not item.bands:
                yield f"{at}: item `{item.name}` has `scales` without `bands`; write its own bands too"


def _card_faults(library: Library) -> Iterator[str]:
    if library.card.gate not in library.findings:
        yield f"knowledge/library.yaml:1: unknown gate `{library.card.gate}`; write the id of a finding"
    yield from _unknown_findings(library.card.silent_when, "knowledge/library.yaml:1", library)
    for citation in library.citations.values():
        if not citation.url.startswith("https://"):
            yield f"knowledge/citations.yaml:1: `{citation.id}` needs an https url"
        if len(citation.label) > LABEL_LIMIT:
            yield f"knowledge/citations.yaml:1: label of `{citation.id}` is longer than {LABEL_LIMIT} characters"


def concepts_of(rule: FindingRule) -> tuple[str, ...]:
    """Concepts a finding rule reads, answers and ingredients included."""
    if rule.sign is not None:
        return rule.sign.concepts
    if rule.measure is not None:
        return (rule.measure.concept,)
    if rule.answer is not None:
        return (*rule.answer.concepts, *rule.answer.is_)
    if rule.medication is not None:
        return (*rule.medication.ingredients, *rule.medication.routes, *rule.medication.blamed_for)
    if rule.trend is not None:
        return (rule.trend.concept,)
    return rule.since.concepts if rule.since is not None else ()


def _unknown_groups(rule: FindingRule, at: str, library: Library) -> Iterator[str]:
    """Regions, classes and mechanisms that no concept belongs to: the test could never hold."""
    concepts = library.concepts.values()
    if rule.sign is not None and rule.sign.sites is not None:
        regions = {part for concept in concepts for part in concept.parts}
        yield from _strays((*rule.sign.sites.any, *rule.sign.sites.only), regions, "region", at)
    if rule.medication is not None:
        yield from _strays(rule.medication.classes, {c for k in concepts for c in k.classes}, "class", at)
        yield from _strays(
            rule.medication.mechanisms, {m for k in concepts for m in k.mechanisms}, "mechanism", at
        )


def _strays(wanted: Iterable[str], known: set[str], kind: str, at: str) -> Iterator[str]:
    for name in wanted:
        if name not in known:
            yield f"{at}: no concept belongs to the {kind} `{name}`; mend the name"


def _unit_faults(rule: FindingRule, at: str, library: Library) -> Iterator[str]:
    if rule.measure is None or rule.measure.concept not in library.concepts:
        return
    concept = library.concepts[rule.measure.concept]
    ranges = [band.is_ for band in rule.measure.by_age]
    ranges += [rule.measure.is_] if rule.measure.is_ is not None else []
    if not ranges:
        yield f"{at}: measure needs `is` or `by_age`"
    for limits in ranges:
        if not limits.of and limits.unit != concept.unit:
            yield f"{at}: unit `{limits.unit}` is not the concept's `{concept.unit}`; write the limit in that unit"
        if not _bounded(limits):
            yield f"{at}: a range needs one of above, at_least, below, at_most"
    yield from _guard_faults(rule.measure, at)


def _guard_faults(measure: Measure, at: str) -> Iterator[str]:
    if measure.guard is None:
        return
    bounds = tuple(bounds_of(measure.is_).values()) if measure.is_ is not None else ()
    if len(bounds) != 1:
        yield f"{at}: a guard needs an `is` with one bound; take the guard out"
    elif not measure.guard.min <= bounds[0] <= measure.guard.max:
        yield f"{at}: our own bound {bounds[0]} lies outside its guard; mend min or max"


def bounds_of(limits: Limits) -> Mapping[str, Decimal]:
    """The bounds that a range has, by their names in the files."""
    named = {
        "above": limits.above,
        "at_least": limits.at_least,
        "below": limits.below,
        "at_most": limits.at_most,
    }
    return {name: bound for name, bound in named.items() if bound is not None}


def _trend_faults(rule: FindingRule, at: str, library: Library) -> Iterator[str]:
    if rule.trend is None or rule.trend.concept not in library.concepts:
        return
    units = ("%", library.concepts[rule.trend.concept].unit)
    if rule.trend.by.unit not in units or not _bounded(rule.trend.by):
        yield f"{at}: `by` needs a bound, in % or in {units[1]}"


def _bounded(limits: Limits) -> bool:
    return bool(bounds_of(limits))


def _citation_faults(citations: Iterable[Cite], at: str, library: Library) -> Iterator[str]:
    for cite in citations:
        if cite.source not in library.citations:
            yield f"{at}: unknown citation `{cite.source}`; write it in knowledge/citations.yaml or mend the id"


def _unknown_findings(asked: Iterable[str], at: str, library: Library) -> Iterator[str]:
    for name in dict.fromkeys(asked):
        yield from _unknown_name(name, at, library)


def _unknown_name(name: str, at: str, library: Library) -> Iterator[str]:
    if name.startswith(SCORE_PREFIX):
        score_id, _ = parsed_key(name)
        if score_id not in library.scores:
            yield f"{at}: unknown score `{score_id}`; write knowledge/scores/{score_id}.yaml or mend the id"
    elif name not in library.findings:
        yield f"{at}: unknown finding `{name}`; write mappings/findings/{name}.yaml or mend the id"


def _cycles(library: Library, places: Places) -> Iterator[str]:
    done: set[str] = set()
    for start in library.findings:
        for name in _on_a_cycle(start, library, done, ()):
            yield f"{_place(places, 'mappings/findings', name)}: `{name}` is built from itself; break the circle"


def _on_a_cycle(name: str, library: Library, done: set[str], above: tuple[str, ...]) -> Iterator[str]:
    if name in above:
        yield name
        return
    if name in done:
        return
    for asked in asked_by(name, library):
        yield from _on_a_cycle(asked, library, done, (*above, name))
    done.add(name)


def _review_faults(review: Review, today: date) -> Iterator[str]:
    if review.by == review.checked_by:
        yield "was checked by its own author; another clinician must sign"
    due = date.fromisoformat(review.next)
    if due < today:
        yield "its review is overdue; have it reviewed or set `review: pending`"
    if (due.year - today.year) * 12 + due.month - today.month > _MOST_MONTHS_TO_REVIEW:
        yield f"its next review lies more than {_MOST_MONTHS_TO_REVIEW} months ahead; bring it nearer"


def _place(places: Places, folder: str, name: str) -> str:
    return places.get((folder, name), f"{folder}/{name}.yaml:1")
