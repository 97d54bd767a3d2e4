"""Nothing about a patient and no token leaves by a side door: every route, every way to fail, every log."""

import io
import json
import logging
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import respx
import structlog
from starlette.routing import Route
from starlette.testclient import TestClient

from cds_hooks import endpoints
from cds_hooks.app import create_app
from cds_hooks.cards.wire import parse_request
from cds_hooks.guard.privacy import configure_logging
from cds_hooks.settings import Settings
from tests.protocol.charts import PATH, bundle, petechiae, platelets
from tests.signing import BASE, PUBLIC, clients_file, token

VALUE = 7.319301
"""A platelet count nobody has but our patient."""
GRANT = {
    "access_token": "mockingbird-access",
    "token_type": "Bearer",
    "scope": "mockingbird-scope",
    "subject": "mockingbird-sub",
}
ELSEWHERE = {"fhirServer": "https://mockingbird.example/r4", "fhirAuthorization": GRANT}

NAMED = {
    "resourceType": "Patient",
    "id": "mockingbird-1",
    "name": [{"family": "Mockingbird", "given": ["Jane"], "text": "Jane Mockingbird"}],
    "identifier": [{"system": "urn:x", "value": "mockingbird-mrn"}],
    "birthDate": "1991-07-23",
    "address": [{"line": ["1 Mockingbird Road"]}],
}
NOW = datetime.now(UTC).isoformat()
SUBJECT = {"subject": {"reference": "Patient/mockingbird-1", "display": "Jane Mockingbird"}}
CHART = {
    "patient": NAMED,
    "conditions": bundle(
        petechiae(
            id="mockingbird-c", note=[{"text": "mockingbird note"}], onsetDateTime=NOW, recordedDate=NOW, **SUBJECT
        ),
        petechiae(id="mockingbird-d", code={"text": "mockingbird rash"}, onsetDateTime="mockingbird", **SUBJECT),
    ),
    "observationsByCategory": bundle(
        platelets(VALUE, id="mockingbird-o", effectiveDateTime=NOW, **SUBJECT),
        platelets(1, id="mockingbird-p", valueString="mockingbird value", **SUBJECT),
        {
            "resourceType": "Observation",
            "id": "mockingbird-q",
            "status": 7,
            "mockingbird": {"mockingbird": ["mockingbird"]},
        },
    ),
    "mockingbird-key": {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "mockingbird"}]},
}
CONTEXT = {"userId": "Practitioner/mockingbird", "patientId": "mockingbird-1", "encounterId": "mockingbird-enc"}
CALL = {"hook": "patient-view", "hookInstance": "mockingbird-instance", "context": CONTEXT, "prefetch": CHART}
SUGGESTED = '"reference":"Patient/mockingbird-1"'
"""The one place where an answer names the patient: whom a suggested order is for."""


def feedback(**changes):
    said = {"userComment": "mockingbird comment", "reason": {"code": "patient-refuses", "system": "urn:x"}}
    given = {"card": str(uuid4()), "outcome": "overridden", "overrideReason": said, "outcomeTimestamp": NOW}
    return json.dumps({"feedback": [given | changes]})


BODIES = {
    "a full chart": json.dumps(CALL),
    "to be fetched from a known server": json.dumps(
        CALL | {"prefetch": {}, "fhirServer": BASE, "fhirAuthorization": GRANT}
    ),
    "to be fetched from elsewhere": json.dumps(CALL | {"prefetch": {}} | ELSEWHERE),
    "another hook": json.dumps(CALL | {"hook": "mockingbird"}),
    "a patient id that is none": json.dumps(CALL | {"context": CONTEXT | {"patientId": "mockingbird/../1"}}),
    "a context that is text": json.dumps(CALL | {"context": "mockingbird"}),
    "a hook that is an object": json.dumps(CALL | {"hook": {"mockingbird": "mockingbird"}}),
    "no JSON": "mockingbird {",
    "half of it": json.dumps(CALL)[:400],
    "nested too deeply": '{"prefetch": {"mockingbird": ' + "[" * 100_000,
    "large": json.dumps(CALL | {"extension": {"mockingbird": "mockingbird " * 160_000}}),
    "feedback": feedback(),
    "feedback with other members": feedback(
        mockingbird="mockingbird", acceptedSuggestions=[{"id": "mockingbird"}]
    ),
    "feedback of no time": feedback(outcomeTimestamp="mockingbird"),
    "feedback of no outcome": feedback(outcome="mockingbird"),
    "feedback that is none": json.dumps({"feedback": ["mockingbird"]}),
}
FETCHES = {
    "a chart": {"json": bundle(NAMED, petechiae(**SUBJECT))},
    "a refusal": {"status_code": 403, "text": "mockingbird"},
    "a fault": {"status_code": 500, "text": "mockingbird"},
    "a login page": {"text": "<html>mockingbird</html>"},
    "half an object": {"text": '{"mockingbird": "mockingbird'},
}
SENT = {
    "none": "",
    "Basic": "Basic mockingbird-password",
    "no token": "Bearer mockingbird-token",
    "two words": "Bearer mockingbird mockingbird",
    "Unicode": "Bearer mockingbird é",
}


