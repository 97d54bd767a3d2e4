import asyncio
import io
import json
import threading
from datetime import UTC, datetime
from uuid import UUID

import pytest
import respx
import structlog
from fhir.resources.R4B.operationoutcome import OperationOutcome
from starlette.testclient import TestClient

from cds_hooks.app import Deployment, assemble, create_app
from cds_hooks.books import Books
from cds_hooks.breaker import FAILURES
from cds_hooks.cards.envelope import DEEPEST
from cds_hooks.cards.wire import Card, Service, Source, parse_request
from cds_hooks.chart.record import Answer
from cds_hooks.errors import AccessError, DataUnavailable, LibraryError, RequestError, SettingsError
from cds_hooks.guard.limits import MAX_BODY_BYTES, BodyTooSlow
from cds_hooks.guard.privacy import configure_logging
from cds_hooks.guard.turns import Overloaded
from cds_hooks.journal.later import OpenedLater
from cds_hooks.journal.spool import Spool
from cds_hooks.journal.steady import Steady
from cds_hooks.model.results import GapReason
from cds_hooks.replies import Net
from cds_hooks.settings import Settings
from cds_hooks.transport import Client
from cds_hooks.upkeep import Upkeep

SERVICE = Service("a-service", "patient-view", "Title", "Description", "Needs")
PATH = "/cds-services/a-service"
CALL = {
    "hook": "patient-view",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": {"userId": "Practitioner/1", "patientId": "canary-1"},
}
LOOPBACK = "http://127.0.0.1:8080/fhir"
CARD = Card("Summary", "warning", Source("A guideline"))
TEMPLATES = {"patient": "Patient/{{context.patientId}}", "encounter": "Encounter/{{context.encounterId}}"}


def saying(*cards):
    async def answer(_request, _fetch_missing):
        return cards

    return answer


def failing(error):
    async def answer(_request, _fetch_missing):
        raise error

    return answer


def fetching(seen, missing=TEMPLATES, *, times=1):
    """A use case that fetches, and puts what came back into `seen`."""

    async def answer(_request, fetch_missing):
        seen.extend([await fetch_missing(missing) for _ in range(times)])
        return ()

    return answer


def browser(answer=None, *, upkeep=None, books=None, insights=None, journal=None, client=None, **settings):
    deployment = Deployment(
        settings=Settings(**({"profile": "sandbox"} | settings)),
        services=((SERVICE, TEMPLATES),),
        answer=answer or saying(CARD),
        version={"software": "0.1.0", "knowledge": "1.0.0", "digest": "abc"},
        upkeep=upkeep,
        client=client or Client(),
        books=books,
        insights=insights,
        journal=journal,
    )
    return TestClient(assemble(deployment))


def posted(answer=None, body=None, headers=None, **changes):
    return browser(answer).post(PATH, content=body or json.dumps(CALL | changes), headers=JSON | (headers or {}))


JSON = {"content-type": "application/json"}


def outcome(response):
    assert response.headers["content-type"] == "application/json"
    return OperationOutcome.model_validate_json(response.content).issue[0]


# ---------------------------------------------------------------- the addresses


@pytest.mark.parametrize("path", ["/cds-services", "/cds-services/"])
def test_discovery_lists_the_services(path):
    response = browser().get(path)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert [(service["id"], service["prefetch"]) for service in response.json()["services"]] == [
        ("a-service", TEMPLATES)
    ]


@pytest.mark.parametrize("path", [PATH, "/cds-services//a-service"])
def test_a_call_gets_cards_each_with_a_uuid(path):
    response = browser().post(path, json=CALL)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    [card] = response.json()["cards"]
    assert UUID(card.pop("uuid"))
    assert card == {"summary": "Summary", "indicator": "warning", "source": {"label": "A guideline"}}


def test_nothing_to_say_is_an_empty_list():
    assert posted(saying()).json() == {"cards": []}


def test_the_process_is_alive():
    assert browser().get("/livez").json() == {"status": "alive"}


def test_a_service_without_canaries_is_ready():
    assert browser().get("/readyz").json() == {"status": "ready"}


class Chosen:
    """Canaries that are as a test wants them."""

    def __init__(self, *turned, is_pending=False, is_overdue=False):
        self.turned = turned
        self.is_pending = is_pending
        self.is_overdue = is_overdue

    def start(self):
        """Nothing."""

    stop = start


