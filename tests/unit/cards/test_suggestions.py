"""Suggestions: one draft for each, valid FHIR, about this patient, and nothing that changes or ends anything."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest
from fhir.resources.R4B.task import Task
from msgspec import structs

from cds_hooks.cards.compose import Voice, compose
from cds_hooks.cards.suggestions import prompt_lines, suggestion, suggestions_by_card
from cds_hooks.cards.wire import response_json, with_uuids
from cds_hooks.errors import CdsError
from cds_hooks.model.truth import Span, Truth
from cds_hooks.reasoning.assess import assess
from cds_hooks.reasoning.case_charts import Given, chart_of
from cds_hooks.reasoning.library import load
from cds_hooks.reasoning.mapping import find
from cds_hooks.reasoning.orders import Due
from cds_hooks.service import advise_on, prove_orders
from tests.build import AT

LIBRARY = load()
EVERY = [(bundle, order) for bundle in LIBRARY.orders.values() for order in bundle.orders]
DIRECTIVE = re.compile(
    r"\b(stop|discontinue|withdraw|withhold|cease|give|start|prescribe|mg|dose)\b", re.IGNORECASE
)
MODELS = {"ServiceRequest": ServiceRequest, "Task": Task}


def given(**entry):
    numbers = {key: Decimal(entry[key]) for key in ("value", "hours_ago", "started_days_ago") if key in entry}
    return Given(**entry | numbers)


def record_of(*entries):
    return replace(chart_of(entries, LIBRARY, AT), patient_id="a-1")


def cards(*entries):
    return advise_on(record_of(*entries), LIBRARY, AT, Voice()).cards


def labels(*entries):
    return [[offer.label for offer in card.suggestions] for card in cards(*entries)]


def assessment_of(*entries):
    findings = find(record_of(*entries), LIBRARY, AT)
    return assess(findings, (), LIBRARY, AT, truth_of=findings.truth_of, scores=lambda: findings.worked_out_scores)


def years(number):
    return given(age=Span(years=number))


RASH = given(concept="petechiae", observed=True, hours_ago=30, sites=("leg",))
PURPURA = given(concept="purpura", observed=True, hours_ago=3, sites=("leg",))
FEVER = given(concept="body-temperature", value="39.2", unit="Cel", hours_ago=2)
ASPIRIN = given(medicine="aspirin", state="current", started_days_ago=400)
COUNT = (
    given(concept="platelet-count", value="210", unit="10*9/L", hours_ago=5),
    given(concept="haemoglobin", value="140", unit="g/L", hours_ago=5),
    given(concept="white-cell-count", value="7", unit="10*9/L", hours_ago=5),
)


# ---------------------------------------------------------------- every order that the knowledge holds


@pytest.mark.parametrize(("bundle", "order"), EVERY, ids=[f"{b.id}: {o.name}" for b, o in EVERY])
def test_every_order_is_one_draft_about_the_patient(bundle, order):
    offer = suggestion(Due(order, bundle), "a-1")
    (action,) = offer.actions
    resource = json.loads(action.resource)
    model = MODELS[resource["resourceType"]].model_validate(resource)

    assert (action.type, action.resource_id, offer.is_recommended) == ("create", "", False)
    assert 0 < len(offer.label) <= 80
    assert order.name in action.description
    assert (model.status, model.intent) == ("draft", "proposal")
    subject = resource.get("subject") or resource["for"]
    assert subject == {"reference": "Patient/a-1"}
    assert all(coding["system"].startswith("http") and coding["display"] for coding in _codings(resource))
    assert resource["code"]["text"] == order.name


def _codings(resource):
    return resource["code"].get("coding", ())


def test_only_a_review_is_proposed_about_medicines():
    tasks = [order.name for _, order in EVERY if order.resource == "Task"]

    assert tasks == ["Review of medicines that can cause bleeding, by their prescriber"]


def test_no_order_and_no_prompt_ends_or_starts_a_medicine():
    said = [text for bundle, order in EVERY for text in (order.name, bundle.reason, bundle.name)]
    said += [prompt.text for bundle in LIBRARY.orders.values() for prompt in bundle.prompts]

    assert [text for text in said if DIRECTIVE.search(text)] == []


def test_every_order_can_be_built():
    prove_orders(LIBRARY)


def test_an_order_that_is_no_fhir_is_found_before_the_first_call():
    bundle, order = EVERY[0]
    broken = replace(bundle, reason="", orders=(order,))

    with pytest.raises(CdsError, match="reasonCode"):
        prove_orders(replace(LIBRARY, orders={bundle.id: broken}))


# ---------------------------------------------------------------- what cards offer


def test_unexplained_petechiae_offer_count_and_film():
    assert labels(years(40), RASH)[0] == ["Full blood count", "Blood film"]


def test_what_was_measured_since_onset_is_not_offered():
    offered = {label for card in labels(years(20), RASH, *COUNT) for label in card}

    assert "Blood film" in offered
    assert "Full blood count" not in offered


def test_a_child_with_fever_and_purpura_is_offered_six_tests():
    first, *_ = labels(years(3), PURPURA, FEVER)

    assert first == [
        "Blood cultures",
        "Meningococcal PCR (EDTA blood)",
        "Lactate (blood gas)",
        "C-reactive protein",
        "Full blood count",
        "Clotting tests: prothrombin time, APTT, fibrinogen (Clauss)",
    ]


def test_a_suspect_medicine_offers_its_review_on_the_causes_card():
    action, causes = cards(years(70), RASH, ASPIRIN)

    assert [offer.label for offer in causes.suggestions] == [
        "Review of medicines that can cause bleeding, by their prescriber"
    ]
    assert "Full blood count" in [offer.label for offer in action.suggestions]


def test_without_an_action_card_the_causes_card_offers_the_count():
    (causes,) = compose_routine()

    assert {offer.label for offer in causes.suggestions} >= {"Full blood count"}


def compose_routine():
    """A suspect medicine beside petechiae that nobody has counted, with every urgent criterion lowered."""
    assessment = assessment_of(years(70), RASH, ASPIRIN)
    calm = tuple(
        match if match.rule == "R-MED-01" else structs.replace(match, truth=Truth.ABSENT, tier=None)
        for match in assessment.criteria
    )
    return compose(replace(assessment, criteria=calm), LIBRARY, Voice(), "a-1")


def test_no_orders_without_a_patient_id():
    assessment = assessment_of(years(40), RASH)

    assert {} == suggestions_by_card(assessment, LIBRARY, ("action",), "")
    assert all(card.suggestions == () for card in compose(assessment, LIBRARY, Voice()))


def test_nothing_is_offered_when_no_card_is_made():
    assert () == cards(years(66), ASPIRIN)


def test_each_suggestion_goes_out_with_a_uuid_and_one_creation():
    sent = json.loads(response_json(with_uuids(cards(years(3), PURPURA, FEVER, ASPIRIN), uuid4)))
    offers = [offer for card in sent["cards"] for offer in card.get("suggestions", ())]

    assert offers
    assert "systemActions" not in sent
    assert len({offer["uuid"] for offer in offers}) == len(offers)
    assert {(len(offer["actions"]), offer["actions"][0]["type"]) for offer in offers} == {(1, "create")}
    assert all(len(card.get("suggestions", ())) <= 6 for card in sent["cards"])
    assert {card["selectionBehavior"] for card in sent["cards"] if "suggestions" in card} == {"any"}


# ---------------------------------------------------------------- before ordering


def test_what_to_think_of_before_ordering_stands_on_the_action_card():
    fragments = given(concept="schistocytes", answer="present", hours_ago=4)
    low = given(concept="platelet-count", value="18", unit="10*9/L", hours_ago=4)
    action, *_ = cards(years(40), RASH, low, fragments)

    assert "**Before ordering**\n- Suspected TTP: no platelet transfusion unless" in action.detail


def test_no_sample_is_offered_before_isolation():
    assessment = assessment_of(years(40), RASH)
    fired = tuple(
        structs.replace(match, truth=Truth.PRESENT, tier=LIBRARY.criteria["R-VHF-01"].tiers[0].tier)
        if match.rule == "R-VHF-01"
        else match
        for match in assessment.criteria
    )
    assessment = replace(assessment, criteria=fired)

    assert {"action": ()} == suggestions_by_card(assessment, LIBRARY, ("action",), "a-1")
    assert prompt_lines(assessment, LIBRARY)[0].startswith("No test is proposed here: the risk of viral")


def test_a_prompt_that_was_not_read_is_never_said():
    silent = [p for b in LIBRARY.orders.values() for p in b.prompts if p.status == "silent"]

    assert silent
    assert all(not prompt.citations for prompt in silent)
