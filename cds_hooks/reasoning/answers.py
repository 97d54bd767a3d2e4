"""Results that are words: the newest in the window decides, or any of them.

A word that was asked for counts whatever else was not seen. That none was found is said only when every entry
that might have decided was read and understood.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec import Struct

from cds_hooks.chart.record import Observed
from cds_hooks.model.codes import Concept
from cds_hooks.model.findings import AnswerTest, FindingRule
from cds_hooks.model.library import Library
from cds_hooks.model.results import Evidence, Finding, GapReason
from cds_hooks.model.truth import Span, Truth
from cds_hooks.reasoning.entries import Chart
from cds_hooks.reasoning.results import (
    Unusable,
    begin_of,
    conflict,
    is_dated,
    newest_first,
    newest_of,
    nothing_since,
    shown,
    time_of,
    unseen_from,
    unusable_for,
)
from cds_hooks.reasoning.said import answer_of, says_something
from cds_hooks.reasoning.times import EVER, ends_after
from cds_hooks.reasoning.values import quantity_of


class Worded(Struct, frozen=True):
    """One result that is a word, with the answers it stands for; none when it was not understood."""

    entry: Observed
    concept: Concept
    words: tuple[str, ...]


def find_answer(rule: FindingRule, test: AnswerTest, chart: Chart) -> Finding:
    """PRESENT when the newest worded result in the window (or any of them) is one of those asked for.

    When none is asked for, any entry will do, whatever it says. That nobody looked tells nothing. Its gaps are
    what might have decided otherwise: beside them it is never ABSENT.
    """
    answers = answers_of(test.concepts, test.within, chart)
    if not test.is_:
        return _any_entry(rule, test, answers, chart)
    known = [answer for answer in answers if _tells(answer, chart.library)]
    decisive = known if test.pick == "any" else newest_of(known, chart.at)
    begin = begin_of(decisive) if decisive and test.pick == "latest" else _window(test, chart)
    unseen = unseen_from(begin, _unusable(test, chart), chart.record)
    judged = [(answer, _judge(answer, test)) for answer in decisive]
    present = [answer for answer, truth in judged if truth is Truth.PRESENT]
    evidence = tuple(worded(answer, chart.library) for answer in (present or decisive)[:1])
    if present:
        gaps = unseen if test.pick == "any" else (*unseen, *conflict(judged))
        return Finding(rule.id, Truth.PRESENT, evidence=evidence, gaps=gaps)
    decided = decisive and not unseen
    evidence += tuple(
        worded(answer, chart.library) for answer in _undated(test, chart) if _judge(answer, test) is Truth.PRESENT
    )
    return Finding(rule.id, Truth.ABSENT if decided else Truth.UNKNOWN, evidence=evidence, gaps=unseen)


def answers_of(concepts: Iterable[str], within: Span, chart: Chart, since: datetime = EVER) -> list[Worded]:
    """Dated entries of the concepts in the window, newest first; those that are no known word among them.

    None that may lie before `since`.
    """
    begin = chart.at - within.exact()
    found = [
        _worded(entry, concept, chart.library)
        for entry, concept in _entries_of(concepts, chart)
        if is_dated(entry) and time_of(entry).earliest >= since and ends_after(time_of(entry), begin)
    ]
    return sorted(found, key=newest_first)


def worded(answer: Worded, library: Library) -> Evidence:
    """The word as a line of evidence."""
    return shown(answer, ", ".join(library.concepts[word].name for word in answer.words))


def _entries_of(concepts: Iterable[str], chart: Chart) -> Iterator[tuple[Observed, str]]:
    return ((entry, concept) for concept in concepts for entry in chart.observed.get(concept, ()))


def _worded(entry: Observed, concept: str, library: Library) -> Worded:
    return Worded(entry, library.concepts[concept], answer_of(entry, library))


def _undated(test: AnswerTest, chart: Chart) -> Iterator[Worded]:
    found = _entries_of(test.concepts, chart)
    return (_worded(entry, concept, chart.library) for entry, concept in found if not is_dated(entry))


def _tells(answer: Worded, library: Library) -> bool:
    """Whether it is a known word, and not one for "nobody looked" or "not yet": that takes no result back."""
    return bool(answer.words) and all(library.concepts[word].means != "nothing" for word in answer.words)


def _window(test: AnswerTest, chart: Chart) -> datetime:
    return chart.at - test.within.exact()


def _judge(answer: Worded, test: AnswerTest) -> Truth:
    return Truth.ABSENT if set(answer.words).isdisjoint(test.is_) else Truth.PRESENT


def _unusable(test: AnswerTest, chart: Chart) -> Iterator[Unusable]:
    """Entries in the window that say something else than a known word or a number; words without a date."""
    for answer in answers_of(test.concepts, test.within, chart):
        if not answer.words and _is_unclear(answer.entry):
            yield unusable_for(answer.entry, answer.concept, GapReason.VALUE_UNKNOWN)
    for answer in _undated(test, chart):
        if _tells(answer, chart.library) or (not answer.words and _is_unclear(answer.entry)):
            reason = GapReason.UNDATED if answer.words else GapReason.VALUE_UNKNOWN
            yield unusable_for(answer.entry, answer.concept, reason)


def _is_unclear(entry: Observed) -> bool:
    return quantity_of(entry) is None and (says_something(entry) or bool(entry.interpretation))


def _any_entry(rule: FindingRule, test: AnswerTest, answers: list[Worded], chart: Chart) -> Finding:
    if not answers:
        return nothing_since(rule, "Observation", _window(test, chart), chart.record)
    return Finding(rule.id, Truth.PRESENT, evidence=(worded(answers[0], chart.library),))
