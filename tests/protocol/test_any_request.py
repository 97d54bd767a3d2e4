"""Whatever is sent: never a fault of ours, never the sender's words in a refusal, and nothing is left behind.

Length: CDS_NIGHTLY=1 for a night.
"""

import json
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.lengths import examples
from tests.protocol.charts import PATIENT, ago, bundle, petechiae, platelets

CANARY = "mockingbird"
ASPIRIN = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1191", "display": "aspirin"}
DRAFT = {
    "resourceType": "MedicationRequest",
    "id": "r1",
    "status": "draft",
    "intent": "order",
    "subject": {"reference": "Patient/p1"},
    "medicationCodeableConcept": {"coding": [ASPIRIN]},
}
CHART = {
    "patient": PATIENT,
    "conditions": bundle(petechiae(severity={"text": "mild"}, note=[{"text": "x"}])),
    "observationsByCategory": bundle(
        platelets(8, referenceRange=[{"low": {"value": 150}}], category=[{"text": "laboratory"}])
    ),
    "medicationRequests": bundle(DRAFT | {"status": "active", "authoredOn": ago(days=3)}),
    "encounters": bundle(
        {
            "resourceType": "Encounter",
            "id": "e1",
            "status": "in-progress",
            "subject": {"reference": "Patient/p1"},
            "period": {"start": ago(days=1)},
            "reasonCode": [{"text": "fever"}],
        }
    ),
}
OF_HOOK = {
    "patient-view": {},
    "order-select": {"selections": ["MedicationRequest/r1"], "draftOrders": bundle(DRAFT)},
    "order-sign": {"draftOrders": bundle(DRAFT)},
    "encounter-discharge": {"encounterId": "e1"},
    "problem-list-item-create": {"conditions": bundle(petechiae())},
}
REQUESTS = {
    hook: {
        "hook": hook,
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": "https://ehr.example/r4",
        "fhirAuthorization": {"access_token": "t", "token_type": "Bearer", "scope": "user/*.rs", "patient": "p1"},
        "context": {"userId": "Practitioner/1", "patientId": "p1"} | more,
        "prefetch": CHART,
        "extension": {"org.example": {"a": 1}},
    }
    for hook, more in OF_HOOK.items()
}

WORDS = st.sampled_from(
    [
        CANARY,
        f"{CANARY}\x00",
        f"../{CANARY}",
        f"{CANARY}\ud800",
        f"<b>{CANARY}</b>",
        f"{{{{{CANARY}}}}}",
        f"{CANARY}é" * 50,
    ]
)
ODD = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        10**30,
        1.5,
        1e308,
        "",
        " ",
        [],
        {},
        [[]],
        [None],
        {"": None},
        "Patient/p1",
        "2026-13-45",
    ]
)
SCRAPS = st.recursive(
    WORDS | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def places(node, path=()):
    """Every place in a JSON value, itself included."""
    yield path
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*path, key))


@st.composite
def mutations(draw):
    """A hook, and a good request of it in which up to four places hold something else, nothing, or stand twice."""
    hook = draw(st.sampled_from(list(REQUESTS)))
    request = deepcopy(REQUESTS[hook])
    for _ in range(draw(st.integers(1, 4))):
        *way, last = draw(st.sampled_from([path for path in places(request) if path]))
        holder = request
        for key in way:
            holder = holder[key]
        match draw(st.sampled_from(["replace", "remove", "double"])):
            case "replace":
                holder[last] = deepcopy(draw(SCRAPS))  # what is drawn is shared, and the next step may change it
            case "remove":
                del holder[last]
            case "double" if isinstance(holder, list):
                holder.append(deepcopy(holder[last]))
    return hook, request


@pytest.fixture(scope="module")
def before_and_after(service):
    """The cards of a good request before everything and after everything."""

    def cards():
        answer = service.post("/cds-services/petechiae-patient-view", json=REQUESTS["patient-view"])
        assert answer.status_code == 200
        return [(card["summary"], card["detail"], card["indicator"]) for card in answer.json()["cards"]]

    before = cards()
    assert before
    yield
    assert before == cards()


def judged(answer):
    """What holds for every answer."""
    assert answer.status_code in {200, 400, 412}, answer.text
    assert CANARY not in answer.text.lower()
    body = answer.json()
    if answer.status_code == 200:
        assert list(body) == ["cards"]
    else:
        assert body["resourceType"] == "OperationOutcome"
        assert [issue["severity"] for issue in body["issue"]] == ["error"]


@pytest.mark.usefixtures("before_and_after")
@settings(max_examples=examples(150, 20_000), suppress_health_check=list(HealthCheck))
@given(mutated=mutations())
def test_a_good_request_with_something_wrong_in_it(service, mutated):
    hook, request = mutated

    answer = service.post(
        f"/cds-services/petechiae-{hook}",
        content=json.dumps(request),
        headers={"content-type": "application/json"},
    )

    judged(answer)


@pytest.mark.usefixtures("before_and_after")
@settings(max_examples=examples(60, 5_000), suppress_health_check=list(HealthCheck))
@given(hook=st.sampled_from(list(REQUESTS)), body=SCRAPS)
def test_any_json_at_all(service, hook, body):
    text = json.dumps(body)
    judged(
        service.post(f"/cds-services/petechiae-{hook}", content=text, headers={"content-type": "application/json"})
    )


@pytest.mark.usefixtures("before_and_after")
@settings(max_examples=examples(60, 5_000), suppress_health_check=list(HealthCheck))
@given(cut=st.integers(0, 4000), noise=st.binary(max_size=20))
def test_any_bytes_at_all(service, cut, noise):
    whole = json.dumps(REQUESTS["patient-view"] | {"extension": CANARY}).encode()
    body = whole[:cut] + noise + whole[cut + len(noise) :]

    judged(
        service.post(
            "/cds-services/petechiae-patient-view", content=body, headers={"content-type": "application/json"}
        )
    )
