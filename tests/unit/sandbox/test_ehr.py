"""The FHIR server over HTTP: reads, searches, refusals, links, CORS."""

import json
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from starlette.testclient import TestClient

from sandbox.store import Store

PATIENT = "child-fever-purpura"
BASE = "https://sandbox.example/fhir"


def valid(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource, having passed validation as FHIR R4."""
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    return resource


def test_metadata_is_an_r4_capability_statement_with_what_search_knows(client: TestClient):
    statement = valid(client.get("/fhir/metadata").json())

    served = {one["type"]: one for one in statement["rest"][0]["resource"]}
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == BASE
    assert {"name": "onset-date", "type": "date"} in served["Condition"]["searchParam"]
    assert ["MedicationRequest:medication"] == served["MedicationRequest"]["searchInclude"]
    assert "searchInclude" not in served["Patient"]


@pytest.mark.parametrize("accept", ["application/fhir+json", "application/json+fhir", "application/json", "*/*"])
def test_a_read_answers_fhir_json_whatever_json_is_called(client: TestClient, accept: str):
    answer = client.get(f"/fhir/Patient/{PATIENT}", headers={"Accept": accept})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json"
    assert valid(answer.json())["id"] == PATIENT


def test_the_patient_list_is_whole(client: TestClient, charts: Store):
    bundle = valid(client.get("/fhir/Patient").json())

    assert len(charts.stories) == bundle["total"] == len(bundle["entry"])
    assert ["self"] == [link["relation"] for link in bundle["link"]]


def test_everything_is_the_whole_chart_with_the_patient_first(client: TestClient, charts: Store):
    bundle = valid(client.get(f"/fhir/Patient/{PATIENT}/$everything").json())

    found = [entry["resource"] for entry in bundle["entry"]]
    story = next(story for story in charts.stories if story.id == PATIENT)
    assert found[0]["id"] == PATIENT
    assert sorted(one["id"] for one in found) == sorted(one["id"] for one in story.resources)
    assert len(found) == bundle["total"]
    assert 404 == client.get("/fhir/Patient/nobody/$everything").status_code


def test_a_search_by_query_and_by_form_find_the_same(client: TestClient):
    asked = {"patient": PATIENT, "code": "http://loinc.org|8867-4,http://loinc.org|9279-1", "_sort": "-date"}

    by_query = valid(client.get("/fhir/Observation", params=asked).json())
    by_form = valid(client.post("/fhir/Observation/_search", data=asked).json())

    assert by_query == by_form
    assert by_query["total"] == 2
    assert by_query["type"] == "searchset"
    assert {"match"} == {entry["search"]["mode"] for entry in by_query["entry"]}


def test_parameters_of_the_address_count_in_a_form_search_too(client: TestClient):
    bundle = client.post("/fhir/Condition/_search?patient=no-such", data={"clinical-status": "active"}).json()

    assert bundle["total"] == 0
    assert "entry" not in bundle


def test_addresses_come_from_the_configured_base_not_from_the_caller(client: TestClient):
    answer = client.get("/fhir/Condition?_count=1", headers={"X-Forwarded-Host": "elsewhere.example"})

    bundle = answer.json()
    addresses = [link["url"] for link in bundle["link"]] + [bundle["entry"][0]["fullUrl"]]
    assert all(address.startswith(f"{BASE}/Condition") for address in addresses)


def test_next_links_lead_through_all_pages(client: TestClient):
    address: str | None = "/fhir/Observation?_sort=-date&_count=100&category=laboratory"
    seen = []
    total = 0
    while address is not None:
        bundle = client.get(address).json()
        total = bundle["total"]
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        address = links["next"].removeprefix("https://sandbox.example") if "next" in links else None

    assert total > 200
    assert total == len(seen) == len(set(seen))


def test_a_form_search_pages_by_get(client: TestClient):
    bundle = client.post("/fhir/Observation/_search", data={"_count": "1", "patient": PATIENT}).json()

    following = {link["relation"]: link["url"] for link in bundle["link"]}["next"]
    second = client.get(following.removeprefix("https://sandbox.example")).json()
    assert bundle["entry"][0]["resource"]["id"] != second["entry"][0]["resource"]["id"]


def test_included_medications_are_marked(client: TestClient):
    asked = {"patient": "clopidogrel-ssri-bruising", "_include": "MedicationStatement:medication"}

    bundle = valid(client.get("/fhir/MedicationStatement", params=asked).json())

    modes = [(entry["resource"]["resourceType"], entry["search"]["mode"]) for entry in bundle["entry"]]
    assert [("MedicationStatement", "match")] * 2 + [("Medication", "include")] == modes
    assert bundle["total"] == 2


def test_a_misfiled_entry_comes_with_the_chart_it_is_filed_in(client: TestClient):
    bundle = client.get("/fhir/Condition?patient=misfiled-other-patient").json()

    subjects = {entry["resource"]["subject"]["reference"] for entry in bundle["entry"]}
    assert {"Patient/misfiled-other-patient", "Patient/someone-else"} == subjects


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "words"),
    [
        ("GET", "/fhir/Patient/no-such", 404, "not-found", "no Patient has this id"),
        ("GET", "/fhir/Spaceship/1", 404, "not-found", "this server holds no such type"),
        ("GET", "/fhir/Spaceship", 404, "not-found", "this server holds no such type"),
        ("POST", "/fhir/Spaceship/_search", 415, "not-supported", "_search takes its parameters as"),
        ("GET", "/fhir/a/b/c", 404, "not-found", "Not Found"),
        ("DELETE", f"/fhir/Patient/{PATIENT}", 405, "not-supported", "Method Not Allowed"),
        ("POST", "/fhir/Patient", 405, "not-supported", "Method Not Allowed"),
        ("GET", "/fhir/Patient?_format=xml", 406, "not-supported", "JSON only"),
        ("GET", "/fhir/Observation?colour=red", 400, "invalid", '"colour" is not known for Observation'),
        ("GET", "/fhir/Observation?date=soon", 400, "invalid", '"date" needs a date'),
    ],
)
def test_a_refusal_is_an_operation_outcome(
    client: TestClient, *, method: str, path: str, status: int, code: str, words: str
):
    answer = client.request(method, path)

    issue = valid(answer.json())["issue"][0]
    assert (status, code) == (answer.status_code, issue["code"])
    assert answer.headers["content-type"] == "application/fhir+json"
    assert words in issue["diagnostics"]


def test_a_form_search_in_another_encoding_is_refused(client: TestClient):
    answer = client.post("/fhir/Observation/_search", json={"patient": PATIENT})

    assert answer.status_code == 415


def test_any_page_may_read(client: TestClient):
    answer = client.get("/fhir/Patient", headers={"Origin": "https://any.example"})

    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_a_refusal_can_be_read_by_a_page_too(client: TestClient):
    answer = client.get("/fhir/Patient/no-such", headers={"Origin": "https://any.example"})

    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_preflight_is_answered_for_the_headers_it_asks_for(client: TestClient, method: str):
    asks = {
        "Origin": "https://any.example",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
        "Access-Control-Request-Private-Network": "true",
    }

    answer = client.options("/fhir/Observation/_search", headers=asks)

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert method in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert answer.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize("resource_type", ["Condition", "Observation", "MedicationStatement", "MedicationRequest"])
def test_whole_lists_are_valid_searchsets(client: TestClient, resource_type: str):
    valid(json.loads(client.get(f"/fhir/{resource_type}?_count=20").content))
