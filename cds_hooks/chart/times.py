"""FHIR dates and times as intervals: a year is a year long, an instant has no length.

Tolerant where charts are: no zone (taken as UTC and marked), no seconds, 24:00, a leap second, a space for
the T; of a time that cannot be read the day is kept. What is no date at all, or a placeholder for one, is
None and never a guess.
Source: FHIR R4 4.0.1, 2.24.0.1 (date, dateTime, instant) and 2.24.0.10 Period; UCUM for the units of an Age.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

from cds_hooks.chart.datatypes import Period
from cds_hooks.chart.record import Quantity
from cds_hooks.model.truth import When

Precision: TypeAlias = Literal["instant", "day", "month", "year"]

_DATE: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?(?:-([0-9]{2}))?")
_DAY: Final = len("2026-11-23")
_END_OF_DAY: Final = re.compile(r"(?<=[Tt ])24:00")
_LEAP_SECOND: Final = re.compile(r"(?<=:[0-9]{2}):60")
_MEANT: Final = range(1800, 2200)
"""Years that can be meant. 0001 and 9999 are how some systems write "none"."""
_PRECISIONS: Final[tuple[Precision, ...]] = ("instant", "day", "month", "year")
_AGE_UNITS: Final[dict[str, tuple[int, timedelta, Precision]]] = {
    "a": (12, timedelta(), "year"),
    "mo": (1, timedelta(), "month"),
    "wk": (0, timedelta(weeks=1), "day"),
    "d": (0, timedelta(days=1), "day"),
    "h": (0, timedelta(hours=1), "day"),
    "min": (0, timedelta(minutes=1), "day"),
}
_GREATEST_AGE: Final = 150 * 366 * 24 * 60
"""Minutes in the longest life: no age is a greater number in any unit."""


def when(text: str) -> When | None:
    """The interval a FHIR date, dateTime or instant stands for; None when it is none of them."""
    text = text.strip()
    moment = _moment(text) if len(text) > _DAY else None
    if moment is None:
        return _day_or_longer(text[:_DAY])
    if moment.year not in _MEANT:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
        return When(moment, moment, "instant", zone_assumed=True)
    return When(moment, moment)


def period(stretch: Period | None) -> When | None:
    """From the start of the one end to the end of the other; one end alone stands for both, None for none."""
    if stretch is None:
        return None
    start, end = when(stretch.start), when(stretch.end)
    if start is None or end is None or end.latest < start.earliest:
        return start or end
    return When(
        start.earliest,
        max(start.latest, end.latest),
        max(start.precision, end.precision, key=_PRECISIONS.index),
        zone_assumed=start.zone_assumed or end.zone_assumed,
    )


def at_age(born: When | None, age: Quantity | None) -> When | None:
    """When someone born then was that old, as wide as birth date and unit leave it open; None when unknown.

    Completed units count: "3 years" lasts from the third birthday to the fourth.
    """
    if born is None or age is None or age.unit not in _AGE_UNITS or not 0 <= age.value <= _GREATEST_AGE:
        return None
    months, exact, precision = _AGE_UNITS[age.unit]
    count = int(age.value)
    try:
        earliest = _months_later(born.earliest, count * months) + count * exact
        latest = _months_later(born.latest, (count + 1) * months) + (count + 1) * exact
    except (ValueError, OverflowError):
        return None
    return When(earliest, latest, precision, zone_assumed=born.zone_assumed)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return _last_moment(text)


def _last_moment(text: str) -> datetime | None:
    """24:00 and second 60, which FHIR may write and Python cannot read; None for anything else."""
    whole, days = _END_OF_DAY.subn("00:00", text, count=1)
    try:
        return datetime.fromisoformat(_LEAP_SECOND.sub(":59", whole)) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None


def _day_or_longer(text: str) -> When | None:
    parts = _DATE.fullmatch(text)
    if parts is None or int(parts[1]) not in _MEANT:
        return None
    try:
        start = datetime(int(parts[1]), int(parts[2] or 1), int(parts[3] or 1), tzinfo=UTC)
    except ValueError:
        return None
    if parts[3]:
        return When(start, start + timedelta(days=1), "day", zone_assumed=True)
    if parts[2]:
        return When(start, _months_later(start, 1), "month", zone_assumed=True)
    return When(start, _months_later(start, 12), "year", zone_assumed=True)


def _months_later(moment: datetime, months: int) -> datetime:
    """The same day of a later month, or that month's last day. Raises ValueError after the year 9999."""
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
