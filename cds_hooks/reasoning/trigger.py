"""The trigger: what a chart must name, or which value it must hold, before any rule could be present.

Most rules stand behind the gate; each of the others needs a sign, an answer or a value in range. A chart
without all of these can make no rule present, whatever else it says: nothing more of it has to be worked out.
What is left open here (age, medicines, scores, visits, what must be absent) counts as if it were present.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

from cds_hooks.chart.record import Quantity
from cds_hooks.model.codes import Coding, Limits
from cds_hooks.model.criteria import Cause, Criterion, Hook
from cds_hooks.model.findings import FindingRule, Measure
from cds_hooks.model.library import Library
from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import All, AtLeast, Expression, NoneOf, ScoreAtLeast, Truth
from cds_hooks.reasoning import codes
from cds_hooks.reasoning.asked import is_asked
from cds_hooks.reasoning.codes import folded
from cds_hooks.reasoning.logic import parts_of
from cds_hooks.reasoning.text import read_text
from cds_hooks.reasoning.text_index import PhraseIndex, phrases_at, tokens_of
from cds_hooks.reasoning.values import canonical, compare

_ASPECT = "aspect"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A measured value that a rule asks for."""

    within: timedelta
    """How long it counts."""
    limits: Limits | None = None
    """Its range; None when any value may be what is asked for, as against a laboratory's own limit."""


def _counts_always(_within: timedelta) -> bool:
    return True


@dataclass(frozen=True, slots=True, eq=False)
class Trigger:
    """What wakes the rules of one hook."""

    library: Library = field(repr=False)
    signs: frozenset[str]
    """Concepts that wake them by being named, or by being reported with anything but a number."""
    ranges: Mapping[str, tuple[Wanted, ...]]
    """Concepts that wake them by a value in one of these ranges."""
    watched: frozenset[str]
    """Both."""
    terms: PhraseIndex[str]
    """What sentences call them."""

    def by_words(self, words: Sequence[str]) -> frozenset[str]:
        """The watched concepts that the wordings of one entry stand for, as whole texts and in sentences."""
        whole = {concept for text in words for concept in self.library.text_index.get(folded(text), ())}
        return self.watched.intersection(whole.union(*map(self._in_sentences, words)))

    def _in_sentences(self, text: str) -> Iterator[str]:
        """Concepts that its sentences name, or ask for; where no such term stands they need not be read."""
        stated = text.replace("?", " ")
        if self._has_term(tokens_of(stated)):
            yield from (named.concept for named in read_text(stated, self.library).named)

    def _has_term(self, tokens: tuple[str, ...]) -> bool:
        begun = (at for at, token in enumerate(tokens) if token in self.terms)
        return any(True for at in begun for _ in phrases_at(tokens, at, self.terms))

    def is_pulled(
        self,
        concepts: frozenset[str],
        value: Quantity | None,
        counts: Callable[[timedelta], bool] = _counts_always,
    ) -> bool:
        """Whether an entry that stands for these, with that value, could make a rule present or cannot be read.

        `counts` tells whether it is new enough for a rule that looks back so far.
        """
        return any(one in self.signs or self._may_be_in_range(one, value, counts) for one in concepts)

    def _may_be_in_range(self, concept: str, value: Quantity | None, counts: Callable[[timedelta], bool]) -> bool:
        asked = [wanted.limits for wanted in self.ranges[concept] if counts(wanted.within)]
        if value is None or None in asked:
            return bool(asked)
        found = canonical(value, self.library.concepts[concept], self.library)
        return isinstance(found, GapReason) or any(
            compare(found[0], value.comparator, limits) is not Truth.ABSENT
            for limits in asked
            if limits is not None
        )


