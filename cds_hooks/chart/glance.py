"""A call at a glance: in one pass over its bytes, only what could wake a rule, and only when all of it is plain.

Most charts say nothing of what rules look for. To find that out no record is needed: codes and values will do,
and that every answer is there and whole. Anything odd (a resource type that carries no entry, an outcome in
place of an answer, a field of another type, DSTU2) is None here, and the reader takes its time over it. A field
that must not be there has the type None.
Source: CDS Hooks 2.0.1, Prefetch Template; FHIR R4 4.0.1, the resource pages of the same names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from cds_hooks.chart.datatypes import Concept, Period, Pointed, Quantity, Reference
from cds_hooks.chart.decoding import UNREADABLE_JSON
from cds_hooks.chart.shapes import Link, Reason

_SURROGATE: Final = re.compile(rb"\\u[dD]")
"""The escapes of half a character: text that cannot be read, wherever it stands."""


class _Match(Struct, gc=False):
    mode: Literal["match"] = "match"


class Kept(Struct, gc=False, rename="camel", tag_field="resourceType", tag=True):
    """What every resource must show. Without an id, or of no clear person, it is not plain."""

    id: str
    subject: Reference | None = None
    patient: Reference | None = None
    effective_date_time: str = ""
    effective_instant: str = ""
    effective_period: Period | None = None
    issued: str = ""
    recorded_date: str = ""
    asserted_date: str = ""
    onset_date_time: str = ""
    onset_period: Period | None = None
    onset_age: None = None
    authored_on: str = ""
    date_asserted: str = ""
    performed_date_time: str = ""
    performed_period: Period | None = None
    occurrence_date_time: str = ""
    occurrence_period: Period | None = None
    period: Period | None = None
    actual_period: Period | None = None

    def is_plainly_of(self, patient: str, until: str) -> bool:
        """Whether it names nobody but this patient ("Patient/1"), and no time after that day (YYYY-MM-DD)."""
        whose = self.subject or self.patient
        is_theirs = whose is None or whose.reference == patient
        return is_theirs and all(_has_begun(one, until) for one in filter(None, self._times()))

    def _times(self) -> Iterator[str]:
        """The times it may be dated by; whichever of them counts, none may lie ahead."""
        yield from filter(
            None,
            (
                self.effective_date_time,
                self.effective_instant,
                self.issued,
                self.recorded_date,
                self.asserted_date,
                self.onset_date_time,
                self.authored_on,
                self.date_asserted,
                self.performed_date_time,
                self.occurrence_date_time,
            ),
        )
        for period in filter(
            None,
            (
                self.effective_period,
                self.onset_period,
                self.performed_period,
                self.occurrence_period,
                self.period,
                self.actual_period,
            ),
        ):
            yield from (period.start, period.end)


def _has_begun(time: str, until: str) -> bool:
    """Whether it is plainly a time of a day before, or of that day and not behind Greenwich."""
    day = time[:10]
    return time[0].isdigit() and (day < until or (day == until and "-" not in time[10:]))


class Patient(Struct, gc=False, tag_field="resourceType", tag=True):
    """The person: rules that ask for nothing else do not stand on their own."""

    id: str = ""


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


class Condition(Kept, gc=False, rename="camel", tag=True):
    """A problem."""

    code: Concept | None = None
    date_recorded: None = None


class Encounter(Kept, gc=False, rename="camel", tag=True):
    """A visit and its reasons."""

    reason_code: tuple[Concept, ...] = ()
    reason: tuple[Reason, ...] = ()


class _OfMedicine(Kept, gc=False, rename="camel"):
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    medication: Pointed | None = None
    was_not_taken: None = None
    was_not_given: None = None


class MedicationStatement(_OfMedicine, gc=False, rename="camel", tag=True):
    """A medicine as reported."""


class MedicationRequest(_OfMedicine, gc=False, rename="camel", tag=True):
    """A medicine as ordered."""


class Medication(Kept, gc=False, rename="camel", tag=True):
    """What a medicine is."""

    code: Concept | None = None


class Procedure(Kept, gc=False, rename="camel", tag=True):
    """What was done, and of what sort."""

    code: Concept | None = None
    category: Concept | None = None
    not_performed: None = None


class Immunization(Kept, gc=False, rename="camel", tag=True):
    """A vaccination."""

    vaccine_code: Concept | None = None
    was_not_given: None = None


class AllergyIntolerance(Kept, gc=False, rename="camel", tag=True):
    """What is not tolerated; only rules about orders ask for it."""

    code: Concept | None = None


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
    if _SURROGATE.search(body) or not _is_text(body):
        return None
    try:
        return _CALL.decode(body)
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
