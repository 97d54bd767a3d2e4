"""A client of each kind of record system, from token to cards: what it sends, what it is asked, what it gets."""

import csv
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

import httpx2
import pytest
import respx
from starlette.testclient import TestClient

from cds_hooks.app import Deployment, assemble
from cds_hooks.cards.compose import Voice
from cds_hooks.cards.parts import topic
from cds_hooks.chart.queries import queries
from cds_hooks.guard.gate import Gate
from cds_hooks.service import SERVICES, advise
from cds_hooks.settings import Settings
from cds_hooks.transport import Client
from tests.protocol.charts import AT, PATIENT, ago, bundle, petechiae, platelets
from tests.protocol.ehr_shapes import drafts, epic_draft, epic_shaped, oracle_chart
from tests.signing import BASE, JKU, PUBLIC, Seen, client, clients, key, keys_of_k1, token

TOPICS = Path(__file__).with_name("topics.csv")


@pytest.fixture
def service(library):
    """Posts a call of a hook to the production service as the client with this entry."""

    async def answer(request, fetch_missing):
        return (await advise(request, fetch_missing, library, AT, Voice("us", PUBLIC))).cards

    def entered(**entry):
        deployment = Deployment(
            settings=Settings(),
            services=tuple(
                (offered, {query.key: query.template for query in queries(library, offered.hook)})
                for offered in SERVICES
            ),
            answer=answer,
            version={"software": "0"},
            client=Client(),
            gate=Gate(clients(client(**entry)), keys_of_k1, Seen(), PUBLIC),
        )
        web = TestClient(assemble(deployment))

        def call(hook, body, *, signed=None):
            path = f"/cds-services/petechiae-{hook}"
            sent = (signed or own_token)(aud=PUBLIC + path)
            return web.post(path, json={"hook": hook} | body, headers={"authorization": f"Bearer {sent}"})

        return call

    return entered


def own_token(**said):
    return token(at=datetime.now(UTC), **said)


def epic_token(**said):
    """RS384, a key id in base64 signs, a client id as subject, valid since five minutes before it was made."""
    now = round(datetime.now(UTC).timestamp())
    head = {"alg": "RS384", "kid": "r1", "jku": JKU}
    return token(key("r1", "RSA"), head, datetime.now(UTC), sub="c0ffee", nbf=now - 300, exp=now + 600, **said)


def prefetched(library, hook, chart):
    """Every prefetch key of the hook, in Epic's way of filling what it has and of saying null otherwise."""
    found = {query.key: chart.get(query.resource_type) for query in queries(library, hook)}
    return {key: entries and bundle(*entries) for key, entries in found.items()} | {"patient": PATIENT}


# ---------------------------------------------------------------- Epic

EPIC = {"ehr": "epic", "algorithms": ("RS384",)}


def epic_call(library, hook, chart, **context):
    given = {"userId": "PractitionerRole/7", "patientId": "p1", "encounterId": "e9"} | context
    return epic_shaped(fhirServer=BASE, context=given, prefetch=prefetched(library, hook, chart))


@pytest.mark.parametrize("hook", ["patient-view", "order-select", "order-sign"])
def test_an_epic_shaped_call_gets_cards_that_epic_takes(service, library, hook):
    ordered = {"draftOrders": drafts(epic_draft()), "selections": ["MedicationRequest/request-123"]}
    chart = {"Condition": [petechiae()], "Observation": [platelets(28)]}

    answer = service(**EPIC)(
        hook, epic_call(library, hook, chart, **({} if hook == "patient-view" else ordered)), signed=epic_token
    )

    assert answer.status_code == 200
    assert answer.json()["cards"]
    for card in answer.json()["cards"]:
        assert re.fullmatch(r"[A-Za-z0-9]{1,100}", card["source"]["topic"]["code"])
        assert card["uuid"]
        assert card.get("selectionBehavior", "any") == "any"
        assert all(len(offer["actions"]) == 1 and offer["uuid"] for offer in card.get("suggestions", []))
        assert all(offer["actions"][0]["description"] for offer in card.get("suggestions", []))
        assert {"absolute"} == {link["type"] for link in card["links"]}
        assert all(link["url"].startswith((PUBLIC, card["source"]["url"])) for link in card["links"])


def test_there_is_something_to_accept_in_an_epic_shaped_answer(service, library):
    body = epic_call(library, "patient-view", {"Condition": [petechiae()]})

    offers = [
        offer
        for card in service(**EPIC)("patient-view", body, signed=epic_token).json()["cards"]
        for offer in card.get("suggestions", [])
    ]

    assert {"ServiceRequest"} <= {offer["actions"][0]["resource"]["resourceType"] for offer in offers}


def test_an_epic_shaped_token_is_of_no_use_to_another_client(service, library):
    body = epic_call(library, "patient-view", {"Condition": [petechiae()]})

    assert service(algorithms=("ES384",))("patient-view", body, signed=epic_token).status_code == 401


