"""assess: Findings -> Assessment. Which criteria and causes hold, on what, and what would settle the rest.

A rule that needs skin bleeding stays silent without it, whatever else is recorded. An explanation takes
a criterion back only when it is itself recorded; what is unknown excuses nothing. Last come the
demotions: a recorded situation (assessed already, end of life) that lowers many criteria at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

from msgspec.structs import replace

from cds_hooks.model.criteria import Cause, Criterion, Demotion, Hook
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment, Finding, Gap, GapReason, Match, ScoreRange
from cds_hooks.model.truth import Tier, Truth
from cds_hooks.reasoning.asked import ASSESSED, is_asked
from cds_hooks.reasoning.caution import firm
from cds_hooks.reasoning.criteria import judge_criterion, might_be_emergencies, nothing_but
from cds_hooks.reasoning.logic import TruthOf, relied_on, remembered, truth, weighed, would_settle

_NO_TIER = len(Tier)
_PRESENT = Truth.PRESENT


def assess(
    findings: Mapping[str, Finding],
    gaps: Sequence[Gap],
    library: Library,
    at: datetime,
    *,
    truth_of: TruthOf,
    scores: Callable[[], tuple[ScoreRange, ...]],
    deceased: bool = False,
    hook: Hook = "patient-view",
) -> Assessment:
    """Everything the library says about these findings at this hook; draft and retired rules are not assessed.

    Criteria come in the library's head order, causes by tier, then by support. `gaps` are the record's;
    `scores` gives the ranges of all scores that the rules have asked for.
    """
    truth_of = remembered(truth_of)
    gate = truth_of(library.card.gate)
    firmly = firm(findings, truth_of)
    asked = _asked_at(hook, library)
    criteria = [judge_criterion(rule, findings, library, truth_of, gate, firmly=firmly) for rule in asked.criteria]
    unread = might_be_emergencies(criteria, findings, library, truth_of, gate, firmly=firmly)
    causes = [assess_cause(rule, truth_of, gate) for rule in asked.causes]
    said = any(match.truth is _PRESENT for match in (*criteria, *causes))
    demotions = assess_demotions(library, truth_of, firmly, findings) if said else ()
    criteria = [lowered(match, demotions, library) for match in criteria]
    causes = [lowered(match, demotions, library) for match in causes]
    return Assessment(
        at=at,
        findings=findings,
        criteria=tuple(sorted(criteria, key=lambda match: (_rank(match), asked.place[match.rule]))),
        causes=tuple(sorted(causes, key=_cause_order)),
        scores=scores(),
        gaps=(*gaps, *unread),
        speaks=not deceased,
        skin_bleeding=gate,
        library_version=library.card.version,
        library_digest=library.digest,
        demotions=demotions,
        hook=hook,
        orders=not any(match.relied_on and not library.demotions[match.rule].orders for match in demotions),
    )


def assess_cause(rule: Cause, truth_of: TruthOf, gate: Truth = Truth.PRESENT) -> Match:
    """Whether a cause is listed, with what speaks for and against it."""
    if rule.needs_skin_bleeding and gate is not Truth.PRESENT:
        return nothing_but(rule.id, gate)
    answer, unknown = weighed(rule.when, truth_of)
    if answer is not Truth.PRESENT:
        return Match(rule.id, answer, would_settle=unknown) if unknown else nothing_but(rule.id, answer)
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


def assess_demotions(
    library: Library, truth_of: TruthOf, firmly: TruthOf, findings: Mapping[str, Finding]
) -> tuple[Match, ...]:
    """What each demotion comes to, by id; draft and retired ones are not looked at."""
    rules = (library.demotions[name] for name in sorted(library.demotions))
    return tuple(assess_demotion(rule, truth_of, firmly, findings) for rule in rules if rule.status in ASSESSED)


def assess_demotion(
    rule: Demotion,
    truth_of: TruthOf,
    firmly: TruthOf | None = None,
    findings: Mapping[str, Finding] = MappingProxyType({}),
) -> Match:
    """Whether a demotion is in force. ABSENT, with its reason, when a danger forbids it.

    UNKNOWN while a danger stands in the chart and could not be read. `relied_on` names what it rests on: a
    situation stays true that must not lower anything. `firmly` is the truth that may lower, left out: the same.
    """
    firmly = firmly or truth_of
    answer, unknown = weighed(rule.when, firmly)
    if answer is not Truth.PRESENT:
        return Match(rule.id, answer, would_settle=unknown)
    because = relied_on(rule.when, firmly)
    if truth(rule.never_when, truth_of) is Truth.PRESENT:
        danger = relied_on(rule.never_when, truth_of)
        return Match(rule.id, Truth.ABSENT, relied_on=because, excused_by=danger, choice=rule.choice)
    if unread := tuple(name for name in would_settle(rule.never_when, truth_of) if _is_unread(name, findings)):
        return Match(rule.id, Truth.UNKNOWN, would_settle=unread)
    return Match(rule.id, Truth.PRESENT, relied_on=because, choice=rule.choice)


def _is_unread(name: str, findings: Mapping[str, Finding]) -> bool:
    """Whether something of it in the chart, or in a list that failed, was not read; old is not unread."""
    gaps = findings[name].gaps if name in findings else ()
    return any(gap.reason is not GapReason.STALE for gap in gaps)


def lowered(match: Match, demotions: Iterable[Match], library: Library) -> Match:
    """The match as the first demotion in force leaves it; a silenced criterion has no tier left.

    A cause keeps its tier, which only ranks it; that it is demoted says that it makes no card of its own.
    """
    if match.truth is not _PRESENT:
        return match
    for demotion in demotions:
        rule = library.demotions[demotion.rule]
        if demotion.truth is not Truth.PRESENT or rule.status != "active":
            continue
        if match.rule in rule.causes:
            return replace(match, demoted_by=rule.id)
        criterion = library.criteria.get(match.rule)
        if criterion is not None and _covers(rule, criterion) and _is_above(match, rule):
            tier = Tier.ROUTINE if rule.to == "ROUTINE" else None
            return replace(match, tier=tier, demoted_by=rule.id, lowered_from=match.tier)
    return match


@dataclass(frozen=True, slots=True)
class _Asked:
    """The rules of one moment, and the place of each criterion among those of its tier."""

    criteria: tuple[Criterion, ...]
    causes: tuple[Cause, ...]
    place: Mapping[str, tuple[int, str]]


@lru_cache(maxsize=100)
def _asked_at(hook: Hook, library: Library) -> _Asked:
    """Worked out once for each library that is in use."""
    criteria = tuple(rule for rule in library.criteria.values() if is_asked(rule, hook))
    causes = tuple(rule for rule in library.causes.values() if is_asked(rule, hook))
    groups = library.card.groups
    return _Asked(criteria, causes, {rule.id: (groups.index(rule.group), rule.id) for rule in criteria})


def _covers(rule: Demotion, criterion: Criterion) -> bool:
    everything = not (rule.criteria or rule.groups or rule.causes)
    return everything or criterion.id in rule.criteria or criterion.group in rule.groups


def _is_above(match: Match, rule: Demotion) -> bool:
    return rule.to == "silent" or match.tier is not Tier.ROUTINE


def _rank(match: Match) -> int:
    return _NO_TIER if match.tier is None else match.tier.rank


def _cause_order(match: Match) -> tuple[int, int, str]:
    return (_rank(match), -match.support, match.rule)
