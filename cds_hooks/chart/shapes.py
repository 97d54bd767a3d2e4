"""The few fields of FHIR resources that we read, as lean structs; everything else in a resource is skipped.

The shapes are those of R4 and R4B, with the fields of R5 and STU3 beside them where a name differs. What R5
or STU3 spell otherwise under the same name (one object where R4 has a list, a code where R4 has a concept)
is brought into these shapes by decoding.py. Names are FHIR's in snake case. `lost` is ours: the fields
that were there and could not be read. `…_is_missing` stands for an extension in place of a value.
Source: FHIR R4 4.0.1, R4B 4.3.0, R5 5.0.0, STU3 3.0.2, the resource pages of the same names.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from msgspec import Raw, Struct, field

from cds_hooks.chart.datatypes import (
    Concept,
    Identifier,
    Meta,
    Odd,
    Period,
    Pointed,
    Quantity,
    Reference,
    ReferenceRange,
)


class Resource(Struct, gc=False, rename="camel", tag_field="resourceType", tag=True):
    """What all resources share. `patient` stands for `subject` where DSTU2 or a sender puts it."""

    id: str = ""
    meta: Meta | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    contained: tuple[Raw, ...] = ()
    lost: tuple[str, ...] = field(default=(), name="(lost)")

    @property
    def dstu2(self) -> bool:
        """Whether the resource is written in a FHIR version that we do not read (1.0.2)."""
        return False


class Valued(Struct, gc=False, rename="camel"):
    """What an Observation and a component of one share."""

    lost: tuple[str, ...] = field(default=(), name="(lost)")
    code: Concept | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None
    value_string: str = ""
    value_boolean: bool | None = None
    value_integer: Decimal | None = None
    value_range: Odd | None = None
    value_ratio: Odd | None = None
    value_sampled_data: Odd | None = None
    value_attachment: Odd | None = None
    value_reference: Odd | None = None
    value_period: Odd | None = None
    value_time: str = ""
    value_date_time: str = ""
    value_boolean_is_missing: Odd | None = field(default=None, name="_valueBoolean")
    value_string_is_missing: Odd | None = field(default=None, name="_valueString")
    value_integer_is_missing: Odd | None = field(default=None, name="_valueInteger")
    data_absent_reason: Concept | None = None
    interpretation: tuple[Concept, ...] = ()
    reference_range: tuple[ReferenceRange, ...] = ()


class Related(Struct, gc=False):
    """STU3: another Observation, and what it is to this one."""

    type: str = ""
    target: Reference | None = None


class Component(Valued, gc=False, rename="camel"):
    """One part of an Observation."""


class Observation(Valued, gc=False, rename="camel", tag_field="resourceType", tag=True):
    """Observation, R4 to R5 and STU3. It repeats the fields of Resource: a struct has one base only."""

    id: str = ""
    meta: Meta | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    contained: tuple[Raw, ...] = ()

    status: str = ""
    category: tuple[Concept, ...] = ()
    body_site: Concept | None = None
    effective_date_time: str = ""
    effective_instant: str = ""
    effective_period: Period | None = None
    issued: str = ""
    component: tuple[Component, ...] = ()
    has_member: tuple[Reference, ...] = ()
    related: tuple[Related, ...] = ()
    comments: str = ""

    @property
    def dstu2(self) -> bool:
        """`comments` became `comment` in STU3."""
        return bool(self.comments)


class Condition(Resource, gc=False, rename="camel", tag=True):
    """Condition, R4 to R5 and STU3 (`assertedDate`)."""

    clinical_status: Concept | None = None
    verification_status: Concept | None = None
    code: Concept | None = None
    body_site: tuple[Concept, ...] = ()
    onset_date_time: str = ""
    onset_period: Period | None = None
    onset_age: Quantity | None = None
    abatement_date_time: str = ""
    abatement_period: Period | None = None
    abatement_age: Quantity | None = None
    abatement_range: Odd | None = None
    abatement_string: str = ""
    abatement_boolean: bool | None = None
    abatement_date_time_is_missing: Odd | None = field(default=None, name="_abatementDateTime")
    recorded_date: str = ""
    asserted_date: str = ""
    date_recorded: str = ""

    @property
    def dstu2(self) -> bool:
        """`dateRecorded` became `assertedDate` in STU3."""
        return bool(self.date_recorded)


class Reason(Concept, gc=False):
    """Why a visit took place: a concept (STU3), or R5's list of them under `value`."""

    value: tuple[Concept, ...] = ()


