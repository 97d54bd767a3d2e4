"""Whether things were measured, or a visit was over, after a finding began."""

from __future__ import annotations

from datetime import datetime

from cds_hooks.chart.record import Visit
from cds_hooks.model.findings import FindingRule, Since
from cds_hooks.model.results import Evidence, Finding, Gap
from cds_hooks.model.truth import Span, Truth
from cds_hooks.reasoning.answers import answers_of, worded
from cds_hooks.reasoning.entries import Chart
from cds_hooks.reasoning.results import is_dated, measured, nothing_since, results_of, time_of
from cds_hooks.reasoning.said import answer_of

_VISIT = "Visit"
_LONGEST_BACK = Span(years=1)
"""How far back a word counts as measured since."""


def find_since(rule: FindingRule, test: Since, after: Finding, chart: Chart) -> Finding:
    """PRESENT when the concepts were measured after the first record of `after`.

    UNKNOWN while `after` is not present or has no date and the rule has no window of its own for that; ABSENT
    only when the results were read whole, or back to that moment.
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
    if unread:
        return Finding(rule.id, Truth.UNKNOWN, gaps=unread)
    return nothing_since(rule, "Observation", begin, chart.record)


def _observed_since(begin: datetime, concept: str, chart: Chart) -> Evidence | None:
    """The newest number, or else word, recorded for the concept from that moment on."""
    for item in results_of(concept, chart).readings:
        if time_of(item.entry).earliest >= begin:
            return measured(item)
    words = (answer for answer in answers_of((concept,), _LONGEST_BACK, chart, begin) if answer.words)
    newest = next(words, None)
    return worded(newest, chart.library) if newest else None


def _unread_since(begin: datetime, concept: str, chart: Chart) -> list[Gap]:
    """Entries of the concept from then on, or without a date, that could not be read: something was measured."""
    unusable = (one for one in results_of(concept, chart).unusable if not answer_of(one.entry, chart.library))
    return [one.gap for one in unusable if not is_dated(one.entry) or time_of(one.entry).earliest >= begin]


def _visit_since(rule: FindingRule, begin: datetime, chart: Chart) -> Finding:
    """The newest visit that began after that moment and is over; the present visit is none."""
    begun = {visit.start: visit for visit in chart.record.visits if visit.start and _is_over(visit, chart.at)}
    since = [start for start in begun if start.earliest >= begin]
    if not since:
        return nothing_since(rule, "Encounter", begin, chart.record)
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