def with_canaries(tmp_path, **canaries):
    later = OpenedLater("sqlite+aiosqlite:///:memory:", keep_comments=False)
    journal = Steady(later, Spool(tmp_path / "spool"), lambda: datetime.now(UTC))
    return Upkeep(journal, Chosen(*canaries.pop("turned", ()), **canaries))


@pytest.mark.parametrize(
    ("canaries", "status", "told"),
    [
        ({}, 200, '{"status":"ready"}'),
        ({"is_pending": True}, 503, "Canary patients are being asked."),
        ({"is_overdue": True}, 503, "Canary patients were not asked in time."),
        ({"turned": ("R-MEN-01", "R-PLT-10")}, 503, "Canary patients fail: R-MEN-01, R-PLT-10"),
    ],
)
def test_the_service_is_ready_while_its_canaries_say_what_they_must(canaries, status, told, tmp_path):
    with browser(upkeep=with_canaries(tmp_path, **canaries)) as running:
        response = running.get("/readyz")

    assert response.status_code == status
    assert told in response.text


def test_a_silent_deployment_says_so_and_answers_a_chart_nobody_read_with_nothing():
    running = browser(failing(DataUnavailable("x")), books=Books(mode="silent", versions={"software": "0.1.0"}))

    assert running.get("/version").json()["mode"] == "silent"
    response = running.post(PATH, json=CALL)
    assert (response.status_code, response.json()) == (200, {"cards": []})
    assert browser(failing(RequestError("x")), books=Books(mode="silent")).post(PATH, json=CALL).status_code == 400


# ---------------------------------------------------------------- for whoever runs the service


ADMIN = "an admin token of forty characters or so!"


async def page(_until):
    return b"<!doctype html>"


@pytest.mark.parametrize("path", ["/metrics", "/insights"])
@pytest.mark.parametrize(
    ("settings", "headers", "status"),
    [
        ({}, {}, 200),
        ({"admin_token": ADMIN}, {}, 401),
        ({"admin_token": ADMIN}, {"Authorization": "Bearer wrong"}, 401),
        ({"admin_token": ADMIN}, {"Authorization": f"Bearer {ADMIN}"}, 200),
        ({"profile": "production"}, {}, 404),
        ({"profile": "production", "admin_token": ADMIN}, {"Authorization": f"Bearer {ADMIN}"}, 200),
    ],
)
def test_counts_and_the_report_are_for_who_has_the_token(path, settings, headers, status):
    response = browser(insights=page, **settings).get(path, headers=headers)

    assert response.status_code == status
    assert ("www-authenticate" in response.headers) == (status == 401)
    assert ADMIN not in response.text


def test_the_report_is_read_from_the_journal(tmp_path):
    settings = Settings(profile="sandbox", journal=f"sqlite+aiosqlite:///{tmp_path}/journal.sqlite")
    with TestClient(create_app(settings)) as service:
        shown = service.get("/insights")
    structlog.reset_defaults()

    assert shown.status_code == 200
    assert "<h1>" in shown.text


def test_without_a_report_there_is_no_address_for_it():
    assert browser().get("/insights").status_code == 404


def test_answers_are_counted_by_route_and_status():
    running = browser()
    running.post(PATH, json=CALL)
    running.get("/nowhere")

    text = running.get("/metrics").text
    assert 'pinpoint_requests_total{route="/cds-services/{service_id}",status="200"} 1.0' in text
    assert 'pinpoint_requests_total{route="none",status="404"} 1.0' in text
    assert 'pinpoint_request_seconds_count{route="/cds-services/{service_id}"} 1.0' in text


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [(b" " * (MAX_BODY_BYTES + 1), JSON, 413), (b"{}", {"content-type": "text/plain"}, 415), (b"{}", JSON, 400)],
)
def test_a_call_that_is_refused_is_kept_with_its_status(body, headers, status):
    journal = Kept()
    browser(journal=journal, books=Books(journal)).post(PATH, content=body, headers=headers)

    [call] = journal.entries
    assert (call.status, call.cards) == (status, ())


def test_a_call_whose_body_never_came_whole_is_kept():
    journal = Kept()
    asyncio.run(_hung_up_call(browser(journal=journal, books=Books(journal))))

    assert [call.status for call in journal.entries] == [400]


def test_a_server_that_is_left_alone_is_seen_in_the_counts():
    client = Client()
    for _ in range(FAILURES):
        client.breakers.silent("https://ehr.example/r4")

    text = browser(client=client).get("/metrics").text
    assert 'pinpoint_breaker_open{server="https://ehr.example/r4"} 1.0' in text


