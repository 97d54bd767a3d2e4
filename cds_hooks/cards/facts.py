"""facts: everything that a card says and rests on, one text each, so that cards can be compared: is this more?

A card whose facts were all told before says nothing new. Whatever stands on it is a fact, line by line, and so is
what decided it without standing there: an entry that found no room, a finding of a rule that is only named. Each
belongs to the card's topic, for what one card told is news on another. A score counts as all that it adds up, for
its total stays the same while an entry in it gets worse. How long ago an entry is, is no fact: the
next day it would be another. The texts hold chart data: they are hashed at once and never kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds_hooks.cards.phrases import without_nearness
from cds_hooks.cards.wire import Card, Suggestion
from cds_hooks.model.results import Assessment, ItemPoints, Match
from cds_hooks.model.truth import Tier
from cds_hooks.reasoning.logic import SCORE_PREFIX, parsed_key

_HEADING = "**"
"""With this a line begins that the lines after it belong to."""


def facts(card: Card, assessment: Assessment) -> tuple[str, ...]:
    """The facts of a card of this assessment, each once. Every card has at least one."""
    topic = card.source.topic.code if card.source.topic else ""
    told = [*_visible(card)]
    for match in _on(card, assessment):
        told += _of(match, assessment)
    told += [f"unread {gap.what} {gap.reason.value}" for gap in assessment.gaps if gap.essential]
    return tuple(dict.fromkeys(f"{topic} {fact}" for fact in told))


def tier_of(card: Card, assessment: Assessment) -> Tier:
    """The most urgent tier on the card; ROUTINE for one without any rule. A cause's tier only ranks it."""
    criteria = {match.rule for match in assessment.criteria}
    tiers = (match.tier for match in _on(card, assessment) if match.rule in criteria and match.tier)
    return min(tiers, key=lambda tier: tier.rank, default=Tier.ROUTINE)


def _visible(card: Card) -> Iterator[str]:
    """What a user can see of it, but for the reasons not to follow it, which say nothing of the patient."""
    yield f"card {card.indicator} {card.summary}"
    yield f"source {card.source.label} {card.source.url}"
    heading = ""
    for line in without_nearness(card.detail).splitlines():
        heading = line if line.startswith(_HEADING) else heading
        yield f"line {heading} {line}"
    for suggestion in card.suggestions:
        yield from _offered(suggestion)
    yield from (f"link {link.label} {link.url} {link.app_context}" for link in card.links)


def _offered(suggestion: Suggestion) -> Iterator[str]:
    yield f"offer {suggestion.label} {suggestion.is_recommended}"
    for action in suggestion.actions:
        yield f"action {action.type} {action.description} {action.resource!r} {action.resource_id}"


def _on(card: Card, assessment: Assessment) -> list[Match]:
    return [match for match in (*assessment.criteria, *assessment.causes) if match.rule in card.rules]


def _of(match: Match, assessment: Assessment) -> Iterator[str]:
    tier = match.tier.value if match.tier else ""
    yield f"rule {match.rule} {tier} {match.step} {match.capped} {match.demoted_by} {match.support}"
    for name in dict.fromkeys((*match.relied_on, *match.in_favour, *match.against)):
        yield from _of_name(match.rule, name, assessment)


def _of_name(rule: str, name: str, assessment: Assessment) -> Iterator[str]:
    if not name.startswith(SCORE_PREFIX):
        yield from _of_finding(rule, name, assessment)
        return
    for score in (one for one in assessment.scores if one.score == parsed_key(name)[0]):
        yield f"score {score.score} {score.low} {score.high}"
        for item in score.items:
            yield from _of_item(rule, score.score, item, assessment)


def _of_item(rule: str, score: str, item: ItemPoints, assessment: Assessment) -> Iterator[str]:
    yield f"points {score} {item.item} {item.low} {item.high}"
    yield from (f"entry {score} {item.item} {one!r}" for one in item.evidence)
    for name in item.findings:
        yield from _of_name(rule, name, assessment)


def _of_finding(rule: str, name: str, assessment: Assessment) -> Iterator[str]:
    finding = assessment.findings[name]
    yield f"finding {rule} {name} {finding.truth.value}"
    yield from (f"entry {rule} {name} {item!r}" for item in finding.evidence)
