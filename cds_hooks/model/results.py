"""What comes out: gaps, evidence, findings, matches, the assessment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Literal

from msgspec import Struct

from cds_hooks.model.criteria import Hook
from cds_hooks.model.truth import Tier, Truth, When


class GapReason(Enum):
    """Why something could not be seen."""

    NOT_SUPPLIED = "not supplied"
    NOT_PERMITTED = "not permitted"
    NOT_SUPPORTED = "not supported by the server"
    NOT_FOUND = "not found"
    NOT_ANSWERING = "server not answering"
    TIMED_OUT = "timed out"
    FAILED = "could not be fetched"
    UNREADABLE = "unreadable"
    INCOMPLETE = "only partly supplied"
    STALE = "too old"
    UNDATED = "without a date"
    UNIT_UNKNOWN = "unit missing or unknown"
    IMPLAUSIBLE = "implausible value"
    VALUE_UNKNOWN = "value not understood"
    CONFLICTING = "conflicting entries"
    OTHER_PATIENT = "another patient's entry"
    OWNER_UNKNOWN = "not said whose it is"
    FUTURE = "dated in the future"
    UNIDENTIFIED = "could not be identified"
    UNSUPPORTED_VERSION = "FHIR version not supported"
    SET_ASIDE = "set aside"
    NOT_WORKED_OUT = "could not be worked out"


RESTRICTED = "Entry with restricted access"
"""What is said instead of the name of an entry that is security-labelled."""
UNDATED = "undated"
"""The flag of evidence of which nobody knows when it was."""


class Gap(Struct, frozen=True):
    """Something that could not be seen, and why. `what` is our words, never the chart's."""

    what: str
    reason: GapReason
    reference: str = ""
    count: int = 1
    essential: bool = False
    """Silence would not be an answer: problems or observations were not read whole, or a result that tells nothing
    might be an emergency."""


class Evidence(Struct, frozen=True):
    """One chart entry a statement relies on, in the words a clinician will read. From the patient."""

    reference: str
    label: str
    value: str = ""
    at: When | None = None
    sites: tuple[str, ...] = ()
    since: When | None = None
    """For medicines and problems: the recorded start."""
    certainty: Literal["coded", "text", "narrative"] = "coded"
    """narrative: named somewhere in a longer text."""
    flags: tuple[str, ...] = ()
    """Our words: undated, preliminary, ended, route not stated …"""
    restricted: bool = False
    """Security-labelled: counts for rules, is never named or valued on a card."""


class Finding(Struct, frozen=True):
    """What the chart says about one finding rule."""

    id: str
    truth: Truth
    evidence: tuple[Evidence, ...] = ()
    gaps: tuple[Gap, ...] = ()
    since: datetime | None = None
    """First record of it in the current episode; the clock for `since` tests."""


class ItemPoints(Struct, frozen=True):
    """What one line of a score may give, and what it was read from."""

    item: str
    low: int
    high: int
    settle: str = ""
    """What one could record to settle it; empty when it is settled."""
    evidence: tuple[Evidence, ...] = ()
    """For a measured value: the results of which each may be the newest."""
    findings: tuple[str, ...] = ()
    """The findings, and scores by their key, that its options ask for."""


class ScoreRange(Struct, frozen=True):
    """Lowest and highest possible total, and the items that leave it open. Never one number while open."""

    score: str
    applies: Truth
    low: int
    high: int
    missing: tuple[str, ...] = ()
    """Names of the items that are open."""
    settles: tuple[str, ...] = ()
    """What one could record to settle them, in the same order."""
    items: tuple[ItemPoints, ...] = ()
    """What each line adds to it."""


class Match(Struct, frozen=True):
    """What one criterion or cause came to."""

    rule: str
    truth: Truth
    tier: Tier | None = None
    relied_on: tuple[str, ...] = ()
    """Findings the answer rests on."""
    would_settle: tuple[str, ...] = ()
    """Unknown findings that could change truth or tier."""
    excused_by: tuple[str, ...] = ()
    """Findings of the explanation that took a criterion back."""
    choice: str = ""
    """The choice (ours) that set the tier, if one did."""
    step: int = -1
    """Index of the tier step that was taken; -1 when none."""
    capped: bool = False
    """Rests on narrative text alone, so that its tier was held down until someone confirms it."""
    demoted_by: str = ""
    """The demotion that lowered it. With no tier left it is not shown."""
    lowered_from: Tier | None = None
    """The tier it had before."""
    support: int = 0
    """For causes: supporting minus contradicting weight."""
    in_favour: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything the library says about one chart at one time."""

    at: datetime
    findings: Mapping[str, Finding]
    criteria: tuple[Match, ...]
    causes: tuple[Match, ...]
    scores: tuple[ScoreRange, ...]
    gaps: tuple[Gap, ...]
    speaks: bool
    """False for a chart on which no card may be shown (the patient has died)."""
    skin_bleeding: Truth
    library_version: str
    library_digest: str
    demotions: tuple[Match, ...] = ()
    """The demotions that were looked at; only those that are present lower anything."""
    hook: Hook = "patient-view"
    """The moment at which was asked; rules of other moments are not among the matches."""
    orders: bool = True
    """False while a recorded situation (end-of-life care) forbids to propose orders."""
