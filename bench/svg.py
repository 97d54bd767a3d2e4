"""Lines over two logarithmic axes, as SVG that needs nothing else. A slope of one is linear growth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, floor, log10

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 400, 60, 50, 40
_INKS = ("#0b5cad", "#b3261e", "#2e7d32")


def chart(title: str, lines: Mapping[str, Mapping[int, float]]) -> str:
    """The drawing: one line for each name, its points by count."""
    counts = [count for points in lines.values() for count in points]
    values = [value for points in lines.values() for value in points.values()]
    axes = _Axes(*_decades(counts), *_decades(values))
    parts = [*axes.grid(), *(part for index, one in enumerate(lines.items()) for part in _line(*one, index, axes))]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img"><title>{title}</title><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{_LEFT}" y="20" font-size="14">{title}</text>'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"


class _Axes:
    """Where a count and a value lie, each between two powers of ten."""

    def __init__(self, left: int, right: int, low: int, high: int) -> None:
        self._x, self._y = (left, right), (low, high)

    def at(self, count: float, value: float) -> tuple[float, float]:
        across = (log10(count) - self._x[0]) / (self._x[1] - self._x[0])
        up = (log10(value) - self._y[0]) / (self._y[1] - self._y[0])
        return _LEFT + across * (_WIDTH - _LEFT - 20), _HEIGHT - _BOTTOM - up * (_HEIGHT - _BOTTOM - _TOP)

    def grid(self) -> Iterator[str]:
        for power in range(self._x[0], self._x[1] + 1):
            x, y = self.at(10**power, 10 ** self._y[0])
            yield f'<line x1="{x:.0f}" y1="{_TOP}" x2="{x:.0f}" y2="{y:.0f}" stroke="#ddd"/>'
            yield f'<text x="{x:.0f}" y="{y + 18:.0f}" text-anchor="middle">{10**power:,}</text>'
        for power in range(self._y[0], self._y[1] + 1):
            x, y = self.at(10 ** self._x[0], 10**power)
            yield f'<line x1="{_LEFT}" y1="{y:.0f}" x2="{_WIDTH - 20}" y2="{y:.0f}" stroke="#ddd"/>'
            yield f'<text x="{x - 8:.0f}" y="{y + 4:.0f}" text-anchor="end">{10.0**power:g}</text>'


def _line(name: str, points: Mapping[int, float], index: int, axes: _Axes) -> Iterator[str]:
    ink, places = _INKS[index % len(_INKS)], [axes.at(count, value) for count, value in points.items()]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{path}" fill="none" stroke="{ink}" stroke-width="2"/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{ink}"/>' for x, y in places)
    yield f'<text x="{_LEFT + 12}" y="{_TOP + 16 + 18 * index}" fill="{ink}">{name}</text>'


def _decades(values: list[int] | list[float]) -> tuple[int, int]:
    return floor(log10(min(values))), ceil(log10(max(values)))
