"""Who answers which path, and what a newcomer is told."""

import json
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from sandbox.site import WORTH_TRYING, curl_line, invitation, one_site
from sandbox.store import Store

BASE = "http://127.0.0.1:9310"


def test_each_part_answers_its_own_paths_and_the_service_all_others():
    parts = [PlainTextResponse(name) for name in ("service", "fhir", "page")]

    client = TestClient(one_site(*parts))

    paths = ("/", "/page/main.js", "/pages", "/fhir", "/fhir/Patient", "/fhirs", "/cds-services", "/explain")
    assert {path: client.get(path).text for path in paths} == {
        "/": "page",
        "/page/main.js": "page",
        "/pages": "service",
        "/fhir": "fhir",
        "/fhir/Patient": "fhir",
        "/fhirs": "service",
        "/cds-services": "service",
        "/explain": "service",
    }


def test_the_service_is_started_and_stopped():
    happened = []

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        happened.append("started")
        yield
        happened.append("stopped")

    site = one_site(Starlette(lifespan=lifespan), PlainTextResponse("fhir"), PlainTextResponse("page"))
    with TestClient(site):
        assert ["started"] == happened

    assert ["started", "stopped"] == happened


def test_the_curl_line_survives_the_shell_and_carries_no_prefetch():
    words = shlex.split(curl_line(BASE, f"{BASE}/cds-services/x", "anna", "7c9e6679-7425-40de-944b-e07fc1f90ae7"))

    request = json.loads(words[words.index("-d") + 1])
    assert words[0] == "curl"
    assert words[-1] == f"{BASE}/cds-services/x"
    assert request == {
        "hook": "patient-view",
        "hookInstance": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "fhirServer": f"{BASE}/fhir",
        "context": {"userId": "Practitioner/sandbox", "patientId": "anna"},
    }


def test_the_invitation_names_the_addresses_and_three_patients(charts: Store):
    text = invitation(BASE, f"{BASE}/cds-services/x", charts, "id")

    assert text.startswith(f"Open this page       {BASE}/ ")
    assert f"{BASE}/cds-services" in text
    assert f"{BASE}/fhir" in text
    for story in charts.stories:
        assert (story.headline in text) is (story.id in WORTH_TRYING)


@pytest.mark.parametrize("patient_id", WORTH_TRYING)
def test_the_patients_worth_trying_exist(charts: Store, patient_id: str):
    assert f"Patient/{patient_id}" in charts.by_reference


def test_the_first_patient_worth_trying_is_an_emergency(charts: Store):
    first = next(story for story in charts.stories if story.id == WORTH_TRYING[0])

    assert first.kind == "emergency"
