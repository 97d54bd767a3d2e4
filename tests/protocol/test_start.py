"""The application as `pinpoint serve` and the sandbox make it."""

import pytest
import structlog
from starlette.testclient import TestClient

from cds_hooks.app import create_app
from cds_hooks.settings import Settings
from tests.protocol.charts import PATH


@pytest.fixture(scope="module")
def application():
    yield TestClient(create_app(Settings(profile="sandbox")))
    structlog.reset_defaults()


def test_it_is_ready_because_its_canaries_fire(application):
    assert application.get("/readyz").json() == {"status": "ready"}


def test_it_offers_the_patient_view_service(application):
    [offered] = application.get("/cds-services").json()["services"]

    assert f"/cds-services/{offered['id']}" == PATH


def test_it_says_which_software_and_which_knowledge_answer(application, library):
    told = application.get("/version").json()

    assert set(told) == {"software", "knowledge", "digest"}
    assert told["digest"] == library.digest


def test_it_answers_a_call(application, chart):
    request = {"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "p1", "userId": "u"}}

    assert application.post(PATH, json=request | {"prefetch": chart}).status_code == 200
