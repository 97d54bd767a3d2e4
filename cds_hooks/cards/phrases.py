"""Chart facts as a ward says them: one line for each entry, times with their date, gaps in plain words.

Only our own labels, numbers, units and dates come out; text of a chart never does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from cds_hooks.model.citations import Citation, Cite
from cds_hooks.model.library import Library
from cds_hooks.model.results import Evidence, Gap, GapReason
from cds_hooks.model.truth import When

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_TODAY, _YESTERDAY = "today ", "yesterday "
_NEAR = re.compile(rf"\b(?:{_TODAY}|{_YESTERDAY})(?=\d)")
_RESTRICTED = "An entry with restricted access counts here and is not shown"
_GAP_WORDS: Mapping[GapReason, str] = {
    GapReason.NOT_SUPPLIED: "not supplied",
    GapReason.NOT_PERMITTED: "no permission to read them",
    GapReason.NOT_SUPPORTED: "not kept by this server",
    GapReason.NOT_FOUND: "not known to this server",
    GapReason.NOT_ANSWERING: "the server is not answering at present",
    GapReason.TIMED_OUT: "the server did not answer in time",
    GapReason.FAILED: "the server could not deliver them",
    GapReason.UNREADABLE: "not readable",
    GapReason.INCOMPLETE: "only partly supplied",
    GapReason.STALE: "the last one is too old to count",
    GapReason.UNDATED: "without a date",
    GapReason.UNIT_UNKNOWN: "its unit is missing or unknown",
    GapReason.IMPLAUSIBLE: "its value is not plausible",
    GapReason.VALUE_UNKNOWN: "its value was not understood",
    GapReason.CONFLICTING: "entries contradict each other",
    GapReason.OTHER_PATIENT: "what belongs to another patient was left out",
    GapReason.OWNER_UNKNOWN: "what does not say whose it is was left out",
    GapReason.FUTURE: "what is dated in the future was left out",
    GapReason.UNIDENTIFIED: "could not be identified",
    GapReason.UNSUPPORTED_VERSION: "written in a FHIR version that is not supported",
    GapReason.SET_ASIDE: "set aside",
    GapReason.NOT_WORKED_OUT: "could not be worked out: a fault of this service",
}
_OF_SEVERAL: Mapping[GapReason, str] = {
    GapReason.OTHER_PATIENT: "what belongs to another patient was left out",
    GapReason.STALE: "the last ones are too old to count",
    GapReason.UNIT_UNKNOWN: "their units are missing or unknown",
    GapReason.IMPLAUSIBLE: "their values are not plausible",
    GapReason.VALUE_UNKNOWN: "their values were not understood",
}
"""Where the words for one entry do not fit several."""


def evidence_line(item: Evidence, at: datetime) -> str:
    """One chart entry: label, value, sites, when. A restricted entry is neither named nor valued."""
    if item.restricted:
        return _RESTRICTED
    head = f"{item.label} {item.value}".strip() if _is_number(item.value) else _joined(item.label, item.value)
    parts = [head, *item.sites, *_times(item, at)]
    if item.certainty == "text":
        parts.append("from text")
    if item.certainty == "narrative":
        parts.append("from narrative text")
    return ", ".join([*parts, *item.flags])


def evidence_lines(items: Iterable[Evidence], at: datetime) -> tuple[str, ...]:
    """Lines of the entries, newest first, none twice."""
    ordered = sorted(items, key=lambda item: (-_moment(item), item.label, item.value, item.reference))
    return tuple(dict.fromkeys(evidence_line(item, at) for item in ordered))


def said(when: When, at: datetime) -> str:
    """A time in the entry's own offset: "today 24 November, 08:05", "20 November", "March 2025", "2019"."""
    local = when.earliest
    if when.precision == "year":
        return str(local.year)
    month = _MONTHS[local.month - 1]
    if when.precision == "month":
        return f"{month} {local.year}"
    here = at.astimezone(local.tzinfo)
    day = f"{local.day} {month}" + ("" if local.year == here.year else f" {local.year}")
    day = _nearness(here, local) + day
    return f"{day}, {local:%H:%M}" if when.precision == "instant" else day


def without_nearness(text: str) -> str:
    """The text with its days, but not how near they are: tomorrow it says the same."""
    return _NEAR.sub("", text)


def gap_line(gap: Gap) -> str:
    """What could not be seen, and why."""
    if gap.reason is GapReason.UNIDENTIFIED:
        return _counted(gap.count, gap.what) + f" {_GAP_WORDS[gap.reason]}"
    if gap.count == 1:
        return f"{gap.what}: {_GAP_WORDS[gap.reason]}"
    number = f"{gap.count} in all" if gap.reason is GapReason.SET_ASIDE else f"{gap.count} entries"
    return f"{gap.what}, {number}: {_OF_SEVERAL.get(gap.reason, _GAP_WORDS[gap.reason])}"


def gap_lines(gaps: Iterable[Gap]) -> tuple[str, ...]:
    """Lines of all gaps, essential ones first, equal ones counted together; none twice."""
    totals: dict[tuple[bool, str, GapReason], int] = {}
    for gap in gaps:
        key = (not gap.essential, gap.what, gap.reason)
        totals[key] = totals.get(key, 0) + gap.count
    ranked = sorted(totals.items(), key=lambda item: (item[0][0], item[0][1]))
    lines = (gap_line(Gap(what, reason, count=count)) for (_, what, reason), count in ranked)
    return tuple(dict.fromkeys(lines))


def card_gap_lines(gaps: Iterable[Gap]) -> tuple[str, ...]:
    """Lines of the gaps for a card: what was set aside in sentences only when nothing else was unseen."""
    found = tuple(gaps)
    unseen = [gap for gap in found if gap.reason is not GapReason.SET_ASIDE]
    return gap_lines(unseen or found)


def citation_link(cite: Cite, library: Library) -> str:
    """The publication as a Markdown link, with the place inside it."""
    source: Citation = library.citations[cite.source]
    return f"[{source.label}]({source.url})"


def listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them: "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def shortened(names: Sequence[str], most: int) -> str:
    """The first names, which may hold commas, and how many more there are: "a; b and 3 more"."""
    more = len(names) - most
    return "; ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def capitalised(text: str) -> str:
    """The text with its first letter large; the rest as it is."""
    return text[:1].upper() + text[1:]


def in_sentence(name: str) -> str:
    """A name inside a sentence: small first letter, unless it is an abbreviation or a name of its own."""
    first = name.split(" ", 1)[0]
    return name if any(letter.isupper() for letter in first[1:]) else name[:1].lower() + name[1:]


def _nearness(here: datetime, local: datetime) -> str:
    days = (here.date() - local.date()) / timedelta(days=1)
    return {0: _TODAY, 1: _YESTERDAY}.get(int(days), "") if days >= 0 else ""


def _times(item: Evidence, at: datetime) -> list[str]:
    if item.since is not None:
        since = f"since {said(item.since, at)}"
        return [since, f"until {said(item.at, at)}"] if "ended" in item.flags and item.at else [since]
    return [said(item.at, at)] if item.at is not None else []


def _moment(item: Evidence) -> float:
    when = item.at or item.since
    return when.latest.timestamp() if when else 0.0


def _is_number(value: str) -> bool:
    return value[:1].isdigit() or value[:1] in "<>-"


def _joined(label: str, value: str) -> str:
    return f"{label}: {value}" if value else label


def _counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
