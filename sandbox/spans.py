"""FHIR dates as spans of time, and the search prefixes that compare them.

A date of any precision stands for everything it covers: 2026-03 is the whole of March. Spans are
half-open. What has no zone is read in UTC.
Source: FHIR R4, 3.1.1.4.5 (date) and 3.1.1.4.4 (prefixes).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

_ALWAYS = datetime.max.replace(tzinfo=UTC)
_SINCE_EVER = datetime.min.replace(tzinfo=UTC)
_DECEMBER = 12
_DAY_OR_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+ -]\d{2}:\d{2})?)?", re.ASCII
)
_MONTH = re.compile(r"(\d{4})(?:-(\d{2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """From `low`, included, to `high`, not included."""

    low: datetime
    high: datetime


def span(value: Any) -> Span | None:  # noqa: ANN401 - a dateTime, an instant, a Period, or nothing
    """The time that a FHIR date, dateTime, instant or Period covers; None for anything else.

    A Period without an end goes on for ever, without a start it began long ago.
    Errors: ValueError for text that is no FHIR date.
    """
    match value:
        case str():
            return _covered(value)
        case {"start": str() as start, "end": str() as end}:
            return Span(_covered(start).low, _covered(end).high)
        case {"start": str() as start}:
            return Span(_covered(start).low, _ALWAYS)
        case {"end": str() as end}:
            return Span(_SINCE_EVER, _covered(end).high)
        case _:
            return None


def _within(found: Span, asked: Span) -> bool:
    return asked.low <= found.low and found.high <= asked.high


def _reaches_beyond(found: Span, asked: Span) -> bool:
    return found.high > asked.high


def _begins_before(found: Span, asked: Span) -> bool:
    return found.low < asked.low


PREFIXES: Mapping[str, Callable[[Span, Span], bool]] = MappingProxyType(
    {
        "eq": _within,
        "ne": lambda found, asked: not _within(found, asked),
        "gt": _reaches_beyond,
        "lt": _begins_before,
        "ge": lambda found, asked: _reaches_beyond(found, asked) or _within(found, asked),
        "le": lambda found, asked: _begins_before(found, asked) or _within(found, asked),
        "sa": lambda found, asked: found.low >= asked.high,
        "eb": lambda found, asked: found.high <= asked.low,
    }
)
"""Prefix -> whether the found span answers to the asked one."""


def _covered(text: str) -> Span:
    if (month := _MONTH.fullmatch(text)) is not None:
        return _year_or_month(int(month[1]), month[2])
    if _DAY_OR_INSTANT.fullmatch(text) is None:
        raise ValueError(f'"{text}" is no FHIR date')
    # A `+` that nobody escaped in a query arrives as a blank.
    low = datetime.fromisoformat(text.replace(" ", "+"))
    low = low if low.tzinfo is not None else low.replace(tzinfo=UTC)
    return Span(low, low + _precision(text))


def _year_or_month(year: int, month: str | None) -> Span:
    first = datetime(year, int(month or 1), 1, tzinfo=UTC)
    if month is None or first.month == _DECEMBER:
        return Span(first, datetime(year + 1, 1, 1, tzinfo=UTC))
    return Span(first, first.replace(month=first.month + 1))


def _precision(text: str) -> timedelta:
    if "T" not in text:
        return timedelta(days=1)
    has_seconds = re.search(r"T\d{2}:\d{2}:\d{2}", text) is not None
    return timedelta(seconds=1) if has_seconds else timedelta(minutes=1)
