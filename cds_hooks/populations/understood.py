"""understood: mapping coverage of an export, counted by way of writing a code instead of by entry.

An export writes the same few thousand codes again and again, so each way is looked at once and multiplied. What
is counted is what `pinpoint coverage` counts, but for the codes of components.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, TypeAlias

from cds_hooks.chart.reader import read
from cds_hooks.model.library import Library
from cds_hooks.populations.lines import ABOUT
from cds_hooks.populations.rows import Tally
from cds_hooks.reasoning.coverage import coverage

Way: TypeAlias = tuple[str, bytes]
"""A resource type, and the bytes of the member that says what the entry is about."""

COVERED: Final = frozenset(ABOUT) | {"Observation", "Condition", "Medication"}
"""The resource types that are counted."""
_FAR: Final = datetime(9000, 1, 1, tzinfo=UTC)


def count_way(tally: Tally, way: Way, count: int, library: Library) -> None:
    """Adds `count` entries that are written so to the tally."""
    seen = coverage((read((), {}, "", _FAR, (_resource(*way),)),), library)
    for of, understood in seen.entries:
        name = f"{of} {understood}"
        tally.entries[name] = tally.entries.get(name, 0) + count
    for row in seen.codes:
        key = row.seen.kind, row.seen.system, row.seen.code
        known, unread, display = tally.codes.get(key, (0, 0, ""))
        tally.codes[key] = known + row.count * count, unread + row.unread * count, display or row.display


def _resource(kind: str, code: bytes) -> bytes:
    """A resource that says nothing but what it is about. A Medication counts as one that is taken."""
    if kind == "Observation":
        return b'{"resourceType":"Observation","status":"final","code":' + code + b"}"
    if kind == "Condition":
        return b'{"resourceType":"Condition","code":' + code + b"}"
    return b'{"resourceType":"MedicationStatement","status":"active","medicationCodeableConcept":' + code + b"}"
