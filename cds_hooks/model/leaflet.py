"""What patients are given, and what certified record systems must show about the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cds_hooks.model.citations import Cite, Review


@dataclass(frozen=True, slots=True)
class LeafletHelp:
    """When to get help, as the leaflet says it."""

    heading: str
    lead: str
    """Begins each line; {number} stands for the emergency number of the region."""
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeafletPart:
    """One part of the leaflet."""

    heading: str
    lines: tuple[str, ...]
    reassures: bool = False
    """True when it may calm: the emergency lines are then printed beside it."""


@dataclass(frozen=True, slots=True)
class Leaflet:
    """knowledge/leaflet.yaml: what a clinician may hand to a patient. Plain words, no diagnosis, no rule."""

    title: str
    lead: str
    emergency: LeafletHelp
    same_day: LeafletHelp
    parts: tuple[LeafletPart, ...]
    citations: tuple[Cite, ...] = ()
    review: Literal["pending"] | Review = "pending"
    note: str = ""


@dataclass(frozen=True, slots=True)
class SourceAttributes:
    """knowledge/attributes.yaml: who made this, who paid, which concepts count as data to be declared."""

    developer: str = "not declared"
    funding: str = "not declared"
    race: tuple[str, ...] = ()
    """Concepts that tell it; a rule that asks for one of them uses it. So for the fields below."""
    ethnicity: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    sexual_orientation: tuple[str, ...] = ()
    gender_identity: tuple[str, ...] = ()
    social_determinants: tuple[str, ...] = ()
    health_status_assessments: tuple[str, ...] = ()
