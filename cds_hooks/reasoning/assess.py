"""assess: Findings -> Assessment. Which criteria and causes hold, on what, and what would settle the rest.

A rule that needs skin bleeding stays silent without it, whatever else is recorded. An explanation takes
a criterion back only when it is itself recorded; what is unknown excuses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from cds_hooks.model import (
    Assessment,
    Cause,
    Criterion,
    Expression,
    Finding,
    Gap,
    Library,
    Match,
    ScoreRange,
    Status,
    Tier,
    TierStep,
    Truth,
)
from cds_hooks.reasoning.logic import TruthOf, relied_on, truth, would_settle

_ASSESSED: frozenset[Status] = frozenset({"active", "silent"})


def assess(
    findings: Mapping[str, Finding],
    gaps: Sequence[Gap],
    library: Library,
    at: datetime,
    *,
    truth_of: TruthOf,
    scores: Callable[[], tuple[ScoreRange, ...]],
    deceased: bool = False,
) -> Assessment:
    """Everything the library says about these findings; draft and retired rules are not assessed.

    Criteria come in the library's head order, causes by tier, then by support. `gaps` are the record's;
    `scores` gives the ranges of all scores that the rules have asked for.
    """
    gate = truth_of(library.card.gate)
    criteria = [
        assess_criterion(rule, truth_of, gate) for rule in library.criteria.values() if rule.status in _ASSESSED
    ]
    causes = [assess_cause(rule, truth_of, gate) for rule in library.causes.values() if rule.status in _ASSESSED]
    return Assessment(
        at=at,
        findings=findings,
        criteria=tuple(sorted(criteria, key=lambda match: _head_order(match, library))),
        causes=tuple(sorted(causes, key=_cause_order)),
        scores=scores(),
        gaps=tuple(gaps),
        speaks=not deceased,
        skin_bleeding=gate,
        library_version=library.card.version,
        library_digest=library.digest,
    )


def assess_criterion(rule: Criterion, truth_of: TruthOf, gate: Truth = Truth.PRESENT) -> Match:
    """What one criterion comes to, with its tier. ABSENT when excused; UNKNOWN while a tier is open.

    Without a skin finding the gate's own truth is the answer, and nothing else is looked at.
    """
    if rule.needs_skin_bleeding and gate is not Truth.PRESENT:
        return Match(rule.id, gate)
    answer = truth(rule.when, truth_of)
    if answer is not Truth.PRESENT:
        return _not_met(rule.id, rule.when, answer, truth_of)
    for unless in rule.unless:
        if truth(unless.when, truth_of) is Truth.PRESENT:
            excuse = relied_on(unless.when, truth_of)
            return Match(rule.id, Truth.ABSENT, excused_by=excuse, choice=unless.choice)
    return _at_a_tier(rule, truth_of)


def assess_cause(rule: Cause, truth_of: TruthOf, gate: Truth = Truth.PRESENT) -> Match:
    """Whether a cause is listed, with what speaks for and against it."""
    if rule.needs_skin_bleeding and gate is not Truth.PRESENT:
        return Match(rule.id, gate)
    answer = truth(rule.when, truth_of)
    if answer is not Truth.PRESENT:
        return _not_met(rule.id, rule.when, answer, truth_of)
    for_it = [item for item in rule.supports if truth_of(item.finding) is Truth.PRESENT]
    against = tuple(name for name in rule.against if truth_of(name) is Truth.PRESENT)
    open_support = tuple(item.finding for item in rule.supports if truth_of(item.finding) is Truth.UNKNOWN)
    weight = sum(item.weight for item in for_it)
    possible = weight + sum(item.weight for item in rule.supports if item.finding in open_support)
    if weight < rule.list_from:
        truth_now = Truth.UNKNOWN if possible >= rule.list_from else Truth.ABSENT
        return Match(rule.id, truth_now, would_settle=open_support if truth_now is Truth.UNKNOWN else ())
    return Match(
        rule.id,
        Truth.PRESENT,
        tier=rule.tier,
        relied_on=relied_on(rule.when, truth_of),
        would_settle=open_support,
        support=weight - 2 * len(against),
        in_favour=tuple(item.finding for item in for_it),
        against=against,
    )


def _not_met(rule_id: str, expression: Expression, answer: Truth, truth_of: TruthOf) -> Match:
    return Match(rule_id, answer, would_settle=would_settle(expression, truth_of))


def _at_a_tier(rule: Criterion, truth_of: TruthOf) -> Match:
    open_steps: list[str] = []
    for index, step in enumerate(rule.tiers):
        answer = Truth.PRESENT if step.when is None else truth(step.when, truth_of)
        if answer is Truth.PRESENT:
            return _taken(rule, index, step, open_steps, truth_of)
        if answer is Truth.UNKNOWN and step.when is not None:
            open_steps += would_settle(step.when, truth_of)
    return Match(rule.id, Truth.UNKNOWN if open_steps else Truth.ABSENT, would_settle=_unique(open_steps))


def _taken(rule: Criterion, index: int, step: TierStep, open_steps: list[str], truth_of: TruthOf) -> Match:
    excuses = [name for unless in rule.unless for name in would_settle(unless.when, truth_of)]
    because = () if step.when is None else relied_on(step.when, truth_of)
    return Match(
        rule.id,
        Truth.PRESENT,
        tier=step.tier,
        relied_on=_unique([*relied_on(rule.when, truth_of), *because]),
        would_settle=_unique([*open_steps, *excuses]),
        choice=step.choice,
        step=index,
    )


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _head_order(match: Match, library: Library) -> tuple[int, int, str]:
    rank = match.tier.rank if match.tier is not None else len(Tier)
    group = library.criteria[match.rule].group
    return (rank, library.card.groups.index(group), match.rule)


def _cause_order(match: Match) -> tuple[int, int, str]:
    return (match.tier.rank if match.tier is not None else len(Tier), -match.support, match.rule)
