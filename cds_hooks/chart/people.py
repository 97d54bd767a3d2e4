"""The person from what came of the Patient, and what of it cannot be read.

Death silences, so only what plainly says it counts. What stands there and says neither is a gap.
Source: FHIR R4 4.0.1, Patient (deceased[x]), 2.28 data-absent-reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Literal

from cds_hooks.chart import shapes
from cds_hooks.chart.record import Patient
from cds_hooks.chart.times import when
from cds_hooks.model.results import Gap, GapReason
from cds_hooks.model.truth import When

_SEXES: Final[Mapping[str, Literal["female", "male"]]] = {"female": "female", "male": "male"}
_DEATH: Final = "Whether the patient has died"
_OF_DEATH: Final = frozenset({"deceased_boolean", "deceased_date_time"})


def person(found: Iterable[shapes.Patient], at: datetime) -> tuple[Patient | None, tuple[Gap, ...]]:
    """The person with the gaps of what they say; a resource with the right id before one without any.

    None and no gap when nothing came. A death that is dated ahead of `at` is an error.
    """
    one = max(found, key=lambda each: each.id, default=None)
    if one is None:
        return None, ()
    died = when(one.deceased_date_time)
    is_past = died is not None and died.earliest <= at
    has_died = bool(one.deceased_boolean) or (is_past and one.deceased_boolean is None)
    read = Patient(when(one.birth_date), _SEXES.get(one.gender, ""), deceased=has_died)
    reason = None if has_died else _unread_death(one, died, is_past=is_past)
    return read, (Gap(_DEATH, reason, f"Patient/{one.id}" if one.id else "Patient"),) if reason else ()


def _unread_death(one: shapes.Patient, died: When | None, *, is_past: bool) -> GapReason | None:
    """Why what stands there is neither a death nor a plain no."""
    if one.deceased_boolean is not None:
        return GapReason.CONFLICTING if is_past else None
    if died is not None:
        return GapReason.FUTURE
    missing = one.deceased_boolean_is_missing or one.deceased_date_time_is_missing
    stands = one.deceased_date_time or missing or not _OF_DEATH.isdisjoint(one.lost)
    return GapReason.VALUE_UNKNOWN if stands else None
