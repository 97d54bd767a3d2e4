"""The trace as statements: each with the rule, the chart entries and the publications it is about.

A terminal prints the texts; a page can also point at the entries (cards/explain.py says what is in it).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A chart entry that a line rests on: its FHIR reference, and how we say it."""

    reference: str
    text: str


@dataclass(frozen=True, slots=True)
class Publication:
    """A publication that a line rests on."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Line:
    """One statement of the trace, with the lines that belong below it."""

    text: str
    below: tuple[str, ...] = ()
    rule: str = ""
    """Id of the criterion or cause it is about."""
    truth: str = ""
    """What that rule came to: present, absent or unknown. Empty where the line is about no rule."""
    tier: str = ""
    entries: tuple[Entry, ...] = ()
    publications: tuple[Publication, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the trace. Without lines there was nothing of its kind."""

    title: str
    lines: tuple[Line, ...] = ()
    folded: bool = False
    """Long, and seldom what one asks about: told only to who asks for all."""


def brief(sections: Iterable[Section]) -> tuple[Section, ...]:
    """The sections without the folded ones, and a last one that names these with the number of their lines."""
    told = tuple(sections)
    folded = [Line(f"{section.title} ({len(section.lines)})") for section in told if section.folded]
    return (*(section for section in told if not section.folded), Section("Told with --all", tuple(folded)))


def written(section: Section) -> Iterator[str]:
    """One section as lines of text, with an empty line at its end."""
    yield f"{section.title} ({len(section.lines)})" if section.lines else f"{section.title}: none"
    for line in section.lines:
        yield f"  {line.text}"
        yield from (f"      {text}" for text in line.below)
    yield ""