@lru_cache(maxsize=20)
def trigger(library: Library, hook: Hook) -> Trigger | None:
    """What wakes the rules of this hook; None when a rule could be present on nothing that is looked at here.

    Worked out once for each library that is in use.
    """
    each = [_watch(condition, library) for condition in _standing_alone(library, hook)]
    if any(watched is None for watched in each):
        return None
    watched = frozenset[str]().union(*filter(None, each))
    rules = [library.findings[name] for name in sorted(watched)]
    named = {concept for rule in rules if rule.sign for concept in rule.sign.concepts}
    named |= {concept for rule in rules if rule.answer for concept in rule.answer.concepts}
    named |= {name for name, concept in library.concepts.items() if concept.kind == _ASPECT}
    named |= {wide for wide, narrower in library.hidden_by.items() if not named.isdisjoint(narrower)}
    ranges: dict[str, tuple[Wanted, ...]] = defaultdict(tuple)
    for rule in rules:
        for concept, wanted in _wanted(rule):
            ranges[concept] += (wanted,)
    both = frozenset(named | ranges.keys())
    return Trigger(library, frozenset(named), dict(ranges), both, _terms(both, library))


@lru_cache(maxsize=5000)
def by_code(system: str, code: str, wakes: Trigger) -> frozenset[str] | None:
    """The watched concepts that a code of an entry stands for; None when it is not known.

    Remembered from chart to chart, for hospitals use the same codes again and again.
    """
    found = codes.by_code(Coding(system.strip(), code.strip()), wakes.library)
    return wakes.watched.intersection(found) if found else None


def _standing_alone(library: Library, hook: Hook) -> Iterator[Expression]:
    """The gate, and the condition of each rule that does not stand behind it."""
    yield library.card.gate
    rules: list[Criterion | Cause] = [*library.criteria.values(), *library.causes.values()]
    for rule in rules:
        if is_asked(rule, hook) and not rule.needs_skin_bleeding:
            yield rule.when


def _watch(expression: Expression, library: Library) -> frozenset[str] | None:
    """Findings without which the expression cannot be present; None when it could be on any chart.

    Of parts that must hold together one will do: the one that wakes the rules least often for nothing.
    """
    if isinstance(expression, str):
        return _watch_finding(expression, library)
    if isinstance(expression, NoneOf | ScoreAtLeast):
        return None
    each = [_watch(part, library) for part in parts_of(expression)]
    known = [watched for watched in each if watched is not None]
    if isinstance(expression, All):
        return min(known, key=lambda watched: _effort(watched, library), default=None)
    needed = expression.at_least.count if isinstance(expression, AtLeast) else 1
    return frozenset[str]().union(*known) if len(each) - len(known) < needed else None


def _watch_finding(name: str, library: Library) -> frozenset[str] | None:
    rule = library.findings[name]
    if rule.when is not None:
        return _watch(rule.when, library)
    return frozenset({name}) if rule.sign or rule.measure or rule.answer or rule.trend else None


def _effort(watched: frozenset[str], library: Library) -> tuple[int, int]:
    """How often these would wake the rules for nothing: where any value does, very often."""
    rules = [library.findings[name] for name in watched]
    relative = sum(any(wanted.limits is None for _, wanted in _wanted(rule)) for rule in rules)
    signs = sum(len(rule.sign.concepts) for rule in rules if rule.sign)
    return relative, signs + len(rules)


def _terms(watched: frozenset[str], library: Library) -> PhraseIndex[str]:
    """Of the terms in sentences those that stand for one of these concepts."""
    index: dict[str, dict[int, dict[tuple[str, ...], tuple[str, ...]]]] = {}
    for word, by_length in library.text_terms.items():
        for length, phrases in by_length.items():
            meant = {term: concepts for term, concepts in phrases.items() if not watched.isdisjoint(concepts)}
            if meant:
                index.setdefault(word, {})[length] = meant
    return index


def _wanted(rule: FindingRule) -> Iterator[tuple[str, Wanted]]:
    """The values that a finding asks for, each with its concept."""
    if rule.measure is not None:
        for limits in _limits(rule.measure):
            yield rule.measure.concept, Wanted(rule.measure.within.exact(), None if limits.of else limits)
    if rule.trend is not None:
        yield rule.trend.concept, Wanted(rule.trend.latest_within.exact())


def _limits(measure: Measure) -> Iterator[Limits]:
    if measure.is_ is not None:
        yield measure.is_
    yield from (band.is_ for band in measure.by_age)
