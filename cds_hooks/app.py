"""The web shell: routes in, messages out. The only module that imports FastAPI, reads the clock for an
answer, and turns our errors into HTTP statuses.

A call passes through here like this: size and kind (guard.limits), envelope (cards.wire), the service with
a way to fetch what is missing (chart.fetch), cards with uuids, JSON. From outside in: CORS headers on every
answer, then the net that catches what nobody expected, then the routes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from time import perf_counter
from typing import TypeAlias, cast
from uuid import uuid4

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.envelope import too_deep
from cds_hooks.cards.feedback import parse_feedback
from cds_hooks.cards.offers import SERVICES
from cds_hooks.cards.wire import (
    Card,
    HookRequest,
    Service,
    discovery_json,
    outcome_json,
    parse_request,
    response_json,
    with_uuids,
)
from cds_hooks.chart.fetch import FhirServer, fetch, permitted
from cds_hooks.chart.queries import queries, resolve
from cds_hooks.chart.record import Answer, PatientRecord
from cds_hooks.chart.terminology import Terminology
from cds_hooks.errors import AccessError, DataUnavailable, JournalUnavailable, RequestError
from cds_hooks.explaining import VERSIONS, explanation_json, sections
from cds_hooks.guard.gate import Gate, check_start, open_gate, private_hosts
from cds_hooks.guard.limits import BodyTooLarge, BodyUnsupported, body_within_limits
from cds_hooks.guard.privacy import configure_logging, loggable_instance, origin_of
from cds_hooks.guard.tokens import Caller, TokenRefused
from cds_hooks.journal.entries import Journal
from cds_hooks.journal.later import OpenedLater
from cds_hooks.journal.replay import ReplayStore
from cds_hooks.ledger import keep_cards, keep_feedback
from cds_hooks.model import Hook, Library
from cds_hooks.pages.served import Served, served
from cds_hooks.reasoning.cases import canaries
from cds_hooks.reasoning.library import load
from cds_hooks.reasoning.site import deployed
from cds_hooks.service import Advice, Complete, FetchMissing, advise, prove_orders
from cds_hooks.settings import AllowList, Settings, parse_base
from cds_hooks.transport import Client

_LARGE_BODY_BYTES = 1_000_000
"""Larger bodies are worked on in a thread of their own, so that other callers are not kept waiting."""

_REFUSALS: Mapping[type[Exception], tuple[int, str]] = {
    BodyTooLarge: (413, "too-long"),
    BodyUnsupported: (415, "not-supported"),
    RequestError: (400, "invalid"),
    AccessError: (403, "forbidden"),
    DataUnavailable: (412, "incomplete"),
    JournalUnavailable: (503, "transient"),
}
"""HTTP status and OperationOutcome issue-type of each error; the message is the error's own."""

_HTTP_REFUSALS = {
    404: ("not-found", "There is nothing at this address: see GET /cds-services for what there is."),
    405: ("not-supported", "This address does not answer to that method."),
}

UseCase: TypeAlias = Callable[[HookRequest, FetchMissing], Awaitable[Sequence[Card]]]
"""What a call comes to: cards, given a way to fetch what prefetch left out."""

Explain: TypeAlias = Callable[[HookRequest, FetchMissing, bytes, str], Awaitable[bytes]]
"""The reasoning about a call as JSON; with its body and a FHIR release also what of it is not valid FHIR."""

_SERVERS_LOOP: ContextVar[asyncio.AbstractEventLoop] = ContextVar("servers_loop")
"""The loop that serves the call, also where the call is worked on in a thread."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything the routes need; `create_app` makes the real one."""

    settings: Settings
    services: tuple[tuple[Service, Mapping[str, str]], ...]
    """Each service with its prefetch templates by key."""
    answer: UseCase
    version: Mapping[str, str]
    site: tuple[str, ...] = ()
    """What this deployment set otherwise than the release, for /version."""
    documents: Mapping[str, Served] = field(default_factory=dict)
    """Pages and facts about the rules, by path; open to all."""
    failed_canaries: tuple[str, ...] = ()
    client: Client = field(default_factory=Client)
    gate: Gate | None = None
    """None: callers are not authenticated, which only the sandbox may do."""
    replays: ReplayStore | None = None
    journal: Journal | None = None
    """None: nothing is kept, and feedback has no address."""
    explain: Explain | None = None
    """None: /explain has no address. Only the sandbox has it, for it tells more of a chart than cards do."""