class Encounter(Resource, gc=False, rename="camel", tag=True):
    """Encounter, R4 to R5 (`actualPeriod`, `reason.value`) and STU3 (`reason`)."""

    status: str = ""
    kind: Concept | None = field(default=None, name="class")
    period: Period | None = None
    actual_period: Period | None = None
    reason_code: tuple[Concept, ...] = ()
    reason: tuple[Reason, ...] = ()


class Repeat(Struct, gc=False, rename="camel"):
    """The bounds of a dosage."""

    bounds_period: Period | None = None


class Timing(Struct, gc=False):
    """When a dose is due."""

    repeat: Repeat | None = None


class Dosage(Struct, gc=False):
    """Route and bounds; never the dose."""

    route: Concept | None = None
    timing: Timing | None = None


class OfMedicine(Resource, gc=False, rename="camel"):
    """What the resources about a medicine share: which one it is."""

    status: str = ""
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    medication: Pointed | None = None


class Adherence(Struct, gc=False):
    """R5: whether the medicine is taken."""

    code: Concept | None = None


class MedicationStatement(OfMedicine, gc=False, rename="camel", tag=True):
    """MedicationStatement, R4 to R5 (`adherence`) and STU3 (`taken`)."""

    taken: str = ""
    adherence: Adherence | None = None
    effective_date_time: str = ""
    effective_period: Period | None = None
    date_asserted: str = ""
    dosage: tuple[Dosage, ...] = ()
    was_not_taken: bool | None = None

    @property
    def dstu2(self) -> bool:
        """`wasNotTaken` became `taken` in STU3."""
        return self.was_not_taken is not None


class ValidFor(Struct, gc=False, rename="camel"):
    """For how long a prescription may be dispensed."""

    validity_period: Period | None = None


class MedicationRequest(OfMedicine, gc=False, rename="camel", tag=True):
    """MedicationRequest, R4 to R5 (`reported`, `effectiveDosePeriod`) and STU3."""

    intent: str = ""
    do_not_perform: bool | None = None
    reported: bool | None = None
    reported_boolean: bool | None = None
    reported_reference: Odd | None = None
    authored_on: str = ""
    effective_dose_period: Period | None = None
    dosage_instruction: tuple[Dosage, ...] = ()
    dispense_request: ValidFor | None = None


class MedicationAdministration(OfMedicine, gc=False, rename="camel", tag=True):
    """MedicationAdministration, R4 to R5 (spelled `occurence`) and STU3 (`notGiven`)."""

    effective_date_time: str = ""
    effective_period: Period | None = None
    occurence_date_time: str = ""
    occurence_period: Period | None = None
    dosage: Dosage | None = None
    not_given: bool | None = None
    was_not_given: bool | None = None

    @property
    def dstu2(self) -> bool:
        """`wasNotGiven` became `notGiven` in STU3."""
        return self.was_not_given is not None


class MedicationDispense(OfMedicine, gc=False, rename="camel", tag=True):
    """MedicationDispense, R4 to R5 and STU3."""

    when_prepared: str = ""
    when_handed_over: str = ""
    days_supply: Quantity | None = None
    dosage_instruction: tuple[Dosage, ...] = ()


class MedicationOrder(Resource, gc=False, rename="camel", tag=True):
    """DSTU2's MedicationRequest: known, so that it is not passed over in silence."""

    @property
    def dstu2(self) -> bool:
        """Always."""
        return True


class Ingredient(Struct, gc=False, rename="camel"):
    """One ingredient of a Medication (R5: `item`)."""

    item_codeable_concept: Concept | None = None
    item_reference: Reference | None = None
    item: Pointed | None = None


class Medication(Resource, gc=False, rename="camel", tag=True):
    """Medication, R4 to R5 and STU3."""

    code: Concept | None = None
    ingredient: tuple[Ingredient, ...] = ()


