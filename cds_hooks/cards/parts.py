"""What several cards are made of: what was recorded and what was not seen, whose word a card is, Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from cds_hooks.cards.phrases import card_gap_lines, evidence_lines, in_sentence
from cds_hooks.cards.wire import OverrideReason, Source
from cds_hooks.model.codes import Coding
from cds_hooks.model.criteria import Cause, Criterion
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment, Evidence, Match
from cds_hooks.model.truth import Tier, Truth
from cds_hooks.reasoning.logic import SCORE_PREFIX

_RECORDED_LINES = 6
_NOT_SIGNED = "not clinically signed off"
TOPICS = "urn:pinpoint:topic"
_REASONS = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
OVERRIDES = (
    OverrideReason("action-completed", _REASONS, "Already acted on"),
    OverrideReason("cds-not-applicable", _REASONS, "Does not apply to this patient"),
    OverrideReason("cds-suboptimal-context", _REASONS, "Seen and judged otherwise"),
    OverrideReason("need-more-info", _REASONS, "Waiting for more information"),
)


def recorded(matches: Iterable[Match], assessment: Assessment, library: Library) -> str:
    """Entries the criteria rest on: the skin finding first, then the newest."""
    findings = [assessment.findings[name] for match in matches for name in match.relied_on if _is_finding(name)]
    skin = skin_references(assessment, library)
    items = _once(dict.fromkeys(item for finding in findings for item in finding.evidence))
    on_skin = evidence_lines((item for item in items if item.reference in skin), assessment.at)
    others = evidence_lines((item for item in items if item.reference not in skin), assessment.at)
    lines = (*on_skin, *others)
    more = len(lines) - _RECORDED_LINES
    return bullets("Recorded", [*lines[:_RECORDED_LINES], *_and_more(more)])


def _once(items: Iterable[Evidence]) -> list[Evidence]:
    """Without what the words of an entry say beside its code: it is one entry, and was recorded by its code."""
    told = list(items)
    coded = {item.reference for item in told if item.certainty != "narrative"}
    return [item for item in told if item.certainty != "narrative" or item.reference not in coded]


def _and_more(number: int) -> list[str]:
    if number <= 0:
        return []
    return ["and 1 more entry" if number == 1 else f"and {number} more entries"]


def not_seen(assessment: Assessment, shown: Iterable[Match]) -> str:
    """What could not be read, of the chart and for the findings this card rests on."""
    relied = [assessment.findings[name] for match in shown for name in match.relied_on if _is_finding(name)]
    gaps = dict.fromkeys([*assessment.gaps, *(gap for finding in relied for gap in finding.gaps)])
    return bullets("Not seen", card_gap_lines(gaps))


def where_it_stands(assessment: Assessment, library: Library) -> str:
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


def _may_be_urgent(rule: Criterion) -> bool:
    return is_active(rule) and any(step.tier is not Tier.ROUTINE for step in rule.tiers)


def what_is_recorded(assessment: Assessment, library: Library) -> str:
    """The skin finding, inside a sentence; of one with restricted access only that there is bleeding."""
    evidence = assessment.findings[library.card.gate].evidence
    shown = [in_sentence(item.label) for item in evidence if not item.restricted]
    return shown[0] if shown else "bleeding into the skin"


def skin_references(assessment: Assessment, library: Library) -> frozenset[str]:
    """The entries that record the skin finding."""
    return frozenset(item.reference for item in assessment.findings[library.card.gate].evidence)


def step_text(rule: Criterion, match: Match, part: Literal["summary", "advice"]) -> str:
    """The text of the tier step that was taken, or the rule's own."""
    own: str = getattr(rule, part)
    return getattr(rule.tiers[match.step], part) or own if match.step >= 0 else own


def source_of(citation_id: str, library: Library, topic: Coding) -> Source:
    """The publication as the source of a card."""
    citation = library.citations[citation_id]
    return Source(label=signed(citation.label, library), url=citation.url, topic=topic)


def signed(label: str, library: Library) -> str:
    """A source, and that no clinician has signed the knowledge yet."""
    return label if library.card.signed_off else f"{label} · {_NOT_SIGNED}"


def topic(rule_id: str) -> Coding:
    """What a card is about, by the rule that heads it."""
    return Coding(TOPICS, "".join(letter for letter in rule_id if letter.isalnum()))


def bullets(title: str, lines: Iterable[str]) -> str:
    """A titled list, each line once; "" without lines."""
    items = [f"- {line}" for line in dict.fromkeys(lines)]
    return "\n".join([f"**{title}**", *items]) if items else ""


def paragraphs(*parts: str) -> str:
    """The parts that say something, apart."""
    return "\n\n".join(part for part in parts if part)


def is_active(rule: Criterion | Cause) -> bool:
    """Whether the rule may speak."""
    return rule.status == "active"


def _is_finding(name: str) -> bool:
    return not name.startswith(SCORE_PREFIX)
