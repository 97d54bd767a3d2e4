"""The application: made from the settings, its routes and what stands around them. The only door to FastAPI.

From outside in: CORS headers on every answer, the count of answers, the door, then the net that catches
what nobody expected, then the routes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.metadata import version
from typing import Any, TypeAlias

from fastapi import FastAPI, Response
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.cors import CORSMiddleware

from cds_hooks.canaries import Canaries
from cds_hooks.cards.compose import Voice, voice_of
from cds_hooks.cards.offers import SERVICES
from cds_hooks.cards.openapi import openapi
from cds_hooks.cards.wire import HookRequest
from cds_hooks.chart.queries import queries
from cds_hooks.chart.terminology import Terminology
from cds_hooks.deployment import Deployment, Explain, Insights
from cds_hooks.endpoints import Endpoints, on_the_servers_loop
from cds_hooks.explaining import explanation_json, sections
from cds_hooks.guard.gate import check_start, open_gate, private_hosts
from cds_hooks.guard.privacy import configure_logging
from cds_hooks.guard.turns import Turns
from cds_hooks.model.criteria import Hook
from cds_hooks.model.library import Library
from cds_hooks.pages.served import Served, served
from cds_hooks.probes import Probes
from cds_hooks.reasoning.library import data_root, load
from cds_hooks.reasoning.site import deployed
from cds_hooks.replies import Counted, Door, Net, refuse_by_status
from cds_hooks.report.page import insights_page
from cds_hooks.service import Advice, FetchMissing, advise, prove_orders
from cds_hooks.settings import Settings, parse_base
from cds_hooks.silent import silent_call
from cds_hooks.transport import Client
from cds_hooks.upkeep import Upkeep, books_of, replays_of, upkeep_of

_LOOKED_BACK = timedelta(days=30)
"""What /insights tells of; `pinpoint report` takes any time."""


def create_app(settings: Settings) -> FastAPI:
    """The service, ready to answer. Raises SettingsError or LibraryError when it must not start."""
    configure_logging()
    released = load(settings.library_dir)
    library = deployed(released, settings.site_dir, require_reviewed=settings.require_reviewed)
    prove_orders(library)
    services = tuple((service, _prefetch(library, service.hook)) for service in SERVICES)
    clients = check_start(settings, {key: text for _, templates in services for key, text in templates.items()})
    client = Client(private_hosts(settings, clients))
    canaries = Canaries(released, settings.library_dir or data_root(), deployed=library)
    upkeep = upkeep_of(settings, canaries, lambda: datetime.now(UTC))
    replays = replays_of(settings, upkeep) if clients else None
    versions = {
        "software": version("pinpoint-cds"),
        "knowledge": library.card.version,
        "released": library.card.date,
        "digest": library.digest,
    }
    ask = _adviser(
        library,
        voice_of(settings),
        _terminology(settings, client, library),
    )
    return assemble(
        Deployment(
            settings=settings,
            services=services,
            answer=ask,
            silent=lambda body, hook: silent_call(body, hook, library, datetime.now(UTC)),
            explain=_explainer(ask, library) if settings.is_sandbox else None,
            version=versions,
            site=library.site,
            documents=served(library, settings.region, ((service.id, service.hook) for service in SERVICES)),
            client=client,
            gate=open_gate(settings, clients, client, replays) if clients and replays else None,
            replays=replays,
            journal=upkeep.journal,
            books=books_of(settings, upkeep, library, versions),
            upkeep=upkeep,
            insights=_insights(upkeep, library),
        )
    )


def assemble(deployment: Deployment) -> FastAPI:
    """The routes, refusals and wrappers around one deployment."""
    app = FastAPI(
        title="Pinpoint",
        version=deployment.version["software"],
        redirect_slashes=False,  # a redirect would be built from the caller's Host header
        telemetry=_telemetry(deployment),
        lifespan=_closing(deployment),
        openapi_url="/openapi.json" if deployment.settings.is_sandbox else None,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
    )
    app.openapi = lambda: openapi(app.title, app.version, (service for service, _ in deployment.services))  # type: ignore[method-assign]  # FastAPI's way to give a document of one's own
    turns = Turns()
    endpoints = Endpoints(deployment, turns)
    _add_routes(app, endpoints)
    _add_probes(app, Probes(deployment, endpoints.books))
    for path, document in deployment.documents.items():
        app.add_api_route(path, _showing(document), methods=["GET"], include_in_schema=False)
    refuse_by_status(app)
    app.add_middleware(Net)
    app.add_middleware(Door, turns=turns)
    app.add_middleware(Counted, tally=endpoints.books.tally)
    if deployment.settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=deployment.settings.allowed_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            allow_private_network=deployment.settings.is_sandbox,  # a hosted page that asks this machine
        )
    return app


def _telemetry(deployment: Deployment) -> TelemetryConfig:
    """Spans of calls and feedback where the site wants them, and of nothing that could hold a caller's text.

    A span names the path and the query that were asked for: only paths of ours pass, and none with a query. Logs
    hold the texts of exceptions, and the counts are our own (tally).
    """
    paths = {f"/cds-services/{service.id}{end}" for service, _ in deployment.services for end in ("", "/feedback")}

    def is_left_out(scope: MutableMapping[str, Any]) -> bool:
        return scope["path"] not in paths or bool(scope["query_string"])

    is_on = deployment.settings.traces
    return {
        "tracing": is_on,
        "auto_configure": is_on,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "exclude": is_left_out,
    }


def _prefetch(library: Library, hook: Hook) -> dict[str, str]:
    return {query.key: query.template for query in queries(library, hook)}


def _closing(deployment: Deployment) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if deployment.upkeep:
            await deployment.upkeep.start()
        yield
        await deployment.client.close()
        if deployment.replays:
            deployment.replays.close()
        if deployment.upkeep:
            await deployment.upkeep.stop()
        elif deployment.journal:
            await deployment.journal.close()

    return lifespan


_Ask: TypeAlias = Callable[[HookRequest, FetchMissing], Awaitable[Advice]]


def _adviser(library: Library, voice: Voice, terminology: Terminology | None) -> _Ask:
    async def ask(request: HookRequest, fetch_missing: FetchMissing) -> Advice:
        complete = on_the_servers_loop(terminology) if terminology else None
        return await advise(request, fetch_missing, library, datetime.now(UTC), voice, complete=complete)

    return ask


def _explainer(ask: _Ask, library: Library) -> Explain:
    async def explain(request: HookRequest, fetch_missing: FetchMissing, body: bytes, release: str) -> bytes:
        advice = await ask(request, fetch_missing)
        told = sections(advice, library, body if release else b"", release)
        return explanation_json(told, advice.assessment)

    return explain


def _insights(upkeep: Upkeep, library: Library) -> Insights:
    async def page(until: datetime) -> bytes:
        # Loaded late, as the journal itself is: the database library takes longer to load than a call.
        gather = import_module("cds_hooks.report.gather").gather
        report = await upkeep.journal.journal.ask(lambda store: gather(store, until - _LOOKED_BACK, until))
        return await asyncio.to_thread(insights_page, report, library)

    return page


def _terminology(settings: Settings, client: Client, library: Library) -> Terminology | None:
    base = parse_base(settings.terminology_url)
    return Terminology(base, client, library) if base else None


def _add_routes(app: FastAPI, endpoints: Endpoints) -> None:
    """The addresses. The variants with a slash more are what clients make of a discovery URL that ends in one."""
    for path in ("/cds-services", "/cds-services/"):
        app.add_api_route(path, endpoints.discovery, methods=["GET"])
    for path in ("/cds-services/{service_id}", "/cds-services//{service_id}"):
        app.add_route(path, endpoints.call, methods=["POST"])
    for path in ("/cds-services/{service_id}/feedback", "/cds-services//{service_id}/feedback"):
        app.add_api_route(path, endpoints.feedback, methods=["POST"])
    app.add_api_route("/explain", endpoints.explain, methods=["POST"])


def _add_probes(app: FastAPI, probes: Probes) -> None:
    app.add_api_route("/livez", probes.live, methods=["GET"])
    app.add_api_route("/readyz", probes.ready, methods=["GET"])
    app.add_api_route("/version", probes.version, methods=["GET"])
    app.add_api_route("/metrics", probes.metrics, methods=["GET"])
    app.add_api_route("/insights", probes.insights, methods=["GET"])


def _showing(document: Served) -> Callable[[], Awaitable[Response]]:
    async def show() -> Response:
        return Response(document.body(), headers=document.headers, media_type=document.media_type)

    return show
