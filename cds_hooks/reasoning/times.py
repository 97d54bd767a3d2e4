"""When something was, compared with a window. At an edge the reading that is safer for a patient wins."""

from __future__ import annotations

from datetime import datetime, timedelta

from cds_hooks.model import Span, When


def is_within(when: When, span: Span, at: datetime) -> bool:
    """True when the entry may lie less than `span` before `at`: a day counts to its end."""
    return when.latest > at - span.exact()


def is_surely_older(when: When, span: Span, at: datetime) -> bool:
    """True when the whole interval lies at least `span` before `at`."""
    return when.latest <= at - span.exact()


def has_age(born: When, span: Span, at: datetime) -> bool | None:
    """True when the patient has completed that age, None when a partial birth date leaves it open."""
    if born.earliest > at or birthday(born.earliest, span) > at:
        return False
    last_day = born.latest - timedelta(days=1) if born.precision != "instant" else born.latest
    return True if birthday(last_day, span) <= at else None


def birthday(born: datetime, span: Span) -> datetime:
    """The moment at which someone born then reaches the age; 29 February falls on 1 March."""
    months = born.month - 1 + span.months
    moment = _on_calendar(born, born.year + span.years + months // 12, months % 12 + 1)
    return moment + timedelta(weeks=span.weeks, days=span.days, hours=span.hours, minutes=span.minutes)


def _on_calendar(born: datetime, year: int, month: int) -> datetime:
    try:
        return born.replace(year=year, month=month)
    except ValueError:
        return born.replace(year=year, month=month + 1, day=1)
