"""What can be true, when, and how statements are put together: three values, tiers, times, expressions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal, TypeAlias

from msgspec import Struct


class Truth(Enum):
    """What the chart lets us say about a statement. UNKNOWN is never read as ABSENT."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Tier(Enum):
    """How soon a criterion asks for action, most urgent first."""

    EMERGENCY = "EMERGENCY"
    SAME_DAY = "SAME_DAY"
    WITHIN_48H = "WITHIN_48H"
    ROUTINE = "ROUTINE"

    @property
    def rank(self) -> int:
        """0 for the most urgent tier."""
        return _MOST_URGENT_FIRST.index(self)

    @property
    def words(self) -> str:
        """As one says it inside a sentence."""
        return "within 48 hours" if self is Tier.WITHIN_48H else self.value.lower().replace("_", " ")


_MOST_URGENT_FIRST = tuple(Tier)


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time. Years and months are counted on the calendar, the rest in exact hours."""

    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0
    hours: int = 0
    minutes: int = 0

    def exact(self) -> timedelta:
        """The span as exact time; years and months count 365 and 30 days (look-back windows only)."""
        days = self.years * 365 + self.months * 30 + self.weeks * 7 + self.days
        return timedelta(days, self.hours * 3600 + self.minutes * 60)


class When(Struct, frozen=True):
    """The time of a chart entry as an interval, because charts write days, months and years too.

    An instant has `earliest == latest`. A day runs from its first moment to the first moment of the
    next (`latest` exclusive). The offset is the entry's own; `zone_assumed` says it was not written.
    """

    earliest: datetime
    latest: datetime
    precision: Literal["instant", "day", "month", "year"] = "instant"
    zone_assumed: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """Present when every part is."""

    all: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Present when at least one part is."""

    any: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """Present when every part is known to be absent; an unknown part leaves it unknown."""

    none: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """Parts, and how many of them must be present."""

    count: int
    of: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Present when at least `count` parts are."""

    at_least: Counted


@dataclass(frozen=True, slots=True)
class ScoreLimit:
    """A score, and the total from which the expression is present."""

    id: str
    at_least: int


@dataclass(frozen=True, slots=True)
class ScoreAtLeast:
    """Present when the lowest possible total reaches the limit, absent when the highest does not."""

    score: ScoreLimit


Expression: TypeAlias = str | All | AnyOf | NoneOf | AtLeast | ScoreAtLeast
"""The id of a finding, or an operator over expressions."""
