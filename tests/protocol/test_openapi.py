"""Requests made from our own OpenAPI document, right and wrong ones: each answer has a shape the document names.

Length: CDS_NIGHTLY=1 for a night.
"""

import json
import re
from datetime import UTC, datetime

import jsonschema_rs
import pytest
import schemathesis
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from cds_hooks.app import create_app
from cds_hooks.cards.offers import SERVICES
from cds_hooks.cards.openapi import openapi
from cds_hooks.settings import Settings
from tests.lengths import examples
from tests.protocol.charts import PATH, PATIENT, bundle, petechiae, platelets
from tests.protocol.readiness import until_ready

NOW = datetime.now(UTC).isoformat()
GOOD = {
    "hook": "patient-view",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": {"userId": "Practitioner/1", "patientId": "p1"},
    "prefetch": {
        "patient": PATIENT,
        "conditions": bundle(petechiae(onsetDateTime=NOW, recordedDate=NOW)),
        "observationsByCategory": bundle(platelets(8, effectiveDateTime=NOW)),
    },
}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DOCUMENT = openapi("Pinpoint", "0", SERVICES)
ADDRESSES = [
    pytest.param(path, method, mode, id=f"{method} {path}, {'right' if mode.is_positive else 'wrong'}")
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    for mode in GenerationMode
    if mode.is_positive or method == "post"  # there is nothing wrong to be said to an address that takes nothing
]


@pytest.fixture(scope="module")
def api():
    """The application by its document. Whatever it was asked meanwhile, a good request gets the same cards."""
    app = create_app(Settings(profile="sandbox"))
    with TestClient(app) as good:
        before = without_uuids(good.post(PATH, json=GOOD))
        until_ready(good)  # before that /readyz answers 503, as planned
    document = schemathesis.openapi.from_asgi("/openapi.json", app)
    yield document
    assert before
    with TestClient(app) as good:
        assert before == without_uuids(good.post(PATH, json=GOOD))
    structlog.reset_defaults()


@pytest.mark.parametrize(("path", "method", "mode"), ADDRESSES)
@settings(max_examples=examples(12, 1500), suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_answer_is_one_that_the_document_names(api, path, method, mode, data):
    case = data.draw(api[path][method].as_strategy(generation_mode=mode))

    case.call_and_validate(checks=CHECKS)


def without_uuids(response):
    """The cards; what is new each time is left out."""
    assert response.status_code == 200
    return json.loads(re.sub(r'"uuid":"[^"]+"', '"uuid":""', response.text))["cards"]


def test_the_sandbox_shows_the_document(api):
    assert json.loads(json.dumps(DOCUMENT["paths"])) == api.raw_schema["paths"]


def test_every_card_of_every_story_has_the_shape_of_the_document(call, stories, service):
    validator = jsonschema_rs.validator_for({**DOCUMENT, "$ref": "#/components/schemas/Cards"})

    answers = [call(prefetch, patient=patient).json() for patient, prefetch in stories]

    cards = [card for answer in answers for card in answer["cards"]]
    assert len(cards) > 50
    assert {"suggestions", "links", "overrideReasons", "detail"} <= set().union(*cards)
    assert [error.message for answer in answers for error in validator.iter_errors(answer)] == []
    discovery = jsonschema_rs.validator_for({**DOCUMENT, "$ref": "#/components/schemas/Discovery"})
    assert discovery.is_valid(service.get("/cds-services").json())
