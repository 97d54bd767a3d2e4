"""relative: dates that a file writes relative to an instant, so that a story made up for a test never ages.

For files at the desk and in the sandbox; a call is never read so. Grammar, for a whole JSON string:

    @-6h          six hours before the instant, as an instant: 2026-03-02T03:00:00+00:00
    @-30m @-3d    units: m minutes, h hours, d days, w weeks, y calendar years
    @-4y-100d     steps add up, from left to right
    @-3d:date     the date alone: 2026-02-27
    @+2w:date     ahead of it

A year step from 29 February lands on 28 February.
"""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from typing import Final

_WRITTEN: Final = re.compile(r"@((?:[+-]\d{1,5}[mhdwy])+)(:date)?", re.ASCII)
_IN_JSON: Final = re.compile(rb'"(@[+-]\d[^"\\]*)"')
_STEP: Final = re.compile(r"([+-]\d+)([mhdwy])", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def dated(body: bytes, at: datetime) -> bytes:
    """The JSON with every string of the grammar replaced by what it stands for at `at`; all else byte for byte."""

    def replaced(found: re.Match[bytes]) -> bytes:
        moment = resolved(found[1].decode("utf-8", "replace"), at)
        return found[0] if moment is None else f'"{moment}"'.encode()

    return _IN_JSON.sub(replaced, body)


def resolved(text: str, at: datetime) -> str | None:
    """The instant, to the second and in the offset of `at`, or the date; None for text outside the grammar."""
    parts = _WRITTEN.fullmatch(text)
    if parts is None:
        return None
    moment = at
    try:
        for amount, unit in _STEP.findall(parts[1]):
            moment = _step(moment, int(amount), unit)
    except OverflowError:
        return None
    return moment.date().isoformat() if parts[2] else moment.isoformat(timespec="seconds")


def _step(moment: datetime, amount: int, unit: str) -> datetime:
    if unit != "y":
        return moment + timedelta(**{_UNITS[unit]: amount})
    year = moment.year + amount
    if not MINYEAR <= year <= MAXYEAR:
        raise OverflowError(year)
    try:
        return moment.replace(year=year)
    except ValueError:  # 29 February, in a year that has none
        return moment.replace(year=year, day=28)
