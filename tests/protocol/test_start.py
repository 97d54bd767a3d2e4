"""The application as `pinpoint serve` and the sandbox make it."""

import pytest
import structlog
from starlette.testclient import TestClient

from cds_hooks.app import create_app
from cds_hooks.settings import Settings
from tests.protocol.charts import PATH


@pytest.fixture(scope="module")
def application():
    with TestClient(create_app(Settings(profile="sandbox"))) as running:
        yield running
    structlog.reset_defaults()


def test_it_is_ready_because_its_canaries_fire(application):
    assert application.get("/readyz").json() == {"status": "ready"}


def test_it_offers_a_service_for_each_hook(application):
    offered = application.get("/cds-services").json()["services"]

    assert ["patient-view", "order-select", "order-sign", "encounter-discharge", "problem-list-item-create"] == [
        service["hook"] for service in offered
    ]
    assert PATH in {f"/cds-services/{service['id']}" for service in offered}


def test_it_takes_feedback(application):
    item = {"card": "c", "outcome": "overridden", "outcomeTimestamp": "2026-03-18T09:30:00Z"}

    assert application.post(f"{PATH}/feedback", json={"feedback": [item]}).status_code == 200


def test_it_says_which_software_and_which_knowledge_answer(application, library):
    told = application.get("/version").json()

    assert set(told) == {"software", "knowledge", "digest"}
    assert told["digest"] == library.digest


def test_it_answers_a_call(application, chart):
    request = {"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "p1", "userId": "u"}}

    assert application.post(PATH, json=request | {"prefetch": chart}).status_code == 200
