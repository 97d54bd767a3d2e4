"""Story dates: what a patient file writes relative to now becomes a real instant, so a story never ages.

Grammar, for a whole string that starts with `@`:

    @-6h          six hours before `at`, as an instant: 2026-03-02T03:00:00+00:00
    @-30m @-3d    units: m minutes, h hours, d days, w weeks, y calendar years
    @-4y-100d     steps add up, from left to right
    @-3d:date     the date alone: 2026-02-27
    @+2w:date     ahead of `at`

A year step from 29 February lands on 28 February. Any other string that starts with `@` is a mistake.
"""

import re
from datetime import datetime, timedelta
from typing import Any

_WRITTEN = re.compile(r"@((?:[+-]\d+[mhdwy])+)(:date)?")
_STEP = re.compile(r"([+-]\d+)([mhdwy])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def resolve(written: Any, at: datetime) -> Any:  # noqa: ANN401 - any JSON value goes in and comes out
    """The same JSON value, with every `@…` string replaced by the instant or date it stands for.

    Time: instants keep the offset of `at`, to the second.
    Errors: ValueError for a string that starts with `@` and is not in the grammar above.
    """
    match written:
        case dict():
            return {key: resolve(value, at) for key, value in written.items()}
        case list():
            return [resolve(value, at) for value in written]
        case str() if written.startswith("@"):
            return _instant(written, at)
        case _:
            return written


def _instant(written: str, at: datetime) -> str:
    parts = _WRITTEN.fullmatch(written)
    if parts is None:
        raise ValueError(f'"{written}" is not a story date; write for example "@-6h", "@-3d" or "@-2y:date"')
    moment = at
    for amount, unit in _STEP.findall(parts[1]):
        moment = _step(moment, int(amount), unit)
    return moment.date().isoformat() if parts[2] else moment.isoformat(timespec="seconds")


def _step(moment: datetime, amount: int, unit: str) -> datetime:
    if unit != "y":
        return moment + timedelta(**{_UNITS[unit]: amount})
    year = moment.year + amount
    try:
        return moment.replace(year=year)
    except ValueError:  # 29 February, in a year that has none
        return moment.replace(year=year, day=28)
