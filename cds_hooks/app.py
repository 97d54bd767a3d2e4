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
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from time import perf_counter
from typing import TypeAlias, cast
from uuid import uuid4

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from cds_hooks.cards.compose import Voice
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
from cds_hooks.chart.record import Answer
from cds_hooks.errors import AccessError, DataUnavailable, RequestError
from cds_hooks.guard.limits import BodyTooLarge, BodyUnsupported, body_within_limits
from cds_hooks.guard.privacy import configure_logging, loggable_instance, origin_of
from cds_hooks.model import Library
from cds_hooks.reasoning.cases import canaries
from cds_hooks.reasoning.library import load
from cds_hooks.service import SERVICES, FetchMissing, advise
from cds_hooks.settings import Settings, check
from cds_hooks.transport import Client

_LARGE_BODY_BYTES = 1_000_000
"""Larger bodies are worked on in a thread of their own, so that other callers are not kept waiting."""

_REFUSALS: Mapping[type[Exception], tuple[int, str]] = {
    BodyTooLarge: (413, "too-long"),
    BodyUnsupported: (415, "not-supported"),
    RequestError: (400, "invalid"),
    AccessError: (403, "forbidden"),
    DataUnavailable: (412, "incomplete"),
}
"""HTTP status and OperationOutcome issue-type of each error; the message is the error's own."""

_HTTP_REFUSALS = {
    404: ("not-found", "There is nothing at this address: see GET /cds-services for what there is."),
    405: ("not-supported", "This address does not answer to that method."),
}

UseCase: TypeAlias = Callable[[HookRequest, FetchMissing], Awaitable[Sequence[Card]]]
"""What a call comes to: cards, given a way to fetch what prefetch left out."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything the routes need; `create_app` makes the real one."""

    settings: Settings
    services: tuple[tuple[Service, Mapping[str, str]], ...]
    """Each service with its prefetch templates by key."""
    answer: UseCase
    version: Mapping[str, str]
    failed_canaries: tuple[str, ...] = ()
    client: Client = field(default_factory=Client)


def create_app(settings: Settings) -> FastAPI:
    """The service, ready to answer. Raises SettingsError or LibraryError when it must not start."""
    check(settings)
    configure_logging()
    library = load(settings.library_dir)
    return assemble(
        Deployment(
            settings=settings,
            services=tuple((service, _prefetch(library)) for service in SERVICES),
            answer=_adviser(library, Voice(region=settings.region)),
            version={
                "software": version("pinpoint-cds"),
                "knowledge": library.card.version,
                "digest": library.digest,
            },
            failed_canaries=canaries(library),
        )
    )


def assemble(deployment: Deployment) -> FastAPI:
    """The routes, refusals and wrappers around one deployment."""
    app = FastAPI(
        title="Pinpoint",
        version=deployment.version["software"],
        redirect_slashes=False,  # a redirect would be built from the caller's Host header
        telemetry={"tracing": False, "metrics": False, "logs": False},  # its logs hold exception texts
        lifespan=_closing(deployment.client),
        openapi_url="/openapi.json" if deployment.settings.is_sandbox else None,  # its pages go with it
    )
    _add_routes(app, _Endpoints(deployment))
    for kind in _REFUSALS:
        app.add_exception_handler(kind, _refused)
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


def _prefetch(library: Library) -> dict[str, str]:
    return {query.key: query.template for query in queries(library)}


def _closing(client: Client) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await client.close()

    return lifespan


def _adviser(library: Library, voice: Voice) -> UseCase:
    async def answer(request: HookRequest, fetch_missing: FetchMissing) -> Sequence[Card]:
        advice = await advise(request, fetch_missing, library, datetime.now(UTC), voice)
        return advice.cards

    return answer


# ---------------------------------------------------------------- routes


