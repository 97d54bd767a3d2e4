"""A chart written differently, but saying the same, gets the same cards."""

import random
import re
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.end_to_end.charts import PATIENTS, cards_of, cards_on, resources_of

PLATELETS = {"777-3", "26515-7", "778-1"}
IN_BILLIONS = {"10*9/L", "10*3/uL"}
STATEMENT_ONLY = ("effectivePeriod", "effectiveDateTime", "dateAsserted", "dosage")
REQUEST_STATUS = {"active": "active", "completed": "completed", "stopped": "stopped", "on-hold": "on-hold"}


# ---------------------------------------------------------------- the rewritings


def unrelated(patient):
    """A problem, a result and an allergy that no rule reads, and a type nobody asked for."""
    subject = {"reference": f"Patient/{patient}"}
    written = {"coding": [{"system": "urn:example:local", "code": "HEARING-AID"}], "text": "Hearing aid check"}
    return [
        {
            "resourceType": "Condition",
            "id": "unrelated-problem",
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "code": written,
            "subject": subject,
        },
        {
            "resourceType": "Observation",
            "id": "unrelated-result",
            "status": "final",
            "code": {"coding": [{"system": "urn:example:local", "code": "SHOE-SIZE"}], "text": "Shoe size"},
            "subject": subject,
            "effectiveDateTime": "2026-03-01T08:00:00+00:00",
            "valueQuantity": {"value": 8, "unit": "UK size"},
        },
        {"resourceType": "AllergyIntolerance", "id": "unrelated-allergy", "patient": subject, "code": written},
        {"resourceType": "Basic", "id": "unrelated-basic", "subject": subject, "code": written},
    ]


def per_microlitre(resource):
    """The platelet count a thousandfold, in /uL, its reference range too; anything else as it is."""
    codes = {coding.get("code") for coding in resource.get("code", {}).get("coding", ())}
    quantity = resource.get("valueQuantity", {})
    if not codes & PLATELETS or quantity.get("code", quantity.get("unit")) not in IN_BILLIONS:
        return resource
    ranges = [
        {end: thousandfold(limit) for end, limit in one.items()} for one in resource.get("referenceRange", ())
    ]
    changed = {"valueQuantity": thousandfold(quantity)} | ({"referenceRange": ranges} if ranges else {})
    return resource | changed


def thousandfold(quantity):
    number = int(Decimal(str(quantity["value"])) * 1000)
    return {"value": number, "unit": "/uL", "system": "http://unitsofmeasure.org", "code": "/uL"}


def in_canonical_unit(cards):
    """The cards with each count shown in our unit alone: charted values stand on a card as they are charted."""
    return [replace(card, detail=re.sub(r"[\d.]+ /uL \(([^)]*)\)", r"\1", card.detail)) for card in cards]


def as_request(resource):
    """A medicine that is reported as taken, as a prescription of the same time; anything else as it is."""
    if resource["resourceType"] != "MedicationStatement" or resource["status"] not in REQUEST_STATUS:
        return resource
    kept = {name: value for name, value in resource.items() if name not in STATEMENT_ONLY}
    dosages = resource.get("dosage", [{}])
    period = resource.get("effectivePeriod", {"start": resource.get("effectiveDateTime")})
    return kept | {
        "resourceType": "MedicationRequest",
        "intent": "order",
        "status": REQUEST_STATUS[resource["status"]],
        "authoredOn": resource.get("dateAsserted", period["start"]),
        "dosageInstruction": [one | {"timing": {"repeat": {"boundsPeriod": period}}} for one in dosages],
    }


def without_source(cards):
    """The cards without the words for who says that a medicine is taken."""
    return [replace(card, detail=re.sub("reported as taken|prescribed", "…", card.detail)) for card in cards]


def changed_by(rewritten):
    """Patients whose chart holds something that this rewriting changes."""
    return [patient for patient in PATIENTS if any(rewritten(one) != one for one in resources_of(patient))]


COUNTED = changed_by(per_microlitre)
TREATED = changed_by(as_request)


# ---------------------------------------------------------------- the cards stay the same


@pytest.mark.parametrize("patient", PATIENTS)
def test_neither_the_order_of_entries_nor_their_repetition_matters(patient):
    shuffled = resources_of(patient) * 2
    random.Random(patient).shuffle(shuffled)

    assert cards_of(patient) == cards_on(shuffled, patient)


@pytest.mark.parametrize("patient", PATIENTS)
def test_what_has_nothing_to_do_with_it_changes_nothing(patient):
    chart = resources_of(patient)

    assert cards_of(patient) == cards_on([*unrelated(patient), *chart], patient)


@pytest.mark.parametrize("patient", COUNTED)
def test_platelets_per_microlitre_are_the_same_platelets(patient):
    chart = resources_of(patient)
    rewritten = [per_microlitre(resource) for resource in chart]

    assert in_canonical_unit(cards_of(patient)) == in_canonical_unit(cards_on(rewritten, patient))


@pytest.mark.parametrize("patient", TREATED)
def test_a_medicine_counts_the_same_whether_stated_or_requested(patient):
    chart = resources_of(patient)
    rewritten = [as_request(resource) for resource in chart]

    assert without_source(cards_of(patient)) == without_source(cards_on(rewritten, patient))


def test_enough_charts_hold_something_to_rewrite():
    assert len(COUNTED) >= 20
    assert len(TREATED) >= 8