def test_what_the_token_of_the_call_does_not_open_is_not_asked_for(service):
    """It is a gap all the same: nobody has looked."""
    with respx.mock(base_url=BASE, assert_all_called=False) as fhir:
        fhir.get("/Condition").respond(200, json=bundle(petechiae()))
        fhir.get("/Observation").respond(200, json=bundle())
        fhir.get("/MedicationRequest").respond(200, json=bundle())
        body = epic_shaped(fhirServer=BASE, context={"userId": "PractitionerRole/7", "patientId": "p1"})

        answer = service(**EPIC)("patient-view", body, signed=epic_token)

        asked = {call.request.url.path.rpartition("/")[2] for call in fhir.calls}

    assert asked == {"Condition", "Observation", "MedicationRequest"}
    assert answer.json()["cards"][0]["indicator"] == "warning"


def test_topic_codes_are_those_that_were_given_out(library):
    """An override in Epic is remembered by the topic's code: a rule keeps its code for ever."""
    given_out = dict(csv.reader(TOPICS.read_text(encoding="utf-8").splitlines()))

    now = {rule: topic(rule).code for rule in library.criteria}

    assert {rule: code for rule, code in given_out.items() if rule in now} == {
        rule: code for rule, code in now.items() if rule in given_out
    }
    assert len(given_out) > 50
    assert len(set(now.values()) | {"possiblecauses", "unreadablechart"}) == len(now) + 2
    assert all(re.fullmatch(r"[A-Za-z0-9]{1,100}", code) for code in now.values())


# ---------------------------------------------------------------- Oracle Health

ORACLE = {"ehr": "oracle"}
LISTED = {"patient", "category", "code", "_count"}
"""Search parameters of the described server that our questions may use."""
ORACLE_CALL = {
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "fhirServer": BASE,
    "fhirAuthorization": {
        "access_token": "token",
        "token_type": "Bearer",
        "expires_in": 570,
        "scope": "patient/Patient.read patient/Observations.read patient/Conditions.read "
        "patient/MedicationRequests.read patient/Encounters.read patient/Immunizations.read "
        "patient/Procedures.read patient/AllergyIntolerances.read",
        "subject": "c0ffee",
    },
    "context": {"userId": "Practitioner/4122630", "patientId": "p1", "encounterId": "97957281"},
}


@pytest.fixture
def millennium():
    """A server in the described manner: what it does not list it refuses, and it has no MedicationStatement."""
    chart = oracle_chart()

    def answer(request):
        kind = request.url.path.removeprefix("/r4/").partition("/")[0]
        if kind == "MedicationStatement":
            return httpx2.Response(404)
        if {name for name, _ in parse_qsl(request.url.query.decode())} - LISTED:
            return httpx2.Response(400, json={"resourceType": "OperationOutcome", "issue": []})
        return httpx2.Response(200, json=PATIENT if kind == "Patient" else bundle(*chart.get(kind, [])))

    with respx.mock(assert_all_called=False) as fhir:
        fhir.get(url__startswith=BASE).mock(side_effect=answer)
        yield fhir


def test_an_oracle_shaped_call_gets_cards_from_what_its_server_says(service, millennium):
    action, causes = service(**ORACLE)("patient-view", ORACLE_CALL).json()["cards"]

    assert (action["indicator"], causes["indicator"]) == ("warning", "info")
    assert "Platelet count 38 ×10⁹/L" in action["detail"]
    assert "Aspirin: reported as taken" in causes["detail"]
    assert "could not be read" not in json.dumps([action, causes])
    assert not any("MedicationStatement" in str(call.request.url) for call in millennium.calls)


def test_the_same_server_is_no_use_to_a_client_that_is_not_said_to_be_oracle(service, millennium):
    answer = service()("patient-view", ORACLE_CALL)

    assert "Aspirin" not in answer.text
    assert {call.response.status_code for call in millennium.calls} >= {400}


def test_suggestions_to_oracle_are_taken_one_at_a_time(service, library):
    body = ORACLE_CALL | {"prefetch": prefetched(library, "patient-view", {"Condition": [petechiae()]})}

    cards = [card for card in service(**ORACLE)("patient-view", body).json()["cards"] if "suggestions" in card]

    assert {card["selectionBehavior"] for card in cards} == {"at-most-one"}


def test_a_page_of_an_unsorted_list_is_complete_back_to_nothing(service, library):
    """Newest first it would be whole back to its oldest entry; but nobody was asked to sort it."""
    old = platelets(210, id="o2", effectiveDateTime=ago(days=400))
    link = [{"relation": "next", "url": f"{BASE}/Observation?page=2"}]
    sent = prefetched(library, "patient-view", {"Observation": [platelets(28), old]})
    sent = {key: value | {"link": link} if key.startswith("obs") else value for key, value in sent.items()}
    body = ORACLE_CALL | {"prefetch": sent | {"conditions": bundle(petechiae())}, "fhirAuthorization": None}

    def told(**entry):
        return service(**entry)("patient-view", body).json()["cards"][0]["detail"]

    assert "only partly supplied" not in told()
    assert "only partly supplied" in told(**ORACLE)
