"""Entries that name a sign or problem and do not tell whether it is there: silence would read as nothing found.

An observation whose value is neither understood nor "not done", and a problem that is recorded as active and as
over. What the entry says otherwise (in a sentence, by a description) tells after all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cds_hooks.chart.record import Observed, Problem
from cds_hooks.model.library import Library
from cds_hooks.model.results import GapReason
from cds_hooks.reasoning.codes import meaning
from cds_hooks.reasoning.entries import NAMED, PAST, Chart, Mention, Unclear, mentions_of_problem, observed_mention
from cds_hooks.reasoning.said import said_by, says_something, value_concepts

_CONTRADICTORY = "contradictory"
_NOTHING = "nothing"


def with_unclear(chart: Chart) -> Chart:
    """The chart with what does not tell, by concept; worked out once all that tells is among its mentions."""
    found: dict[str, list[Unclear]] = {}
    for one in _unclear(chart):
        found.setdefault(one.mention.concept, []).append(one)
    return replace(chart, unclear=found) if found else chart


def _unclear(chart: Chart) -> Iterator[Unclear]:
    for problem in chart.record.problems:
        if problem.state == _CONTRADICTORY:
            yield from (Unclear(one, GapReason.CONFLICTING) for one in _were_it_active(problem, chart))
    for concept, entries in chart.observed.items():
        if chart.library.concepts[concept].kind in NAMED:
            told = {(mention.reference, mention.seen) for mention in chart.mentions.get(concept, ())}
            for entry in entries:
                if (entry.reference, entry.at or entry.issued) not in told and _is_untold(entry, chart.library):
                    yield Unclear(_as_there(entry, concept, chart.library), GapReason.VALUE_UNKNOWN)


def _were_it_active(problem: Problem, chart: Chart) -> Iterator[Mention]:
    """What the problem says by code or whole wording, and by a sentence that is not about the past."""
    active = replace(problem, state="active", ended=None)
    yield from (one for one in mentions_of_problem(active, chart.library) if one.said and one.active)
    for mention in (one for mentions in chart.mentions.values() for one in mentions):
        is_of_it = mention.reference == problem.reference and mention.certainty == "narrative"
        if is_of_it and mention.said and PAST not in mention.flags and not problem.doubtful:
            yield replace(mention, active=True)


def _is_untold(entry: Observed, library: Library) -> bool:
    """Whether a value or a flag stands there that is neither understood nor says that nobody looked."""
    is_bare = not says_something(entry) and not entry.interpretation
    if is_bare or said_by(entry, library) is not None:
        return False
    known = value_concepts(entry, library)
    return all(concept.kind == "answer" and concept.means != _NOTHING for concept in known)


def _as_there(entry: Observed, concept: str, library: Library) -> Mention:
    return observed_mention(entry, concept, meaning(entry.what, library).certainty, library, said=True)
