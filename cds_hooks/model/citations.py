"""What a rule rests on: publications, the place in them, and who reviewed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Citation:
    """One publication that rules rest on. From the literature, never from the chart."""

    id: str
    title: str
    publisher: str
    year: str
    url: str
    """https address of the publication."""
    label: str
    """What a card shows as its source, at most 60 characters."""
    read: Literal["original", "restatement", "partly"]
    """What was really read: the original, a restatement of it, or only part."""
    where: str
    """Where it was read."""


@dataclass(frozen=True, slots=True)
class Cite:
    """A pointer into a publication."""

    source: str
    """Id of a citation in knowledge/citations.yaml."""
    at: str = ""
    """Section, table or page."""


@dataclass(frozen=True, slots=True)
class Review:
    """Who signed a rule off, and when it is due again."""

    by: str
    checked_by: str
    on: str
    next: str
