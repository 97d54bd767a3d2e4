"""The whole explanation of a call: served by the sandbox only, and the same as the command prints."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from cds_hooks.app import create_app
from cds_hooks.cards.compose import Voice
from cds_hooks.cards.explain import as_text
from cds_hooks.cli import main
from cds_hooks.explaining import explanation_json, sections
from cds_hooks.reasoning.library import load
from cds_hooks.service import answer, record_of_file
from cds_hooks.settings import Settings
from tests.protocol.charts import PATIENT, bundle, petechiae, platelets

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def library():
    return load()


@pytest.fixture(scope="module")
def sandbox():
    with TestClient(create_app(Settings(profile="sandbox"))) as client:
        yield client


def call(*resources):
    recent = (NOW - timedelta(hours=5)).isoformat()
    rash = petechiae(onsetDateTime=recent, recordedDate=recent)
    count = platelets(8, effectiveDateTime=recent)
    return {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/1", "patientId": "p1"},
        "prefetch": {
            "patient": PATIENT,
            "conditions": bundle(rash),
            "observationsByCode1": bundle(count, *resources),
            "observationsByCategory": bundle(count, *resources),
        },
    }


def section(told, title):
    [found] = [one for one in told["sections"] if one["title"].startswith(title)]
    return found["lines"]


# ---------------------------------------------------------------- the address


def test_the_sandbox_explains_a_call(sandbox):
    told = sandbox.post("/explain", json=call()).json()

    [first, *_] = section(told, "Criteria met")
    assert (first["rule"], first["truth"], first["tier"]) == ("R-PLT-10", "present", "EMERGENCY")
    assert "Observation/o1" in [entry["reference"] for entry in first["entries"]]
    assert first["publications"][0]["url"].startswith("https://")
    assert told["knowledge"].endswith("not clinically signed off.")


def test_every_criterion_and_cause_is_told_with_its_truth(sandbox, library):
    told = sandbox.post("/explain", json=call()).json()

    truths = {line["rule"]: line["truth"] for one in told["sections"] for line in one["lines"] if line["rule"]}
    said = [rule for rule in library.criteria.values() if rule.status != "draft"]
    asked = {rule.id for rule in said if "patient-view" in rule.hooks}
    assert asked - set(truths) == set()
    assert set(truths.values()) == {"present", "absent", "unknown"}


def test_with_a_release_it_tells_what_is_not_valid_and_what_that_cost(sandbox):
    recent = (NOW - timedelta(hours=5)).isoformat()
    no_unit = platelets(9, valueQuantity={"value": 9}, status=None, effectiveDateTime=recent)
    no_date = platelets(9, id="o2", effectiveDateTime="last week")
    request = call()
    request["prefetch"] |= {"observationsByCode1": bundle(no_unit, no_date), "observationsByCategory": None}

    told = sandbox.post("/explain?fhir=R4", json=request).json()

    lines = {line["entries"][0]["reference"]: line["text"] for line in section(told, "Not valid FHIR R4")}
    assert set(lines) == {"Observation/o1", "Observation/o2"}
    assert lines["Observation/o1"].endswith("; cost: Platelet count: its unit is missing or unknown")
    assert "last week" not in json.dumps(told)


def test_what_is_valid_costs_nothing_and_without_a_release_nothing_is_checked(sandbox):
    assert section(sandbox.post("/explain?fhir=R4", json=call()).json(), "Not valid") == []
    assert "Not valid" not in sandbox.post("/explain", json=call()).text


@pytest.mark.parametrize(
    ("query", "body", "where"), [("?fhir=R9", call(), "fhir"), ("", {"hook": "patient-view"}, "context")]
)
def test_what_cannot_be_explained_is_a_bad_request(sandbox, query, body, where):
    refused = sandbox.post(f"/explain{query}", json=body)

    assert refused.status_code == 400
    assert refused.json()["issue"][0]["expression"] == [where]


def test_what_prefetch_left_out_is_asked_for_as_in_a_call(sandbox):
    nothing_sent = call() | {"prefetch": {}}

    assert sandbox.post("/explain", json=nothing_sent).status_code == 412


# ---------------------------------------------------------------- one source


def test_the_command_prints_the_texts_that_the_address_answers(library, tmp_path):
    body = json.dumps(call()).encode()
    at = NOW.replace(microsecond=0)
    advice = answer(record_of_file(body, library, at), library, at, Voice("uk"))
    told = sections(advice, library, body)
    file = tmp_path / "call.json"
    file.write_bytes(body)

    printed = CliRunner().invoke(main, ["explain", str(file), "--at", at.isoformat(), "--all"]).output
    short = CliRunner().invoke(main, ["explain", str(file), "--at", at.isoformat()]).output

    assert "\n".join(as_text(told, advice.assessment)) + "\n" == printed
    for one in json.loads(explanation_json(told, advice.assessment))["sections"]:
        for line in one["lines"]:
            assert line["text"] in printed
            assert all(text in printed for text in line["below"])
            assert one["folded"] or line["text"] in short


def test_an_entry_that_was_not_used_is_called_so(library):
    at = NOW
    broken = petechiae(id="c9", subject=7)
    other = petechiae(id="c10", code={"text": "Hypertension"})
    prefetch = {"patient": PATIENT, "conditions": bundle(broken, other), "observationsByCategory": bundle()}
    body = json.dumps(call() | {"prefetch": prefetch}).encode()
    advice = answer(record_of_file(body, library, at), library, at, Voice())

    [*_, last] = sections(advice, library, body)

    assert [line.text.partition("; ")[2] for line in last.lines] == ["cost: the entry was not used"]