class Patient(Resource, gc=False, rename="camel", tag=True):
    """Patient, all versions."""

    gender: str = ""
    birth_date: str = ""
    identifier: tuple[Identifier, ...] = ()
    deceased_boolean: bool | None = None
    deceased_date_time: str = ""
    deceased_boolean_is_missing: Odd | None = field(default=None, name="_deceasedBoolean")
    deceased_date_time_is_missing: Odd | None = field(default=None, name="_deceasedDateTime")


class Procedure(Resource, gc=False, rename="camel", tag=True):
    """Procedure, R4 to R5 (`occurrence…`) and STU3 (`notDone`)."""

    status: str = ""
    not_done: bool | None = None
    not_performed: bool | None = None
    category: Concept | None = None
    code: Concept | None = None
    body_site: tuple[Concept, ...] = ()
    performed_date_time: str = ""
    performed_period: Period | None = None
    occurrence_date_time: str = ""
    occurrence_period: Period | None = None

    @property
    def dstu2(self) -> bool:
        """`notPerformed` became `notDone` in STU3."""
        return self.not_performed is not None


class Immunization(Resource, gc=False, rename="camel", tag=True):
    """Immunization, R4 to R5 and STU3 (`notGiven`, `date`)."""

    status: str = ""
    not_given: bool | None = None
    was_not_given: bool | None = None
    vaccine_code: Concept | None = None
    occurrence_date_time: str = ""
    date: str = ""

    @property
    def dstu2(self) -> bool:
        """`wasNotGiven` became `notGiven` in STU3."""
        return self.was_not_given is not None


class DiagnosticReport(Resource, gc=False, rename="camel", tag=True):
    """DiagnosticReport, R4 to R5 and STU3 (`codedDiagnosis`): its coded conclusion, never its words."""

    status: str = ""
    conclusion_code: tuple[Concept, ...] = ()
    coded_diagnosis: tuple[Concept, ...] = ()
    effective_date_time: str = ""
    effective_period: Period | None = None
    issued: str = ""


class Flag(Resource, gc=False, rename="camel", tag=True):
    """Flag, all versions: an alert on the chart."""

    status: str = ""
    code: Concept | None = None
    period: Period | None = None


class Reaction(Struct, gc=False):
    """One reaction of an AllergyIntolerance: to what, and how it showed."""

    substance: Concept | None = None
    manifestation: tuple[Concept, ...] = ()


class AllergyIntolerance(Resource, gc=False, rename="camel", tag=True):
    """AllergyIntolerance, R4 to R5 and STU3."""

    clinical_status: Concept | None = None
    verification_status: Concept | None = None
    code: Concept | None = None
    reaction: tuple[Reaction, ...] = ()
    onset_date_time: str = ""
    recorded_date: str = ""
    asserted_date: str = ""


class Issue(Struct, gc=False):
    """One issue of an OperationOutcome."""

    severity: str = ""
    code: str = ""


class OperationOutcome(Resource, gc=False, rename="camel", tag=True):
    """What a server says instead of, or beside, an answer."""

    issue: tuple[Issue, ...] = ()


class Link(Struct, gc=False):
    """A link of a Bundle; `next` is the one that matters."""

    relation: str = ""


class Bundle(Resource, gc=False, rename="camel", tag=True):
    """A Bundle whose entries are still bytes, so that each is decoded by itself."""

    total: int | None = None
    link: tuple[Link, ...] = ()
    entry: tuple[Raw, ...] = ()
    issues: OperationOutcome | None = None
    """R5: what the server says of its answer as a whole."""


class Other(Resource, gc=False, rename="camel", tag="(other)"):
    """A resource of a type that is not read."""

    name: str = ""


Known: TypeAlias = (
    Observation
    | Condition
    | Encounter
    | MedicationStatement
    | MedicationRequest
    | MedicationAdministration
    | MedicationDispense
    | MedicationOrder
    | Medication
    | Procedure
    | Immunization
    | DiagnosticReport
    | Flag
    | AllergyIntolerance
    | Patient
    | OperationOutcome
    | Bundle
    | Other
)
"""Every resource type that is decoded, and one for all others."""


class Search(Struct, gc=False):
    """Why an entry is in a Bundle: match, include or outcome."""

    mode: str = ""


class Entry(Struct, gc=False, rename="camel"):
    """One entry of a Bundle."""

    lost: tuple[str, ...] = field(default=(), name="(lost)")
    full_url: str = ""
    search: Search | None = None
    resource: Known | None = None
