"""Scores as ranges: the lowest and highest total that the chart allows, and the items that leave it open.

A missing item never counts as zero. A score below its cut at the highest possible total is absent, at or
above it at the lowest is present, and unknown in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain
from typing import TypeAlias

from cds_hooks.model.codes import Limits
from cds_hooks.model.library import Library
from cds_hooks.model.results import ItemPoints, ScoreRange
from cds_hooks.model.scores import ScoreBand, ScoreItem, ScoreRule, ScoreScale
from cds_hooks.model.truth import Span, Truth
from cds_hooks.reasoning.logic import TruthOf, names, truth
from cds_hooks.reasoning.results import Window, measured
from cds_hooks.reasoning.values import Reading, against_reference, compare

WindowOf: TypeAlias = Callable[[str, Span], Window]
"""What may lie within a span of a concept."""


def score_range(rule: ScoreRule, truth_of: TruthOf, window_of: WindowOf, library: Library) -> ScoreRange:
    """The range of one score. Where it is not known whether the score applies, the range still holds."""
    items = tuple(_points(item, truth_of, window_of, library) for item in rule.items)
    return ScoreRange(
        score=rule.id,
        applies=_applies(rule, truth_of),
        low=sum(one.low for one in items),
        high=sum(one.high for one in items),
        missing=tuple(one.item for one in items if one.settle),
        settles=tuple(one.settle for one in items if one.settle),
        items=items,
    )


def _applies(rule: ScoreRule, truth_of: TruthOf) -> Truth:
    if rule.unless is not None and truth(rule.unless, truth_of) is Truth.PRESENT:
        return Truth.ABSENT
    return Truth.PRESENT if rule.when is None else truth(rule.when, truth_of)


def reaches(total: ScoreRange, limit: int) -> Truth:
    """Truth of `score >= limit`; absent for a patient whom the score is not for."""
    if total.applies is Truth.ABSENT or total.high < limit:
        return Truth.ABSENT
    return Truth.PRESENT if total.applies is Truth.PRESENT and total.low >= limit else Truth.UNKNOWN


def risk_of(rule: ScoreRule, total: int) -> str:
    """The name of a total, empty below the first named one."""
    return next((risk.name for risk in reversed(rule.risks) if total >= risk.from_), "")


def _points(item: ScoreItem, truth_of: TruthOf, window_of: WindowOf, library: Library) -> ItemPoints:
    if item.bands:
        return _by_value(item, truth_of, window_of(item.concept, item.within), library)
    low, high = _by_findings(item, truth_of) if item.options else (0, item.judged_up_to)
    asked = dict.fromkeys(chain.from_iterable(names(option.when) for option in item.options))
    return ItemPoints(item.name, low, high, item.settle if low != high else "", findings=tuple(asked))


def _by_value(item: ScoreItem, truth_of: TruthOf, found: Window, library: Library) -> ItemPoints:
    """The points on the item's own bands, widened by those on other bands that may hold."""
    own = _on_bands(item, item.bands, found, library)
    scales = [scale for scale in item.scales if _may_hold(scale, truth_of)]
    low, high = _span(
        [*own, *(points for scale in scales for points in _on_bands(item, scale.bands, found, library))]
    )
    settle = item.settle if own[0] != own[1] else scales[0].settle if low != high else ""
    return ItemPoints(item.name, low, high, settle, evidence=tuple(map(measured, found.newest)))


def _may_hold(scale: ScoreScale, truth_of: TruthOf) -> bool:
    excluded = scale.unless is not None and truth(scale.unless, truth_of) is Truth.PRESENT
    return truth(scale.when, truth_of) is Truth.PRESENT and not excluded


def _on_bands(item: ScoreItem, bands: Sequence[ScoreBand], found: Window, library: Library) -> tuple[int, int]:
    """The points of the newest value; of several that may be it the most. A newer one unread may give any."""
    spans = [_banded(item, bands, value, library) for value in found.newest]
    low = max((low for low, _ in spans), default=0)
    most = (
        max(high for _, high in spans) if spans and not found.unseen_since else max(band.points for band in bands)
    )
    return (low, most)


def _banded(item: ScoreItem, bands: Sequence[ScoreBand], value: Reading, library: Library) -> tuple[int, int]:
    judged = [(band.points, _judge(item, value, band.is_, library)) for band in bands]
    sure = [points for points, answer in judged if answer is Truth.PRESENT]
    possible = [points for points, answer in judged if answer is Truth.UNKNOWN]
    return _span(sure) if sure else _span([0, *possible])


def _by_findings(item: ScoreItem, truth_of: TruthOf) -> tuple[int, int]:
    """The first present option, or every unknown one before it and it; none at all gives no points."""
    possible: list[int] = []
    for option in item.options:
        answer = truth(option.when, truth_of)
        if answer is Truth.PRESENT:
            return _span([*possible, option.points])
        if answer is Truth.UNKNOWN:
            possible.append(option.points)
    return _span([0, *possible])


def _judge(item: ScoreItem, value: Reading, limits: Limits, library: Library) -> Truth:
    if limits.of:
        return against_reference(value, limits, library)
    return compare(_rounded(value.value, item.round_to), value.comparator, limits)


def _rounded(value: Decimal, step: Decimal | None) -> Decimal:
    return value if step is None else (value / step).quantize(Decimal(1), rounding=ROUND_HALF_UP) * step


def _span(points: Iterable[int]) -> tuple[int, int]:
    listed = list(points)
    return (min(listed), max(listed))


def measured_by(rule: ScoreRule) -> tuple[str, ...]:
    """Concepts a score reads by value."""
    return tuple(item.concept for item in rule.items if item.concept)
