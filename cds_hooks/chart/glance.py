"""A call at a glance: in one pass over its bytes, only what could wake a rule, and only when all of it is plain.

Most charts say nothing of what rules look for. To find that out no record is needed: codes and values will do,
and that every answer is there and whole. Anything odd (a resource type that carries no entry, an outcome in
place of an answer, a field of another type, DSTU2) is None here, and the reader takes its time over it. A field
that must not be there has the type None.
Source: CDS Hooks 2.0.1, Prefetch Template; FHIR R4 4.0.1, the resource pages of the same names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from cds_hooks.chart.datatypes import Concept, Pointed, Quantity, Reference
from cds_hooks.chart.decoding import UNREADABLE_JSON
from cds_hooks.chart.shapes import Link, Reason

_UNDATED: Final = "0"
"""Stands for a time that is not given: before all days."""


class _Match(Struct, gc=False):
    mode: Literal["match"] = "match"


class _Period(Struct, gc=False):
    start: str = _UNDATED
    end: str = _UNDATED


class Kept(Struct, gc=False, rename="camel", tag_field="resourceType", tag=True):
    """What every resource must show. Without an id, or of no clear person, it is not plain."""

    id: str
    subject: Reference | None = None
    patient: Reference | None = None

    def is_plainly_of(self, patient: str, until: str) -> bool:
        """Whether it names nobody but this patient ("Patient/1"), and no time after that day (YYYY-MM-DD)."""
        whose = self.subject or self.patient
        if whose is not None and whose.reference != patient:
            return False
        times = self.times()
        is_past = max(times) < until and min(times) >= _UNDATED
        return is_past or all(_has_begun(one, until) for one in times)

    def times(self) -> tuple[str, ...]:
        """The times it may be dated by; whichever of them counts, none may lie ahead."""
        return (_UNDATED,)


def _has_begun(time: str, until: str) -> bool:
    """Whether it is plainly a time of a day before, or of that day and not behind Greenwich."""
    day = time[:10]
    return time[:1].isdigit() and (day < until or (day == until and "-" not in time[10:]))


def _ends(*periods: _Period | None) -> tuple[str, ...]:
    return tuple([end for one in periods if one is not None for end in (one.start, one.end)])


class Patient(Struct, gc=False, tag_field="resourceType", tag=True):
    """The person: rules that ask for nothing else do not stand on their own."""

    id: str = ""

    def is_plainly_of(self, patient: str, _until: str) -> bool:
        """Whether it is this patient ("Patient/1")."""
        return f"Patient/{self.id}" == patient


class Part(Struct, gc=False, rename="camel"):
    """An Observation's component."""

    code: Concept | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None
    value_string: str = ""


class Observation(Kept, gc=False, rename="camel", tag=True):
    """What was observed, and the value."""

    code: Concept | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None
    value_string: str = ""
    component: tuple[Part, ...] = ()
    comments: None = None
    effective_date_time: str = _UNDATED
    effective_instant: str = _UNDATED
    effective_period: _Period | None = None
    issued: str = _UNDATED

    def times(self) -> tuple[str, ...]:
        """As declared above."""
        return (self.effective_date_time, self.effective_instant, self.issued, *_ends(self.effective_period))


class Condition(Kept, gc=False, rename="camel", tag=True):
    """A problem."""

    code: Concept | None = None
    date_recorded: None = None
    onset_date_time: str = _UNDATED
    onset_period: _Period | None = None
    onset_age: None = None
    recorded_date: str = _UNDATED
    asserted_date: str = _UNDATED

    def times(self) -> tuple[str, ...]:
        """As declared above."""
        return (self.onset_date_time, self.recorded_date, self.asserted_date, *_ends(self.onset_period))


class Encounter(Kept, gc=False, rename="camel", tag=True):
    """A visit and its reasons."""

    reason_code: tuple[Concept, ...] = ()
    reason: tuple[Reason, ...] = ()
    period: _Period | None = None
    actual_period: _Period | None = None

    def times(self) -> tuple[str, ...]:
        """As declared above."""
        return (_UNDATED, *_ends(self.period, self.actual_period))


class _OfMedicine(Kept, gc=False, rename="camel"):
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    medication: Pointed | None = None
    was_not_taken: None = None
    was_not_given: None = None


