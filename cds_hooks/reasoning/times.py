"""When something was, compared with a window. At an edge the reading that is safer for a patient wins.

A time whose zone was not written may have been any time from 14 hours before to 12 hours after the one we took
it for: so far zones reach. Two such times are of one chart and are compared as they stand.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cds_hooks.model.truth import Span, Truth, When

_WEST_OF_UTC = timedelta(hours=12)
"""How much later than taken a time was when its unwritten zone is the westernmost."""
_EAST_OF_UTC = timedelta(hours=14)
_CLOCKS_DIFFER = timedelta(minutes=5)
EVER = datetime.min.replace(tzinfo=UTC)
"""Before anything that is recorded."""


def is_ahead(when: When, at: datetime) -> bool:
    """True when it begins later than clocks differ after `at`: nobody knows what time was meant."""
    return when.earliest > at + _CLOCKS_DIFFER


def is_within(when: When, span: Span, at: datetime) -> bool:
    """True when the entry may lie less than `span` before `at`: a day counts to its end."""
    return ends_after(when, at - span.exact())


def ends_after(when: When, begin: datetime) -> bool:
    """True when the entry may lie after that moment: a day counts to its end."""
    return _latest(when) > begin


def is_surely_older(when: When, span: Span, at: datetime) -> bool:
    """True when the whole interval lies at least `span` before `at`."""
    return _latest(when) <= at - span.exact()


def is_surely_after(later: When, earlier: When) -> bool:
    """True when all of the one lies after all of the other, or begins where it ends."""
    if later.zone_assumed and earlier.zone_assumed:
        return later.earliest >= earlier.latest
    return _earliest(later) >= _latest(earlier)


def begun(start: When | None, *, within: Span | None, before: Span | None, at: datetime) -> Truth:
    """Whether what started then began within the one span, and at least the other before `at`.

    A span that is left out asks nothing; an unknown start leaves what is asked unknown.
    """
    if within is None and before is None:
        return Truth.PRESENT
    if start is None:
        return Truth.UNKNOWN
    is_new_enough = within is None or is_within(start, within, at)
    is_old_enough = before is None or is_surely_older(start, before, at)
    return Truth.PRESENT if is_new_enough and is_old_enough else Truth.ABSENT


def has_age(born: When, span: Span, at: datetime) -> bool | None:
    """True when the patient has completed that age, None when a partial birth date leaves it open.

    A birth date is a day of the calendar, the same in every zone.
    """
    if born.earliest > at or birthday(born.earliest, span) > at:
        return False
    last_day = born.latest - timedelta(days=1) if born.precision != "instant" else born.latest
    return True if last_day == born.earliest or birthday(last_day, span) <= at else None


def birthday(born: datetime, span: Span) -> datetime:
    """The moment at which someone born then reaches the age; 29 February falls on 1 March."""
    months = born.month - 1 + span.months
    moment = _on_calendar(born, born.year + span.years + months // 12, months % 12 + 1)
    return moment + timedelta(span.weeks * 7 + span.days, span.hours * 3600 + span.minutes * 60)


def _on_calendar(born: datetime, year: int, month: int) -> datetime:
    try:
        return born.replace(year=year, month=month)
    except ValueError:
        return born.replace(year=year, month=month + 1, day=1)


def _earliest(when: When) -> datetime:
    return when.earliest - _EAST_OF_UTC if when.zone_assumed else when.earliest


def _latest(when: When) -> datetime:
    return when.latest + _WEST_OF_UTC if when.zone_assumed else when.latest