def create_app(settings: Settings) -> FastAPI:
    """The service, ready to answer. Raises SettingsError or LibraryError when it must not start."""
    configure_logging()
    released = load(settings.library_dir)
    library = deployed(released, settings.site_dir, require_reviewed=settings.require_reviewed)
    prove_orders(library)
    services = tuple((service, _prefetch(library, service.hook)) for service in SERVICES)
    clients = check_start(settings, {key: text for _, templates in services for key, text in templates.items()})
    client = Client(private_hosts(settings, clients))
    replays = ReplayStore(settings.journal_file) if clients else None
    ask = _adviser(
        library,
        Voice(region=settings.region, public_url=settings.public_url.rstrip("/")),
        _terminology(settings, client, library),
    )
    return assemble(
        Deployment(
            settings=settings,
            services=services,
            answer=_speaker(ask),
            explain=_explainer(ask, library) if settings.is_sandbox else None,
            version={
                "software": version("pinpoint-cds"),
                "knowledge": library.card.version,
                "digest": library.digest,
            },
            site=library.site,
            documents=served(library, settings.region, ((service.id, service.hook) for service in SERVICES)),
            failed_canaries=canaries(released),  # their cases are about the release, not about what a site set
            client=client,
            gate=open_gate(settings, clients, client, replays) if clients and replays else None,
            replays=replays,
            journal=OpenedLater(settings.journal_url, keep_comments=settings.keep_comments),
        )
    )


def assemble(deployment: Deployment) -> FastAPI:
    """The routes, refusals and wrappers around one deployment."""
    app = FastAPI(
        title="Pinpoint",
        version=deployment.version["software"],
        redirect_slashes=False,  # a redirect would be built from the caller's Host header
        telemetry={"tracing": False, "metrics": False, "logs": False},  # its logs hold exception texts
        lifespan=_closing(deployment),
        openapi_url="/openapi.json" if deployment.settings.is_sandbox else None,  # its pages go with it
    )
    _add_routes(app, _Endpoints(deployment))
    for path, document in deployment.documents.items():
        app.add_api_route(path, _showing(document), methods=["GET"], include_in_schema=False)
    for kind in _REFUSALS:
        app.add_exception_handler(kind, _refused)
    app.add_exception_handler(TokenRefused, _not_admitted)
    app.add_exception_handler(RecursionError, _too_deep)
    app.add_exception_handler(ClientDisconnect, _hung_up)
    app.add_exception_handler(HTTPException, _http_refused)
    app.add_middleware(_Net)
    if deployment.settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=deployment.settings.allowed_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            allow_private_network=deployment.settings.is_sandbox,  # a hosted page that asks this machine
        )
    return app


def _prefetch(library: Library, hook: Hook) -> dict[str, str]:
    return {query.key: query.template for query in queries(library, hook)}


def _closing(deployment: Deployment) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await deployment.client.close()
        if deployment.replays:
            deployment.replays.close()
        if deployment.journal:
            await deployment.journal.close()

    return lifespan


_Ask: TypeAlias = Callable[[HookRequest, FetchMissing], Awaitable[Advice]]


def _adviser(library: Library, voice: Voice, terminology: Terminology | None) -> _Ask:
    async def ask(request: HookRequest, fetch_missing: FetchMissing) -> Advice:
        complete = _on_the_servers_loop(terminology) if terminology else None
        return await advise(request, fetch_missing, library, datetime.now(UTC), voice, complete=complete)

    return ask


def _speaker(ask: _Ask) -> UseCase:
    async def answer(request: HookRequest, fetch_missing: FetchMissing) -> Sequence[Card]:
        return (await ask(request, fetch_missing)).cards

    return answer


def _explainer(ask: _Ask, library: Library) -> Explain:
    async def explain(request: HookRequest, fetch_missing: FetchMissing, body: bytes, release: str) -> bytes:
        advice = await ask(request, fetch_missing)
        told = sections(advice, library, body if release else b"", release)
        return explanation_json(told, advice.assessment)

    return explain


def _terminology(settings: Settings, client: Client, library: Library) -> Terminology | None:
    base = parse_base(settings.terminology_url)
    return Terminology(base, client, library) if base else None


def _on_the_servers_loop(terminology: Terminology) -> Complete:
    """Asks where the connections are: a large body is worked on in a thread with a loop of its own."""

    async def complete(record: PatientRecord) -> PatientRecord:
        asked = asyncio.run_coroutine_threadsafe(terminology.complete(record), _SERVERS_LOOP.get())
        return await asyncio.wrap_future(asked)

    return complete


# ---------------------------------------------------------------- routes


