"""The addresses of a caller: what a call, feedback and discovery come to. Reads the clock for an answer.

A call passes through here like this: the caller by its token (guard.gate), size and kind (guard.limits), envelope
(cards.wire), the service with a way to fetch what is missing (chart.fetch), cards with uuids, JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter
from typing import TypeAlias
from uuid import uuid4

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.books import Books
from cds_hooks.cards.feedback import parse_feedback
from cds_hooks.cards.wire import (
    Card,
    HookRequest,
    Service,
    discovery_json,
    parse_request,
    response_json,
    with_uuids,
)
from cds_hooks.chart.fetch import FhirServer, fetch, permitted
from cds_hooks.chart.queries import resolve
from cds_hooks.chart.record import Answer, PatientRecord
from cds_hooks.chart.terminology import Terminology
from cds_hooks.deployment import Deployment
from cds_hooks.errors import DataUnavailable, RequestError
from cds_hooks.explaining import VERSIONS
from cds_hooks.guard.limits import body_within_limits
from cds_hooks.guard.privacy import loggable_instance
from cds_hooks.guard.tokens import Caller
from cds_hooks.guard.turns import Turns
from cds_hooks.ledger import Spoken, Visit
from cds_hooks.quiet import whom
from cds_hooks.replies import Delivered, as_json, status_of
from cds_hooks.service import Advice, Complete, FetchMissing
from cds_hooks.settings import AllowList, Settings
from cds_hooks.tally import FETCHES

_LARGE_BODY_BYTES = 250_000
"""Larger bodies are worked on in a thread of their own, so that other callers are not kept waiting."""

_SERVERS_LOOP: ContextVar[asyncio.AbstractEventLoop] = ContextVar("servers_loop")
"""The loop that serves the call, also where the call is worked on in a thread."""

_TURNS: ContextVar[Turns | None] = ContextVar("turns", default=None)
"""Of which turns the call that is worked on has one; a large body has none."""

_Answered: TypeAlias = tuple[HookRequest, Sequence[Card] | Advice]
"""A call and what it came to."""

_log = structlog.get_logger()


class Endpoints:
    """What each address of a caller answers."""

    def __init__(self, deployment: Deployment, turns: Turns) -> None:
        self._deployment = deployment
        self._turns, self._large = turns, Turns()
        self._services = {service.id: service for service, _ in deployment.services}
        self._templates = {service.id: templates for service, templates in deployment.services}
        self._discovery = discovery_json(deployment.services)
        self._books = deployment.books or Books(deployment.journal, versions=deployment.version)

    @property
    def books(self) -> Books:
        """What is kept and counted."""
        return self._books

    async def discovery(self, request: Request) -> Response:
        """Open to all, since it tells nothing of anyone; who sends a token gets the templates made for it."""
        caller = await self._caller(request, "/cds-services") if "authorization" in request.headers else None
        if caller is None:
            return as_json(self._discovery)
        offers = ((service, caller.client.offered(ours)) for service, ours in self._deployment.services)
        return as_json(discovery_json(offers))

    async def call(self, request: Request) -> Response:
        """Cards for one call of a service; which of them went out, and to whom, is kept once they are out.

        A plain route: for FastAPI to take apart an address costs more than most charts do.
        """
        started, service_id = perf_counter(), request.path_params["service_id"]
        if service_id not in self._services:
            raise HTTPException(404)
        caller = await self._caller(request, f"/cds-services/{service_id}")
        _SERVERS_LOOP.set(asyncio.get_running_loop())
        service = self._services[service_id]
        visit = Visit(service_id, service.hook, _named(caller), datetime.now(UTC), 0.0)
        try:
            body = await body_within_limits(request.headers, request.stream())
            visit = replace(visit, at=datetime.now(UTC))  # of two calls the one that came whole first was first
            asked, spoken = await self._in_turn(service, body, caller, visit.at)
        except Exception as error:  # noqa: BLE001  # raised again, once the call is kept
            return await self._unanswered(replace(visit, ms=_ms_since(started)), error)
        visit, about = replace(visit, ms=_ms_since(started)), whom(asked, service_id, visit.client)
        _log.info(
            "called",
            service=service_id,
            client=visit.client or "none",
            hook_instance=loggable_instance(asked.hook_instance),
            indicators=[card.indicator for card in spoken.shown],
            body_bytes=len(body),
            duration_ms=visit.ms,
        )

        async def keep(was_there: bool) -> None:  # noqa: FBT001  # of an answer there is one thing to know
            await (self._books.keep(visit, spoken, about) if was_there else self._books.keep_unsent(visit, spoken))

        return Delivered(response_json(spoken.shown), keep, tells=bool(spoken.shown))

    async def feedback(self, service_id: str, request: Request) -> Response:
        """Acknowledged when it is kept, and not before: who gets no 200 may send it again."""
        journal = self._deployment.journal
        if service_id not in self._services or journal is None:
            raise HTTPException(404)
        path = f"/cds-services/{service_id}"
        caller = await self._caller(request, f"{path}/feedback", path)
        items = parse_feedback(await body_within_limits(request.headers, request.stream()))
        await self._books.feedback(journal, items, service_id, _named(caller), datetime.now(UTC))
        return as_json(b"{}")

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
        return as_json(await explain(asked, self._fetcher(asked, caller), body, release))

    async def _caller(self, request: Request, *paths: str) -> Caller | None:
        """Who calls one of these paths; None where callers are not authenticated. Raises TokenRefused."""
        if self._deployment.gate is None:
            return None
        sent = request.headers.getlist("authorization")
        return await self._deployment.gate.admit(sent, paths, datetime.now(UTC))

    async def _in_turn(
        self, service: Service, body: bytes, caller: Caller | None, at: datetime
    ) -> tuple[HookRequest, Spoken]:
        """The answer, when it is this call's turn; those of large bodies do not hold up the others.

        What was told is asked within the turn: after it the answer would wait behind the next chart.
        """
        if len(body) <= _LARGE_BODY_BYTES:
            async with self._turns.taken():
                _TURNS.set(self._turns)
                told = self._silent(service, body) or await self._worked_out(service, body, caller)
                return await self._spoken(service, caller, at, told)
        async with self._large.taken():
            silent = await asyncio.to_thread(self._silent, service, body)
            if silent is not None:
                return await self._spoken(service, caller, at, silent)
            told = await asyncio.to_thread(asyncio.run, self._worked_out(service, body, caller))
            return await self._spoken(service, caller, at, told)

    def _silent(self, service: Service, body: bytes) -> _Answered | None:
        """The answer of a call that can only be answered without a card; None for any other."""
        asked = self._deployment.silent(body, service.hook)
        return (asked, ()) if asked else None

    async def _spoken(
        self, service: Service, caller: Caller | None, at: datetime, answered: _Answered
    ) -> tuple[HookRequest, Spoken]:
        asked, told = answered
        cards, advice = (told.cards, told) if isinstance(told, Advice) else (told, None)
        ours = with_uuids(_spoken_to(caller, cards), uuid4)
        return asked, await self._books.spoken(ours, advice, whom(asked, service.id, _named(caller)), at)

    async def _worked_out(self, service: Service, body: bytes, caller: Caller | None) -> _Answered:
        request = self._known(parse_request(body, service.hook), service, caller)
        return request, await self._deployment.answer(request, self._fetcher(request, caller))

    async def _unanswered(self, visit: Visit, error: Exception) -> Response:
        """The call is kept, too. A silent deployment shows no refusal about a chart either."""
        await self._books.keep(replace(visit, status=status_of(error)), Spoken((), ()), ())
        if self._books.mode == "silent" and isinstance(error, DataUnavailable):
            return as_json(response_json(()))
        raise error

    def _known(self, request: HookRequest, service: Service, caller: Caller | None) -> HookRequest:
        """The call with what the caller's entry says of its answers."""
        if caller is None:
            return request
        return replace(request, unsorted=caller.client.unsorted(self._templates[service.id]))

    def _fetcher(self, request: HookRequest, caller: Caller | None) -> FetchMissing:
        """What fetches missing keys for this request; nothing is fetched when no server may be asked.

        However often it is called, one deadline holds for the request. Fetching runs on the server's own
        loop, where the connections are, also when the request is worked on in a thread.
        """
        server, loop = _server(request, self._deployment.settings, caller), _SERVERS_LOOP.get()
        left_s = self._deployment.settings.fetch_deadline_s
        granted = request.authorization.scopes if request.authorization else ()

        async def fetch_missing(missing: Mapping[str, str]) -> Mapping[str, Answer]:
            nonlocal left_s
            wanted, answered = caller.client.terms(missing, granted) if caller else (missing, {})
            urls = {key: url for key, query in wanted.items() if (url := resolve(query, request.context))}
            if server is None or not urls:
                return answered
            started = perf_counter()
            asked = fetch(urls, server, self._deployment.client, left_s)
            async with _turn_lent():
                answers = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked, loop))
            for one in answers.values():
                self._books.tally.count(FETCHES, one.failed.value if one.failed else "answered")
            left_s = max(0.0, left_s - (perf_counter() - started))
            return {**answered, **answers}

        return fetch_missing


def on_the_servers_loop(terminology: Terminology) -> Complete:
    """Asks where the connections are: a large body is worked on in a thread with a loop of its own."""

    async def complete(record: PatientRecord) -> PatientRecord:
        asked = asyncio.run_coroutine_threadsafe(terminology.complete(record), _SERVERS_LOOP.get())
        async with _turn_lent():
            return await asyncio.wrap_future(asked)

    return complete


def _turn_lent() -> AbstractAsyncContextManager[None]:
    """While another server is waited for: others have the turn."""
    turns = _TURNS.get()
    return turns.lent() if turns else nullcontext()


def _ms_since(started: float) -> float:
    return round((perf_counter() - started) * 1000, 1)


def _named(caller: Caller | None) -> str:
    """Our own name of the caller; "" where callers are not authenticated."""
    return caller.client.name if caller else ""


def _spoken_to(caller: Caller | None, cards: Sequence[Card]) -> Sequence[Card]:
    """The cards as the caller's record system and version of CDS Hooks know them."""
    return [replace(card, selection_behavior=caller.client.selection) for card in cards] if caller else cards


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