class MedicationStatement(_OfMedicine, gc=False, rename="camel", tag=True):
    """A medicine as reported."""

    effective_date_time: str = _UNDATED
    effective_period: _Period | None = None
    date_asserted: str = _UNDATED

    def times(self) -> tuple[str, ...]:
        """As declared above."""
        return (self.effective_date_time, self.date_asserted, *_ends(self.effective_period))


class MedicationRequest(_OfMedicine, gc=False, rename="camel", tag=True):
    """A medicine as ordered."""

    authored_on: str = _UNDATED

    def times(self) -> tuple[str, ...]:
        """As declared above."""
        return (self.authored_on,)


class Medication(Kept, gc=False, rename="camel", tag=True):
    """What a medicine is."""

    code: Concept | None = None


class Procedure(Kept, gc=False, rename="camel", tag=True):
    """What was done, and of what sort."""

    code: Concept | None = None
    category: Concept | None = None
    not_performed: None = None
    performed_date_time: str = _UNDATED
    performed_period: _Period | None = None
    occurrence_date_time: str = _UNDATED
    occurrence_period: _Period | None = None

    def times(self) -> tuple[str, ...]:
        """As declared above."""
        return (
            self.performed_date_time,
            self.occurrence_date_time,
            *_ends(self.performed_period, self.occurrence_period),
        )


class Immunization(Kept, gc=False, rename="camel", tag=True):
    """A vaccination."""

    vaccine_code: Concept | None = None
    was_not_given: None = None
    occurrence_date_time: str = _UNDATED
    date: str = _UNDATED

    def times(self) -> tuple[str, ...]:
        """As declared above."""
        return (self.occurrence_date_time, self.date)


class AllergyIntolerance(Kept, gc=False, rename="camel", tag=True):
    """What is not tolerated; only rules about orders ask for it."""

    code: Concept | None = None
    onset_date_time: str = _UNDATED
    recorded_date: str = _UNDATED
    asserted_date: str = _UNDATED

    def times(self) -> tuple[str, ...]:
        """As declared above."""
        return (self.onset_date_time, self.recorded_date, self.asserted_date)


Plain: TypeAlias = (
    Observation
    | Condition
    | Encounter
    | MedicationStatement
    | MedicationRequest
    | Medication
    | Procedure
    | Immunization
    | AllergyIntolerance
    | Patient
)
"""The resource types that are asked for. Whatever else comes is read at leisure."""


class _Entry(Struct, gc=False):
    resource: Plain
    search: _Match | None = None


class _Bundle(Struct, gc=False, tag_field="resourceType", tag="Bundle"):
    total: int | None = None
    link: tuple[Link, ...] = ()
    entry: list[_Entry] = []
    issues: None = None


class Glance(Struct, rename="camel"):
    """A call: its envelope as JSON, and the answers by key."""

    prefetch: dict[str, _Bundle | Patient | None]
    hook: Raw = Raw()
    hook_instance: Raw = Raw()
    context: Raw = Raw()
    fhir_server: Raw = Raw()
    fhir_authorization: Raw = Raw()

    @property
    def envelope(self) -> bytes:
        """The call without its prefetch, to be checked as any other."""
        written = ((name, getattr(self, name)) for name in _ENVELOPE)
        return msgspec.json.encode({_ENVELOPE[name]: raw for name, raw in written if bytes(raw)})


_ENVELOPE: Final[Mapping[str, str]] = {
    field.name: field.encode_name for field in msgspec.structs.fields(Glance) if field.name != "prefetch"
}
_CALL: Final = msgspec.json.Decoder(Glance)


def glance(body: bytes) -> Glance | None:
    """The call, when all that came with it is plain; None when it must be read properly."""
    if not _is_text(body):
        return None
    try:
        return _CALL.decode(body)  # refuses half a character as well, wherever it stands
    except UNREADABLE_JSON:
        return None


def plain_resources(answer: object) -> list[Plain] | None:
    """The resources of one answer that is whole: a Bundle of matches, the Patient, or nothing (null).

    None when more of it exists.
    """
    if not isinstance(answer, _Bundle):
        return [answer] if isinstance(answer, Patient) else []
    if any(link.relation == "next" for link in answer.link) or (answer.total or 0) > len(answer.entry):
        return None
    return [entry.resource for entry in answer.entry]


def _is_text(body: bytes) -> bool:
    """Whether all of it is UTF-8, also where nobody looks: the reader names what is not."""
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
