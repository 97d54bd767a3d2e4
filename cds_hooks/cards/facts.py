"""facts: everything that a card rests on, one text each, so that cards can be compared: does this one say more?

A card whose facts were all told before says nothing new. Any rule more, any tier higher, any entry added, changed
or newly dated, any list that can no longer be read is a fact more. The texts hold chart data: they are hashed at
once and never kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds_hooks.cards.wire import Card
from cds_hooks.model.results import Assessment, Match
from cds_hooks.model.truth import Tier
from cds_hooks.reasoning.logic import SCORE_PREFIX, parsed_key


def facts(card: Card, assessment: Assessment) -> tuple[str, ...]:
    """The facts of a card of this assessment, each once. Every card has at least one."""
    topic = card.source.topic.code if card.source.topic else ""
    told = [f"card {topic} {card.indicator}"]
    for match in _on(card, assessment):
        told += _of(match, assessment)
    told += [f"unread {gap.what} {gap.reason.value}" for gap in assessment.gaps if gap.essential]
    return tuple(dict.fromkeys(told))


def tier_of(card: Card, assessment: Assessment) -> Tier:
    """The most urgent tier on the card; ROUTINE for one without any rule. A cause's tier only ranks it."""
    criteria = {match.rule for match in assessment.criteria}
    tiers = (match.tier for match in _on(card, assessment) if match.rule in criteria and match.tier)
    return min(tiers, key=lambda tier: tier.rank, default=Tier.ROUTINE)


def _on(card: Card, assessment: Assessment) -> list[Match]:
    return [match for match in (*assessment.criteria, *assessment.causes) if match.rule in card.rules]


def _of(match: Match, assessment: Assessment) -> Iterator[str]:
    tier = match.tier.value if match.tier else ""
    yield f"rule {match.rule} {tier} {match.step} {match.capped} {match.demoted_by} {match.support}"
    for name in dict.fromkeys((*match.relied_on, *match.in_favour, *match.against)):
        if name.startswith(SCORE_PREFIX):
            yield from _of_score(parsed_key(name)[0], assessment)
        else:
            yield from _of_finding(match.rule, name, assessment)


def _of_score(score: str, assessment: Assessment) -> Iterator[str]:
    yield from (f"score {one.score} {one.low} {one.high}" for one in assessment.scores if one.score == score)


def _of_finding(rule: str, name: str, assessment: Assessment) -> Iterator[str]:
    finding = assessment.findings[name]
    yield f"finding {rule} {name} {finding.truth.value}"
    yield from (f"entry {rule} {name} {item!r}" for item in finding.evidence)
