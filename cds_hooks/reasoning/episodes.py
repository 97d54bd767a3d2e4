"""When a sign as it is now began: which records date it.

A list of problems is seldom tidied up. An old entry beside a fresh one would make every new rash an old one, so it
dates a sign only where the records show that the sign stayed (docs/adr/0011-old-problems-beside-new-signs.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cds_hooks.model.findings import Sign
from cds_hooks.model.truth import Span, Truth, When
from cds_hooks.reasoning.entries import Chart, Mention
from cds_hooks.reasoning.times import begun, is_within

_EPISODE = Span(days=42)
"""Records of a sign this far apart still belong to one episode."""


@dataclass(frozen=True, slots=True)
class Dating:
    """Records that date the sign as it is now, and those that might if the sign had stayed all the time."""

    episode: tuple[Mention, ...]
    perhaps: tuple[Mention, ...]


def dated_by(current: Iterable[Mention], positive: Iterable[Mention], chart: Chart) -> Dating:
    """Active problems and observations of the last weeks; beside a fresh one only old problems that stayed.

    `positive` are all mentions that nothing ended, `current` those that make the sign present. A diagnosis
    stays what it is when it is named again, so its problem always dates it. Found once in a chart for the same
    mentions, since a rash has many places.
    """
    asked = (tuple(current), tuple(positive))
    return chart.once(asked, lambda: _dated_by(*asked, chart))


def _dated_by(current: tuple[Mention, ...], every: tuple[Mention, ...], chart: Chart) -> Dating:
    records = tuple(mention for mention in every if _is_recent_or_stands(mention, chart.at))
    if not any(_is_sign(mention, chart) and _is_fresh(mention, chart.at) for mention in current):
        return Dating(records, records)
    reached = _reached_by((time for mention in every if mention.active for time in _times(mention)), chart.at)
    stayed = (m for m in records if m.source != "problem" or not _is_sign(m, chart) or _reaches(m, reached))
    return Dating(tuple(stayed), records)


def has_begun(dating: Dating, sign: Sign, at: datetime) -> Truth:
    """New when the episode is. Old only when the episode is: an older problem beside it leaves that unknown."""
    of_episode, perhaps = (
        begun(first(records), within=sign.new_within, before=sign.older_than, at=at)
        for records in (dating.episode, dating.perhaps)
    )
    return Truth.UNKNOWN if of_episode is Truth.ABSENT and perhaps is Truth.PRESENT else of_episode


def first(records: Iterable[Mention]) -> When | None:
    """The earliest beginning that the records tell; None when none is dated."""
    starts = [mention.began for mention in records if mention.began is not None]
    return min(starts, key=lambda when: (when.earliest, when.latest)) if starts else None


def _is_recent_or_stands(mention: Mention, at: datetime) -> bool:
    if mention.source == "problem":
        return mention.active
    return mention.seen is None or is_within(mention.seen, _EPISODE, at)


def _is_sign(mention: Mention, chart: Chart) -> bool:
    return chart.library.concepts[mention.concept].kind == "sign"


def _is_fresh(mention: Mention, at: datetime) -> bool:
    """Seen, or a problem that began or was written down, in the last weeks; or nobody knows when."""
    times = _times(mention)
    return mention.source != "problem" or not times or any(is_within(time, _EPISODE, at) for time in times)


def _times(mention: Mention) -> tuple[When, ...]:
    return tuple(time for time in (mention.seen, mention.began) if time is not None)


def _reached_by(times: Iterable[When], at: datetime) -> datetime:
    """How far back from now the records follow each other as closely as those of one episode."""
    reached = at
    for time in sorted(times, key=lambda when: when.latest, reverse=True):
        if reached - time.latest > _EPISODE.exact():
            break
        reached = min(reached, time.earliest)
    return reached


def _reaches(mention: Mention, reached: datetime) -> bool:
    return any(time.latest >= reached for time in _times(mention))
