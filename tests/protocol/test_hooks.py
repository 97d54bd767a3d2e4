"""Each hook we answer: what its context must hold, how leniently it is read, and when it speaks at all.

Source: CDS Hooks library, patient-view 1.0, order-select 1.0, order-sign 1.0, encounter-discharge 1.0,
problem-list-item-create 0.1.0.
"""

import json

import pytest
import respx

from cds_hooks.chart.queries import queries
from tests.protocol.charts import FHIR, PATIENT, ago, bundle, failed, petechiae, platelets
from tests.protocol.ehr_shapes import ASPIRIN, draft, drafts, epic_draft, epic_shaped, oracle_chart

QUININE = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "9071", "display": "quinine"}
ENOXAPARIN = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "67108", "display": "enoxaparin"}
HARMLESS = {"system": "http://snomed.info/sct", "code": "1", "display": "emollient cream"}
BASE = {"userId": "Practitioner/1", "patientId": "p1"}


SELECTED = {"selections": ["MedicationRequest/request-123"]}
CONTEXTS = {
    "patient-view": BASE,
    "order-select": BASE | SELECTED | {"draftOrders": drafts(draft(ASPIRIN))},
    "order-sign": BASE | {"draftOrders": drafts(draft(ASPIRIN))},
    "encounter-discharge": BASE | {"encounterId": "e1"},
    "problem-list-item-create": BASE | {"conditions": drafts(petechiae())},
}
"""The smallest context of each hook."""
MISSING = [(hook, name) for hook, context in CONTEXTS.items() for name in context]
ORDER_HOOKS = ("order-select", "order-sign")


@pytest.fixture
def ask(service, library):
    """Posts a call of a hook. The chart is what each query finds by resource type; None: no prefetch."""

    def post(hook, context=None, chart=None, **changes):
        body = {"hook": hook, "hookInstance": "1", "context": CONTEXTS[hook] if context is None else context}
        if chart is not None:
            body["prefetch"] = {
                query.key: PATIENT if query.key == "patient" else bundle(*chart.get(query.resource_type, []))
                for query in queries(library, hook)
            }
        return service.post(f"/cds-services/petechiae-{hook}", json=body | changes)

    return post


@pytest.fixture
def heads(ask):
    """Indicator and head rule's topic of each card."""

    def cards(hook, context=None, chart=None):
        response = ask(hook, context, chart or {})
        assert response.status_code == 200, response.text
        return [(card["indicator"], card["source"]["topic"]["code"]) for card in response.json()["cards"]]

    return cards


def ordering(*codings):
    return BASE | SELECTED | {"draftOrders": drafts(*(draft(one, id=f"r{n}") for n, one in enumerate(codings)))}


# ---------------------------------------------------------------- contexts


@pytest.mark.parametrize("hook", CONTEXTS)
def test_the_smallest_call_of_each_hook_is_answered(ask, hook):
    assert ask(hook, chart={}).status_code == 200


@pytest.mark.parametrize(("hook", "name"), MISSING)
@pytest.mark.parametrize("value", ["removed", None, 5, True])
def test_a_required_member_that_is_missing_or_of_another_type_is_named(ask, hook, name, value):
    context = {member: one for member, one in CONTEXTS[hook].items() if member != name}

    response = ask(hook, context if value == "removed" else context | {name: value}, chart={})

    assert response.status_code == 400
    assert [f"context.{name}"] == response.json()["issue"][0]["expression"]


@pytest.mark.parametrize("hook", CONTEXTS)
def test_more_members_than_we_know_are_no_fault(ask, hook):
    more = {"extension": {"org.example": 1}, "somethingNew": [None]}

    assert (
        ask(hook, CONTEXTS[hook] | more, chart={}, extension={"org.example": {}}, somethingNew=1).status_code
        == 200
    )


@pytest.mark.parametrize(
    "draft_orders",
    [
        {},
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "entry": None},
        {"resourceType": "Bundle", "entry": [{}, None, 5, {"resource": None}, {"resource": {}}]},
        drafts({"resourceType": "ServiceRequest"}, {"resourceType": "MedicationOrder", "status": "draft"}),
        drafts({"resourceType": "MedicationRequest"}),
        drafts(draft(medicationCodeableConcept=5)),
        drafts(draft(medicationReference={"reference": "Medication/unknown", "display": "something"})),
    ],
)
@pytest.mark.parametrize("hook", ORDER_HOOKS)
def test_whatever_stands_among_the_drafts_is_no_fault(ask, hook, draft_orders):
    response = ask(hook, BASE | SELECTED | {"draftOrders": draft_orders}, chart={})

    assert response.status_code == 200


