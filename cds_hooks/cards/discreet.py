"""discreet: the library's words for a chart in which entries with restricted access count.

Such an entry counts for rules and is never named or valued on a card or in a trace. A rule that rests on one would
name it by its own words ("HIV infection"), so these are replaced by words that say only that there is an entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cds_hooks.model.citations import Cite
from cds_hooks.model.criteria import Cause, Criterion, Demotion
from cds_hooks.model.library import Library
from cds_hooks.model.orders import OrderBundle, Prompt
from cds_hooks.model.results import RESTRICTED, Assessment, Finding, Match
from cds_hooks.model.truth import Expression, Tier, Truth
from cds_hooks.reasoning.logic import SCORE_PREFIX, TruthOf, relied_on
from cds_hooks.reasoning.orders import rule_named, truth_in

_ENTRY = "an entry with restricted access"
_NAME = _ENTRY[0].upper() + _ENTRY[1:]
_ID = "restricted-entry"
_HOW_SOON = {
    Tier.EMERGENCY: "now",
    Tier.SAME_DAY: "today",
    Tier.WITHIN_48H: "within 48 hours",
    Tier.ROUTINE: "at the next occasion",
}


def discreet(assessment: Assessment, library: Library) -> Library:
    """The library for cards: as it is, or with neutral words for what rests on restricted entries."""
    said = [match for match in (*assessment.criteria, *assessment.causes) if match.truth is Truth.PRESENT]
    names = {name for match in (*said, *assessment.demotions) for name in _named(match)}
    return _in_neutral_words(assessment, library, frozenset(name for name in names if _rests(name, assessment)))


def discreet_throughout(assessment: Assessment, library: Library) -> tuple[Library, frozenset[str]]:
    """The library for a trace, which names every finding, and the findings that it must not name."""
    hidden = frozenset(name for name in assessment.findings if _rests(name, assessment))
    return _in_neutral_words(assessment, library, hidden), hidden


def _in_neutral_words(assessment: Assessment, library: Library, hidden: frozenset[str]) -> Library:
    if not hidden:
        return library
    criteria = [match for match in assessment.criteria if _is_told_by(match, hidden)]
    causes = [match for match in assessment.causes if _is_cause_told_by(match, hidden, library)]
    demotions = [match for match in assessment.demotions if not hidden.isdisjoint(match.relied_on)]
    choices = {match.choice for match in (*criteria, *demotions, *_excused_by(assessment, hidden))} - {""}
    worded = replace(
        library,
        criteria={**library.criteria, **{match.rule: _criterion(match, library) for match in criteria}},
        causes={**library.causes, **{m.rule: _cause(library.causes[m.rule], library) for m in causes}},
        demotions={**library.demotions, **{m.rule: _demotion(library.demotions[m.rule]) for m in demotions}},
        findings={
            **library.findings,
            **{name: replace(library.findings[name], name=_NAME) for name in hidden},
        },
        choices={**library.choices, **{name: replace(library.choices[name], name=_NAME) for name in choices}},
    )
    truth_of = truth_in(assessment, library)
    orders = {bundle.id: _bundle(bundle, worded, hidden, truth_of) for bundle in library.orders.values()}
    return replace(worded, orders=orders)


def _named(match: Match) -> Iterable[str]:
    return (n for n in (*match.relied_on, *match.in_favour, *match.against) if not n.startswith(SCORE_PREFIX))


def _excused_by(assessment: Assessment, hidden: frozenset[str]) -> Iterable[Match]:
    return (match for match in assessment.criteria if not hidden.isdisjoint(match.excused_by))


def _is_told_by(match: Match, hidden: frozenset[str]) -> bool:
    return match.truth is Truth.PRESENT and not hidden.isdisjoint(match.relied_on)


def _is_cause_told_by(match: Match, hidden: frozenset[str], library: Library) -> bool:
    """Whether what restricted entries say is needed for the cause to be listed; the gate tells none."""
    if _is_told_by(match, hidden - {library.card.gate}):
        return True
    rule = library.causes[match.rule]
    weight = sum(w.weight for w in rule.supports if w.finding in match.in_favour and w.finding not in hidden)
    return match.truth is Truth.PRESENT and weight < rule.list_from


def _rests(name: str, assessment: Assessment) -> bool:
    """Whether a restricted entry is all that says it: one with the same label that is open may be named."""
    finding: Finding = assessment.findings[name]
    open_labels = {item.label for item in finding.evidence if not item.restricted}
    return any(item.restricted and item.label not in open_labels for item in finding.evidence) or any(
        gap.what == RESTRICTED for gap in finding.gaps
    )


def _criterion(match: Match, library: Library) -> Criterion:
    rule = library.criteria[match.rule]
    soon = _HOW_SOON[match.tier or Tier.ROUTINE]
    return replace(
        rule,
        id=_ID,
        name=f"A criterion that rests on {_ENTRY}",
        summary=f"A criterion for referral rests on {_ENTRY}: open that entry and decide {soon}",
        advice=f"open that entry and decide {soon}; it is not named here",
        tiers=tuple(replace(step, summary="", advice="") for step in rule.tiers),
        citations=_of_the_skin_finding(library) or rule.citations,
    )


def _cause(rule: Cause, library: Library) -> Cause:
    return replace(
        rule,
        id=_ID,
        citations=_of_the_skin_finding(library) or rule.citations,
        name=f"A cause that {_ENTRY} names",
        short=f"one in {_ENTRY}",
        say="A further possible cause is recorded in an entry that is not named here.",
    )


def _demotion(rule: Demotion) -> Demotion:
    return replace(
        rule,
        id=_ID,
        name=f"A situation that {_ENTRY} tells",
        say=f"because of {_ENTRY}",
        summary=f"Criteria lowered because of {_ENTRY}: open that entry before relying on this",
        advice="open that entry before relying on this",
    )


def _bundle(bundle: OrderBundle, worded: Library, hidden: frozenset[str], truth_of: TruthOf) -> OrderBundle:
    """The bundle without a word about what it is proposed for, where that must not be named."""
    prompts = tuple(
        _prompt(prompt, worded) if _tells(prompt.when, worded, hidden, truth_of) else prompt
        for prompt in bundle.prompts
    )
    is_told = _tells(bundle.when, worded, hidden, truth_of)
    reason = f"What is recorded, some of it in {_ENTRY}" if is_told else bundle.reason
    return replace(bundle, prompts=prompts, reason=reason)


def _prompt(prompt: Prompt, library: Library) -> Prompt:
    text = f"Something to think of before ordering stands with {_ENTRY}: open that entry first"
    return replace(prompt, text=text, citations=_of_the_skin_finding(library) or prompt.citations)


def _tells(situation: Expression, worded: Library, hidden: frozenset[str], truth_of: TruthOf) -> bool:
    """Whether what makes the situation so includes a hidden finding, or a rule that is not named."""
    return any(name in hidden or _is_unnamed(name, worded) for name in relied_on(situation, truth_of))


def _is_unnamed(name: str, worded: Library) -> bool:
    rule = rule_named(name, worded)
    return rule is not None and rule.id == _ID


def _of_the_skin_finding(library: Library) -> tuple[Cite, ...]:
    """The publications of the gate, which every card rests on."""
    return library.findings[library.card.gate].citations