@pytest.mark.parametrize(
    "family",
    [
        "requests_total",
        "request_seconds",
        "cards_total",
        "rules_met_total",
        "gaps_total",
        "fetches_total",
        "entries_total",
        "feedback_total",
        "breaker_open",
        "journal_spool",
        "journal_queue",
        "journal_lost",
        "journal_resting",
        "canaries_turned",
    ],
)
def test_every_number_has_its_place_among_the_counts(family, metrics):
    assert f"# TYPE pinpoint_{family} " in metrics


@pytest.fixture(scope="module")
def metrics():
    with TestClient(create_app(Settings(profile="sandbox"))) as running:
        yield running.get("/metrics").text
    structlog.reset_defaults()


def test_the_version_names_software_and_knowledge():
    assert browser().get("/version").json() == {"software": "0.1.0", "knowledge": "1.0.0", "digest": "abc"}


def test_the_shape_of_the_service_is_told_in_the_sandbox_only():
    assert browser().get("/openapi.json").status_code == 200
    assert browser(profile="production").get("/openapi.json").status_code == 404


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_pages_of_the_framework_which_load_scripts_from_elsewhere_are_nowhere(path):
    assert browser().get(path).status_code == 404
    assert browser(profile="production").get(path).status_code == 404


def test_connections_are_closed_with_the_service():
    with browser() as running:
        assert running.get("/livez").status_code == 200


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RequestError("x", field="hook"), 400, "invalid"),
        (AccessError("x"), 403, "forbidden"),
        (DataUnavailable("x"), 412, "incomplete"),
        (BodyTooSlow("x"), 408, "timeout"),
    ],
)
def test_each_of_our_errors_has_its_status(error, status, code):
    response = posted(failing(error))

    assert status == response.status_code
    assert code == outcome(response).code
    assert outcome(response).details.text == "x"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hook": None}, "hook"),
        ({"hook": "order-sign"}, "hook"),
        ({"hookInstance": None}, "hookInstance"),
        ({"context": None}, "context"),
        ({"context": {}}, "context.patientId"),
        ({"context": {"patientId": "canary/1", "userId": "x"}}, "context.patientId"),
        ({"context": {"patientId": "canary-1"}}, "context.userId"),
        ({"prefetch": ["canary"]}, "prefetch"),
    ],
)
def test_a_wrong_member_is_named_and_not_repeated(changes, field):
    response = posted(**changes)

    assert response.status_code == 400
    assert [field] == outcome(response).expression
    assert "canary" not in response.text


@pytest.mark.parametrize(
    "body", ["{", "[]", "canary", '{"hook": "canary"} // x', '{"prefetch": ' + "[" * 100_000, '{"a": NaN}']
)
def test_a_body_that_is_no_json_object_is_a_bad_request(body):
    response = posted(body=body)

    assert response.status_code == 400
    assert outcome(response).expression is None
    assert "canary" not in response.text


@pytest.mark.parametrize("where", ["the envelope", "the chart"])
def test_a_refusal_for_depth_says_the_limit_and_the_next_step(where):
    in_envelope = '{"hook": ' + "[" * 100_000
    response = posted(body=in_envelope) if where == "the envelope" else posted(failing(RecursionError()))

    assert response.status_code == 400
    assert "up to 500 levels" in response.text
    assert "Send each resource as it is" in response.text


def test_what_is_nested_up_to_the_limit_is_read():
    nested = "[" * (DEEPEST - 3) + "]" * (DEEPEST - 3)
    body = json.dumps(CALL | {"prefetch": {"conditions": {"x": None}}}).replace("null", nested)

    assert posted(body=body).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/cds-services/other", 404),
        ("GET", "/", 404),
        ("POST", f"{PATH}/feedback", 404),
        ("GET", PATH, 405),
        ("POST", "/cds-services", 405),
        ("DELETE", "/version", 405),
    ],
)
def test_unknown_addresses_and_methods(method, path, status):
    response = browser().request(method, path)

    assert status == response.status_code
    assert outcome(response).severity == "error"


@pytest.mark.parametrize(
    "headers",
    [{"content-type": "text/plain"}, {"content-type": "application/xml"}, JSON | {"content-encoding": "gzip"}],
)
def test_a_body_of_another_kind_is_unsupported(headers):
    response = posted(headers=headers)

    assert response.status_code == 415
    assert outcome(response).code == "not-supported"


