"""Measured and worded results: the newest in the window decides, and what could not be read is a gap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from cds_hooks.chart.record import LIST_WORDS, Listing, ListRead, Observed, PatientRecord, Visit
from cds_hooks.model import (
    RESTRICTED,
    AgeBand,
    AnswerTest,
    Concept,
    Evidence,
    Finding,
    FindingRule,
    Gap,
    GapReason,
    Library,
    Limits,
    Measure,
    Since,
    Span,
    Trend,
    Truth,
    When,
)
from cds_hooks.reasoning.entries import Chart, answer_of
from cds_hooks.reasoning.times import has_age, is_within
from cds_hooks.reasoning.values import (
    Reading,
    against_reference,
    compare,
    in_words,
    mirrored,
    quantity_of,
    reading,
)

_PERCENT = Decimal(100)
_VISIT = "Visit"


@dataclass(frozen=True, slots=True)
class Results:
    """Dated values of one concept newest first, and the entries of it that could not be used."""

    readings: tuple[Reading, ...]
    unusable: tuple[tuple[Observed, Gap], ...]


@dataclass(frozen=True, slots=True)
class Worded:
    """One result that is a word, with the answers it stands for; none when it was not understood."""

    entry: Observed
    concept: Concept
    words: tuple[str, ...]


_Result = TypeVar("_Result", Reading, Worded)


def find_measure(rule: FindingRule, measure: Measure, chart: Chart) -> Finding:
    """PRESENT when the newest value in the window (or any of them) lies in the range of the patient's age."""
    limits = _limits_for_age(measure, chart)
    if isinstance(limits, Truth):
        return Finding(rule.id, limits)
    results = _results(measure.concept, chart)
    recent = [item for item in results.readings if is_within(_time(item.entry), measure.within, chart.at)]
    gaps = _gaps(results, recent, chart.library.concepts[measure.concept])
    if not recent:
        return Finding(rule.id, Truth.UNKNOWN, gaps=gaps)
    decisive = recent if measure.pick == "any" else _newest(recent)
    judged = [(item, _judge(item, limits, chart.library)) for item in decisive]
    return _decide(rule, judged, gaps, unread=_may_decide(results, decisive))


def find_answer(rule: FindingRule, test: AnswerTest, chart: Chart) -> Finding:
    """PRESENT when the newest worded result in the window (or any of them) is one of those asked for.

    When none is asked for, any entry will do, whatever it says.
    """
    answers = _answers(test, chart)
    if not test.is_:
        return _any_entry(rule, answers, chart)
    unread = [answer for answer in answers if not answer.words]
    gaps = tuple(_not_understood(answer) for answer in unread if quantity_of(answer.entry) is None)
    known = [answer for answer in answers if answer.words]
    decisive = known if test.pick == "any" else _newest(known)
    for answer in decisive:
        if set(answer.words) & set(test.is_):
            return Finding(rule.id, Truth.PRESENT, evidence=(_worded(answer, chart.library),), gaps=gaps)
    evidence = tuple(_worded(answer, chart.library) for answer in decisive[:1])
    decided = decisive and not unread
    return Finding(rule.id, Truth.ABSENT if decided else Truth.UNKNOWN, evidence=evidence, gaps=gaps)


def find_trend(rule: FindingRule, trend: Trend, chart: Chart) -> Finding:
    """PRESENT when the newest value differs from its baseline, in the direction and by the amount asked for."""
    newest = newest_reading(trend.concept, trend.latest_within, chart)
    before = [] if newest is None else _baseline(newest, _results(trend.concept, chart).readings, trend)
    if newest is None or not before:
        return Finding(rule.id, Truth.UNKNOWN)
    pick = max if trend.change == "fall" else min
    baseline = pick(before, key=lambda item: item.value)
    evidence = (_measured(newest), _measured(baseline))
    change = _change(trend, baseline.value, newest.value)
    comparator = mirrored(newest.comparator) if trend.change == "fall" else newest.comparator
    return Finding(rule.id, compare(change, comparator, trend.by), evidence=evidence)


def find_since(rule: FindingRule, test: Since, after: Finding, chart: Chart) -> Finding:
    """PRESENT when the concepts were measured after the first record of `after`.

    UNKNOWN while `after` is not present or has no date and the rule has no window of its own for that; ABSENT
    only when the results were read whole.
    """
    begin = _counts_from(test, after, chart.at)
    if begin is None:
        return Finding(rule.id, Truth.UNKNOWN)
    if test.visit:
        return _visit_since(rule, begin, chart)
    found = [entry for concept in test.concepts if (entry := _observed_since(begin, concept, chart))]
    wanted = len(test.concepts) if test.need == "all" else 1
    if len(found) >= wanted:
        return Finding(rule.id, Truth.PRESENT, evidence=tuple(found))
    unread = tuple(gap for concept in test.concepts for gap in _unread_since(begin, concept, chart))
    return Finding(rule.id, Truth.UNKNOWN, gaps=unread) if unread else _nothing_since(rule, chart.record)


