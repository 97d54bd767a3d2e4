"""The application as `pinpoint serve` and the sandbox make it."""

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest
import structlog
from starlette.testclient import TestClient

from cds_hooks.app import create_app
from cds_hooks.settings import Settings
from tests.protocol.charts import PATH
from tests.protocol.readiness import until_ready

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def application():
    with TestClient(create_app(Settings(profile="sandbox"))) as running:
        yield running
    structlog.reset_defaults()


def test_it_is_ready_once_its_canaries_were_asked(application):
    assert until_ready(application).json() == {"status": "ready"}


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

    assert set(told) == {"software", "knowledge", "released", "digest"}
    assert told["digest"] == library.digest


def test_production_that_is_not_safe_ends_with_every_reason(tmp_path):
    careless = {
        "CDS_PUBLIC_URL": "http://cds.example",
        "CDS_CORS_ORIGINS": "*",
        "CDS_FHIR_SERVERS": "http://ehr.example/r4",
        "CDS_CLIENTS": str(tmp_path / "clients.yaml"),
    }
    (tmp_path / "clients.yaml").write_text('any:\n  iss: "*"\n  jku: "http://ehr.example/jwks"\n')
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}

    done = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "pinpoint", "serve", "--port", "0"],
        cwd=ROOT,
        env=clean | careless | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )

    assert done.returncode != 0
    for part in ("CDS_PUBLIC_URL must be https", "CDS_CORS_ORIGINS", "CDS_FHIR_SERVERS", "any.iss", "any.jku"):
        assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_it_answers_a_call(application, chart):
    request = {"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "p1", "userId": "u"}}

    assert application.post(PATH, json=request | {"prefetch": chart}).status_code == 200
