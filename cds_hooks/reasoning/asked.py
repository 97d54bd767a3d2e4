"""Which rules are asked, and for what: the findings and scores of each, and everything a hook can come to need.

Names are ids of findings; a score is named by its key (logic.score_key).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_hooks.model.criteria import Cause, Criterion, Hook, Status
from cds_hooks.model.findings import FindingRule
from cds_hooks.model.library import Library
from cds_hooks.model.scores import ScoreRule
from cds_hooks.model.truth import Expression
from cds_hooks.reasoning.logic import SCORE_PREFIX, names, parsed_key

ASSESSED: frozenset[Status] = frozenset({"active", "silent"})
"""What of a rule's status lets it be worked out; whether it is shown is another question."""


def is_asked(rule: Criterion | Cause, hook: str) -> bool:
    """Whether a call of this hook asks the rule."""
    return rule.status in ASSESSED and hook in rule.hooks


def asked_at(library: Library, hook: Hook) -> frozenset[str]:
    """Every finding and score that the rules of a hook can ask for, to any depth; the gate and demotions too."""
    waiting = [library.card.gate]
    for criterion in library.criteria.values():
        waiting += asked_by_criterion(criterion) if hook in criterion.hooks else ()
    for cause in library.causes.values():
        waiting += asked_by_cause(cause) if hook in cause.hooks else ()
    for demotion in library.demotions.values():
        waiting += [*names(demotion.when), *names(demotion.never_when)]
    return reached(waiting, library)


def reached(asked: Iterable[str], library: Library) -> frozenset[str]:
    """These findings and scores, and everything they are built from, to any depth."""
    waiting = list(asked)
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += asked_by(name, library)
    return frozenset(found)


def asked_by(name: str, library: Library) -> Iterator[str]:
    """What a finding, or a score by its key, is built from; nothing when it is not known."""
    if name.startswith(SCORE_PREFIX):
        score_id, _ = parsed_key(name)
        if score_id in library.scores:
            yield from asked_by_score(library.scores[score_id])
    elif name in library.findings:
        yield from asked_by_finding(library.findings[name])


def asked_by_finding(rule: FindingRule) -> Iterator[str]:
    """Findings that a finding is built from, dated by, or taken back by."""
    yield from rule.unless
    if rule.since is not None:
        yield rule.since.after
    if rule.when is not None:
        yield from names(rule.when)


def asked_by_criterion(rule: Criterion) -> Iterator[str]:
    """Findings that decide a criterion, its excuses and its tier."""
    yield from names(rule.when)
    conditions: list[Expression] = [unless.when for unless in rule.unless]
    conditions += [step.when for step in rule.tiers if step.when is not None]
    for condition in conditions:
        yield from names(condition)


def asked_by_cause(rule: Cause) -> Iterator[str]:
    """Findings that decide a cause, or speak for it or against it."""
    yield from names(rule.when)
    yield from (item.finding for item in rule.supports)
    yield from rule.against


def asked_by_score(rule: ScoreRule) -> Iterator[str]:
    """Findings that give a score its points, or say whom it is for."""
    conditions = [option.when for item in rule.items for option in item.options]
    scales = [scale for item in rule.items for scale in item.scales]
    conditions += [scale.when for scale in scales]
    conditions += [scale.unless for scale in scales if scale.unless is not None]
    conditions += [condition for condition in (rule.when, rule.unless) if condition is not None]
    for condition in conditions:
        yield from names(condition)
