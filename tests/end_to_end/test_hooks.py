"""The stories at the other hooks: an order while something in the chart speaks against it, and discharge."""

import json

import pytest

from cds_hooks.cards.compose import Voice
from cds_hooks.chart.queries import queries
from cds_hooks.chart.reader import read
from cds_hooks.chart.record import Answer
from cds_hooks.service import answer
from tests.end_to_end.charts import PATIENTS, library, of_kind, resources_of
from tests.protocol.charts import AT

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ORDERED = {
    "quinine": {"text": "Quinine sulfate 300 mg tablets"},
    "heparin": {"coding": [{"system": RXNORM, "code": "5224", "display": "heparin"}]},
    "enoxaparin": {"coding": [{"system": RXNORM, "code": "67108", "display": "enoxaparin"}]},
    "ibuprofen": {"coding": [{"system": "http://www.whocc.no/atc", "code": "M01AE01", "display": "ibuprofen"}]},
    "aspirin": {"coding": [{"system": RXNORM, "code": "1191", "display": "aspirin"}]},
    "emollient": {"text": "Emollient cream"},
}


def cards_at(hook, patient, *medicines):
    """The cards of a story at a hook, with these medicines in the orders that are being written."""
    asked = queries(library(), hook)
    chart = {query.key: Answer((json.dumps(found(query, resources_of(patient))).encode(),)) for query in asked}
    drafts = {"resourceType": "Bundle", "entry": [{"resource": draft(patient, one)} for one in medicines]}
    context = {"draftOrders": json.dumps(drafts).encode()} if medicines else {}
    record = read(asked, chart, patient, AT, context=context)
    return answer(record, library(), AT, Voice(), hook).cards


def found(query, resources):
    same = [one for one in resources if one["resourceType"] == query.resource_type]
    if "?" not in query.template:
        return same[0]
    return {"resourceType": "Bundle", "entry": [{"resource": one} for one in same]}


def draft(patient, medicine):
    return {
        "resourceType": "MedicationRequest",
        "id": f"draft-{medicine}",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient}"},
        "medicationCodeableConcept": ORDERED[medicine],
    }


def heads(cards):
    return [(card.indicator, card.rules) for card in cards]


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
@pytest.mark.parametrize(
    ("patient", "medicine", "expected"),
    [
        ("quinine-reaction-years-ago", "quinine", [("warning", ("R-ORD-02",))]),
        ("quinine-reaction-years-ago", "ibuprofen", []),
        ("heparin-thrombocytopenia-years-ago", "heparin", [("warning", ("R-ORD-01",))]),
        ("heparin-thrombocytopenia-years-ago", "enoxaparin", [("warning", ("R-ORD-01",))]),
        ("heparin-thrombocytopenia-years-ago", "aspirin", []),
        ("platelets-42-without-bleeding", "ibuprofen", [("warning", ("R-ORD-03",))]),
        ("platelets-42-without-bleeding", "aspirin", [("warning", ("R-ORD-03",))]),
        ("heparin-falling-platelets", "enoxaparin", [("warning", ("R-ORD-01", "R-ORD-04"))]),
        ("adult-petechiae-no-count", "ibuprofen", [("warning", ("R-ORD-04",))]),
        ("healthy-elder", "aspirin", []),
    ],
)
def test_an_order_gets_the_card_that_its_chart_calls_for(hook, patient, medicine, expected):
    assert heads(cards_at(hook, patient, medicine)) == expected


@pytest.mark.parametrize("patient", PATIENTS)
def test_no_chart_makes_a_harmless_order_speak(patient):
    assert cards_at("order-sign", patient, "emollient") == ()


@pytest.mark.parametrize("patient", PATIENTS)
def test_every_card_about_an_order_names_the_order_and_a_publication(patient):
    for card in cards_at("order-sign", patient, "aspirin", "heparin", "quinine"):
        assert "proposed in this order" in card.detail
        assert card.source.url.startswith("https://")
        assert card.suggestions == () or card.rules


def test_unexplained_petechiae_without_a_count_are_said_at_discharge():
    [card] = cards_at("encounter-discharge", "adult-petechiae-no-count")

    assert card.indicator == "warning"
    assert card.rules[0] == "R-DIS-01"
    assert "before the patient leaves" in card.summary


@pytest.mark.parametrize("patient", of_kind("emergency"))
def test_what_is_an_emergency_is_one_at_discharge(patient):
    assert cards_at("encounter-discharge", patient)[0].indicator == "critical"


@pytest.mark.parametrize("patient", of_kind("benign", "silent"))
def test_discharge_says_nothing_that_can_wait(patient):
    assert all(card.indicator != "info" for card in cards_at("encounter-discharge", patient))
