"""Where calls may lead, with real sockets: hostile addresses, redirects, next pages elsewhere, endless answers."""

import gzip
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from cds_hooks.app import Deployment, assemble
from cds_hooks.cards.compose import Voice
from cds_hooks.guard.gate import Gate
from cds_hooks.service import SERVICES, advise
from cds_hooks.settings import Settings
from cds_hooks.transport import Client
from tests.protocol.charts import AT, PATH, bundle, petechiae, platelets
from tests.servers import respond, serving
from tests.signing import BASE, PUBLIC, Seen, client, clients, keys_of_k1, token

ROOT = Path(__file__).resolve().parents[2]
SECRET = "canary-access-token"
DEADLINE_S = 0.5

HOSTILE = [
    "http://ehr.example/r4",
    "https://ehr.example/r4evil",
    "https://ehr.example/r4/../admin",
    "https://ehr.example/r4/%2e%2e/admin",
    "https://ehr.example/r4/%252e%252e/admin",
    "https://ehr.example/r4%2f..%2fadmin",
    "https://ehr.example/r4/.",
    "https://ehr.example//r4",
    "https://ehr.example\\@evil.example/r4",
    "https://ehr.example@evil.example/r4",
    "https://user:pass@ehr.example/r4",
    "https://ehr.example.evil.example/r4",
    "https://ehr。example.evil.example/r4",
    "https://evil-ehr.example/r4",
    "https://ehr.example:8443/r4",
    "https://ehr.example/r4?x=https://ehr.example/r4",
    "https://ehr.example/r4#@evil.example",
    "https://ehr.example/R4",
    "https://ehr.example/",
    "https://169.254.169.254/latest/meta-data",
    "https://127.0.0.1/r4",
    "https://[::1]/r4",
    "https://[::ffff:169.254.169.254]/r4",
    "https://2130706433/r4",
    "https://0x7f.1/r4",
    "https://localhost/r4",
    "file:///etc/passwd",
    "ftp://ehr.example/r4",
    "gopher://127.0.0.1:6379/_x",
    "data:application/json,{}",
    "unix:///var/run/docker.sock",
    "//ehr.example/r4",
    "ehr.example/r4",
    " https://ehr.example/r4",
    "https://ehr.example/r4\r\nHost: evil.example",
]

_WATCHED = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}
_seen: list[tuple] = []
sys.addaudithook(lambda event, arguments: _seen.append((event, arguments)) if event in _WATCHED else None)


@pytest.fixture
def sockets():
    """What this process does with sockets from now on: every name looked up, every connection."""
    _seen.clear()
    return _seen


@pytest.fixture
def service(library):
    """Calls the production service as a client whose only FHIR server is the one given; hosts may be private."""

    async def answer(request, fetch_missing):
        return (await advise(request, fetch_missing, library, AT, Voice("uk"))).cards

    def calling(base, *, may_be_private=True):
        http = Client(lambda _host: may_be_private)
        known = clients(client(fhir_bases=(base,)))
        deployment = Deployment(
            settings=Settings(fetch_deadline_s=DEADLINE_S),
            services=tuple((offered, {}) for offered in SERVICES),
            answer=answer,
            version={"software": "0"},
            client=http,
            gate=Gate(known, keys_of_k1, Seen(), PUBLIC),
        )
        return partial(_call, TestClient(assemble(deployment)), base)

    return calling


def _call(test_client, base, prefetch=None, *, server=None):
    body = {
        "hook": "patient-view",
        "hookInstance": "1",
        "context": {"patientId": "p1", "userId": "Practitioner/1"},
        "fhirServer": server or base,
        "fhirAuthorization": {"access_token": SECRET, "token_type": "Bearer"},
        "prefetch": prefetch or {},
    }
    sent = token(at=datetime.now(UTC), aud=PUBLIC + PATH)
    return test_client.post(PATH, json=body, headers={"authorization": f"Bearer {sent}"})


def json_of(to, value, **headers):
    respond(to, json.dumps(value).encode(), content_type="application/fhir+json", **headers)


def chart_by_path(to):
    """A small chart: petechiae and a platelet count, whatever is asked."""
    kind = to.path.partition("?")[0].rpartition("/")[2]
    filed = {"Condition": [petechiae()], "Observation": [platelets(8)]}
    json_of(to, bundle(*filed.get(kind, [])))


# ---------------------------------------------------------------- addresses in the request


@pytest.mark.parametrize("server", HOSTILE)
def test_a_hostile_address_causes_no_connection(service, sockets, server):
    answer = service(BASE)({}, server=server)

    assert answer.status_code == 412
    assert sockets == []


def test_there_are_enough_hostile_addresses():
    assert len(set(HOSTILE)) >= 20


def test_an_allowed_name_that_leads_into_the_network_causes_no_connection(service, sockets, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("10.0.0.1", 443))])

    assert service(BASE, may_be_private=False)({}).status_code == 412
    assert [event for event, _ in sockets if event == "socket.connect"] == []


def test_the_watch_sees_a_connection(service, sockets):
    with serving(chart_by_path) as ehr:
        assert service(f"{ehr.url}/fhir")({}).status_code == 200

    assert "socket.connect" in {event for event, _ in sockets}


# ---------------------------------------------------------------- where the token goes


def test_a_redirect_takes_the_token_nowhere(service):
    with serving(chart_by_path) as evil, serving(None) as ehr:
        ehr.answer = lambda to: respond(to, status=302, location=f"{evil.url}{to.path}")

        assert service(f"{ehr.url}/fhir")({}).status_code == 412

    assert ehr.asked
    assert evil.asked == []