@pytest.fixture
def heard(tmp_path, caplog, capfd):
    """Everything this process wrote anywhere: its log, every library's at the finest level, streams, files."""
    stream = io.StringIO()
    caplog.set_level(logging.DEBUG)

    def everything():
        streams = "".join(capfd.readouterr())
        files = [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("journal*")]
        return "\n".join((stream.getvalue(), caplog.text, streams, *files))

    yield stream, everything
    structlog.reset_defaults()


@pytest.fixture
def service(tmp_path, heard):
    """The production service as it is deployed, with its log in `heard`."""
    settings = Settings(
        clients=clients_file(tmp_path),
        public_url=PUBLIC,
        journal=f"sqlite+aiosqlite:///{tmp_path}/journal.sqlite",
        fetch_deadline_s=0.5,
    )
    made = create_app(settings)
    configure_logging(heard[0])
    with TestClient(made) as running:
        yield running


def addresses(service):
    """(method, path) of every route there is, once for each service."""
    for route in service.app.routes:
        if isinstance(route, Route):
            path = route.path.replace("{service_id}", PATH.rpartition("/")[2])
            yield from ((method, path) for method in sorted(route.methods))


def good(path, **changes):
    return f"Bearer {token(at=datetime.now(UTC), aud=PUBLIC + path.replace('//', '/').rstrip('/'), **changes)}"


def test_no_side_door_lets_anything_out(service, heard, monkeypatch):
    """One test, because the service takes seconds to start."""
    sent_tokens = []

    def ask(method, path, body, authorization):
        sent_tokens.extend(part for part in authorization.split(".") if len(part) > 60)
        headers = {
            "authorization": authorization.encode("latin-1"),
            "content-type": "application/json",
            "x-mockingbird": "mockingbird",
        }
        answers.append(service.request(method, f"{path}?mockingbird=mockingbird", content=body, headers=headers))

    answers = []
    for method, path in [
        *addresses(service),
        ("POST", "/mockingbird"),
        ("PUT", PATH),
        ("POST", "/cds-services/mockingbird"),
    ]:
        for authorization in (
            *SENT.values(),
            good(path, jti="mockingbird" * 60),
            good(path, iss="https://mockingbird.example"),
        ):
            ask(method, path, BODIES["a full chart"], authorization)
        for body in BODIES.values():
            with respx.mock(base_url=BASE, assert_all_called=False) as fhir:
                fhir.route().respond(**FETCHES["a chart"])
                ask(method, path, body, good(path))
    for fetched in FETCHES.values():
        with respx.mock(base_url=BASE, assert_all_called=False) as fhir:
            fhir.route().respond(**fetched)
            ask("POST", PATH, BODIES["to be fetched from a known server"], good(PATH))
    with respx.mock(base_url=BASE, assert_all_called=False) as fhir:
        fhir.route().mock(side_effect=RuntimeError("mockingbird"))
        ask("POST", PATH, BODIES["to be fetched from a known server"], good(PATH))
    monkeypatch.setattr(endpoints, "with_uuids", failing)
    ask("POST", PATH, BODIES["a full chart"], good(PATH))
    ask("POST", PATH, BODIES["large"], good(PATH))

    assert {200, 400, 401, 404, 405, 412, 500} <= {answer.status_code for answer in answers}
    assert any('"critical"' in answer.text for answer in answers)
    written = heard[1]()
    everything = written + "".join(answer.text.replace(SUGGESTED, "") + str(answer.headers) for answer in answers)
    assert "mockingbird" not in everything.lower()
    assert not [part for part in sent_tokens if part in everything]
    assert "patient-refuses" in written  # the journal was read as well
    assert str(VALUE) not in written
    assert str(VALUE) not in "".join(answer.text for answer in answers if answer.status_code != 200)
    assert "1991-07-23" not in everything
    assert '"event": "fault"' in heard[0].getvalue()


def failing(*_arguments):
    raise ValueError(f"Jane Mockingbird {VALUE} {uuid4()}")


def test_what_is_kept_of_a_request_does_not_show_it():
    request = parse_request(json.dumps(CALL | {"fhirServer": BASE, "fhirAuthorization": GRANT}).encode())

    assert "mockingbird-access" not in repr(request)
    assert "Mockingbird" not in repr(request)
    assert str(VALUE) not in repr(request)