def test_the_invalid_draft_of_the_public_sandbox_is_answered_without_any_chart(ask):
    """Its first call comes before a medicine is chosen: no medication, no intent, category an object."""
    invalid = draft(category={"coding": [{"code": "community"}]})
    del invalid["intent"]
    context = BASE | SELECTED | {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": invalid}]}}

    response = ask("order-select", context)

    assert response.status_code == 200
    assert response.json() == {"cards": []}


def test_its_later_draft_is_read_although_category_is_an_object(heads):
    context = (
        BASE | SELECTED | {"draftOrders": drafts(draft(ASPIRIN, category={"coding": [{"code": "community"}]}))}
    )

    assert heads("order-select", context, {"Condition": [petechiae()]}) == [("warning", "RORD04")]


# ---------------------------------------------------------------- orders


@pytest.mark.parametrize("hook", ORDER_HOOKS)
def test_a_harmless_order_is_silent_and_nothing_is_fetched(ask, hook):
    with respx.mock(base_url=FHIR) as fhir:
        response = ask(hook, ordering(HARMLESS), fhirServer=FHIR)

        assert response.json() == {"cards": []}
        assert fhir.calls.call_count == 0


@pytest.mark.parametrize("hook", ORDER_HOOKS)
def test_an_order_that_matters_is_silent_in_a_chart_without_a_reason(heads, hook):
    assert heads(hook, ordering(ASPIRIN)) == []


@pytest.mark.parametrize("hook", ORDER_HOOKS)
def test_an_order_that_matters_needs_a_chart(ask, hook):
    response = ask(hook, ordering(ASPIRIN))

    assert response.status_code == 412


@pytest.mark.parametrize("hook", ORDER_HOOKS)
def test_a_harmless_order_beside_a_frightening_chart_is_silent(heads, hook):
    """What is urgent without the order was said when the chart was opened."""
    chart = {"Condition": [petechiae()], "Observation": [platelets(8)]}

    assert heads(hook, ordering(HARMLESS), chart) == []


@pytest.mark.parametrize("hook", ORDER_HOOKS)
@pytest.mark.parametrize(
    ("coding", "chart", "expected"),
    [
        (ASPIRIN, {"Condition": [petechiae()]}, [("warning", "RORD04")]),
        (ASPIRIN, {"Condition": [petechiae()], "Observation": [platelets(210)]}, [("info", "possiblecauses")]),
        (ASPIRIN, {"Observation": [platelets(49)]}, [("warning", "RORD03")]),
        (ASPIRIN, {"Observation": [platelets(50)]}, []),
        (ENOXAPARIN, {"Observation": [platelets(49)]}, [("warning", "RORD03")]),
    ],
)
def test_an_order_speaks_when_the_chart_gives_a_reason(heads, hook, coding, chart, expected):
    assert heads(hook, ordering(coding), chart) == expected


def test_a_medicine_that_is_taken_is_no_order(heads):
    taken = draft(ASPIRIN, status="active", id="old")

    assert (
        heads("order-sign", ordering(HARMLESS), {"Condition": [petechiae()], "MedicationRequest": [taken]}) == []
    )


def test_a_revised_order_that_ends_a_medicine_proposes_none(heads):
    context = BASE | {"draftOrders": drafts(draft(ASPIRIN, status="stopped"))}

    assert heads("order-sign", context, {"Condition": [petechiae()]}) == []


def test_a_draft_of_another_patient_proposes_nothing_here(heads):
    context = BASE | {"draftOrders": drafts(draft(ASPIRIN, subject={"reference": "Patient/p2"}))}

    assert heads("order-sign", context, {"Condition": [petechiae()]}) == []


@pytest.mark.parametrize("kind", ["contained", "in the bundle"])
def test_the_medicine_of_a_draft_may_stand_beside_it(heads, kind):
    medication = {"resourceType": "Medication", "id": "m1", "code": {"coding": [ASPIRIN]}}
    contained = draft(contained=[medication], medicationReference={"reference": "#m1"})
    beside = (draft(medicationReference={"reference": "Medication/m1"}), medication)
    orders = drafts(contained) if kind == "contained" else drafts(*beside)

    assert heads("order-sign", BASE | {"draftOrders": orders}, {"Condition": [petechiae()]}) == [
        ("warning", "RORD04")
    ]


def test_heparin_with_recorded_heparin_induced_thrombocytopenia_is_critical(heads):
    recorded = petechiae(
        id="c2", code={"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "D75.822"}]}
    )

    assert heads("order-sign", ordering(ENOXAPARIN), {"Condition": [recorded]}) == [("critical", "RORD01")]
    assert heads("order-sign", ordering(ASPIRIN), {"Condition": [recorded]}) == []


@pytest.mark.parametrize(
    ("reaction", "status", "expected"),
    [
        ("Thrombocytopenia", "active", [("warning", "RORD02")]),
        ("Thrombocytopenia", "resolved", []),
        ("Nausea", "active", []),
    ],
)
def test_a_medicine_that_an_allergy_blames_for_low_platelets(heads, reaction, status, expected):
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "clinicalStatus": {"coding": [{"code": status}]},
        "code": {"coding": [QUININE]},
        "patient": {"reference": "Patient/p1"},
        "reaction": [{"manifestation": [{"text": reaction}]}],
        "recordedDate": ago(days=900),
    }

    assert heads("order-select", ordering(QUININE), {"AllergyIntolerance": [allergy]}) == expected


def test_what_could_not_be_read_is_said_when_the_order_matters(ask, library):
    found = {query.key: None for query in queries(library, "order-sign")} | {"conditions": failed()}

    [card] = ask("order-sign", ordering(ASPIRIN), prefetch=found).json()["cards"]
    silent = ask("order-sign", ordering(HARMLESS), prefetch=found)

    assert card["indicator"] == "info"
    assert card["summary"] == "Problem list could not be read: this order not checked"
    assert silent.json() == {"cards": []}


def test_what_is_missing_for_an_order_is_fetched(ask):
    with respx.mock(base_url=FHIR, assert_all_called=False) as fhir:
        fhir.get("/Condition").respond(200, json=bundle(petechiae()))
        fhir.route().respond(200, json=bundle())

        response = ask("order-sign", ordering(ASPIRIN), fhirServer=FHIR)

        assert [card["indicator"] for card in response.json()["cards"]] == ["warning"]
        assert "/fhir/AllergyIntolerance" in {call.request.url.path for call in fhir.calls}


# ---------------------------------------------------------------- discharge


def test_unexplained_petechiae_do_not_leave_without_a_blood_count(heads):
    assert heads("encounter-discharge", chart={"Condition": [petechiae()]}) == [("warning", "RDIS01")]


def test_an_urgent_criterion_that_is_open_is_said_at_discharge(heads):
    chart = {"Condition": [petechiae()], "Observation": [platelets(8)]}

    assert heads("encounter-discharge", chart=chart)[0][0] == "critical"


@pytest.mark.parametrize("chart", [{}, {"Observation": [platelets(120)]}])
def test_discharge_is_silent_about_what_is_not_urgent(heads, chart):
    assert heads("encounter-discharge", chart=chart) == []


def test_discharge_lists_no_causes(heads):
    taken = draft(ASPIRIN, status="active", id="old")
    chart = {"Condition": [petechiae()], "Observation": [platelets(210)], "MedicationRequest": [taken]}

    assert heads("patient-view", chart=chart) != []
    assert heads("encounter-discharge", chart=chart) == []


# ---------------------------------------------------------------- a problem being added


def test_a_problem_that_is_being_added_counts_as_present(heads):
    opened = heads("patient-view")
    added = heads("problem-list-item-create")

    assert opened == []
    assert added[0] == ("warning", "RCAN04")


def test_a_new_problem_without_status_and_date_counts_from_now(heads):
    bare = {"resourceType": "Condition", "category": "problem-list-item", "code": petechiae()["code"]}

    assert heads("problem-list-item-create", BASE | {"conditions": drafts(bare)})[0][0] == "warning"


@pytest.mark.parametrize(
    "changes",
    [
        {"verificationStatus": {"coding": [{"code": "refuted"}]}},
        {"clinicalStatus": {"coding": [{"code": "resolved"}]}},
        {"subject": {"reference": "Patient/p2"}},
        {"code": {"text": "Sprained ankle"}},
    ],
)
def test_a_new_problem_that_says_nothing_of_the_kind_is_silent(heads, changes):
    context = BASE | {"conditions": drafts(petechiae(**changes))}

    assert heads("problem-list-item-create", context) == []


# ---------------------------------------------------------------- as large record systems write it


def test_an_epic_shaped_order_gets_its_card(ask, library):
    context = BASE | SELECTED | {"userId": "PractitionerRole/7", "encounterId": "e9"}
    context["draftOrders"] = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": epic_draft()}],
    }
    found = {query.key: None for query in queries(library, "order-select")}
    found |= {"conditions": bundle(petechiae()), "patient": PATIENT}

    response = ask("order-select", context, **epic_shaped(prefetch=found))

    [card] = response.json()["cards"]
    assert card["indicator"] == "warning"
    assert "Aspirin: proposed in this order, from text" in card["detail"]
    assert card["uuid"]
    assert card["source"]["topic"]["code"].isalnum()


def test_an_epic_shaped_opening_of_a_chart_gets_its_card(ask):
    context = BASE | {"userId": "PractitionerRole/7", "encounterId": "e9"}

    response = ask("patient-view", context, {"Condition": [petechiae()]}, **epic_shaped())

    assert response.json()["cards"][0]["indicator"] == "warning"


def test_an_oracle_shaped_chart_is_understood(ask):
    response = ask("patient-view", BASE | {"encounterId": "97957281"}, oracle_chart())

    action, causes = response.json()["cards"]
    assert action["indicator"] == "warning"
    assert "Platelet count 38 ×10⁹/L" in action["detail"]
    assert "Aspirin: reported as taken" in causes["detail"]


def test_no_server_of_one_kind_of_medicine_is_no_failure(ask, library):
    found = {query.key: None for query in queries(library)}
    found |= {
        "conditions": bundle(petechiae()),
        "patient": PATIENT,
        "medicationStatements": failed("not-supported"),
    }

    response = ask("patient-view", prefetch=found)

    assert response.status_code == 200
    assert "Reported medicines" not in json.dumps(response.json())
