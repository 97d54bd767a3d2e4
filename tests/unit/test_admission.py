"""Callers at the door of the web shell: who gets in, what everyone else is told, what a client's entry changes."""

import io
import json
from datetime import UTC, datetime

import pytest
import respx
import structlog
from starlette.testclient import TestClient

from cds_hooks.app import Deployment, assemble, create_app
from cds_hooks.cards.wire import Action, Card, Service, Source, Suggestion
from cds_hooks.chart.record import Answer
from cds_hooks.errors import SettingsError
from cds_hooks.guard.gate import check_start, open_gate
from cds_hooks.guard.privacy import configure_logging
from cds_hooks.model.results import GapReason
from cds_hooks.settings import Settings
from cds_hooks.transport import Client
from tests.signing import BASE, JKU, PUBLIC, Seen, clients_file, jwks, key, token
from tests.unit.guard.test_tokens import BAD

NAMES = ("a-service", "other")
TEMPLATES = {"patient": "Patient/{{context.patientId}}", "conditions": "Condition?patient={{context.patientId}}"}
CARD = Card(
    "Summary", "info", Source("A guideline"), suggestions=(Suggestion("Do", actions=(Action("delete", "x"),)),)
)
CALL = {
    "hook": "patient-view",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": {"userId": "Practitioner/1", "patientId": "p1"},
    "fhirServer": BASE,
    "fhirAuthorization": {"access_token": "secret", "token_type": "Bearer", "patient": "p1"},
}


class Forgetful:
    """A journal that keeps nothing."""

    async def keep(self, cards):
        pass

    async def report(self, outcomes):
        return len(outcomes)

    async def close(self):
        pass


@pytest.fixture
def door(tmp_path):
    """A production service with one client; its settings and the client's entry can be changed."""

    def opened(*, fetched=None, settings=None, **entry):
        async def answer(_request, fetch_missing):
            if fetched is not None:
                fetched.append(await fetch_missing(TEMPLATES))
            return [CARD]

        chosen = Settings(
            **({"clients": clients_file(tmp_path, **entry), "public_url": PUBLIC} | (settings or {}))
        )
        http = Client()
        deployment = Deployment(
            settings=chosen,
            services=tuple((Service(name, "patient-view", "T", "D", "U"), TEMPLATES) for name in NAMES),
            answer=answer,
            version={"software": "0", "knowledge": "0", "digest": "0"},
            client=http,
            gate=open_gate(chosen, check_start(chosen, TEMPLATES), http, Seen()),
            journal=Forgetful(),
        )
        return TestClient(assemble(deployment))

    return opened


def now(**changes):
    return token(at=datetime.now(UTC), **({"aud": f"{PUBLIC}/cds-services/a-service"} | changes))


def called(service, sent, *, name="a-service", **changes):
    return service.post(f"/cds-services/{name}", json=CALL | changes, headers=authorized(sent))


def authorized(sent):
    return [("authorization", one) for one in ([sent] if isinstance(sent, str) else sent)]


# ---------------------------------------------------------------- in or out


def test_a_known_client_gets_cards(door):
    assert called(door(), f"Bearer {now()}").json()["cards"][0]["summary"] == "Summary"


HEADERS = {
    "no header": [],
    "empty": [""],
    "Basic": ["Basic dXNlcjpwYXNz"],
    "Bearer alone": ["Bearer"],
    "two headers": [f"Bearer {now()}", f"Bearer {now()}"],
    "expired": [f"Bearer {token()}"],
    "unknown kid": [f"Bearer {now(head={'kid': 'x'})}"],
    "for discovery": [f"Bearer {now(aud=f'{PUBLIC}/cds-services')}"],
    "for the other service": [f"Bearer {now(aud=f'{PUBLIC}/cds-services/other')}"],
    "for feedback": [f"Bearer {now(aud=f'{PUBLIC}/cds-services/a-service/feedback')}"],
    "for the address of the connection": [f"Bearer {now(aud='http://testserver/cds-services/a-service')}"],
    **{name: [f"Bearer {sent}"] for name, (sent, _) in BAD.items() if sent.isascii()},
}


