"""Dated results of one concept, newest first, and whatever might have decided had it been read.

A harmless result tells something only when no newer one can have been missed: an entry that could not be
used, a list that was not read whole, two entries of one moment that contradict each other are all gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from cds_hooks.chart.record import LIST_WORDS, NOT_READ, Listing, Observed, PatientRecord
from cds_hooks.model.codes import Concept
from cds_hooks.model.findings import FindingRule
from cds_hooks.model.results import RESTRICTED, UNDATED, Evidence, Finding, Gap, GapReason
from cds_hooks.model.truth import Span, Truth, When
from cds_hooks.reasoning.entries import Chart
from cds_hooks.reasoning.said import says_something
from cds_hooks.reasoning.times import ends_after, is_ahead
from cds_hooks.reasoning.values import Reading, in_words, reading


class Result(Protocol):
    """A value or a word, with the entry and the concept it came from."""

    @property
    def entry(self) -> Observed:
        """The chart entry."""

    @property
    def concept(self) -> Concept:
        """What it is a result of."""


_Result = TypeVar("_Result", bound=Result)


class Unusable(Struct, frozen=True):
    """An entry that holds something which cannot be used, and the gap that it leaves."""

    entry: Observed
    gap: Gap
    value: Reading | None = None
    """What it would be, were it dated."""


class Results(Struct, frozen=True):
    """Dated values of one concept newest first, and the entries of it that could not be used."""

    readings: tuple[Reading, ...]
    unusable: tuple[Unusable, ...]


class Window(Struct, frozen=True):
    """What may lie in a window of one concept, whatever range is then asked for."""

    begin: datetime
    results: Results
    newest: tuple[Reading, ...]
    """The values of which each may be the newest; empty when there is none."""
    unseen: tuple[Gap, ...]
    """What might have decided beside all values."""
    unseen_since: tuple[Gap, ...]
    """What might be newer than the newest; without one the same."""


def results_of(concept_id: str, chart: Chart) -> Results:
    """Everything recorded for a concept, of any age; read once in a chart."""
    return chart.once(concept_id, lambda: _read_results(concept_id, chart))


def window_of(concept_id: str, within: Span, chart: Chart) -> Window:
    """The results of a concept that may lie in the window, as one without a date may; found once in a chart."""
    length = within.exact()
    return chart.once(
        (concept_id, length), lambda: _seen_from(chart.at - length, results_of(concept_id, chart), chart)
    )


def line_of(item: Reading, chart: Chart) -> Evidence:
    """The value as a line of evidence; written once in a chart."""
    return chart.once(item, lambda: measured(item))


def newest_of(results: Sequence[_Result], at: datetime) -> list[_Result]:
    """All dated results that may be the newest, a day being open to its end: of two the safer may count.

    One that is dated ahead of `at` may be of any time, so it goes before none. Of results of one moment the one
    issued last corrects the others; one whose issue is not known neither corrects nor is corrected.
    """
    dated = [item for item in results if not is_ahead(time_of(item.entry), at)] or results
    start = max((time_of(item.entry).earliest for item in dated), default=None)
    newest = [item for item in results if start is not None and time_of(item.entry).latest >= start]
    return [item for item in newest if not any(_corrects(other.entry, item.entry) for other in newest)]


def begin_of(results: Iterable[Result]) -> datetime:
    """The first moment of the oldest of them."""
    return min(time_of(item.entry).earliest for item in results)


def unseen_from(begin: datetime, unusable: Iterable[Unusable], record: PatientRecord) -> tuple[Gap, ...]:
    """A gap for each entry from then on, or without a date, that could not be used; and one for unread results."""
    gaps = (item.gap for item in unusable if not is_dated(item.entry) or time_of(item.entry).latest >= begin)
    return (*gaps, *unread_list("Observation", begin, record))


def unread_list(kind: str, begin: datetime, record: PatientRecord) -> tuple[Gap, ...]:
    """The gap of a list that was read neither whole nor back to that moment; none when it was."""
    state = record.lists.get(kind, NOT_READ)
    if state.state is Listing.COMPLETE:
        return ()
    if state.state is Listing.INCOMPLETE and state.back_to is not None and state.back_to <= begin:
        return ()
    return (Gap(LIST_WORDS[kind], state.reason or GapReason.NOT_SUPPLIED),)


def nothing_since(rule: FindingRule, kind: str, begin: datetime, record: PatientRecord) -> Finding:
    """What it means that a list holds nothing from then on: ABSENT only where the rule says so and it was read."""
    unread = unread_list(kind, begin, record)
    decided = rule.when_missing == "absent_if_list_read" and not unread
    return Finding(rule.id, Truth.ABSENT if decided else Truth.UNKNOWN, gaps=unread)


def conflict(judged: Sequence[tuple[Result, Truth]]) -> tuple[Gap, ...]:
    """The gap of results of one moment of which some are in range and some are not."""
    truths = [truth for _, truth in judged]
    if Truth.PRESENT in truths and Truth.ABSENT in truths:
        entry, concept = judged[0][0].entry, judged[0][0].concept
        return (unusable_for(entry, concept, GapReason.CONFLICTING).gap,)
    return ()


def unusable_for(entry: Observed, concept: Concept, reason: GapReason) -> Unusable:
    """The entry with its gap, which does not name a restricted one."""
    return Unusable(entry, Gap(RESTRICTED if entry.restricted else concept.name, reason, entry.reference))


def measured(item: Reading) -> Evidence:
    """The value as a line of evidence."""
    return shown(item, in_words(item))


def shown(item: Result, words: str) -> Evidence:
    """The entry as a line of evidence, with the result in our words."""
    return Evidence(
        reference=item.entry.reference,
        label=item.concept.name,
        value=words,
        at=time_of(item.entry) if is_dated(item.entry) else None,
        flags=tuple(_flags(item.entry)),
        restricted=item.entry.restricted,
    )


def _flags(entry: Observed) -> Iterator[str]:
    if entry.preliminary:
        yield "preliminary"
    if not is_dated(entry):
        yield UNDATED


def is_dated(entry: Observed) -> bool:
    """Whether it carries any time."""
    return (entry.at or entry.issued) is not None


def time_of(entry: Observed) -> When:
    """The entry's time, else that of its issue. For dated entries only."""
    return entry.at or entry.issued  # type: ignore[return-value]  # see is_dated


