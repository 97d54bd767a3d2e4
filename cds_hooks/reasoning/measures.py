"""Measured values: the newest in the window decides, or any of them; and changes against a baseline.

A value in range counts whatever else was not seen. That none is in range is said only when every value that
might have decided was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal

from cds_hooks.model.codes import Limits
from cds_hooks.model.findings import AgeBand, FindingRule, Measure, Trend
from cds_hooks.model.library import Library
from cds_hooks.model.results import Evidence, Finding, Gap, GapReason
from cds_hooks.model.truth import Truth, When
from cds_hooks.reasoning.entries import Chart
from cds_hooks.reasoning.results import (
    Results,
    begin_of,
    conflict,
    line_of,
    measured,
    results_of,
    time_of,
    unseen_from,
    unusable_for,
    window_of,
)
from cds_hooks.reasoning.times import has_age, is_within
from cds_hooks.reasoning.values import Reading, against_reference, compare, mirrored

_PERCENT = Decimal(100)


def find_measure(rule: FindingRule, measure: Measure, chart: Chart) -> Finding:
    """PRESENT when the newest value in the window (or any of them) lies in the range of the patient's age.

    Its gaps are what might have decided otherwise: beside them it is never ABSENT.
    """
    limits = _limits_for_age(measure, chart)
    if isinstance(limits, Truth):
        return Finding(rule.id, limits)
    window = window_of(measure.concept, measure.within, chart)
    undated = tuple(_undated_in(limits, window.results, chart.library))
    if not window.results.readings:
        gaps = window.unseen or _stale(results_of(measure.concept, chart))
        return Finding(rule.id, Truth.UNKNOWN, evidence=undated, gaps=gaps)
    decisive = window.results.readings if measure.pick == "any" else window.newest
    judged = [(item, _judge(item, limits, chart.library)) for item in decisive]
    gaps = window.unseen if measure.pick == "any" else (*window.unseen_since, *conflict(judged))
    return _decided(rule, judged, gaps, undated, chart)


def find_trend(rule: FindingRule, trend: Trend, chart: Chart) -> Finding:
    """PRESENT when the newest value differs from its baseline, in the direction and by the amount asked for.

    Its gaps are what might have decided otherwise: beside them it is never ABSENT.
    """
    results = results_of(trend.concept, chart)
    latest = window_of(trend.concept, trend.latest_within, chart)
    newest = next(iter(latest.results.readings), None)
    if newest is None:
        return Finding(rule.id, Truth.UNKNOWN, gaps=latest.unseen)
    unseen = unseen_from(begin_of([newest]) - trend.baseline_within.exact(), results.unusable, chart.record)
    before = _baseline(newest, results.readings, trend)
    if not before:
        return Finding(rule.id, Truth.UNKNOWN, gaps=unseen)
    baseline = (max if trend.change == "fall" else min)(before, key=lambda item: item.value)
    answer = _changed(newest, baseline, trend)
    truth = Truth.UNKNOWN if unseen and answer is Truth.ABSENT else answer
    return Finding(rule.id, truth, evidence=(line_of(newest, chart), line_of(baseline, chart)), gaps=unseen)


def age_holds(band: AgeBand, born: When | None, at: datetime) -> Truth:
    """Whether the patient's age lies in [from, below); unknown without a date of birth that tells."""
    if born is None:
        return Truth.UNKNOWN
    too_old = band.below is not None and has_age(born, band.below, at)
    if too_old:
        return Truth.ABSENT
    old_enough = has_age(born, band.from_, at)
    if old_enough is False:
        return Truth.ABSENT
    return Truth.UNKNOWN if old_enough is None or too_old is None else Truth.PRESENT


def _limits_for_age(measure: Measure, chart: Chart) -> Limits | Truth:
    if measure.is_ is not None:
        return measure.is_
    otherwise = Truth.UNKNOWN if measure.outside_bands == "unknown" else Truth.ABSENT
    for band in measure.by_age:
        truth = age_holds(band.age, chart.record.patient.born, chart.at)
        if truth is Truth.PRESENT:
            return band.is_
        if truth is Truth.UNKNOWN:
            otherwise = Truth.UNKNOWN
    return otherwise


def _stale(results: Results) -> tuple[Gap, ...]:
    """The gap of a newest value that is too old to count; none where there is no value at all."""
    return tuple(unusable_for(item.entry, item.concept, GapReason.STALE).gap for item in results.readings[:1])


def _judge(item: Reading, limits: Limits, library: Library) -> Truth:
    if limits.of:
        return against_reference(item, limits, library)
    return compare(item.value, item.comparator, limits)


def _undated_in(limits: Limits, results: Results, library: Library) -> Iterator[Evidence]:
    """What may lie in the range and has no date: nobody knows whether it is the newest."""
    values = (item.value for item in results.unusable if item.value is not None)
    return (measured(value) for value in values if _judge(value, limits, library) is not Truth.ABSENT)


def _decided(
    rule: FindingRule,
    judged: list[tuple[Reading, Truth]],
    gaps: tuple[Gap, ...],
    undated: tuple[Evidence, ...],
    chart: Chart,
) -> Finding:
    present = tuple([line_of(item, chart) for item, truth in judged if truth is Truth.PRESENT])
    if present:
        return Finding(rule.id, Truth.PRESENT, evidence=present, gaps=gaps)
    is_open = gaps or any(truth is Truth.UNKNOWN for _, truth in judged)
    evidence = (line_of(judged[0][0], chart), *undated)
    return Finding(rule.id, Truth.UNKNOWN if is_open else Truth.ABSENT, evidence=evidence, gaps=gaps)


def _baseline(newest: Reading, readings: Iterable[Reading], trend: Trend) -> list[Reading]:
    """Exact values surely before the newest; one that is only `<5` or `>400` is no baseline."""
    moment = time_of(newest.entry).earliest
    return [
        item
        for item in readings
        if not item.comparator
        if time_of(item.entry).latest <= moment and time_of(item.entry) != time_of(newest.entry)
        if is_within(time_of(item.entry), trend.baseline_within, moment)
    ]


def _changed(newest: Reading, baseline: Reading, trend: Trend) -> Truth:
    comparator = mirrored(newest.comparator) if trend.change == "fall" else newest.comparator
    return compare(_change(trend, baseline.value, newest.value), comparator, trend.by)


def _change(trend: Trend, baseline: Decimal, newest: Decimal) -> Decimal:
    """How far the value moved in the direction of the trend; a baseline of zero has no percentage."""
    moved = baseline - newest if trend.change == "fall" else newest - baseline
    if trend.by.unit != "%":
        return moved
    return moved * _PERCENT / baseline if baseline else Decimal(0)