def test_json_of_fhir_is_json_too():
    assert posted(headers={"content-type": "application/fhir+json; charset=utf-8"}).status_code == 200


def test_a_body_over_ten_megabytes_is_too_large():
    response = posted(body=b" " * (MAX_BODY_BYTES + 1))

    assert response.status_code == 413
    assert outcome(response).code == "too-long"


def test_a_body_without_a_declared_length_is_counted():
    response = browser().post(PATH, content=(b" " * 1_000_000 for _ in range(11)), headers=JSON)

    assert response.status_code == 413


def test_a_caller_who_hangs_up_is_no_fault_of_ours():
    sent = asyncio.run(_hung_up_call(browser()))

    assert sent[0]["status"] == 400


async def _hung_up_call(running):
    sent = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    await running.app(scope, receive, send)
    return sent


# ---------------------------------------------------------------- what nobody expected, and the log


@pytest.fixture
def log():
    stream = io.StringIO()
    configure_logging(stream)
    yield stream.getvalue
    structlog.reset_defaults()


def test_a_fault_of_ours_tells_the_caller_a_reference_and_nothing_else(log):
    response = posted(failing(ValueError("Jane Canary")))

    assert response.status_code == 500
    [line] = [json.loads(line) for line in log().splitlines()]
    assert outcome(response).details.text == f"An unexpected fault; its reference is {line['error_id']}."
    assert (line["error"], line["where"].partition(":")[0]) == ("ValueError", "test_app.py")
    assert "Canary" not in response.text + log()


@pytest.mark.anyio
async def test_a_fault_after_the_answer_has_begun_ends_it_and_says_nothing_more(log):
    async def begins(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("Jane Canary")

    sent = []

    async def send(message):
        sent.append(message["type"])

    await Net(begins)({"type": "http"}, None, send)

    assert sent == ["http.response.start"]
    assert '"fault"' in log()
    assert "Canary" not in log()


@pytest.mark.parametrize("path", [PATH, "/nothing"])
def test_answers_are_not_kept_on_the_way(path):
    response = browser().post(path, json=CALL)

    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_call_is_logged_without_the_patient(log):
    posted(prefetch={"patient": {"name": "canary"}})

    [line] = [json.loads(line) for line in log().splitlines()]
    assert line["event"] == "called"
    assert line["hook_instance"] == CALL["hookInstance"]
    assert line["indicators"] == ["warning"]
    assert "dropped" not in line
    assert "canary" not in log()


def test_a_refusal_is_logged_without_its_text(log):
    posted(failing(DataUnavailable("canary")))

    [line] = [json.loads(line) for line in log().splitlines()]
    assert (line["event"], line["status"], line["error"]) == ("refused", 412, "DataUnavailable")
    assert "canary" not in log()


# ---------------------------------------------------------------- fetching


def test_what_prefetch_left_out_is_fetched_from_an_open_sandbox_server():
    seen = []
    with respx.mock(base_url=LOOPBACK) as fhir:
        fhir.get("/Patient/canary-1").respond(200, json={})

        posted(fetching(seen), fhirServer=LOOPBACK)
        sent_token = "authorization" in fhir.calls[0].request.headers

    assert seen == [{"patient": Answer((b"{}",))}]
    assert not sent_token


def test_a_token_goes_with_every_question():
    grant = {"access_token": "secret", "token_type": "Bearer", "patient": "canary-1"}
    with respx.mock(base_url=LOOPBACK) as fhir:
        fhir.get("/Patient/canary-1").respond(200, json={})

        posted(fetching([]), fhirServer=LOOPBACK, fhirAuthorization=grant)

        assert fhir.calls[0].request.headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"fhirServer": "https://ehr.example/r4"},
        {
            "fhirServer": LOOPBACK,
            "fhirAuthorization": {"access_token": "t", "token_type": "Bearer", "patient": "someone-else"},
        },
    ],
)
def test_nothing_is_fetched_where_we_may_not_ask(changes):
    seen = []
    with respx.mock():
        posted(fetching(seen), **changes)

    assert seen == [{}]


@pytest.mark.parametrize(
    ("grant", "found"),
    [
        ({"access_token": "t", "token_type": "Bearer"}, ["patient"]),
        ({"access_token": "t"}, []),
        (None, []),
    ],
)
def test_in_production_nothing_is_fetched_without_a_usable_token(grant, found):
    seen = []
    answer, base = fetching(seen), "https://ehr.example/r4"
    call = CALL | {"fhirServer": base, "fhirAuthorization": grant}
    with respx.mock(base_url=base, assert_all_called=False) as fhir:
        fhir.get("/Patient/canary-1").respond(200, json={})

        browser(answer, profile="production", fhir_servers=base).post(PATH, json=call)

    assert found == list(seen[0])