def test_every_bad_token_gets_the_same_answer_and_makes_us_ask_nobody(door):
    service = door(key_file=None, jku=JKU)
    with respx.mock() as outside:
        fetch = outside.get(JKU).respond(200, content=jwks())
        assert called(service, f"Bearer {now()}").status_code == 200
        assert fetch.call_count == 1

        answers = {name: called(service, sent) for name, sent in HEADERS.items()}

        assert outside.calls.call_count == 1

    assert len(answers) >= 25
    assert {answer.status_code for answer in answers.values()} == {401}
    assert len({answer.content for answer in answers.values()}) == 1
    assert {answer.headers["www-authenticate"] for answer in answers.values()} == {"Bearer"}
    assert len({(*answer.headers,) for answer in answers.values()}) == 1
    assert answers["expired"].json()["issue"][0]["code"] == "login"


def test_a_host_header_does_not_make_an_audience(door):
    sent = {"authorization": f"Bearer {now(aud='https://evil.example/cds-services/a-service')}"}
    forwarded = {"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "https"}

    assert door().post("/cds-services/a-service", json=CALL, headers=sent | forwarded).status_code == 401


def test_each_endpoint_has_its_own_audience(door):
    service = door()

    for audience in NAMES:
        for name in NAMES:
            sent = f"Bearer {now(aud=f'{PUBLIC}/cds-services/{audience}')}"
            assert (200 if audience == name else 401) == called(service, sent, name=name).status_code


@pytest.mark.parametrize(
    ("path", "status"), [("/a-service/feedback", 200), ("/a-service", 200), ("/other/feedback", 401), ("", 401)]
)
def test_feedback_takes_tokens_for_itself_and_for_its_service(door, path, status):
    given = {"card": "x", "outcome": "overridden", "outcomeTimestamp": "2026-03-02T09:00:00Z"}
    sent = authorized(f"Bearer {now(aud=f'{PUBLIC}/cds-services{path}')}")

    answer = door().post("/cds-services/a-service/feedback", json={"feedback": [given]}, headers=sent)

    assert status == answer.status_code


def test_a_sandbox_with_clients_authenticates_too(door):
    service = door(settings={"profile": "sandbox"})

    assert called(service, f"Bearer {now()}").status_code == 200
    assert called(service, []).status_code == 401


def test_a_token_gets_in_once(door):
    service, sent = door(), f"Bearer {now()}"

    assert [called(service, sent).status_code for _ in range(3)] == [200, 401, 401]


def test_who_is_not_let_in_learns_nothing_about_the_body(door):
    assert door().post("/cds-services/a-service", content=b"{", headers={"content-type": "x"}).status_code == 401


def test_a_browser_can_read_a_refusal(door):
    service = door(settings={"cors_origins": "https://page.example"})
    response = service.post("/cds-services/a-service", json=CALL, headers={"origin": "https://page.example"})

    assert response.status_code == 401
    assert response.headers["access-control-allow-origin"] == "https://page.example"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/version"])
def test_probes_need_no_token(door, path):
    assert door().get(path).status_code == 200


# ---------------------------------------------------------------- discovery


def test_discovery_needs_no_token(door):
    assert door().get("/cds-services").json()["services"][0]["prefetch"] == TEMPLATES


def test_with_a_token_discovery_shows_what_this_client_is_to_send(door):
    ours = {"conditions": "Condition?patient={{context.patientId}}&_count=50", "patient": None}
    sent = {"authorization": f"Bearer {now(aud=f'{PUBLIC}/cds-services')}"}

    services = door(prefetch=ours).get("/cds-services", headers=sent).json()["services"]

    assert services[0]["prefetch"] == {"conditions": ours["conditions"]}


@pytest.mark.parametrize("aud", [f"{PUBLIC}/cds-services/a-service", PUBLIC])
def test_a_bad_token_is_refused_by_discovery_too(door, aud):
    assert door().get("/cds-services", headers={"authorization": f"Bearer {now(aud=aud)}"}).status_code == 401


# ---------------------------------------------------------------- keys


def test_when_the_address_of_the_keys_is_down_known_callers_still_get_in(door):
    service = door(key_file=None, jku=JKU)
    with respx.mock() as outside:
        outside.get(JKU).respond(200, content=jwks())
        assert called(service, f"Bearer {now()}").status_code == 200
        outside.get(JKU).respond(503)

        assert called(service, f"Bearer {now()}").status_code == 200
        assert called(service, f"Bearer {now(head={'kid': 'k9'}, by=key('k9'))}").status_code == 401


# ---------------------------------------------------------------- what a client's entry changes


@pytest.fixture
def fhir():
    with respx.mock(base_url=BASE, assert_all_called=False) as server:
        server.get("/Patient/p1").respond(200, json={"resourceType": "Patient"})
        server.get("/Condition").respond(200, json={"resourceType": "Bundle"})
        yield server


def test_what_is_missing_is_fetched_from_the_clients_own_server(door, fhir):
    fetched = []

    called(door(fetched=fetched), f"Bearer {now()}")

    assert list(fetched[0]) == ["patient", "conditions"]
    assert {call.request.headers["authorization"] for call in fhir.calls} == {"Bearer secret"}


@pytest.mark.parametrize(
    ("entry", "settings", "server"),
    [
        ({}, {}, "https://other.example/r4"),
        ({"fhir_bases": []}, {}, BASE),
        ({}, {"fhir_servers": "https://other.example/r4"}, BASE),
        ({}, {"fhir_servers": "https://other.example/r4"}, "https://other.example/r4"),
    ],
)
def test_another_server_is_not_asked(door, entry, settings, server):
    fetched = []
    with respx.mock():
        called(door(fetched=fetched, settings=settings, **entry), f"Bearer {now()}", fhirServer=server)

    assert fetched == [{}]


def test_templates_and_scopes_of_the_client_decide_what_is_asked(door, fhir):
    fetched = []
    ours = {"conditions": "Condition?patient={{context.patientId}}&_count=50"}

    called(door(fetched=fetched, prefetch=ours, scopes=["user/Condition.read"]), f"Bearer {now()}")

    assert fetched[0]["patient"] == Answer(failed=GapReason.NOT_PERMITTED)
    assert [str(call.request.url) for call in fhir.calls] == [f"{BASE}/Condition?patient=p1&_count=50"]


@pytest.mark.parametrize(("version", "behaviour"), [("1.0", "at-most-one"), ("2.0", "any")])
def test_suggestions_are_taken_as_the_version_of_the_client_knows_it(door, version, behaviour):
    [card] = called(door(cds_hooks=version), f"Bearer {now()}").json()["cards"]

    assert behaviour == card["selectionBehavior"]


# ---------------------------------------------------------------- the log


@pytest.fixture
def log():
    stream = io.StringIO()
    configure_logging(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()


def test_the_log_tells_who_called(door, log):
    called(door(), f"Bearer {now()}")

    assert [(line["event"], line["client"]) for line in log()] == [("called", "general")]


def test_the_log_tells_why_a_token_was_refused_and_nothing_of_it(door, log):
    service = door()
    sent = [token(), now(iss="https://evil.example"), now(jti="canary" * 99), "canary"]
    for one in sent:
        called(service, f"Bearer {one}")

    assert [(line["client"], line["reason"]) for line in log()] == [
        ("general", "aud"),
        ("unknown", "iss"),
        ("general", "jti"),
        ("unknown", "malformed"),
    ]
    assert "canary" not in json.dumps(log())
    assert not any(one in json.dumps(log()) for one in sent)


# ---------------------------------------------------------------- starting


def test_production_starts_and_lets_callers_in(tmp_path):
    settings = Settings(
        clients=clients_file(tmp_path),
        public_url=PUBLIC,
        journal=f"sqlite+aiosqlite:///{tmp_path}/journal.sqlite",
    )
    aud = f"{PUBLIC}/cds-services/petechiae-patient-view"
    try:
        with TestClient(create_app(settings)) as service:
            named = {"name": "petechiae-patient-view", "fhirServer": "https://other.example/r4"}
            statuses = [called(service, f"Bearer {sent}", **named).status_code for sent in (now(aud=aud), "x")]
            docs = service.get("/openapi.json").status_code
            explained = service.post("/explain", json={}).status_code
    finally:
        structlog.reset_defaults()

    assert statuses == [412, 401]
    assert docs == 404
    assert explained == 404


def test_production_tells_every_reason_not_to_start(tmp_path):
    path = clients_file(tmp_path, leeway_s=500, prefetch={"nothing": None})

    with pytest.raises(SettingsError) as caught:
        create_app(Settings(clients=path, cors_origins="*"))

    told = str(caught.value)
    for part in ("CDS_PUBLIC_URL is missing", "CDS_CORS_ORIGINS", "general.leeway_s", "general.prefetch"):
        assert part in told
