"""What a deployment sets otherwise than the release, seen from outside: /version, explain, check, cards."""

import json

import pytest
import respx
from click.testing import CliRunner
from starlette.testclient import TestClient

from cds_hooks.app import create_app
from cds_hooks.cli import main
from cds_hooks.errors import LibraryError
from cds_hooks.settings import Settings, reasons_not_to_start
from tests.build import write_library

BASE = "http://127.0.0.1:9/terms"
LOW = """\
measure:
  concept: platelet-count
  is: {below: "150", unit: "10*9/L"}
  guard: {min: "130", max: "160"}
"""
FINDINGS = {"on-aspirin": "medication: {ingredients: [aspirin]}", "low": LOW}
CAUSE = "when: on-aspirin\nneeds_skin_bleeding: false"
CASES = """\
cases:
  - {name: "low", given: [{concept: platelet-count, value: "149.9", unit: "10*9/L"}], expect: present}
"""


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CDS_{name.upper()}", raising=False)


@pytest.fixture
def library(tmp_path):
    folder = write_library(tmp_path / "library", FINDINGS, causes={"aspirin-cause": CAUSE})
    (folder / "mappings/findings/low.cases.yaml").write_text(CASES)
    return folder


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "settings.yaml").write_text('thresholds: {low: {below: "140"}}\n')
    return folder


def client(library, **settings):
    return TestClient(create_app(Settings(profile="sandbox", library_dir=library, **settings)))


def call(*, padding=0):
    whose = {"reference": "Patient/p1"}
    tablet = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "777"}
    taken = {
        "resourceType": "MedicationStatement",
        "id": "2",
        "status": "active",
        "subject": whose,
        "medicationCodeableConcept": {"coding": [tablet], "text": "x" * padding},
    }
    return {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/1", "patientId": "p1"},
        "prefetch": {"conditions": None, "medicationStatements": taken},
    }


# ---------------------------------------------------------------- the site folder


def test_version_lists_what_the_site_set(library, site):
    told, release = client(library, site_dir=site).get("/version").json(), client(library).get("/version").json()

    assert ["Limit of low: below 140 instead of low"] == told["site"]
    assert "site" not in release
    assert told["digest"] != release["digest"]


def test_version_tells_that_only_signed_rules_speak(library):
    [line] = client(library, require_reviewed=True).get("/version").json()["site"]

    assert "Only signed rules speak: 1 unsigned rules are silent" == line


def test_a_folder_with_a_fault_stops_the_start(library, site):
    (site / "settings.yaml").write_text("choices: {nothing: off}\n")

    with pytest.raises(LibraryError, match=r"site/settings\.yaml:1: unknown choice"):
        client(library, site_dir=site)


def run(*arguments, **environment):
    return CliRunner(env={name: str(value) for name, value in environment.items()}).invoke(main, [*arguments])


def test_explain_ends_with_what_the_site_set(library, site, tmp_path):
    chart = tmp_path / "call.json"
    chart.write_text(json.dumps(call()))

    told = run("explain", str(chart), CDS_LIBRARY_DIR=library, CDS_SITE_DIR=site)
    release = run("explain", str(chart), CDS_LIBRARY_DIR=library)

    assert "Site settings, not those of the release (1)\n  Limit of low: below 140 instead of low" in told.output
    assert "Site settings" not in release.output


def test_check_lists_the_cases_that_read_otherwise(library, site):
    told = run("check", CDS_LIBRARY_DIR=library, CDS_SITE_DIR=site).output

    assert "With them 1 cases read otherwise" in told
    assert 'low.cases.yaml: case "low" expects present, is absent' in told
    assert "read otherwise" not in run("check", CDS_LIBRARY_DIR=library).output


# ---------------------------------------------------------------- the terminology server


@pytest.mark.parametrize("padding", [0, 1_100_000])
def test_an_unknown_medicine_is_asked_about_before_the_chart_is_judged(library, padding):
    part = [{"name": "code", "valueCode": "has_ingredient"}, {"name": "value", "valueCode": "3001"}]
    answer = {"resourceType": "Parameters", "parameter": [{"name": "property", "part": part}]}
    body = call(padding=padding)

    with respx.mock() as server:
        server.get(url__startswith=f"{BASE}/CodeSystem/$lookup").respond(200, json=answer)
        with client(library, terminology_url=BASE) as service:
            cards = service.post("/cds-services/petechiae-patient-view", json=body).json()["cards"]

    assert "Aspirin" in json.dumps(cards)
    with client(library) as service:
        alone = service.post("/cds-services/petechiae-patient-view", json=body).json()["cards"]
    assert "Aspirin" not in json.dumps(alone)


def told_of(url, **settings):
    return [
        reason
        for reason in reasons_not_to_start(Settings(terminology_url=url, **settings))
        if reason.startswith("CDS_TERMINOLOGY_URL")
    ]


def test_the_address_of_a_terminology_server_is_checked():
    assert ["CDS_TERMINOLOGY_URL must be https."] == told_of("http://terms.example/fhir")
    assert [] == told_of("http://terms.example/fhir", profile="sandbox")
    assert [] == told_of("https://terms.example/fhir")
    [reason] = told_of("https://terms.example/fhir?q=1", profile="sandbox")
    assert "is not an http(s) address" in reason
