"""The application: made from the settings, its routes and what stands around them. The only door to FastAPI.

From outside in: CORS headers on every answer, then the net that catches what nobody expected, then the routes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TypeAlias

from fastapi import FastAPI, Response
from starlette.middleware.cors import CORSMiddleware

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.offers import SERVICES
from cds_hooks.cards.openapi import openapi
from cds_hooks.cards.wire import Card, HookRequest
from cds_hooks.chart.queries import queries
from cds_hooks.chart.terminology import Terminology
from cds_hooks.endpoints import Deployment, Endpoints, Explain, UseCase, on_the_servers_loop
from cds_hooks.explaining import explanation_json, sections
from cds_hooks.guard.gate import check_start, open_gate, private_hosts
from cds_hooks.guard.privacy import configure_logging
from cds_hooks.guard.turns import Turns
from cds_hooks.journal.later import OpenedLater
from cds_hooks.journal.replay import ReplayStore
from cds_hooks.model import Hook, Library
from cds_hooks.pages.served import Served, served
from cds_hooks.reasoning.cases import canaries
from cds_hooks.reasoning.library import load
from cds_hooks.reasoning.site import deployed
from cds_hooks.replies import Door, Net, refuse_by_status
from cds_hooks.service import Advice, FetchMissing, advise, prove_orders
from cds_hooks.settings import Settings, parse_base
from cds_hooks.silent import silent_call
from cds_hooks.transport import Client


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
            silent=lambda body, hook: silent_call(body, hook, library, datetime.now(UTC)),
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
        openapi_url="/openapi.json" if deployment.settings.is_sandbox else None,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
    )
    app.openapi = lambda: openapi(app.title, app.version, (service for service, _ in deployment.services))  # type: ignore[method-assign]  # FastAPI's way to give a document of one's own
    turns = Turns()
    _add_routes(app, Endpoints(deployment, turns))
    for path, document in deployment.documents.items():
        app.add_api_route(path, _showing(document), methods=["GET"], include_in_schema=False)
    refuse_by_status(app)
    app.add_middleware(Net)
    app.add_middleware(Door, turns=turns)
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
        complete = on_the_servers_loop(terminology) if terminology else None
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


def _add_routes(app: FastAPI, endpoints: Endpoints) -> None:
    """The addresses. The variants with a slash more are what clients make of a discovery URL that ends in one."""
    for path in ("/cds-services", "/cds-services/"):
        app.add_api_route(path, endpoints.discovery, methods=["GET"])
    for path in ("/cds-services/{service_id}", "/cds-services//{service_id}"):
        app.add_route(path, endpoints.call, methods=["POST"])
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
