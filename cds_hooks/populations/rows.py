"""What travels between the two steps of a population run: rows of one patient's entries, and what was counted.

A row holds a part of a chart: it is patient data, and lives only in the spill files of a run. A tally holds
numbers and codes, never a text, an id or a value.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import TypeAlias

import msgspec

BUNDLE = "Bundle"
"""Kind of a row that says: this patient's chart came whole, in a Bundle of its own."""
REQUEST = "request"
"""Kind of a row that is a whole hook request."""
SPOILT = "spoilt"
"""Kind of a row that holds what stands in a chart in place of entries: an error, or what cannot be read."""
SEEN = "seen"
"""Kind of a row that says no more than that there is such a patient."""
TALLY = "tally"
"""Kind of a row that holds counts instead of an entry."""


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One entry of one patient's chart, without the members that nobody reads."""

    patient: str
    """FHIR id of the patient; empty for what is nobody's (a Medication) and for counts."""
    kind: str
    """Resource type, or one of the kinds above."""
    slim: bytes
    address: str = ""
    """Where the entry stood in its Bundle (fullUrl)."""
    may_speak: bool = False
    """Whether the entry could make a rule speak. A chart without such an entry is not assessed."""


class Bad(Enum):
    """Why a line could not be used. A fixed list, so that no count can carry a text of the export."""

    UNREADABLE = "not readable as JSON"
    NO_RESOURCE = "no FHIR resource"
    NO_PATIENT = "names no patient"
    NO_ADDRESS = "names its patient without an address"
    TOO_LONG = "longer than 256 MB"
    FILE_CUT_SHORT = "file ends in the middle"


CodeSeen: TypeAlias = tuple[str, str, str]
"""Kind of entry (medication, observation, condition), system and code."""


class Tally(msgspec.Struct, array_like=True):
    """What was counted while files were read; tallies of several files add up."""

    resources: dict[str, int] = {}
    """By resource type, also of those that are not read."""
    bad: dict[str, int] = {}
    """By the value of a `Bad`."""
    cut_short: tuple[str, ...] = ()
    """Resource types in files that end in the middle: their lists are not whole."""
    entries: dict[str, int] = {}
    """How entries were understood, as `observation coded`."""
    codes: dict[CodeSeen, tuple[int, int, str]] = {}
    """How often a code came, how often its entry was not understood, and what it is called."""

    def add(self, other: Tally) -> None:
        """Counts the other's as well."""
        self.resources = _sum(self.resources, other.resources)
        self.bad = _sum(self.bad, other.bad)
        self.cut_short = tuple(sorted({*self.cut_short, *other.cut_short}))
        self.entries = _sum(self.entries, other.entries)
        for seen, (count, unread, display) in other.codes.items():
            known, unknown, name = self.codes.get(seen, (0, 0, ""))
            self.codes[seen] = known + count, unknown + unread, name or display

    def count(self, kind: str, count: int = 1) -> None:
        """Counts resources of a type."""
        self.resources[kind] = self.resources.get(kind, 0) + count

    def reject(self, reason: Bad, count: int = 1) -> None:
        """Counts lines that cannot be used."""
        self.bad[reason.value] = self.bad.get(reason.value, 0) + count


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return dict(Counter(one) + Counter(other))
