"""How far rules may go on narrative text, and on what was seen in part: such may raise a concern, never lower one.

Sentences are read less surely than codes, and beside a result that was not read a harmless one tells nothing. So
an excuse, a lowering step and a demotion ask for coded or measured evidence with nothing left unseen (`firm`),
and a criterion without any danger sign but in sentences is held down to the same day (`held_down`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from cds_hooks.model.library import Library
from cds_hooks.model.results import Evidence, Finding, Match
from cds_hooks.model.truth import Tier, Truth
from cds_hooks.reasoning.logic import SCORE_PREFIX, TruthOf, relied_on, remembered

AT_MOST_SAME_DAY = "narrative-only-at-most-same-day"
"""The choice (knowledge/choices.yaml) that holds criteria down. A library without it holds none down."""
_SIGNS = frozenset({"sign", "problem"})


def firm(findings: Mapping[str, Finding], truth_of: TruthOf) -> TruthOf:
    """Truth by what is coded or measured and was seen whole; what only sentences say is unknown, or has gaps."""

    def firm_truth(name: str) -> Truth:
        return Truth.UNKNOWN if is_weak(name) else truth_of(name)

    def is_weak(name: str) -> bool:
        if name.startswith(SCORE_PREFIX):
            return False
        return is_narrative(findings[name].evidence) or bool(findings[name].gaps)

    return remembered(firm_truth)


def held_down(match: Match, findings: Mapping[str, Finding], library: Library, truth_of: TruthOf) -> Match:
    """The match, at most SAME_DAY when it rests on a sentence and on no coded or measured danger sign.

    What a score is built from counts as measured.
    """
    if AT_MOST_SAME_DAY not in library.choices or match.tier is not Tier.EMERGENCY:
        return match
    names = {leaf for name in match.relied_on for leaf in leaves(name, library, truth_of)}
    if any(name.startswith(SCORE_PREFIX) for name in names):
        return match
    present = [findings[name] for name in names if findings[name].truth is Truth.PRESENT]
    if not any(is_narrative(found.evidence) for found in present):
        return match
    if any(found.evidence and _is_danger(found, library) for found in present):
        return match
    return replace(match, tier=Tier.SAME_DAY, capped=True, choice=AT_MOST_SAME_DAY)


def is_narrative(evidence: tuple[Evidence, ...]) -> bool:
    """Whether there is evidence, and sentences are all of it."""
    return bool(evidence) and all(item.certainty == "narrative" for item in evidence)


def leaves(name: str, library: Library, truth_of: TruthOf) -> Iterator[str]:
    """The findings read from the chart itself, and the scores by their keys, that make a finding what it is."""
    built_from = None if name.startswith(SCORE_PREFIX) else library.findings[name].when
    if built_from is None:
        yield name
        return
    for part in relied_on(built_from, truth_of):
        yield from leaves(part, library, truth_of)


def _is_danger(found: Finding, library: Library) -> bool:
    """A sign, a diagnosis or a result by code or measurement; a medicine, an age or an exposure is none."""
    rule = library.findings[found.id]
    if is_narrative(found.evidence):
        return False
    if rule.sign is not None:
        return any(library.concepts[concept].kind in _SIGNS for concept in rule.sign.concepts)
    return rule.measure is not None or rule.answer is not None or rule.trend is not None