class _Endpoints:
    """What each address answers."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._services = {service.id: service for service, _ in deployment.services}
        self._discovery = discovery_json(deployment.services)

    async def discovery(self) -> Response:
        return _json(self._discovery)

    async def call(self, service_id: str, request: Request) -> Response:
        started = perf_counter()
        if service_id not in self._services:
            raise HTTPException(404)
        body = await body_within_limits(request.headers, request.stream())
        work = self._cards(self._services[service_id], body, asyncio.get_running_loop())
        is_large = len(body) > _LARGE_BODY_BYTES
        hook_instance, cards = await (asyncio.to_thread(asyncio.run, work) if is_large else work)
        _log.info(
            "called",
            service=service_id,
            hook_instance=loggable_instance(hook_instance),
            indicators=[card.indicator for card in cards],
            body_bytes=len(body),
            duration_ms=round((perf_counter() - started) * 1000, 1),
        )
        return _json(response_json(cards))

    async def live(self) -> Response:
        return _json(msgspec.json.encode({"status": "alive"}))

    async def ready(self) -> Response:
        """Ready when the rules still say of their canary patients what they must."""
        if failed := self._deployment.failed_canaries:
            return _json(outcome_json("exception", "Canary patients fail: " + ", ".join(failed)), status=503)
        return _json(msgspec.json.encode({"status": "ready"}))

    async def version(self) -> Response:
        return _json(msgspec.json.encode(self._deployment.version))

    async def _cards(
        self, service: Service, body: bytes, loop: asyncio.AbstractEventLoop
    ) -> tuple[str, tuple[Card, ...]]:
        request = parse_request(body)
        if request.hook != service.hook:
            raise RequestError(f"hook must be {service.hook} for the service {service.id}.", field="hook")
        cards = await self._deployment.answer(request, self._fetcher(request, loop))
        return request.hook_instance, with_uuids(cards, uuid4)

    def _fetcher(self, request: HookRequest, loop: asyncio.AbstractEventLoop) -> FetchMissing:
        """What fetches missing keys for this request; nothing is fetched when no server may be asked.

        However often it is called, one deadline holds for the request. Fetching runs on the server's own
        loop, where the connections are, also when the request is worked on in a thread.
        """
        server = _server(request, self._deployment.settings)
        left_s = self._deployment.settings.fetch_deadline_s

        async def fetch_missing(missing: Mapping[str, str]) -> Mapping[str, Answer]:
            nonlocal left_s
            urls = {key: url for key, query in missing.items() if (url := resolve(query, request.context))}
            if server is None or not urls:
                return {}
            started = perf_counter()
            asked = fetch(urls, server, self._deployment.client, left_s)
            answers = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked, loop))
            left_s = max(0.0, left_s - (perf_counter() - started))
            return answers

        return fetch_missing


def _add_routes(app: FastAPI, endpoints: _Endpoints) -> None:
    """The addresses. The variants with a slash more are what clients make of a discovery URL that ends in one."""
    for path in ("/cds-services", "/cds-services/"):
        app.add_api_route(path, endpoints.discovery, methods=["GET"])
    for path in ("/cds-services/{service_id}", "/cds-services//{service_id}"):
        app.add_api_route(path, endpoints.call, methods=["POST"])
    app.add_api_route("/livez", endpoints.live, methods=["GET"])
    app.add_api_route("/readyz", endpoints.ready, methods=["GET"])
    app.add_api_route("/version", endpoints.version, methods=["GET"])


def _server(request: HookRequest, settings: Settings) -> FhirServer | None:
    given = request.authorization
    return permitted(
        request.fhir_server,
        given.access_token if given else "",
        token_patient=given.patient_id if given else "",
        patient_id=request.patient_id,
        allow_list=settings.allow_list,
        needs_token=not settings.is_sandbox,
    )


# ---------------------------------------------------------------- refusals


async def _refused(_request: Request, error: Exception) -> Response:
    status, code = next(_REFUSALS[kind] for kind in type(error).__mro__ if kind in _REFUSALS)
    named = error.field if isinstance(error, RequestError) else ""
    _log.info("refused", status=status, error=type(error).__name__)
    return _json(outcome_json(code, str(error), fields=[named] if named else ()), status=status)


async def _too_deep(request: Request, _error: Exception) -> Response:
    return await _refused(request, RequestError("The body is nested too deeply."))


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


def _json(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status_code=status, headers=headers, media_type="application/json")
