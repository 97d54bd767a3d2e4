"""Drawings of rates over time, as SVG without style sheets, scripts or text from outside.

A small count is drawn as the least that is told: its height would tell it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cds_hooks.report.numbers import SMALL, Point, told

_INK, _BAND, _OUT, _BAR = "#0b4f8a", "#dbe7f1", "#a51d1d", "#c5ccd3"


def sparkline(points: Sequence[Point], mean: float, *, width: int = 180, height: int = 36) -> str:
    """The rate of each stretch, in the band where chance alone would keep it; what lies outside as a red dot."""
    total, points = sum(point.met for point in points), [*map(_coarse, points)]
    top = max(
        [point.rate or 0.0 for point in points] + [point.limits(mean).high for point in points if point.calls],
        default=0.0,
    )
    across = width / max(1, len(points))

    def height_of(rate: float) -> float:
        return round(height - 3 - (height - 6) * (rate / top if top else 0.0), 1)

    places = [(round((number + 0.5) * across, 1), point) for number, point in enumerate(points)]
    known = [(x, point, point.rate) for x, point in places if point.rate is not None]
    band = [(x, point.limits(mean)) for x, point, _ in known]
    outline = [(x, height_of(limits.high)) for x, limits in band]
    outline += [(x, height_of(limits.low)) for x, limits in reversed(band)]
    dots = (
        f'<circle cx="{x}" cy="{height_of(rate)}" r="2.5" fill="{_OUT}"/>'
        for x, point, rate in known
        if point.is_out(mean)
    )
    return _svg(
        width,
        height,
        f"{told(total)} in {len(points)} stretches of time",
        f'<polygon points="{_points(outline)}" fill="{_BAND}"/>',
        _line([(x, height_of(rate)) for x, _, rate in known]),
        *dots,
    )


def bars(points: Sequence[Point], *, width: int = 900, height: int = 160) -> str:
    """Calls of each stretch as bars, and in them those in which a card went out."""
    points = [*map(_coarse, points)]
    top = max([point.calls for point in points], default=0) or 1
    across = width / max(1, len(points))
    drawn = []
    for number, point in enumerate(points):
        x, wide = round(number * across + across * 0.1, 1), round(across * 0.8, 1)
        for count, colour in ((point.calls, _BAR), (point.met, _INK)):
            tall = round((height - 4) * count / top, 1)
            drawn.append(f'<rect x="{x}" y="{height - tall}" width="{wide}" height="{tall}" fill="{colour}"/>')
    return _svg(width, height, f"Calls from {points[0].start:%d %B %Y}" if points else "No calls", *drawn)


def _coarse(point: Point) -> Point:
    least = {True: SMALL, False: 0}
    return replace(point, calls=max(point.calls, least[point.calls > 0]), met=max(point.met, least[point.met > 0]))


def _svg(width: int, height: int, title: str, *parts: str) -> str:
    """Titles are ours: numbers and dates."""
    return (
        f'<svg role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def _line(places: Iterable[tuple[float, float]]) -> str:
    return f'<polyline points="{_points(places)}" fill="none" stroke="{_INK}" stroke-width="1.5"/>'


def _points(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)