def newest_reading(concept: str, within: Span, chart: Chart) -> Reading | None:
    """The newest usable value of a concept in a window; None when there is none."""
    readings = _results(concept, chart).readings
    return next((item for item in readings if is_within(_time(item.entry), within, chart.at)), None)


def age_holds(band: AgeBand, born: When | None, at: datetime) -> Truth:
    """Whether the patient's age lies in [from, below); unknown without a date of birth that tells."""
    if born is None:
        return Truth.UNKNOWN
    old_enough = has_age(born, band.from_, at)
    too_old = has_age(born, band.below, at) if band.below is not None else False
    if old_enough is False or too_old is True:
        return Truth.ABSENT
    return Truth.UNKNOWN if old_enough is None or too_old is None else Truth.PRESENT


def _limits_for_age(measure: Measure, chart: Chart) -> Limits | Truth:
    if measure.is_ is not None:
        return measure.is_
    held = [(band, age_holds(band.age, chart.record.patient.born, chart.at)) for band in measure.by_age]
    for band, truth in held:
        if truth is Truth.PRESENT:
            return band.is_
    open_age = any(truth is Truth.UNKNOWN for _, truth in held)
    return Truth.UNKNOWN if open_age or measure.outside_bands == "unknown" else Truth.ABSENT


def _results(concept_id: str, chart: Chart) -> Results:
    concept = chart.library.concepts[concept_id]
    readings: list[Reading] = []
    unusable: list[tuple[Observed, Gap]] = []
    for entry in chart.observed.get(concept_id, ()):
        item = reading(entry, concept, chart.library) if _dated(entry) else GapReason.UNDATED
        if isinstance(item, Reading):
            readings.append(item)
        elif item is not None or entry.value is not None or entry.value_missing == "unreadable-type":
            unusable.append((entry, Gap(_named(entry, concept), item or GapReason.VALUE_UNKNOWN, entry.reference)))
    return Results(tuple(sorted(readings, key=lambda r: _newest_first(r.entry))), tuple(unusable))


def _gaps(results: Results, recent: list[Reading], concept: Concept) -> tuple[Gap, ...]:
    newer = tuple(
        gap
        for entry, gap in results.unusable
        if not recent or not _dated(entry) or _not_older(entry, recent[0].entry)
    )
    if recent or newer or not results.readings:
        return newer
    stale = results.readings[0].entry
    return (Gap(_named(stale, concept), GapReason.STALE, stale.reference),)


def _answers(test: AnswerTest, chart: Chart) -> list[Worded]:
    """Dated worded results in the window, newest first."""
    found = [
        Worded(entry, chart.library.concepts[concept], answer_of(entry, chart.library))
        for concept in test.concepts
        for entry in chart.observed.get(concept, ())
        if _dated(entry) and is_within(_time(entry), test.within, chart.at)
    ]
    return sorted(found, key=lambda answer: _newest_first(answer.entry))


def _change(trend: Trend, baseline: Decimal, newest: Decimal) -> Decimal:
    """How far the value moved in the direction of the trend; a baseline of zero has no percentage."""
    moved = baseline - newest if trend.change == "fall" else newest - baseline
    if trend.by.unit != "%":
        return moved
    return moved * _PERCENT / baseline if baseline else Decimal(0)


def _baseline(newest: Reading, readings: Iterable[Reading], trend: Trend) -> list[Reading]:
    """Exact values surely before the newest; one that is only `<5` or `>400` is no baseline."""
    moment = _time(newest.entry).earliest
    return [
        item
        for item in readings
        if not item.comparator
        if _time(item.entry).latest <= moment and _time(item.entry) != _time(newest.entry)
        if is_within(_time(item.entry), trend.baseline_within, moment)
    ]


def _may_decide(results: Results, decisive: list[Reading]) -> bool:
    """Whether an entry that could not be read stands beside the decisive ones, so that it might have decided."""
    oldest = min((item.entry for item in decisive), key=lambda entry: _time(entry).earliest)
    return any(not _dated(entry) or _not_older(entry, oldest) for entry, _ in results.unusable)


def _not_older(entry: Observed, than: Observed) -> bool:
    return _time(entry).latest >= _time(than).earliest


def _decide(
    rule: FindingRule, judged: list[tuple[Reading, Truth]], gaps: tuple[Gap, ...], *, unread: bool
) -> Finding:
    """A newer value that could not be read takes away the ABSENT of an older one, never its PRESENT."""
    present = [item for item, truth in judged if truth is Truth.PRESENT]
    if present:
        return Finding(rule.id, Truth.PRESENT, evidence=tuple(_measured(item) for item in present), gaps=gaps)
    evidence = tuple(_measured(item) for item, _ in judged[:1])
    open_answer = unread or any(truth is Truth.UNKNOWN for _, truth in judged)
    return Finding(rule.id, Truth.UNKNOWN if open_answer else Truth.ABSENT, evidence=evidence, gaps=gaps)


def _judge(item: Reading, limits: Limits, library: Library) -> Truth:
    if limits.of:
        return against_reference(item, limits, library)
    return compare(item.value, item.comparator, limits)


