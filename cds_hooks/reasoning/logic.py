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

_PRESENT, _ABSENT, _UNKNOWN = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN
"""By names of their own, since thousands are compared for one chart and looking up a member costs like a call."""


class _Remembered(dict[str, Truth]):
    """Truths by name, each worked out when it is first asked for."""

    def __init__(self, work_out: TruthOf) -> None:
        super().__init__()
        self._work_out = work_out

    def __missing__(self, name: str) -> Truth:
        worked_out = self[name] = self._work_out(name)
        return worked_out


def remembered(truth_of: TruthOf) -> TruthOf:
    """The same truths, asked for once each: rules ask for every name many times over."""
    return _Remembered(truth_of).__getitem__


def truth(expression: Expression, truth_of: TruthOf) -> Truth:
    """Truth of the expression, given the truth of each finding it names."""
    return truth_of(expression) if isinstance(expression, str) else _weighed(expression, truth_of, [])


def weighed(expression: Expression, truth_of: TruthOf) -> tuple[Truth, tuple[str, ...]]:
    """Truth of the expression, and what would settle it, in one pass."""
    unknown: list[str] = []
    return _weighed(expression, truth_of, unknown), tuple(dict.fromkeys(unknown)) if unknown else ()


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
    return weighed(expression, truth_of)[1]


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
    if value is _UNKNOWN:
        return _UNKNOWN
    return _ABSENT if value is _PRESENT else _PRESENT


def _weighed(expression: Expression, truth_of: TruthOf, unknown: list[str]) -> Truth:
    """The truth; while that is unknown, the unknown findings that keep it so are added."""
    if isinstance(expression, All):
        return _decided_by(_ABSENT, expression.all, truth_of, unknown)
    if isinstance(expression, AnyOf):
        return _decided_by(_PRESENT, expression.any, truth_of, unknown)
    if isinstance(expression, NoneOf):
        return negation(_decided_by(_PRESENT, expression.none, truth_of, unknown))
    if isinstance(expression, AtLeast):
        return _at_least(expression.at_least, truth_of, unknown)
    name = expression if isinstance(expression, str) else score_key(expression.score.id, expression.score.at_least)
    return _decided_by(_PRESENT, (name,), truth_of, unknown)


def _decided_by(decisive: Truth, parts: Iterable[Expression], truth_of: TruthOf, unknown: list[str]) -> Truth:
    """That truth as soon as one part has it, and nothing is asked after it; else unknown when one part is."""
    begin, answer = len(unknown), negation(decisive)
    for part in parts:
        value = truth_of(part) if isinstance(part, str) else _weighed(part, truth_of, unknown)
        if value is decisive:
            del unknown[begin:]
            return decisive
        if value is _UNKNOWN:
            answer = _UNKNOWN
            if isinstance(part, str):
                unknown.append(part)
    return answer


def _at_least(counted: Counted, truth_of: TruthOf, unknown: list[str]) -> Truth:
    begin = len(unknown)
    values = [_decided_by(_PRESENT, (part,), truth_of, unknown) for part in counted.of]
    present = values.count(_PRESENT)
    if present < counted.count <= present + values.count(_UNKNOWN):
        return _UNKNOWN
    del unknown[begin:]
    return _PRESENT if present >= counted.count else _ABSENT


def _relied_on(expression: Expression, truth_of: TruthOf) -> Iterator[str]:
    answer = truth(expression, truth_of)
    if answer is _UNKNOWN:
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
