"""discreet: the library's words for a chart in which entries with restricted access count.

Such an entry counts for rules and is never named or valued on a card. A rule that rests on one would name
it by its own words ("HIV infection"), so these are replaced by words that say only that there is an entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cds_hooks.model import Assessment, Cause, Criterion, Demotion, FindingRule, Library, Match, Tier, Truth
from cds_hooks.reasoning.logic import SCORE_PREFIX

_ENTRY = "an entry with restricted access"
_HOW_SOON = {
    Tier.EMERGENCY: "now",
    Tier.SAME_DAY: "today",
    Tier.WITHIN_48H: "within 48 hours",
    Tier.ROUTINE: "at the next occasion",
}


def discreet(assessment: Assessment, library: Library) -> Library:
    """The library as it is, or, where restricted entries count, with neutral words for what rests on them."""
    said = [match for match in (*assessment.criteria, *assessment.causes) if match.truth is Truth.PRESENT]
    names = {name for match in (*said, *assessment.demotions) for name in _named(match)}
    hidden = {name for name in names if _is_restricted(name, assessment)}
    if not hidden:
        return library
    criteria = {m.rule: _criterion(m, library) for m in _of(assessment.criteria, hidden)}
    causes = {
        m.rule: _cause(library.causes[m.rule], library)
        for m in _of(assessment.causes, hidden - {library.card.gate})
    }
    demotions = {m.rule: _demotion(m, library) for m in _of(assessment.demotions, hidden)}
    return replace(
        library,
        criteria={**library.criteria, **criteria},
        causes={**library.causes, **causes},
        demotions={**library.demotions, **demotions},
        findings={**library.findings, **{name: _finding(library.findings[name]) for name in hidden}},
    )


def _named(match: Match) -> Iterable[str]:
    return (n for n in (*match.relied_on, *match.in_favour, *match.against) if not n.startswith(SCORE_PREFIX))


def _of(matches: Iterable[Match], hidden: set[str]) -> list[Match]:
    return [match for match in matches if match.truth is Truth.PRESENT and not hidden.isdisjoint(match.relied_on)]


def _is_restricted(name: str, assessment: Assessment) -> bool:
    """Whether a restricted entry is all that says it: one with the same label that is open may be named."""
    evidence = assessment.findings[name].evidence
    open_labels = {item.label for item in evidence if not item.restricted}
    return any(item.restricted and item.label not in open_labels for item in evidence)


def _criterion(match: Match, library: Library) -> Criterion:
    rule = library.criteria[match.rule]
    soon = _HOW_SOON[match.tier or Tier.ROUTINE]
    return replace(
        rule,
        id="restricted-entry",
        name=f"A criterion that rests on {_ENTRY}",
        summary=f"A criterion for referral rests on {_ENTRY}: open that entry and decide {soon}",
        advice=f"open that entry and decide {soon}; it is not named here",
        tiers=tuple(replace(step, summary="", advice="") for step in rule.tiers),
        citations=library.findings[library.card.gate].citations or rule.citations,
    )


def _cause(rule: Cause, library: Library) -> Cause:
    return replace(
        rule,
        citations=library.findings[library.card.gate].citations or rule.citations,
        name=f"A cause that {_ENTRY} names",
        short=f"one in {_ENTRY}",
        say="A further possible cause is recorded in an entry that is not named here.",
    )


def _demotion(match: Match, library: Library) -> Demotion:
    rule = library.demotions[match.rule]
    return replace(
        rule,
        say=f"because of {_ENTRY}",
        summary=f"Criteria lowered because of {_ENTRY}: open that entry before relying on this",
        advice="open that entry before relying on this",
    )


def _finding(rule: FindingRule) -> FindingRule:
    return replace(rule, name=_ENTRY[0].upper() + _ENTRY[1:])
