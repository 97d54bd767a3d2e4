"""What a track record is made of: plain numbers, and what they mean for whoever looks after the rules.

Standard library only. Counts are whole here; small ones are hidden where they are written down (`told`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import sqrt

SMALL = 5
"""Smaller counts could be one patient somebody knows; they are not told."""
_SIGMAS = 3
_SURELY_EXPECTED = 7.0
"""Firings that should have come by chance: that none came is then rarer than once in a thousand."""
_ENOUGH_SHOWN = 50
_MOSTLY = 0.9


def told(count: int) -> str:
    """The count as it is written down; a small one only as small."""
    return f"<{SMALL}" if 0 < count < SMALL else str(count)


@dataclass(frozen=True, slots=True)
class Limits:
    """Between which values a rate moves by chance alone, three standard deviations either side."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Point:
    """One stretch of time: calls in which the rule was asked, and charts that met it."""

    start: datetime
    calls: int
    met: int

    @property
    def rate(self) -> float | None:
        """Per 1,000 calls; None without calls."""
        return self.met * 1000 / self.calls if self.calls else None

    def limits(self, mean: float) -> Limits:
        """For a rule that charts meet `mean` times in 1,000 calls (u chart)."""
        spread = _SIGMAS * sqrt(mean * 1000 / self.calls) if self.calls else 0.0
        return Limits(mean, max(0.0, mean - spread), mean + spread)

    def is_out(self, mean: float) -> bool:
        """Whether chance does not explain this rate. Of few firings, expected or not, nobody can tell."""
        if self.rate is None or max(self.met, mean * self.calls / 1000) < SMALL:
            return False
        limits = self.limits(mean)
        return not limits.low <= self.rate <= limits.high


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """What one rule did."""

    rule: str
    points: tuple[Point, ...]
    hows: Mapping[str, int]
    """What became of it where charts met it: shown, silent, quiet, held -> calls."""
    tiers: Mapping[str, int]
    unknown: int
    """Calls in which it stayed undecided."""
    accepted: int
    overridden: int
    expected_since: float
    """Firings that should have come since the last one, going by the rate before it. Where the last one is older
    than the report: since it begins.
    """
    glanced: int = 0
    """Calls answered at a glance: it was not met, and nobody asked whether it stayed undecided."""

    @property
    def calls(self) -> int:
        """Calls in which it was asked."""
        return sum(point.calls for point in self.points)

    @property
    def decided(self) -> int:
        """Calls in which it was asked to the end, whether or not it stayed undecided."""
        return self.calls - self.glanced

    @property
    def met(self) -> int:
        """Charts that met it."""
        return sum(point.met for point in self.points)

    @property
    def rate(self) -> float:
        """Per 1,000 calls."""
        return self.met * 1000 / self.calls if self.calls else 0.0

    @property
    def unknown_share(self) -> float:
        """Part of the calls, asked to the end, in which it stayed undecided."""
        return self.unknown / self.decided if self.decided else 0.0

    @property
    def shown(self) -> int:
        """Cards that went out with it."""
        return self.hows.get("shown", 0)

    @property
    def has_fallen_silent(self) -> bool:
        """It fired before, and chance does not explain that it no longer does."""
        return self.expected_since >= _SURELY_EXPECTED

    @property
    def out(self) -> tuple[Point, ...]:
        """Stretches in which chance does not explain how often it fired."""
        return tuple(point for point in self.points if point.is_out(self.rate))

    @property
    def is_never_accepted(self) -> bool:
        """Shown often, and nobody took up what it proposed."""
        return self.shown >= _ENOUGH_SHOWN and not self.accepted

    @property
    def is_mostly_overridden(self) -> bool:
        """Shown often, and overridden nearly every time."""
        return self.shown >= _ENOUGH_SHOWN and self.overridden > _MOSTLY * self.shown


@dataclass(frozen=True, slots=True)
class Report:
    """The track record of a deployment over some time."""

    since: datetime
    until: datetime
    statuses: Mapping[int, int] = field(default_factory=dict)
    """HTTP status -> calls. Only those with 200 were judged."""
    calls: tuple[Point, ...] = ()
    """All judged calls; `met` counts those with a card that went out."""
    rules: tuple[RuleRecord, ...] = ()
    """Those that charts met most often first."""
    cards: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(indicator, what became of it) -> cards."""
    latencies: tuple[float, ...] = ()
    """Milliseconds: median, 95th and 99th percentile, longest; empty without calls."""
    why_unknown: tuple[tuple[str, str, int], ...] = ()
    """Finding, why it was not known, calls in which that left rules open; the most frequent first."""
    gaps: Mapping[str, int] = field(default_factory=dict)
    entries: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Kind -> entries that were understood, and all."""
    unmapped: tuple[tuple[str, str, str, int], ...] = ()
    """Kind, system, code, calls in which it was seen; the most frequent first."""
    outcomes: Mapping[str, int] = field(default_factory=dict)
    reasons: tuple[tuple[str, int], ...] = ()
    """Codes of reasons for overriding, the most frequent first; "" where none was given."""
    knowledge: tuple[tuple[str, str, str, int], ...] = ()
    """Version, date, digest, calls."""
    silent_calls: int = 0
    """Calls that were judged in silent mode."""

    @property
    def judged(self) -> int:
        """Calls that were judged."""
        return sum(point.calls for point in self.calls)
