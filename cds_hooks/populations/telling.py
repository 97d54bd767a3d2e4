"""telling: an advice as a result, without anything that the chart says in its own words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from cds_hooks.cards.compose import fired_criteria, listed_causes
from cds_hooks.cards.explain import as_text
from cds_hooks.cards.wire import Card, response_json, with_uuids
from cds_hooks.explaining import sections
from cds_hooks.model.criteria import Cause, Criterion
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment, Gap, Match
from cds_hooks.model.truth import Truth
from cds_hooks.populations.results import TIERS, Before, Result, RuleSaid
from cds_hooks.service import Advice

_NO_UUID: Final = UUID(int=0)


def told(
    patient: str, advice: Advice, library: Library, milliseconds: float, before: Before | None, *, explained: bool
) -> Result:
    """The result of one advice, with the explanation where it is asked for."""
    assessment = advice.assessment
    spoken = _spoken(assessment, library)
    return Result(
        patient=patient,
        at=_written(assessment.at),
        hook=assessment.hook,
        skin_bleeding=assessment.skin_bleeding.value,
        tier=_most_urgent(spoken),
        cards=tuple(card.indicator for card in advice.cards),
        cards_digest=digest_of(advice.cards),
        rules=tuple(_said(match, spoken) for match in _of_note(assessment, library)),
        gaps=_gaps(assessment.gaps),
        milliseconds=round(milliseconds, 3),
        before=before,
        explanation="\n".join(as_text(sections(advice, library), assessment)) if explained else "",
    )


def unassessed(patient: str, at: datetime) -> Result:
    """The result of a chart in which no entry could make a rule speak."""
    return Result(patient, _written(at), assessed=False)


def unanswered(patient: str, at: datetime, milliseconds: float, before: Before | None) -> Result:
    """The result of a chart on which the service would give no answer."""
    return Result(patient, _written(at), answered=False, milliseconds=round(milliseconds, 3), before=before)


def said_before(advice: Advice | None, library: Library) -> Before:
    """What another library said; nothing where it had no answer."""
    if advice is None:
        return Before()
    spoken = _spoken(advice.assessment, library)
    return Before(_most_urgent(spoken), len(advice.cards), spoken)


def digest_of(cards: tuple[Card, ...]) -> str:
    """SHA-256 of an answer with these cards, every uuid zero; empty without cards."""
    return hashlib.sha256(response_json(with_uuids(cards, lambda: _NO_UUID))).hexdigest() if cards else ""


def _written(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _spoken(assessment: Assessment, library: Library) -> dict[str, str]:
    """Criteria that stand on a card with their tiers, and causes with none; nothing where no card is shown."""
    if not assessment.speaks:
        return {}
    criteria = fired_criteria(assessment, library)
    tiers = {match.rule: match.tier.value for match in criteria if match.tier is not None}
    return tiers | {match.rule: "" for match in listed_causes(assessment, library)}


def _most_urgent(spoken: Mapping[str, str]) -> str:
    return max(spoken.values(), key=TIERS.index, default="")


def _of_note(assessment: Assessment, library: Library) -> Iterator[Match]:
    """What is present or open; a rule that is open only because the skin is, is told by the skin."""
    is_open = assessment.skin_bleeding is Truth.PRESENT
    for match in (*assessment.criteria, *assessment.causes):
        rule: Criterion | Cause = library.criteria.get(match.rule) or library.causes[match.rule]
        if match.truth is Truth.PRESENT or (
            match.truth is Truth.UNKNOWN and (is_open or not rule.needs_skin_bleeding)
        ):
            yield match


def _said(match: Match, spoken: dict[str, str]) -> RuleSaid:
    return RuleSaid(
        match.rule, match.truth.value, spoken.get(match.rule, ""), match.rule in spoken, match.would_settle
    )


def _gaps(gaps: Iterable[Gap]) -> dict[str, int]:
    found: dict[str, int] = {}
    for gap in gaps:
        words = f"{gap.what}: {gap.reason.value}"
        found[words] = found.get(words, 0) + gap.count
    return found
