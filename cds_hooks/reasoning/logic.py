"""Three-valued logic over findings: truth, what an answer rests on, and what would settle it.

Kleene's strong logic. Settling an unknown never overturns an answer already given, so a rule that
speaks keeps speaking as a chart fills up. There is no operator that treats unknown as absent; where a
recorded explanation may excuse a rule, the rule has `unless`, and that must be present (assess.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from cds_hooks.model.truth import All, AnyOf, AtLeast, Counted, Expression, NoneOf, ScoreAtLeast, Truth

TruthOf: TypeAlias = Callable[[str], Truth]
"""Truth of a finding by id. A score is asked for as `score:<id>:<limit>`."""


SCORE_PREFIX = "score:"


def truth(expression: Expression, truth_of: TruthOf) -> Truth:
    """Truth of the expression, given the truth of each finding it names."""
    if isinstance(expression, str):
        return truth_of(expression)
    if isinstance(expression, All):
        return _all(expression.all, truth_of)
    if isinstance(expression, AnyOf):
        return _any(expression.any, truth_of)
    if isinstance(expression, NoneOf):
        return negation(_any(expression.none, truth_of))
    if isinstance(expression, AtLeast):
        return _at_least(expression.at_least, truth_of)
    return truth_of(score_key(expression.score.id, expression.score.at_least))


def all_of(values: Iterable[Truth]) -> Truth:
    """Kleene's `and`: ABSENT when any is, else UNKNOWN when any is; PRESENT of none at all."""
    answer = Truth.PRESENT
    for value in values:
        if value is Truth.ABSENT:
            return Truth.ABSENT
        if value is Truth.UNKNOWN:
            answer = Truth.UNKNOWN
    return answer


def relied_on(expression: Expression, truth_of: TruthOf) -> tuple[str, ...]:
    """Findings that make the expression what it is, in the order written, without repeats.

    Empty while the expression is unknown. Of an `any` only the parts that are present count.
    """
    return tuple(dict.fromkeys(_relied_on(expression, truth_of)))


def would_settle(expression: Expression, truth_of: TruthOf) -> tuple[str, ...]:
    """Unknown findings whose answer could still change the expression; empty once it is decided."""
    found: dict[str, None] = {}
    _add_open((expression,), truth_of, found)
    return tuple(found)


def names(expression: Expression) -> Iterator[str]:
    """Every finding the expression names, in the order written; scores by their key."""
    if isinstance(expression, str):
        yield expression
    elif isinstance(expression, ScoreAtLeast):
        yield score_key(expression.score.id, expression.score.at_least)
    else:
        for part in parts_of(expression):
            yield from names(part)


def parts_of(expression: All | AnyOf | NoneOf | AtLeast) -> tuple[Expression, ...]:
    """The operands of a compound expression."""
    if isinstance(expression, All):
        return expression.all
    if isinstance(expression, AnyOf):
        return expression.any
    return expression.none if isinstance(expression, NoneOf) else expression.at_least.of


def score_key(score_id: str, limit: int) -> str:
    """The name under which the truth of `score >= limit` is asked for."""
    return f"{SCORE_PREFIX}{score_id}:{limit}"


def parsed_key(key: str) -> tuple[str, int]:
    """Score id and limit of such a name."""
    _, score_id, limit = key.split(":")
    return score_id, int(limit)


def negation(value: Truth) -> Truth:
    """Absent for present and the reverse; unknown stays unknown."""
    if value is Truth.UNKNOWN:
        return Truth.UNKNOWN
    return Truth.ABSENT if value is Truth.PRESENT else Truth.PRESENT


def _all(parts: Iterable[Expression], truth_of: TruthOf) -> Truth:
    """Least of the truths; nothing is asked after the first that is absent."""
    answer = Truth.PRESENT
    for part in parts:
        value = truth_of(part) if isinstance(part, str) else truth(part, truth_of)
        if value is Truth.ABSENT:
            return Truth.ABSENT
        if value is Truth.UNKNOWN:
            answer = Truth.UNKNOWN
    return answer


def _any(parts: Iterable[Expression], truth_of: TruthOf) -> Truth:
    """Greatest of the truths; nothing is asked after the first that is present."""
    answer = Truth.ABSENT
    for part in parts:
        value = truth_of(part) if isinstance(part, str) else truth(part, truth_of)
        if value is Truth.PRESENT:
            return Truth.PRESENT
        if value is Truth.UNKNOWN:
            answer = Truth.UNKNOWN
    return answer


def _at_least(counted: Counted, truth_of: TruthOf) -> Truth:
    values = [truth(part, truth_of) for part in counted.of]
    present = values.count(Truth.PRESENT)
    if present >= counted.count:
        return Truth.PRESENT
    possible = present + values.count(Truth.UNKNOWN)
    return Truth.UNKNOWN if possible >= counted.count else Truth.ABSENT


def _add_open(parts: Iterable[Expression], truth_of: TruthOf, found: dict[str, None]) -> None:
    """Adds the unknown findings of those parts that are unknown."""
    for part in parts:
        if isinstance(part, str):
            if truth_of(part) is Truth.UNKNOWN:
                found[part] = None
        elif truth(part, truth_of) is Truth.UNKNOWN:
            if isinstance(part, ScoreAtLeast):
                found[score_key(part.score.id, part.score.at_least)] = None
            else:
                _add_open(parts_of(part), truth_of, found)


def _relied_on(expression: Expression, truth_of: TruthOf) -> Iterator[str]:
    answer = truth(expression, truth_of)
    if answer is Truth.UNKNOWN:
        return
    if isinstance(expression, str):
        yield expression
    elif isinstance(expression, ScoreAtLeast):
        yield score_key(expression.score.id, expression.score.at_least)
    else:
        yield from _deciding_parts(expression, answer, truth_of)


def _deciding_parts(expression: All | AnyOf | NoneOf | AtLeast, answer: Truth, truth_of: TruthOf) -> Iterator[str]:
    wanted = negation(answer) if isinstance(expression, NoneOf) else answer
    for part in parts_of(expression):
        if truth(part, truth_of) is wanted:
            yield from _relied_on(part, truth_of)