def test_nothing_missing_asks_nothing():
    seen = []
    with respx.mock():
        posted(fetching(seen, missing={}), fhirServer=LOOPBACK)

    assert seen == [{}]


def test_one_deadline_holds_for_everything_a_request_fetches():
    async def slow(_request):
        await asyncio.sleep(5)

    seen = []
    with respx.mock(base_url=LOOPBACK, assert_all_called=False) as fhir:
        fhir.get("/Patient/canary-1").mock(side_effect=slow)

        started = asyncio.run(_clock())
        browser(fetching(seen, times=3), fetch_deadline_s=0.5).post(PATH, json=CALL | {"fhirServer": LOOPBACK})
        took_s = asyncio.run(_clock()) - started

    assert seen == [{"patient": Answer(failed=GapReason.TIMED_OUT)}] * 3
    assert took_s < 1.4


async def _clock():
    return asyncio.get_running_loop().time()


# ---------------------------------------------------------------- large charts


@pytest.mark.parametrize(("padding", "on_the_loop"), [(0, True), (1_100_000, False)])
def test_a_large_chart_is_worked_on_beside_the_loop(padding, on_the_loop):
    threads = []

    async def answer(_request, fetch_missing):
        threads.append(threading.current_thread().name)
        threads.append(await fetch_missing(TEMPLATES))
        return [CARD]

    with respx.mock(base_url=LOOPBACK) as fhir:
        fhir.get("/Patient/canary-1").respond(200, json={})
        response = posted(answer, fhirServer=LOOPBACK, prefetch={"padding": "x" * padding})

    assert len(response.json()["cards"]) == 1
    assert on_the_loop == (not threads[0].startswith("asyncio_"))
    assert threads[1] == {"patient": Answer((b"{}",))}


@pytest.mark.parametrize(("error", "status"), [(DataUnavailable("x"), 412), (ValueError("x"), 500)])
def test_a_large_chart_is_refused_like_a_small_one(error, status):
    assert status == posted(failing(error), prefetch={"padding": "x" * 1_100_000}).status_code


# ---------------------------------------------------------------- browsers

ORIGIN = {"origin": "https://page.example"}


@pytest.mark.parametrize(
    ("method", "path", "asked"),
    [
        ("GET", "/cds-services", "authorization"),
        ("POST", PATH, "authorization,content-type"),
        ("POST", f"{PATH}/feedback", "authorization,content-type"),
    ],
)
def test_the_three_preflights_of_the_public_sandbox_pass(method, path, asked):
    preflight = {"access-control-request-method": method, "access-control-request-headers": asked}

    response = browser().options(path, headers=ORIGIN | preflight)

    assert response.status_code in {200, 204}
    assert response.headers["access-control-allow-origin"] in {"*", ORIGIN["origin"]}
    assert method in response.headers["access-control-allow-methods"]
    assert set(asked.split(",")) <= set(response.headers["access-control-allow-headers"].lower().split(", "))
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, 200), (RequestError("x"), 400), (DataUnavailable("x"), 412), (ValueError("x"), 500)],
)
def test_a_browser_can_read_every_answer(error, status):
    response = posted(failing(error) if error else None, headers=ORIGIN)

    assert status == response.status_code
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize("path", ["/nowhere", "/cds-services/other"])
def test_a_browser_can_read_that_there_is_nothing(path):
    assert browser().post(path, headers=ORIGIN).headers["access-control-allow-origin"] == "*"


def test_other_origins_get_no_headers_when_some_are_named():
    named = browser(cors_origins="https://other.example")

    assert "access-control-allow-origin" not in named.get("/cds-services", headers=ORIGIN).headers
    ours = named.get("/cds-services", headers={"origin": "https://other.example"})
    assert ours.headers["access-control-allow-origin"] == "https://other.example"


def test_production_answers_no_browser_unless_origins_are_named():
    response = browser(profile="production").get("/cds-services", headers=ORIGIN)

    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers


# ---------------------------------------------------------------- starting


def test_production_does_not_start():
    with pytest.raises(SettingsError):
        create_app(Settings())


