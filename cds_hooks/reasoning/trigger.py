"""The trigger: what a chart must name, or which value it must hold, before any rule could be present.

Most rules stand behind the gate; each of the others needs a sign, an answer or a value in range. A chart
without all of these can make no rule present, whatever else it says: nothing more of it has to be worked out.
What is left open here (age, medicines, scores, visits, what must be absent) counts as if it were present.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias, cast

from cds_hooks.chart.record import Coded, Observed, Quantity
from cds_hooks.model import (
    All,
    AnyOf,
    AtLeast,
    Cause,
    Coding,
    Criterion,
    Expression,
    Hook,
    Library,
    Limits,
    Measure,
    Truth,
)
from cds_hooks.reasoning.codes import by_code, folded
from cds_hooks.reasoning.logic import SCORE_PREFIX, parts_of
from cds_hooks.reasoning.text import read_text
from cds_hooks.reasoning.text_index import tokens_of
from cds_hooks.reasoning.values import Reading, compare, reading

_ASPECT = "aspect"
Code: TypeAlias = tuple[str, str]
"""System as the chart writes it, and code."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What wakes the rules of one hook."""

    library: Library = field(repr=False)
    signs: frozenset[str]
    """Concepts that wake them by being named, or by being reported with anything but a number."""
    ranges: Mapping[str, tuple[Limits, ...]]
    """Concepts that wake them by a value in one of these ranges."""
    watched: frozenset[str]
    """Both."""

    def by_codes(self, codes: Iterable[Code]) -> frozenset[str] | None:
        """The concepts among those above that the codes stand for; None when no code is known."""
        index, found = self.library.code_index, list[str]()
        for system, code in codes:
            found += index.get((system, code)) or by_code(Coding(system, code), self.library)
        return self.watched.intersection(found) if found else None

    def by_words(self, words: Sequence[str]) -> frozenset[str]:
        """The same of the wordings of one entry without a known code, as whole texts and as sentences."""
        whole = {concept for text in words for concept in self.library.text_index.get(folded(text), ())}
        return self.watched.intersection(whole.union(*map(self._in_sentences, words[:1])))

    def _in_sentences(self, text: str) -> Iterator[str]:
        """Concepts that its sentences name; where no word begins a term they need not be read."""
        if not self.library.text_terms.keys().isdisjoint(tokens_of(text)):
            yield from (named.concept for named in read_text(text, self.library).named)

    def is_pulled(self, concepts: frozenset[str], value: Quantity | None) -> bool:
        """Whether an entry that stands for these, with that value, could make a rule present or cannot be read."""
        return value is None or any(one in self.signs or self._is_in_range(one, value) for one in concepts)

    def _is_in_range(self, concept: str, value: Quantity) -> bool:
        entry = Observed("", Coded(), value)
        item = reading(entry, self.library.concepts[concept], self.library)
        return not isinstance(item, Reading) or any(
            limits.of or compare(item.value, item.comparator, limits) is not Truth.ABSENT
            for limits in self.ranges[concept]
        )


@lru_cache(maxsize=20)
def trigger(library: Library, hook: Hook) -> Trigger | None:
    """What wakes the rules of this hook; None when a rule could be present on nothing that is looked at here.

    Worked out once for each library that is in use.
    """
    if any(_can_be(condition, library) for condition in _standing_alone(library, hook)):
        return None
    watched = frozenset().union(*(_watch(condition, library) for condition in _standing_alone(library, hook)))
    rules = [library.findings[name] for name in sorted(watched)]
    named = {concept for rule in rules if rule.sign for concept in rule.sign.concepts}
    named |= {concept for rule in rules if rule.answer for concept in rule.answer.concepts}
    named |= {name for name, concept in library.concepts.items() if concept.kind == _ASPECT}
    named |= {wide for wide, narrower in library.hidden_by.items() if not named.isdisjoint(narrower)}
    measures = [rule.measure for rule in rules if rule.measure]
    ranges = {one.concept: tuple(_limits(m for m in measures if m.concept == one.concept)) for one in measures}
    return Trigger(library, frozenset(named), ranges, frozenset(named | ranges.keys()))


def _standing_alone(library: Library, hook: Hook) -> Iterator[Expression]:
    """The gate, and the condition of each rule that does not stand behind it."""
    yield library.card.gate
    rules: list[Criterion | Cause] = [*library.criteria.values(), *library.causes.values()]
    for rule in rules:
        if rule.status in ("active", "silent") and hook in rule.hooks and not rule.needs_skin_bleeding:
            yield rule.when


def _can_be(expression: Expression, library: Library) -> bool:
    """Whether it could be present on a chart that names no sign and no result."""
    if isinstance(expression, str):
        return _finding_can_be(expression, library)
    if isinstance(expression, All):
        return all(_can_be(part, library) for part in expression.all)
    if isinstance(expression, AnyOf):
        return any(_can_be(part, library) for part in expression.any)
    if isinstance(expression, AtLeast):
        counted = expression.at_least
        return sum(_can_be(part, library) for part in counted.of) >= counted.count
    return True


def _finding_can_be(name: str, library: Library) -> bool:
    if name.startswith(SCORE_PREFIX):
        return True
    rule = library.findings[name]
    if rule.when is not None:
        return _can_be(rule.when, library)
    return rule.sign is None and rule.measure is None and rule.answer is None


def _watch(expression: Expression, library: Library) -> frozenset[str]:
    """Findings without which the expression cannot be present: of what must hold together one part will do."""
    if isinstance(expression, str):
        built_from = library.findings[expression].when
        return frozenset({expression}) if built_from is None else _watch(built_from, library)
    compound = cast("All | AnyOf | AtLeast", expression)  # the others could be present on any chart
    parts = [part for part in parts_of(compound) if not _can_be(part, library)]
    each = [_watch(part, library) for part in parts]
    if isinstance(expression, All):
        return min(each, key=lambda watched: _effort(watched, library))
    return frozenset().union(*each)


def _effort(watched: frozenset[str], library: Library) -> tuple[int, int]:
    """How often these would wake the rules for nothing: against a laboratory's own limit any value does."""
    rules = [library.findings[name] for name in watched]
    measures = (rule.measure for rule in rules if rule.measure)
    relative = sum(any(limits.of for limits in _limits([measure])) for measure in measures)
    signs = sum(len(rule.sign.concepts) for rule in rules if rule.sign)
    return relative, signs + len(rules)


def _limits(measures: Iterable[Measure]) -> Iterator[Limits]:
    for measure in measures:
        if measure.is_ is not None:
            yield measure.is_
        yield from (band.is_ for band in measure.by_age)