@pytest.mark.parametrize(
    "elsewhere", ["{evil}/fhir/Condition?page=2", "//{host}/fhir/Condition", "{ehr}/fhir-evil/x"]
)
def test_a_next_page_elsewhere_is_not_asked_for(service, elsewhere):
    with serving(chart_by_path) as evil, serving(None) as ehr:
        link = elsewhere.format(evil=evil.url, ehr=ehr.url, host=urlsplit(evil.url).netloc)
        ehr.answer = lambda to: json_of(to, bundle(petechiae(), link=[{"relation": "next", "url": link}]))

        assert service(f"{ehr.url}/fhir")({}).status_code == 200

    assert evil.asked == []
    assert all(path.startswith("/fhir/") for path, _ in ehr.asked)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "127.1"])
def test_a_next_page_under_another_name_of_the_same_machine_is_not_asked_for(service, host):
    with serving(None) as ehr:
        link = f"http://{host}:{urlsplit(ehr.url).port}/fhir/elsewhere"
        ehr.answer = lambda to: json_of(to, bundle(petechiae(), link=[{"relation": "next", "url": link}]))

        service(f"{ehr.url}/fhir")({})

    assert [path for path, _ in ehr.asked if "elsewhere" in path] == []


def test_a_patient_whom_the_server_does_not_know_is_no_silent_chart(service):
    def nobody(to):
        if to.path.startswith("/fhir/Patient/"):
            respond(to, status=404)
        else:
            json_of(to, bundle())

    with serving(nobody) as ehr:
        answer = service(f"{ehr.url}/fhir")({})

    assert answer.status_code == 412
    assert "does not know the patient in context.patientId" in answer.text


def test_a_next_page_that_was_sent_is_asked_of_the_clients_server_only(service, chart):
    with serving(chart_by_path) as evil, serving(chart_by_path) as ehr:
        page = bundle(petechiae(), link=[{"relation": "next", "url": f"{evil.url}/fhir/Condition?page=2"}])

        assert service(f"{ehr.url}/fhir")(chart | {"conditions": page}).status_code == 200

    assert evil.asked == []


def test_an_absolute_reference_is_not_followed(service, chart):
    with serving(chart_by_path) as evil, serving(chart_by_path) as ehr:
        order = {
            "resourceType": "MedicationRequest",
            "id": "m1",
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/p1"},
            "medicationReference": {"reference": f"{evil.url}/fhir/Medication/1"},
        }

        assert service(f"{ehr.url}/fhir")(chart | {"medicationRequests": bundle(order)}).status_code == 200

    assert evil.asked == []


def test_every_question_carries_the_token_of_the_call(service):
    with serving(chart_by_path) as ehr:
        service(f"{ehr.url}/fhir")({})

    assert {headers["authorization"] for _, headers in ehr.asked} == {f"Bearer {SECRET}"}


# ---------------------------------------------------------------- what comes back


def drip(to):
    to.send_response(200)
    to.send_header("content-type", "application/fhir+json")
    to.end_headers()
    for piece in b'{"resourceType": "Bundle", "entry": [' + b" " * 1000:
        to.wfile.write(bytes([piece]))
        to.wfile.flush()
        time.sleep(0.05)


def never(_to):
    time.sleep(3 * DEADLINE_S)


@pytest.mark.parametrize("answer", [drip, never], ids=["drip", "silence"])
def test_a_server_that_takes_its_time_costs_the_deadline_and_no_more(service, answer):
    with serving(answer) as ehr:
        call = service(f"{ehr.url}/fhir")
        started = time.perf_counter()

        assert call({}).status_code == 412
        assert time.perf_counter() - started < DEADLINE_S + 0.5


WORTHLESS = {
    "a login page": b"<html>Please log in</html>",
    "XML": b'<Bundle xmlns="http://hl7.org/fhir"/>',
    "half an object": b'{"resourceType": "Bundle", "entry": [',
    "nested 100,000 deep": b'{"resourceType": "Bundle", "entry": ' + b"[" * 100_000,
    "NaN": b'{"resourceType": "Bundle", "total": NaN}',
    "a lone surrogate": b'{"resourceType": "Bundle", "id": "\\ud800"}',
    "not UTF-8": b'{"resourceType": "Bundle", "id": "\xff"}',
}


@pytest.mark.parametrize("body", WORTHLESS.values(), ids=WORTHLESS)
def test_a_worthless_answer_is_a_gap_and_no_fault_of_ours(service, chart, body):
    with serving(partial(respond, body=body)) as ehr:
        call = service(f"{ehr.url}/fhir")
        del chart["encounters"]

        assert call(chart).status_code == 200
        assert call({}).status_code in {200, 412}


GROWTH = """
import asyncio, resource, sys
from cds_hooks.transport import Client, Deadline, Unanswered

async def main(url):
    http = Client(lambda _host: True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        await http.get(url, token="", deadline=Deadline.after(20))
    except Unanswered as refused:
        print(refused.reason.name, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    await http.close()

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_huge_answer_does_not_fill_the_memory(encoding):
    huge = b'{"a": "' + b" " * 67_000_000
    body = gzip.compress(huge, 1) if encoding == "gzip" else huge[:50_000_000]
    with serving(partial(respond, body=body, content_encoding=encoding)) as ehr:
        done = subprocess.run(
            [sys.executable, "-c", GROWTH, ehr.url], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
        )

    reason, kilobytes = done.stdout.split()
    assert reason == "UNREADABLE"
    assert int(kilobytes) < 50_000