def test_an_invalid_library_does_not_start(tmp_path):
    with pytest.raises(LibraryError):
        create_app(Settings(profile="sandbox", library_dir=tmp_path))


# ---------------------------------------------------------------- too many at once


def crowd(paths, answer, body=b"{}"):
    """Statuses and headers of calls that all come together, by path."""
    deployment = Deployment(
        settings=Settings(profile="sandbox"),
        services=((SERVICE, TEMPLATES),),
        answer=answer,
        version={"software": "0.1.0", "knowledge": "1.0.0", "digest": "abc"},
    )
    app = assemble(deployment)

    async def one(path):
        method = "GET" if path in {"/livez", "/readyz"} else "POST"
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "http_version": "1.1"}
        scope |= {"headers": [(b"content-type", b"application/json")], "scheme": "http", "server": ("x", 80)}
        sent = []

        async def receive():
            return {"type": "http.request", "body": body}

        async def send(message):
            sent.append(message)

        await app(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]

    async def together():
        return await asyncio.gather(*(one(path) for path in paths))

    return asyncio.run(together())


@pytest.mark.parametrize("size", [100, 300_000])
def test_when_too_many_wait_the_others_are_sent_away_and_told_when_to_come_again(size):
    async def slowly(_request, _fetch_missing):
        await asyncio.sleep(0.002)
        return ()

    body = json.dumps(CALL | {"padding": "x" * size}).encode()

    answers = crowd([PATH] * 40, slowly, body)

    statuses = [status for status, *_ in answers]
    assert (statuses.count(200), statuses.count(503)) == (25, 15)  # one is worked on, 24 wait
    _, headers, refusal = next(one for one in answers if one[0] == 503)
    assert headers[b"retry-after"] == b"1"
    assert json.loads(refusal)["issue"][0]["code"] == "throttled"


def test_who_comes_while_all_places_are_taken_is_sent_away_at_the_door_but_probes_and_feedback_are_not():
    async def slowly(_request, _fetch_missing):
        await asyncio.sleep(0.01)
        return ()

    late = [PATH, f"{PATH}/feedback", "/livez", "/readyz"]

    *_, call, feedback, alive, ready = crowd([PATH] * 26 + late, slowly, json.dumps(CALL).encode())

    assert call[0] == 503
    assert feedback[0] == 404  # nothing keeps feedback here: it was let in and found nobody
    assert (alive[0], ready[0]) == (200, 200)


def test_a_call_that_waits_for_another_server_gives_its_turn_to_the_others():
    order = []

    async def answer(_request, fetch_missing):
        first = not order
        order.append("begins")
        if first:
            await fetch_missing(TEMPLATES)
        order.append("ends")
        return ()

    with respx.mock:
        respx.get(url__startswith=LOOPBACK).respond(json={"resourceType": "Patient", "id": "canary-1"})
        crowd([PATH] * 2, answer, json.dumps(CALL | {"fhirServer": LOOPBACK}).encode())

    assert order == ["begins", "begins", "ends", "ends"]


class Kept:
    """A journal in a list."""

    def __init__(self):
        self.entries = []

    async def keep(self, entries):
        self.entries += entries

    async def close(self):
        pass


@pytest.mark.parametrize("padding", [0, 1_100_000])
def test_a_call_that_is_silent_at_a_glance_is_not_looked_at_further_but_kept_as_any_other(padding):
    journal = Kept()
    deployment = Deployment(
        settings=Settings(profile="sandbox"),
        services=((SERVICE, TEMPLATES),),
        answer=failing(AssertionError("looked at")),
        silent=lambda body, hook: parse_request(body, hook) if hook == "patient-view" else None,
        version={"software": "0.1.0", "knowledge": "1.0.0", "digest": "abc"},
        journal=journal,
    )

    body = CALL | {"prefetch": {"padding": "x" * padding}}
    assert TestClient(assemble(deployment)).post(PATH, json=body).json() == {"cards": []}
    (call,) = journal.entries
    assert (call.status, call.skin_bleeding, call.digest, call.cards) == (200, "", "abc", ())


@pytest.mark.parametrize(
    ("error", "status"),
    [(RequestError("x"), 400), (RecursionError(), 400), (Overloaded(), 503), (KeyError(), 500)],
)
def test_a_call_that_was_not_answered_is_kept_with_its_status(error, status):
    journal = Kept()

    assert browser(failing(error), journal=journal).post(PATH, json=CALL).status_code == status
    assert [call.status for call in journal.entries] == [status]
