"""compose: Assessment -> cards. At most two with something to say, else one that says what was not seen.

The action card carries every fired criterion above ROUTINE and takes the indicator of the highest; the
causes card is information; a gap card stands alone when nothing fired and essential data was unreadable.
Source of the order, the wording and the limits: docs/architecture.md, knowledge/README.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cds_hooks.cards.asks import settling_lines, unsaid_against
from cds_hooks.cards.discreet import discreet
from cds_hooks.cards.links import links_of
from cds_hooks.cards.lowered import lowered_lines
from cds_hooks.cards.phrases import (
    capitalised,
    card_gap_lines,
    citation_link,
    evidence_lines,
    in_sentence,
    listed,
)
from cds_hooks.cards.suggestions import CardKind, prompt_lines, suggestions_by_card
from cds_hooks.cards.wire import MAX_SUMMARY, Card, OverrideReason, Source
from cds_hooks.model.codes import Coding
from cds_hooks.model.criteria import ABOUT_ORDERS, Cause, Criterion
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment, Match
from cds_hooks.model.truth import Expression, NoneOf, ScoreAtLeast, Tier, Truth
from cds_hooks.reasoning.logic import SCORE_PREFIX, parts_of
from cds_hooks.settings import Settings

_INDICATORS: Mapping[Tier, Literal["info", "warning", "critical"]] = {
    Tier.EMERGENCY: "critical",
    Tier.SAME_DAY: "warning",
    Tier.WITHIN_48H: "warning",
    Tier.ROUTINE: "info",
}
_RANKED: tuple[Literal["info", "warning", "critical"], ...] = ("critical", "warning", "info")
_RECORDED_LINES = 6
_ADVICES = 4
_CELL_LINES = 4
_CAUSES = 6
_SAID_CAUSES = 3
_OURSELVES = "Pinpoint, on what it could not read"
_NOT_SIGNED = "not clinically signed off"
_TOPICS = "urn:pinpoint:topic"
_REASONS = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
_OVERRIDES = (
    OverrideReason("action-completed", _REASONS, "Already acted on"),
    OverrideReason("cds-not-applicable", _REASONS, "Does not apply to this patient"),
    OverrideReason("cds-suboptimal-context", _REASONS, "Seen and judged otherwise"),
    OverrideReason("need-more-info", _REASONS, "Waiting for more information"),
)


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
        cards["causes"] = _causes_card(causes[:_CAUSES], routine, assessment, library, urgent=bool(urgent))
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
    return [match for match in shown if _is_active(library.criteria[match.rule])]


def listed_causes(assessment: Assessment, library: Library) -> list[Match]:
    """Active causes that are present, best supported first."""
    return [m for m in assessment.causes if m.truth is Truth.PRESENT and _is_active(library.causes[m.rule])]


def could_have_mattered(assessment: Assessment, library: Library) -> bool:
    """Whether what was not seen could have made a card: of orders, only while a rule that speaks is open."""
    undecided = (match.rule for match in assessment.criteria if match.truth is Truth.UNKNOWN)
    return assessment.hook not in ABOUT_ORDERS or any(_is_active(library.criteria[rule]) for rule in undecided)


# ---------------------------------------------------------------- action card


def _action_card(urgent: list[Match], assessment: Assessment, library: Library, voice: Voice) -> Card:
    head = urgent[0]
    top = [match for match in urgent if match.tier is head.tier]
    rule = library.criteria[head.rule]
    return Card(
        summary=_unconfirmed(rule) if head.capped else _step_text(rule, head, "summary"),
        indicator=_indicator(urgent, library),
        source=_source(rule.citations[0].source, library, _topic(rule.id)),
        detail=_paragraphs(
            _recorded(top, assessment, library),
            _bullets("Meets", (_met_line(match, library) for match in top)),
            _advice(top, library),
            _emergency_number(head, library, voice),
            _bullets("Before ordering", prompt_lines(assessment, library)),
            _bullets("Also", (_lower_line(match, library) for match in urgent[len(top) :])),
            _bullets("Would settle more", settling_lines(assessment, library)),
            _not_seen(assessment, top),
        ),
        override_reasons=_OVERRIDES,
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


def _recorded(matches: Iterable[Match], assessment: Assessment, library: Library) -> str:
    """Entries the criteria rest on: the skin finding first, then the newest."""
    findings = [assessment.findings[name] for match in matches for name in match.relied_on if _is_finding(name)]
    skin = _skin_references(assessment, library)
    items = list(dict.fromkeys(item for finding in findings for item in finding.evidence))
    on_skin = evidence_lines((item for item in items if item.reference in skin), assessment.at)
    others = evidence_lines((item for item in items if item.reference not in skin), assessment.at)
    lines = (*on_skin, *others)
    more = len(lines) - _RECORDED_LINES
    return _bullets("Recorded", [*lines[:_RECORDED_LINES], *_and_more(more)])


def _and_more(number: int) -> list[str]:
    if number <= 0:
        return []
    return ["and 1 more entry" if number == 1 else f"and {number} more entries"]


def _advice(top: list[Match], library: Library) -> str:
    """Each different advice once, with the publication it rests on."""
    lines: dict[str, str] = {}
    for match in top:
        rule = library.criteria[match.rule]
        text = _step_text(rule, match, "advice")
        source = citation_link(rule.citations[0], library)
        lines.setdefault(
            text, f"{capitalised(text)} ({source})" + (" · our own threshold" if match.choice else "")
        )
    return _bullets("What guidelines advise", list(lines.values())[:_ADVICES])


def _emergency_number(head: Match, library: Library, voice: Voice) -> str:
    number = library.card.emergency_numbers.get(voice.region, "")
    return f"**Emergency number here** · {number}" if number and head.tier is Tier.EMERGENCY else ""


def _lower_line(match: Match, library: Library) -> str:
    return f"{capitalised(_tier(match).words)}: {_met_line(match, library)}"


# ---------------------------------------------------------------- causes card


def _causes_card(
    causes: list[Match], routine: list[Match], assessment: Assessment, library: Library, *, urgent: bool
) -> Card:
    """`urgent`: an action card stands beside it and has said what would settle more."""
    rules = [library.causes[match.rule] for match in causes]
    cited = rules[0].citations if rules else library.criteria[routine[0].rule].citations
    return Card(
        summary=_causes_summary(rules, assessment, library) if rules else _routine_summary(routine, library),
        indicator="info",
        source=_source(cited[0].source, library, Coding(_TOPICS, "possiblecauses")),
        detail=_paragraphs(
            _table(causes, assessment, library) if causes else _entries(routine, assessment, library),
            "\n".join(dict.fromkeys(rule.say for rule in rules[:_SAID_CAUSES])),
            _bullets("Routine", (_routine_line(match, library) for match in routine if not match.demoted_by)),
            _bullets("Lowered", lowered_lines((m for m in routine if m.demoted_by), assessment, library)),
            _where_it_stands(assessment, library),
            "" if urgent else _bullets("Would settle more", settling_lines(assessment, library)),
            _not_seen(assessment, routine),
            _sources(rules, library),
        ),
        override_reasons=_OVERRIDES,
        rules=tuple(match.rule for match in (*routine, *causes)),
    )


def _causes_summary(rules: list[Cause], assessment: Assessment, library: Library) -> str:
    """As many causes as fit, the rest counted: written to the limit, never cut."""
    opening = f"Possible causes of {_what(assessment, library)}: "
    for shown in range(len(rules), 0, -1):
        more = len(rules) - shown
        text = opening + ", ".join(rule.short for rule in rules[:shown]) + (f" and {more} more" if more else "")
        if len(text) <= MAX_SUMMARY:
            return text
    return f"Possible causes of bleeding into the skin: {len(rules)} to consider"


def _what(assessment: Assessment, library: Library) -> str:
    evidence = assessment.findings[library.card.gate].evidence
    shown = [in_sentence(item.label) for item in evidence if not item.restricted]
    return shown[0] if shown else "bleeding into the skin"


def _routine_summary(routine: list[Match], library: Library) -> str:
    if routine[0].demoted_by:
        return library.demotions[routine[0].demoted_by].summary
    return _step_text(library.criteria[routine[0].rule], routine[0], "summary")


def _routine_line(match: Match, library: Library) -> str:
    rule = library.criteria[match.rule]
    return f"{rule.name}: {_step_text(rule, match, 'advice')} ({citation_link(rule.citations[0], library)})"


def _entries(routine: list[Match], assessment: Assessment, library: Library) -> str:
    """The skin finding; of orders what the criteria rest on, the order first of all."""
    skin = [Match("", Truth.PRESENT, relied_on=(library.card.gate,))]
    return _recorded(routine if assessment.hook in ABOUT_ORDERS else skin, assessment, library)


def _table(causes: list[Match], assessment: Assessment, library: Library) -> str:
    rows = [
        f"| {library.causes[match.rule].name} | {_favour(match, assessment, library)} | "
        f"{_against(match, assessment, library)} |"
        for match in causes
    ]
    return "\n".join(["| Possible cause | In favour | Against |", "|---|---|---|", *rows])


def _favour(match: Match, assessment: Assessment, library: Library) -> str:
    """Entries that speak for it; the skin finding itself stands in the summary."""
    skin = _skin_findings(library)
    wanted = [name for name in dict.fromkeys((*match.relied_on, *match.in_favour)) if name not in skin]
    return _cell(wanted, assessment, library) or "the skin finding itself"


def _against(match: Match, assessment: Assessment, library: Library) -> str:
    return _cell(match.against, assessment, library) or unsaid_against(match, assessment, library)


def _cell(found: Iterable[str], assessment: Assessment, library: Library) -> str:
    """Entries of the findings; one that only says where or how the skin finding is, by its own name."""
    skin = _skin_references(assessment, library)
    texts: list[str] = []
    for name in found:
        items = [item for item in assessment.findings[name].evidence if item.reference not in skin]
        texts += evidence_lines(items, assessment.at) if items else (library.findings[name].name,)
    unique = list(dict.fromkeys(texts))
    more = len(unique) - _CELL_LINES
    return "; ".join([*unique[:_CELL_LINES], *([f"and {more} more"] if more > 0 else [])])


def _skin_references(assessment: Assessment, library: Library) -> frozenset[str]:
    """The entries that record the skin finding."""
    return frozenset(item.reference for item in assessment.findings[library.card.gate].evidence)


def _skin_findings(library: Library) -> frozenset[str]:
    """The gate and everything that makes it present, to any depth."""
    found: set[str] = set()
    waiting = [library.card.gate]
    while waiting:
        name = waiting.pop()
        rule = library.findings.get(name)
        if name not in found and rule is not None:
            found.add(name)
            waiting += _built_from(rule.when) if rule.when is not None else ()
    return frozenset(found)


def _built_from(expression: Expression) -> Iterator[str]:
    """The findings that make an expression present; what must be absent for it is no part of it."""
    if isinstance(expression, str):
        yield expression
    elif not isinstance(expression, NoneOf | ScoreAtLeast):
        for part in parts_of(expression):
            yield from _built_from(part)


def _where_it_stands(assessment: Assessment, library: Library) -> str:
    """How many urgent criteria could be decided: silence about the others is not reassurance."""
    asked = [match for match in assessment.criteria if _may_be_urgent(library.criteria[match.rule])]
    present = (match for match in asked if match.truth is Truth.PRESENT)
    met = sum(1 for match in present if match.tier is not Tier.ROUTINE or match.demoted_by)
    undecided = sum(1 for match in asked if match.truth is Truth.UNKNOWN)
    if met:
        return ""
    decided = f"{len(asked) - undecided} of {len(asked)} urgent criteria could be decided from the chart"
    verb = "is" if undecided == 1 else "are"
    rest = f"; the other {undecided} {verb} undecided, not absent" if undecided else ""
    return f"{decided} and none is met{rest}."


def _sources(rules: list[Cause], library: Library) -> str:
    links = dict.fromkeys(citation_link(cite, library) for rule in rules for cite in rule.citations[:1])
    return f"**Sources** · {' · '.join(links)}" if links else ""


# ---------------------------------------------------------------- gap card


def _gap_card(assessment: Assessment, library: Library, voice: Voice) -> Card:
    """What could not be read. It rests on no publication: its source is this service, and its page of rules."""
    skin = assessment.skin_bleeding is Truth.PRESENT
    opening = capitalised(_what(assessment, library)) + " recorded, but " if skin else ""
    unchecked = "this order not checked" if assessment.hook in ABOUT_ORDERS else "urgent causes not checked"
    unread = listed(list(dict.fromkeys(in_sentence(g.what) for g in assessment.gaps if g.essential)))
    summary = f"{opening}{unread if opening else capitalised(unread)} could not be read: {unchecked}"
    short = f"Parts of the chart could not be read: {unchecked}"
    return Card(
        summary=summary if len(summary) <= MAX_SUMMARY else short,
        indicator="info",
        source=Source(
            label=_signed(_OURSELVES, library),
            url=f"{voice.public_url}/knowledge" if voice.public_url else "",
            topic=Coding(_TOPICS, "unreadablechart"),
        ),
        detail=_paragraphs(
            _bullets("Not seen", card_gap_lines(assessment.gaps)),
            _where_it_stands(assessment, library),
        ),
        override_reasons=_OVERRIDES,
    )


# ---------------------------------------------------------------- what was not seen


def _not_seen(assessment: Assessment, shown: Iterable[Match]) -> str:
    """What could not be read, of the chart and for the findings this card rests on."""
    relied = [assessment.findings[name] for match in shown for name in match.relied_on if _is_finding(name)]
    gaps = dict.fromkeys([*assessment.gaps, *(gap for finding in relied for gap in finding.gaps)])
    return _bullets("Not seen", card_gap_lines(gaps))


# ---------------------------------------------------------------- small parts


def _is_active(rule: Criterion | Cause) -> bool:
    return rule.status == "active"


def _is_finding(name: str) -> bool:
    return not name.startswith(SCORE_PREFIX)


def _may_be_urgent(rule: Criterion) -> bool:
    return _is_active(rule) and any(step.tier is not Tier.ROUTINE for step in rule.tiers)


def _tier(match: Match) -> Tier:
    return match.tier or Tier.ROUTINE


def _step_text(rule: Criterion, match: Match, part: Literal["summary", "advice"]) -> str:
    """The text of the tier step that was taken, or the rule's own."""
    own: str = getattr(rule, part)
    return getattr(rule.tiers[match.step], part) or own if match.step >= 0 else own


def _source(citation_id: str, library: Library, topic: Coding) -> Source:
    citation = library.citations[citation_id]
    return Source(label=_signed(citation.label, library), url=citation.url, topic=topic)


def _signed(label: str, library: Library) -> str:
    return label if library.card.signed_off else f"{label} · {_NOT_SIGNED}"


def _topic(rule_id: str) -> Coding:
    return Coding(_TOPICS, "".join(letter for letter in rule_id if letter.isalnum()))


def _bullets(title: str, lines: Iterable[str]) -> str:
    items = [f"- {line}" for line in dict.fromkeys(lines)]
    return "\n".join([f"**{title}**", *items]) if items else ""


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