def _newest(recent: list[_Result]) -> list[_Result]:
    """All results that may be the newest, a day being open to its end: of two the safer may count.

    Of results of one moment the one issued last counts: it corrects the others.
    """
    if not recent:
        return []
    start = max(_time(item.entry).earliest for item in recent)
    newest = [item for item in recent if _time(item.entry).latest >= start]
    last_issue: dict[When | None, When | None] = {}
    for item in newest:
        last_issue.setdefault(item.entry.at, item.entry.issued)
    return [item for item in newest if item.entry.issued == last_issue[item.entry.at]]


def _observed_since(begin: datetime, concept: str, chart: Chart) -> Evidence | None:
    """The newest number, or else word, recorded for the concept from that moment on."""
    for item in _results(concept, chart).readings:
        if _time(item.entry).earliest >= begin:
            return _measured(item)
    for answer in _answers(AnswerTest((concept,), (), Span(years=1)), chart):
        if answer.words and _time(answer.entry).earliest >= begin:
            return _worded(answer, chart.library)
    return None


def _unread_since(begin: datetime, concept: str, chart: Chart) -> list[Gap]:
    """Entries of the concept from then on, or without a date, that could not be read: something was measured."""
    unusable = ((e, gap) for e, gap in _results(concept, chart).unusable if not answer_of(e, chart.library))
    return [gap for entry, gap in unusable if not _dated(entry) or _time(entry).earliest >= begin]


def _any_entry(rule: FindingRule, answers: list[Worded], chart: Chart) -> Finding:
    if not answers:
        return _nothing_since(rule, chart.record)
    return Finding(rule.id, Truth.PRESENT, evidence=(_worded(answers[0], chart.library),))


def _visit_since(rule: FindingRule, begin: datetime, chart: Chart) -> Finding:
    """The newest visit that began after that moment and is over; the present visit is none."""
    begun = {visit.start: visit for visit in chart.record.visits if visit.start and _is_over(visit, chart.at)}
    since = [start for start in begun if start.earliest >= begin]
    if not since:
        return _nothing_since(rule, chart.record, "Encounter")
    newest = max(since, key=lambda start: start.latest)
    return Finding(rule.id, Truth.PRESENT, evidence=(Evidence(begun[newest].reference, _VISIT, at=newest),))


def _is_over(visit: Visit, at: datetime) -> bool:
    return visit.finished or (visit.end is not None and visit.end.latest <= at)


def _counts_from(test: Since, after: Finding, at: datetime) -> datetime | None:
    if after.truth is Truth.PRESENT and after.since is not None:
        return _begin(after, after.since, same_day_counts=test.same_day_counts)
    return at - test.else_within.exact() if test.else_within is not None else None


def _begin(after: Finding, since: datetime, *, same_day_counts: bool) -> datetime:
    """The moment from which a measurement counts; a finding dated by day began at that day's end, at worst."""
    if same_day_counts:
        return since
    dated = [when for item in after.evidence if (when := item.since or item.at)]
    first = min(dated, key=lambda when: when.earliest, default=None)
    return first.latest if first is not None and first.earliest == since else since


def _nothing_since(rule: FindingRule, record: PatientRecord, kind: str = "Observation") -> Finding:
    listed = record.lists.get(kind, ListRead(Listing.NOT_READ))
    if rule.when_missing == "absent_if_list_read" and listed.state is Listing.COMPLETE:
        return Finding(rule.id, Truth.ABSENT)
    reason = listed.reason or GapReason.NOT_SUPPLIED
    gaps = () if listed.state is Listing.COMPLETE else (Gap(LIST_WORDS[kind], reason),)
    return Finding(rule.id, Truth.UNKNOWN, gaps=gaps)


def _measured(item: Reading) -> Evidence:
    entry = item.entry
    return Evidence(
        reference=entry.reference,
        label=item.concept.name,
        value=in_words(item),
        at=_time(entry),
        flags=("preliminary",) if entry.preliminary else (),
        restricted=entry.restricted,
    )


def _worded(answer: Worded, library: Library) -> Evidence:
    entry = answer.entry
    return Evidence(
        reference=entry.reference,
        label=answer.concept.name,
        value=", ".join(library.concepts[word].name for word in answer.words),
        at=_time(entry),
        flags=("preliminary",) if entry.preliminary else (),
        restricted=entry.restricted,
    )


def _not_understood(answer: Worded) -> Gap:
    return Gap(_named(answer.entry, answer.concept), GapReason.VALUE_UNKNOWN, answer.entry.reference)


def _named(entry: Observed, concept: Concept) -> str:
    """What a gap may say of an entry: a restricted one is not named."""
    return RESTRICTED if entry.restricted else concept.name


def _dated(entry: Observed) -> bool:
    return (entry.at or entry.issued) is not None


def _time(entry: Observed) -> When:
    """The entry's time. Callers ask for dated entries only."""
    return entry.at or entry.issued  # type: ignore[return-value]  # see _dated


def _newest_first(entry: Observed) -> tuple[float, float, str]:
    issued = entry.issued.latest.timestamp() if entry.issued else 0.0
    return (-_time(entry).latest.timestamp(), -issued, entry.reference)
