"""The services we offer, as discovery tells of them: one id for each hook, since clients key services by URL.

What each may ask for is worked out from its rules (chart/queries.py).
"""

from __future__ import annotations

from cds_hooks.cards.wire import Service

_NOT_SIGNED = (
    "The knowledge is not yet clinically signed off; it supports and does not replace a clinician's judgement."
)
_NEEDS = (
    "FHIR R4. Works from prefetch alone; what prefetch leaves out is read from fhirServer. Needs "
    "Condition and Observation; reads Patient, MedicationStatement, MedicationRequest, Encounter, Procedure and "
    "Immunization"
)
_CAUSES = (
    "Possible causes of petechiae and purpura, and criteria for urgent referral, each with the chart "
    f"entries and the publication it rests on. {_NOT_SIGNED}"
)
_ORDERS = (
    "Speaks only when an order holds a blood thinner, an anti-inflammatory medicine or a known cause of low "
    "platelets, and the chart holds petechiae or purpura, low platelets, a fall of platelets under a blood "
    f"thinner, or an earlier reaction. {_NOT_SIGNED}"
)
SERVICES: tuple[Service, ...] = (
    Service(
        id="petechiae-patient-view",
        hook="patient-view",
        title="Pinpoint: bleeding into the skin",
        description=_CAUSES,
        usage_requirements=f"{_NEEDS}.",
    ),
    Service(
        id="petechiae-order-select",
        hook="order-select",
        title="Pinpoint: medicines and bleeding into the skin, while ordering",
        description=_ORDERS,
        usage_requirements=f"{_NEEDS}, AllergyIntolerance too.",
    ),
    Service(
        id="petechiae-order-sign",
        hook="order-sign",
        title="Pinpoint: medicines and bleeding into the skin, before signing",
        description=_ORDERS,
        usage_requirements=f"{_NEEDS}, AllergyIntolerance too.",
    ),
    Service(
        id="petechiae-encounter-discharge",
        hook="encounter-discharge",
        title="Pinpoint: bleeding into the skin, before discharge",
        description=(
            "Speaks when unexplained petechiae or purpura leave without a blood count since they began, or with "
            f"an urgent criterion that is still open. {_NOT_SIGNED}"
        ),
        usage_requirements=f"{_NEEDS}.",
    ),
    Service(
        id="petechiae-problem-list-item-create",
        hook="problem-list-item-create",
        title="Pinpoint: bleeding into the skin, when it is recorded",
        description=f"Counts the problem that is being added as recorded. {_CAUSES}",
        usage_requirements=f"{_NEEDS}.",
    ),
)
