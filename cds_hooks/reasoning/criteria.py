"""One criterion: what it comes to, on what, at which tier; and what an unreadable result might make of it.

An explanation takes a criterion back only when it is itself recorded; what is unknown excuses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache

from msgspec.structs import replace

from cds_hooks.model.criteria import ABOUT_ORDERS, Criterion, TierStep
from cds_hooks.model.library import Library
from cds_hooks.model.results import UNDATED, Finding, Gap, GapReason, Match
from cds_hooks.model.truth import Tier, Truth
from cds_hooks.reasoning.caution import held_down, leaves
from cds_hooks.reasoning.logic import SCORE_PREFIX, TruthOf, relied_on, remembered, truth, weighed, would_settle

_UNREADABLE = frozenset(
    {GapReason.UNIT_UNKNOWN, GapReason.IMPLAUSIBLE, GapReason.VALUE_UNKNOWN, GapReason.CONFLICTING}
)
"""Why an entry that stands in the chart tells nothing."""
_ABSENT, _UNKNOWN = Truth.ABSENT, Truth.UNKNOWN


def judge_criterion(
    rule: Criterion,
    findings: Mapping[str, Finding],
    library: Library,
    truth_of: TruthOf,
    gate: Truth,
    *,
    firmly: TruthOf,
) -> Match:
    """What one criterion comes to on a chart: held down where it rests on sentences alone, not yet demoted."""
    match = assess_criterion(rule, truth_of, gate, firmly)
    return held_down(match, findings, library, truth_of)


def assess_criterion(
    rule: Criterion, truth_of: TruthOf, gate: Truth = Truth.PRESENT, firmly: TruthOf | None = None
) -> Match:
    """What one criterion comes to, with its tier. ABSENT when excused; UNKNOWN while a tier is open.

    Without a skin finding the gate's own truth is the answer, and nothing else is looked at. `firmly` is the
    truth that may excuse and lower, left out: the same.
    """
    firmly = firmly or truth_of
    if rule.needs_skin_bleeding and gate is not Truth.PRESENT:
        return nothing_but(rule.id, gate)
    answer, unknown = weighed(rule.when, truth_of)
    if answer is not Truth.PRESENT:
        return Match(rule.id, answer, would_settle=unknown) if unknown else nothing_but(rule.id, answer)
    for unless in rule.unless:
        if truth(unless.when, firmly) is Truth.PRESENT:
            excuse = relied_on(unless.when, firmly)
            return Match(rule.id, Truth.ABSENT, excused_by=excuse, choice=unless.choice)
    return min(_at_a_tier(rule, truth_of, truth_of), _at_a_tier(rule, firmly, truth_of), key=_urgency)


def might_be_emergencies(
    matches: Sequence[Match],
    findings: Mapping[str, Finding],
    library: Library,
    truth_of: TruthOf,
    gate: Truth,
    *,
    firmly: TruthOf,
) -> tuple[Gap, ...]:
    """An essential gap for each entry that could not be read and might open the gate, or make an emergency.

    About an order it is enough that a rule might speak, also where nobody can identify what is ordered.
    `matches` are those of the same findings. About such a chart silence would read as nothing found.
    """
    supposed = _at_worst(findings, library, truth_of)
    gate_at_worst = supposed(library.card.gate) if gate is Truth.UNKNOWN else gate
    opens = gate_at_worst is not gate and any(_stands_behind_it(library.criteria[one.rule]) for one in matches)
    suspects = [library.card.gate] if opens else []
    watched = _watched(library)
    for match in [one for one in matches if one.rule in watched and one.truth is not _ABSENT]:
        rule = library.criteria[match.rule]
        if _is_open(match, rule) and (gate_at_worst is not gate or _could_be_worse(match, truth_of, supposed)):
            worst = assess_criterion(rule, supposed, gate_at_worst, firmly)
            suspects += worst.relied_on if worst.tier is Tier.EMERGENCY or _is_about_orders(rule) else ()
    return tuple(dict.fromkeys(_unreadable_in(suspects, findings, library, truth_of, supposed)))


@cache
def nothing_but(rule_id: str, answer: Truth) -> Match:
    """The match of which nothing else is to be told, as of most rules on most charts: made once."""
    return Match(rule_id, answer)


def _urgency(match: Match) -> int:
    return match.tier.rank if match.tier is not None else len(Tier)


def _at_a_tier(rule: Criterion, truth_of: TruthOf, of_the_rule: TruthOf) -> Match:
    """The first step that is present; what the rule itself rests on is told by `of_the_rule`."""
    open_steps: list[str] = []
    for index, step in enumerate(rule.tiers):
        answer, unknown = (Truth.PRESENT, ()) if step.when is None else weighed(step.when, truth_of)
        if answer is Truth.PRESENT:
            taken = _taken(rule, index, step, open_steps, truth_of)
            return replace(taken, relied_on=_unique([*relied_on(rule.when, of_the_rule), *taken.relied_on]))
        open_steps += unknown
    return Match(rule.id, Truth.UNKNOWN if open_steps else Truth.ABSENT, would_settle=_unique(open_steps))


def _taken(rule: Criterion, index: int, step: TierStep, open_steps: list[str], truth_of: TruthOf) -> Match:
    excuses = [name for unless in rule.unless for name in would_settle(unless.when, truth_of)]
    because = () if step.when is None else relied_on(step.when, truth_of)
    return Match(
        rule.id,
        Truth.PRESENT,
        tier=step.tier,
        relied_on=because,
        would_settle=_unique([*open_steps, *excuses]),
        choice=step.choice,
        step=index,
    )


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


@lru_cache(maxsize=20)
def _watched(library: Library) -> frozenset[str]:
    """Ids of the active criteria that could be an emergency, or are about orders; the same for every chart."""
    active = [rule for rule in library.criteria.values() if rule.status == "active"]
    return frozenset(rule.id for rule in active if _is_about_orders(rule) or _can_be_an_emergency(rule))


def _can_be_an_emergency(rule: Criterion) -> bool:
    return any(step.tier is Tier.EMERGENCY for step in rule.tiers)


def _is_open(match: Match, rule: Criterion) -> bool:
    """Whether a criterion could still become an emergency; one about orders, whether it could be met."""
    could_be_worse = match.tier is not Tier.EMERGENCY and _can_be_an_emergency(rule)
    return could_be_worse or (match.truth is _UNKNOWN and _is_about_orders(rule))


def _stands_behind_it(rule: Criterion) -> bool:
    return rule.status == "active" and rule.needs_skin_bleeding


def _is_about_orders(rule: Criterion) -> bool:
    return not ABOUT_ORDERS.isdisjoint(rule.hooks)


def _could_be_worse(match: Match, truth_of: TruthOf, supposed: TruthOf) -> bool:
    """Whether it was held down, or something of what would settle it could not be read."""
    return match.capped or any(supposed(name) is not truth_of(name) for name in match.would_settle)


def _at_worst(findings: Mapping[str, Finding], library: Library, truth_of: TruthOf) -> TruthOf:
    """Truth with each result that could not be read taken for the dangerous one. Scores stay as they are."""

    def at_worst(name: str) -> Truth:
        answer = truth_of(name)
        if answer is not _UNKNOWN or name.startswith(SCORE_PREFIX):
            return answer
        built_from = library.findings[name].when
        if built_from is not None:
            return truth(built_from, supposed)
        found = findings[name]
        return Truth.PRESENT if found.gaps and any(_unreadable(found, library)) else _UNKNOWN

    supposed = remembered(at_worst)
    return supposed


def _unreadable(found: Finding, library: Library) -> Iterator[Gap]:
    """What tells nothing, what would make it present if only it were dated, and drafts without a name."""
    undated = {item.reference for item in found.evidence if UNDATED in item.flags}
    test = library.findings[found.id].medication
    reasons = _UNREADABLE | {GapReason.UNIDENTIFIED} if test and test.proposed else _UNREADABLE
    for gap in found.gaps:
        if gap.reason in reasons or (gap.reason is GapReason.UNDATED and gap.reference in undated):
            yield gap


def _unreadable_in(
    names: Iterable[str], findings: Mapping[str, Finding], library: Library, truth_of: TruthOf, supposed: TruthOf
) -> Iterator[Gap]:
    """The gaps of the results that were taken for dangerous, among what these findings are built from."""
    for leaf in dict.fromkeys(leaf for name in names for leaf in leaves(name, library, supposed)):
        if truth_of(leaf) is Truth.UNKNOWN:
            yield from (replace(gap, essential=True) for gap in _unreadable(findings[leaf], library))