class _Endpoints:
    """What each address answers."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._services = {service.id: service for service, _ in deployment.services}
        self._discovery = discovery_json(deployment.services)

    async def discovery(self, request: Request) -> Response:
        """Open to all, since it tells nothing of anyone; who sends a token gets the templates made for it."""
        caller = await self._caller(request, "/cds-services") if "authorization" in request.headers else None
        if caller is None:
            return _json(self._discovery)
        offers = ((service, caller.client.offered(ours)) for service, ours in self._deployment.services)
        return _json(discovery_json(offers))

    async def call(self, service_id: str, request: Request) -> Response:
        started = perf_counter()
        if service_id not in self._services:
            raise HTTPException(404)
        caller = await self._caller(request, f"/cds-services/{service_id}")
        body = await body_within_limits(request.headers, request.stream())
        _SERVERS_LOOP.set(asyncio.get_running_loop())
        work = self._cards(self._services[service_id], body, caller)
        is_large = len(body) > _LARGE_BODY_BYTES
        hook_instance, cards = await (asyncio.to_thread(asyncio.run, work) if is_large else work)
        _log.info(
            "called",
            service=service_id,
            client=_named(caller) or "none",
            hook_instance=loggable_instance(hook_instance),
            indicators=[card.indicator for card in cards],
            body_bytes=len(body),
            duration_ms=round((perf_counter() - started) * 1000, 1),
        )
        return _json(response_json(cards), after=self._keeping(cards, service_id, caller))

    async def feedback(self, service_id: str, request: Request) -> Response:
        """Acknowledged when it is kept, and not before: who gets no 200 may send it again."""
        journal = self._deployment.journal
        if service_id not in self._services or journal is None:
            raise HTTPException(404)
        path = f"/cds-services/{service_id}"
        caller = await self._caller(request, f"{path}/feedback", path)
        items = parse_feedback(await body_within_limits(request.headers, request.stream()))
        await keep_feedback(journal, items, service_id, _named(caller), datetime.now(UTC))
        return _json(b"{}")

    async def explain(self, request: Request) -> Response:
        """The reasoning about a call; `?fhir=R4` (R5, STU3) adds what of it is not valid FHIR."""
        explain, release = self._deployment.explain, request.query_params.get("fhir", "")
        if explain is None:
            raise HTTPException(404)
        if release and release not in VERSIONS:
            raise RequestError(f"fhir is none of {', '.join(VERSIONS)}.", field="fhir")
        caller = await self._caller(request, "/explain")
        body = await body_within_limits(request.headers, request.stream())
        _SERVERS_LOOP.set(asyncio.get_running_loop())
        asked = parse_request(body)
        return _json(await explain(asked, self._fetcher(asked, caller), body, release))

    async def live(self) -> Response:
        return _json(msgspec.json.encode({"status": "alive"}))

    async def ready(self) -> Response:
        """Ready when the rules still say of their canary patients what they must."""
        if failed := self._deployment.failed_canaries:
            return _json(outcome_json("exception", "Canary patients fail: " + ", ".join(failed)), status=503)
        return _json(msgspec.json.encode({"status": "ready"}))

    async def version(self) -> Response:
        site = {"site": self._deployment.site} if self._deployment.site else {}
        return _json(msgspec.json.encode({**self._deployment.version, **site}))

    def _keeping(self, cards: tuple[Card, ...], service_id: str, caller: Caller | None) -> BackgroundTask | None:
        journal = self._deployment.journal
        if journal is None or not cards:
            return None
        return BackgroundTask(keep_cards, journal, cards, service_id, _named(caller), datetime.now(UTC))

    async def _caller(self, request: Request, *paths: str) -> Caller | None:
        """Who calls one of these paths; None where callers are not authenticated. Raises TokenRefused."""
        if self._deployment.gate is None:
            return None
        sent = request.headers.getlist("authorization")
        return await self._deployment.gate.admit(sent, paths, datetime.now(UTC))

    async def _cards(self, service: Service, body: bytes, caller: Caller | None) -> tuple[str, tuple[Card, ...]]:
        request = parse_request(body, service.hook)
        cards = await self._deployment.answer(request, self._fetcher(request, caller))
        return request.hook_instance, with_uuids(_spoken_to(caller, cards), uuid4)

    def _fetcher(self, request: HookRequest, caller: Caller | None) -> FetchMissing:
        """What fetches missing keys for this request; nothing is fetched when no server may be asked.

        However often it is called, one deadline holds for the request. Fetching runs on the server's own
        loop, where the connections are, also when the request is worked on in a thread.
        """
        server, loop = _server(request, self._deployment.settings, caller), _SERVERS_LOOP.get()
        left_s = self._deployment.settings.fetch_deadline_s

        async def fetch_missing(missing: Mapping[str, str]) -> Mapping[str, Answer]:
            nonlocal left_s
            wanted, answered = caller.client.terms(missing) if caller else (missing, {})
            urls = {key: url for key, query in wanted.items() if (url := resolve(query, request.context))}
            if server is None or not urls:
                return answered
            started = perf_counter()
            asked = fetch(urls, server, self._deployment.client, left_s)
            answers = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked, loop))
            left_s = max(0.0, left_s - (perf_counter() - started))
            return {**answered, **answers}

        return fetch_missing


def _add_routes(app: FastAPI, endpoints: _Endpoints) -> None:
    """The addresses. The variants with a slash more are what clients make of a discovery URL that ends in one."""
    for path in ("/cds-services", "/cds-services/"):
        app.add_api_route(path, endpoints.discovery, methods=["GET"])
    for path in ("/cds-services/{service_id}", "/cds-services//{service_id}"):
        app.add_api_route(path, endpoints.call, methods=["POST"])
    for path in ("/cds-services/{service_id}/feedback", "/cds-services//{service_id}/feedback"):
        app.add_api_route(path, endpoints.feedback, methods=["POST"])
    app.add_api_route("/explain", endpoints.explain, methods=["POST"])
    app.add_api_route("/livez", endpoints.live, methods=["GET"])
    app.add_api_route("/readyz", endpoints.ready, methods=["GET"])
    app.add_api_route("/version", endpoints.version, methods=["GET"])


def _showing(document: Served) -> Callable[[], Awaitable[Response]]:
    async def show() -> Response:
        return Response(document.body(), headers=document.headers, media_type=document.media_type)

    return show


def _named(caller: Caller | None) -> str:
    """Our own name of the caller; "" where callers are not authenticated."""
    return caller.client.name if caller else ""


def _spoken_to(caller: Caller | None, cards: Sequence[Card]) -> Sequence[Card]:
    """The cards in the version of CDS Hooks that the caller speaks."""
    if caller is None or caller.client.cds_hooks != "1.0":
        return cards
    return [replace(card, selection_behavior="at-most-one") for card in cards]


def _server(request: HookRequest, settings: Settings, caller: Caller | None) -> FhirServer | None:
    given = request.authorization
    return permitted(
        request.fhir_server,
        given.access_token if given else "",
        token_patient=given.patient_id if given else "",
        patient_id=request.patient_id,
        allow_list=AllowList(caller.client.bases) if caller else settings.allow_list,
        needs_token=not settings.is_sandbox,
    )


# ---------------------------------------------------------------- refusals


async def _refused(_request: Request, error: Exception) -> Response:
    status, code = next(_REFUSALS[kind] for kind in type(error).__mro__ if kind in _REFUSALS)
    named = error.field if isinstance(error, RequestError) else ""
    _log.info("refused", status=status, error=type(error).__name__)
    return _json(outcome_json(code, str(error), fields=[named] if named else ()), status=status)


async def _not_admitted(_request: Request, error: Exception) -> Response:
    """The same answer whatever was wrong: the reason would help whoever is trying."""
    refused = cast("TokenRefused", error)
    _log.info("refused", status=401, client=refused.client, reason=refused.reason)
    return _json(outcome_json("login", str(refused)), status=401, headers={"WWW-Authenticate": "Bearer"})


async def _too_deep(request: Request, _error: Exception) -> Response:
    return await _refused(request, too_deep())


async def _hung_up(request: Request, _error: Exception) -> Response:
    return await _refused(request, RequestError("The caller hung up before the whole body had come."))


async def _http_refused(_request: Request, error: Exception) -> Response:
    refusal = cast("HTTPException", error)
    code, text = _HTTP_REFUSALS[refusal.status_code]
    return _json(outcome_json(code, text), status=refusal.status_code, headers=refusal.headers)


class _Net:
    """Catches what nobody expected: the caller gets a reference and nothing else, the log file and line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001  # the outermost handler: an exception text may hold a chart
            reference = uuid4().hex
            where = origin_of(error.__traceback__)
            _log.error("fault", error=type(error).__name__, error_id=reference, where=where)
            await _fault(reference)(scope, receive, send)


def _fault(reference: str) -> Response:
    return _json(outcome_json("exception", f"An unexpected fault; its reference is {reference}."), status=500)


def _json(
    body: bytes,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    after: BackgroundTask | None = None,
) -> Response:
    """A JSON answer, and what is done once it is out."""
    return Response(body, status_code=status, headers=headers, media_type="application/json", background=after)
