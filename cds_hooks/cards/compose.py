"""compose: Assessment -> cards. At most two with something to say, else one that says what was not seen.

The action card carries every fired criterion above ROUTINE and takes the indicator of the highest; the
causes card is information; a gap card stands alone when nothing fired and essential data was unreadable.
Source of the order, the wording and the limits: docs/architecture.md, knowledge/README.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cds_hooks.cards.asks import settling_lines
from cds_hooks.cards.causes_card import causes_card
from cds_hooks.cards.discreet import discreet
from cds_hooks.cards.links import links_of
from cds_hooks.cards.parts import (
    OVERRIDES,
    TOPICS,
    bullets,
    is_active,
    not_seen,
    paragraphs,
    recorded,
    signed,
    source_of,
    step_text,
    topic,
    what_is_recorded,
    where_it_stands,
)
from cds_hooks.cards.phrases import capitalised, card_gap_lines, citation_link, in_sentence, listed
from cds_hooks.cards.suggestions import CardKind, prompt_lines, suggestions_by_card
from cds_hooks.cards.wire import MAX_SUMMARY, Card, Source
from cds_hooks.model.codes import Coding
from cds_hooks.model.criteria import ABOUT_ORDERS, Criterion
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment, Match
from cds_hooks.model.truth import Tier, Truth
from cds_hooks.settings import Settings

_INDICATORS: Mapping[Tier, Literal["info", "warning", "critical"]] = {
    Tier.EMERGENCY: "critical",
    Tier.SAME_DAY: "warning",
    Tier.WITHIN_48H: "warning",
    Tier.ROUTINE: "info",
}
_RANKED: tuple[Literal["info", "warning", "critical"], ...] = ("critical", "warning", "info")
_ADVICES = 4
_OURSELVES = "Pinpoint, on what it could not read"


@dataclass(frozen=True, slots=True)
class Voice:
    """How cards speak at this site: whose emergency number they name (a region of knowledge/library.yaml)."""

    region: str = ""
    public_url: str = ""
    """Address of this service without a slash at the end, for links to its own pages. Left out: no such links."""


def voice_of(settings: Settings) -> Voice:
    """How cards speak where these settings hold."""
    return Voice(settings.region, settings.public_url.rstrip("/"))


def compose(assessment: Assessment, library: Library, voice: Voice, patient_id: str = "") -> tuple[Card, ...]:
    """The cards, most urgent first, at most three; empty when there is nothing to say or the patient has died.

    Only active rules speak. A card on which they do names its entries and a publication; the gap card names what
    could not be read. Orders are proposed for the patient of that id, without one none.
    """
    if not assessment.speaks:
        return ()
    library = discreet(assessment, library)
    criteria = fired_criteria(assessment, library)
    urgent = [match for match in criteria if match.tier is not Tier.ROUTINE]
    routine = [match for match in criteria if match.tier is Tier.ROUTINE]
    if urgent and assessment.hook in ABOUT_ORDERS:
        urgent, routine = criteria, []  # one card for one order
    causes = listed_causes(assessment, library)
    cards: dict[CardKind, Card] = {}
    if urgent:
        cards["action"] = _action_card(urgent, assessment, library, voice)
    if routine or any(urgent or not match.demoted_by for match in causes):
        cards["causes"] = causes_card(causes, routine, assessment, library, urgent=bool(urgent))
    if not cards and any(gap.essential for gap in assessment.gaps) and could_have_mattered(assessment, library):
        return (_gap_card(assessment, library, voice),)
    if not cards:
        return ()  # most charts: what orders are due is then nobody's question
    head = urgent[0].rule if urgent else ""
    offered = suggestions_by_card(assessment, library, tuple(cards), patient_id, head)
    return tuple(
        replace(
            card,
            suggestions=offered.get(kind, ()),
            links=links_of(card, assessment, library, voice.public_url),
        )
        for kind, card in cards.items()
    )


def fired_criteria(assessment: Assessment, library: Library) -> list[Match]:
    """Active criteria that are present, in head order; without those that a demotion silenced, or the hook."""
    least = library.card.least_tier.get(assessment.hook, Tier.ROUTINE)
    present = (match for match in assessment.criteria if match.truth is Truth.PRESENT)
    shown = (match for match in present if match.tier is not None and match.tier.rank <= least.rank)
    return [match for match in shown if is_active(library.criteria[match.rule])]


def listed_causes(assessment: Assessment, library: Library) -> list[Match]:
    """Active causes that are present, best supported first."""
    return [m for m in assessment.causes if m.truth is Truth.PRESENT and is_active(library.causes[m.rule])]


def could_have_mattered(assessment: Assessment, library: Library) -> bool:
    """Whether what was not seen could have made a card: of orders, only while a rule that speaks is open."""
    undecided = (match.rule for match in assessment.criteria if match.truth is Truth.UNKNOWN)
    return assessment.hook not in ABOUT_ORDERS or any(is_active(library.criteria[rule]) for rule in undecided)


def _action_card(urgent: list[Match], assessment: Assessment, library: Library, voice: Voice) -> Card:
    head = urgent[0]
    top = [match for match in urgent if match.tier is head.tier]
    rule = library.criteria[head.rule]
    return Card(
        summary=_unconfirmed(rule) if head.capped else step_text(rule, head, "summary"),
        indicator=_indicator(urgent, library),
        source=source_of(rule.citations[0].source, library, topic(rule.id)),
        detail=paragraphs(
            recorded(top, assessment, library),
            bullets("Meets", (_met_line(match, library) for match in top)),
            _advice(top, library),
            _emergency_number(head, library, voice),
            bullets("Before ordering", prompt_lines(assessment, library)),
            bullets("Also", (_lower_line(match, library) for match in urgent[len(top) :])),
            bullets("Would settle more", settling_lines(assessment, library)),
            not_seen(assessment, top),
        ),
        override_reasons=OVERRIDES,
        rules=tuple(match.rule for match in urgent),
    )


def _indicator(urgent: Iterable[Match], library: Library) -> Literal["info", "warning", "critical"]:
    """The highest of all criteria on the card, each held down where the site caps it."""
    rank = _RANKED.index
    each = (max(rank(_INDICATORS[_tier(m)]), rank(library.caps.get(m.rule, "critical"))) for m in urgent)
    return _RANKED[min(each)]


def _unconfirmed(rule: Criterion) -> str:
    """The summary of a criterion that was held down: its own would name an urgency that it does not have."""
    summary = f"{rule.name}: in narrative text only, please confirm today"
    short = "A reason for urgent referral stands in narrative text only: please confirm today"
    return summary if len(summary) <= MAX_SUMMARY else short


def _met_line(match: Match, library: Library) -> str:
    name = library.criteria[match.rule].name
    return f"{name} (from narrative text only: please confirm)" if match.capped else name


def _advice(top: list[Match], library: Library) -> str:
    """Each different advice once, with the publication it rests on."""
    lines: dict[str, str] = {}
    for match in top:
        rule = library.criteria[match.rule]
        text = step_text(rule, match, "advice")
        source = citation_link(rule.citations[0], library)
        lines.setdefault(
            text, f"{capitalised(text)} ({source})" + (" · our own threshold" if match.choice else "")
        )
    return bullets("What guidelines advise", list(lines.values())[:_ADVICES])


def _emergency_number(head: Match, library: Library, voice: Voice) -> str:
    number = library.card.emergency_numbers.get(voice.region, "")
    return f"**Emergency number here** · {number}" if number and head.tier is Tier.EMERGENCY else ""


def _lower_line(match: Match, library: Library) -> str:
    return f"{capitalised(_tier(match).words)}: {_met_line(match, library)}"


def _gap_card(assessment: Assessment, library: Library, voice: Voice) -> Card:
    """What could not be read. It rests on no publication: its source is this service, and its page of rules."""
    skin = assessment.skin_bleeding is Truth.PRESENT
    opening = capitalised(what_is_recorded(assessment, library)) + " recorded, but " if skin else ""
    unchecked = "this order not checked" if assessment.hook in ABOUT_ORDERS else "urgent causes not checked"
    unread = listed(list(dict.fromkeys(in_sentence(g.what) for g in assessment.gaps if g.essential)))
    summary = f"{opening}{unread if opening else capitalised(unread)} could not be read: {unchecked}"
    short = f"Parts of the chart could not be read: {unchecked}"
    return Card(
        summary=summary if len(summary) <= MAX_SUMMARY else short,
        indicator="info",
        source=Source(
            label=signed(_OURSELVES, library),
            url=f"{voice.public_url}/knowledge" if voice.public_url else "",
            topic=Coding(TOPICS, "unreadablechart"),
        ),
        detail=paragraphs(
            bullets("Not seen", card_gap_lines(assessment.gaps)),
            where_it_stands(assessment, library),
        ),
        override_reasons=OVERRIDES,
    )


def _tier(match: Match) -> Tier:
    return match.tier or Tier.ROUTINE