def newest_first(item: Result) -> tuple[float, float, str]:
    """Sorts dated results: by time, then by issue, then by reference."""
    issued = item.entry.issued.latest.timestamp() if item.entry.issued else 0.0
    return (-time_of(item.entry).latest.timestamp(), -issued, item.entry.reference)


def _corrects(later: Observed, entry: Observed) -> bool:
    if later.at != entry.at or later.issued is None or entry.issued is None:
        return False
    return later.issued.latest > entry.issued.latest


def _read_results(concept_id: str, chart: Chart) -> Results:
    concept = chart.library.concepts[concept_id]
    readings: list[Reading] = []
    unusable: list[Unusable] = []
    for entry in chart.observed.get(concept_id, ()):
        item = reading(entry, concept, chart.library)
        if isinstance(item, Reading) and is_dated(entry):
            readings.append(item)
        elif isinstance(item, Reading):
            unusable.append(replace(unusable_for(entry, concept, GapReason.UNDATED), value=item))
        elif item is not None or says_something(entry) or entry.interpretation:
            unusable.append(unusable_for(entry, concept, item or GapReason.VALUE_UNKNOWN))
    return Results(tuple(sorted(readings, key=newest_first)), tuple(unusable))


def _seen_from(begin: datetime, results: Results, chart: Chart) -> Window:
    readings = tuple([item for item in results.readings if _may_lie_after(item.entry, begin)])
    unusable = tuple([item for item in results.unusable if _may_lie_after(item.entry, begin)])
    newest = tuple(newest_of(readings, chart.at))
    unseen = unseen_from(begin, unusable, chart.record)
    return Window(
        begin,
        Results(readings, unusable),
        newest,
        unseen,
        unseen_from(begin_of(newest), unusable, chart.record) if newest else unseen,
    )


def _may_lie_after(entry: Observed, begin: datetime) -> bool:
    return not is_dated(entry) or ends_after(time_of(entry), begin)
