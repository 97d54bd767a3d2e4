"""PatientRecord: what a chart says, free of FHIR shapes and free of clinical meaning.

The reader builds it, the mapping reads it. Nothing here decides what a code means. Text from the
chart is kept for matching only and never reaches a card.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Literal, TypeAlias

from msgspec import Struct

from cds_hooks.model.codes import Coding
from cds_hooks.model.results import Gap, GapReason
from cds_hooks.model.truth import When


class Coded(Struct, frozen=True):
    """Codings with the text beside them; either may be empty."""

    codings: tuple[Coding, ...] = ()
    text: str = ""


class Quantity(Struct, frozen=True):
    """A number as charted: exact, with the unit as written (code first, else text) and a comparator."""

    value: Decimal
    unit: str = ""
    comparator: Literal["", "<", "<=", ">", ">="] = ""


Value: TypeAlias = "Quantity | Coded | str | bool | None"


@dataclass(frozen=True, slots=True)
class Observed:
    """One Observation, or one component of it (a component shares its parent's reference and times)."""

    reference: str
    what: Coded
    value: Value = None
    at: When | None = None
    issued: When | None = None
    value_missing: str = ""
    """The chart's own reason for a missing value (data-absent-reason code), if it gave one."""
    interpretation: tuple[str, ...] = ()
    """v3-ObservationInterpretation codes: H, L, LL, POS, NEG …"""
    sites: tuple[Coded, ...] = ()
    low: Quantity | None = None
    high: Quantity | None = None
    preliminary: bool = False
    categories: tuple[str, ...] = ()
    panel: Coded | None = None
    """For a component: what the whole Observation is."""
    members: tuple[str, ...] = ()
    """For a panel: the references of the Observations it groups."""
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A Condition, or the coded reason of a visit."""

    reference: str
    what: Coded
    state: Literal["active", "inactive", "contradictory", "unstated"] = "unstated"
    """contradictory: recorded as active and as over."""
    denied: bool = False
    """Refuted: says that it is not so."""
    doubtful: bool = False
    """One of several that are considered (differential): never counts as present."""
    provisional: bool = False
    """Not confirmed yet: counts, and is said to be provisional."""
    onset: When | None = None
    recorded: When | None = None
    ended: When | None = None
    sites: tuple[Coded, ...] = ()
    source: Literal["problem", "visit"] = "problem"
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done or concluded: a procedure, a vaccination, a report's coded conclusion, an alert."""

    reference: str
    what: Coded
    at: When | None
    kind: Literal["procedure", "vaccination", "report", "flag"]
    denied: bool = False
    """Recorded as not done. It says nothing about another time."""
    categories: tuple[Coded, ...] = ()
    """What sort of procedure it is: many codes mean surgery, one category says so."""
    sites: tuple[Coded, ...] = ()
    preliminary: bool = False
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Intolerance:
    """An allergy or intolerance that still holds: to what, and how it showed."""

    reference: str
    substances: tuple[Coded, ...]
    reactions: tuple[Coded, ...] = ()
    recorded: When | None = None
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class MedicationUse:
    """A medicine as ordered, reported, administered, dispensed or proposed."""

    reference: str
    what: Coded
    """Codings of the statement and of the Medication it points to, together."""
    ingredients: tuple[Coded, ...] = ()
    source: Literal["ordered", "reported", "administered", "dispensed", "proposed"] = "ordered"
    state: Literal["current", "ended", "not-taken", "planned", "unknown"] = "unknown"
    start: When | None = None
    end: When | None = None
    written: When | None = None
    """When it was ordered or reported; stands in for a missing start of an order."""
    routes: tuple[Coded, ...] = ()
    restricted: bool = False
    drafted: bool = False
    """One of the orders that are being written now, which the hook itself brought."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One Encounter: kind (AMB, EMER, IMP …) and period."""

    reference: str
    kind: str = ""
    start: When | None = None
    end: When | None = None
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Patient:
    """The person: date of birth as an interval, sex, whether the chart says that they have died."""

    born: When | None = None
    sex: Literal["", "female", "male"] = ""
    deceased: bool = False


class Listing(Enum):
    """How well one kind of chart entry was read."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    NOT_READ = "not read"


class ListRead(Struct, frozen=True):
    """The state of one list, and how far back it is complete (None with COMPLETE: without limit)."""

    state: Listing
    back_to: datetime | None = None
    reason: GapReason | None = None


NOT_READ = ListRead(Listing.NOT_READ)


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """What the chart says. Order of entries carries no meaning; duplicates by id are gone."""

    patient: Patient
    observed: tuple[Observed, ...] = ()
    problems: tuple[Problem, ...] = ()
    medications: tuple[MedicationUse, ...] = ()
    visits: tuple[Visit, ...] = ()
    events: tuple[Event, ...] = ()
    intolerances: tuple[Intolerance, ...] = ()
    lists: Mapping[str, ListRead] = field(default_factory=dict)
    """By resource type (Condition, Observation, MedicationStatement …)."""
    gaps: tuple[Gap, ...] = ()
    referred: tuple[str, ...] = ()
    """Addresses of medicines that entries point to and that were not among what came."""
    patient_id: str = field(default="", repr=False)
    """FHIR id of the patient; what we propose refers to it."""
    ahead: tuple[Observed | Problem, ...] = ()
    """What was left out because it is dated in the future; whether that matters is told by what it stands for."""


LIST_WORDS: Mapping[str, str] = {
    "Condition": "Problem list",
    "Observation": "Results and observations",
    "Patient": "Patient details",
    "MedicationStatement": "Reported medicines",
    "MedicationRequest": "Prescribed medicines",
    "Encounter": "Visits",
    "Immunization": "Vaccinations",
    "Procedure": "Procedures",
    "AllergyIntolerance": "Allergies",
}
"""Resource type -> what a ward calls the list."""


# ---------------------------------------------------------------- what was asked, what came back


@dataclass(frozen=True, slots=True)
class Query:
    """One prefetch key: its FHIR query template and the resource type it answers."""

    key: str
    template: str
    resource_type: str
    newest_first: bool = False
    """Sorted by date descending, so a truncated answer is complete back to its oldest entry."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one key: raw JSON bodies in page order, and the reason why some or all are missing.

    `bodies` may hold `null`, a resource, a Bundle or an OperationOutcome: the reader tells them apart.
    `more` says that further pages exist which were not read; with `failed` beside it, that they could not be.
    An absent key has no Answer at all.
    """

    bodies: tuple[bytes, ...] = ()
    failed: GapReason | None = None
    more: bool = False

    def followed_by(self, rest: Answer) -> Answer:
        """These pages and those after them; when those could not be had, these and why.

        A server that kept the first page does keep such entries: that it refuses the next is a failure.
        """
        failed = GapReason.FAILED if rest.failed is GapReason.NOT_SUPPORTED else rest.failed
        return Answer(self.bodies + rest.bodies, failed, more=rest.more or failed is not None)
