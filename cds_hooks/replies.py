"""What goes out: JSON, and each error as a status with an OperationOutcome. HTTP statuses are assigned here.

What nobody expected is caught here too: the caller gets a reference and nothing else, for the text of an
exception may hold a chart.
Source: CDS Hooks 2.0.1, "CDS Service Response"; 3.0.0-ballot, "HTTP status codes" (OperationOutcome).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import cast
from uuid import uuid4

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cds_hooks.cards.envelope import too_deep
from cds_hooks.cards.wire import outcome_json
from cds_hooks.errors import AccessError, DataUnavailable, JournalUnavailable, RequestError
from cds_hooks.guard.limits import BodyTooLarge, BodyTooSlow, BodyUnsupported
from cds_hooks.guard.privacy import origin_of
from cds_hooks.guard.tokens import TokenRefused
from cds_hooks.guard.turns import RETRY_AFTER_S, Overloaded, Turns
from cds_hooks.tally import REQUESTS, Tally

REFUSALS: Mapping[type[Exception], tuple[int, str]] = {
    BodyTooLarge: (413, "too-long"),
    BodyTooSlow: (408, "timeout"),
    BodyUnsupported: (415, "not-supported"),
    RequestError: (400, "invalid"),
    AccessError: (403, "forbidden"),
    DataUnavailable: (412, "incomplete"),
    JournalUnavailable: (503, "transient"),
}
"""HTTP status and OperationOutcome issue-type of each error; the message is the error's own."""

_STATUSES = {
    **{kind: status for kind, (status, _) in REFUSALS.items()},
    Overloaded: 503,
    RecursionError: 400,
    ClientDisconnect: 400,
}

_HTTP_REFUSALS = {
    401: ("login", "This is for who runs the service: send the admin token, also as the password of any user."),
    404: ("not-found", "There is nothing at this address: see GET /cds-services for what there is."),
    405: ("not-supported", "This address does not answer to that method."),
}
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Answers hold findings of a patient: nobody on the way may keep them, or take them for a page."""
_JSON = "application/json"
_ROUNDS = 4
"""Of the loop, in which a connection that was closed is looked at, read to its end, and given up."""

_log = structlog.get_logger()


def as_json(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(body, status_code=status, headers={**_HEADERS, **(headers or {})}, media_type=_JSON)


class Delivered(Response):
    """A JSON answer that tells whether its caller was still there when it went out.

    One that tells nobody anything needs nobody to be there: then nobody is looked for, which most calls would pay.
    """

    def __init__(self, body: bytes, then: Callable[[bool], Awaitable[None]], *, tells: bool) -> None:
        super().__init__(body, headers=_HEADERS, media_type=_JSON)
        self._then = then
        self._tells = tells

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Asked before it goes out: who has read an answer may hang up at once, and has heard it all the same."""
        was_there = not self._tells or await _is_there(Request(scope, receive))
        await super().__call__(scope, receive, send)
        await self._then(was_there)


async def _is_there(caller: Request) -> bool:
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)
    return not await caller.is_disconnected()


def refuse_by_status(app: Starlette) -> None:
    """Nothing; from now on the application answers our errors, and its routes' own, with an OperationOutcome."""
    for kind in REFUSALS:
        app.add_exception_handler(kind, _refused)
    app.add_exception_handler(TokenRefused, _not_admitted)
    app.add_exception_handler(Overloaded, _sent_away)
    app.add_exception_handler(RecursionError, _too_deep)
    app.add_exception_handler(ClientDisconnect, _hung_up)
    app.add_exception_handler(HTTPException, _http_refused)


def status_of(error: Exception) -> int:
    """The HTTP status with which this error of a call is answered."""
    return next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), 500)


class Net:
    """Around all routes: catches what nobody expected. The log gets file and line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer of what is inside, or a fault. One that was begun already ends where it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_begun = False

        async def noting(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:  # noqa: BLE001  # the outermost handler: an exception text may hold a chart
            reference = uuid4().hex
            where = origin_of(error.__traceback__)
            _log.error("fault", error=type(error).__name__, error_id=reference, where=where)
            if not is_begun:  # a second beginning would be an error of the server's, which writes tracebacks
                await _fault(reference)(scope, receive, send)


class Door:
    """Before all else: a call that would wait behind too many is sent away before anything is spent on it."""

    def __init__(self, app: ASGIApp, turns: Turns) -> None:
        self._app = app
        self._turns = turns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer of what is inside, or 503 with when to come again."""
        is_let_in = scope["type"] != "http" or not self._turns.are_full or not _is_call(scope)
        await (self._app if is_let_in else _SENT_AWAY)(scope, receive, send)


class Counted:
    """Counts answers by route and status, and how long each took to begin."""

    def __init__(self, app: ASGIApp, tally: Tally) -> None:
        self._app = app
        self._tally = tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer of what is inside, counted; one that the door sent away has no route."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = _route_of(scope)
                self._tally.count(REQUESTS, route, str(message["status"]))
                self._tally.took(route, perf_counter() - started)
            await send(message)

        await self._app(scope, receive, counted)


def _route_of(scope: Scope) -> str:
    """The address as it is declared; "none" for one that is not. A plain route leaves only its parts."""
    is_call = "route" not in scope and "service_id" in scope.get("path_params", ())
    return "/cds-services/{service_id}" if is_call else getattr(scope.get("route"), "path", "none")


def _is_call(scope: Scope) -> bool:
    """Whether it asks for cards. Who probes, or reports on cards that were given, is always let in."""
    path: str = scope["path"]
    return scope["method"] == "POST" and path.startswith("/cds-services/") and not path.endswith("/feedback")


async def _refused(_request: Request, error: Exception) -> Response:
    status, code = next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)
    named = error.field if isinstance(error, RequestError) else ""
    _log.info("refused", status=status, error=type(error).__name__)
    return as_json(outcome_json(code, str(error), fields=[named] if named else ()), status=status)


async def _sent_away(_request: Request, _error: Exception) -> Response:
    return _SENT_AWAY


async def _not_admitted(_request: Request, error: Exception) -> Response:
    """The same answer whatever was wrong: the reason would help whoever is trying."""
    refused = cast("TokenRefused", error)
    _log.info("refused", status=401, client=refused.client, reason=refused.reason)
    return as_json(outcome_json("login", str(refused)), status=401, headers={"WWW-Authenticate": "Bearer"})


async def _too_deep(request: Request, _error: Exception) -> Response:
    return await _refused(request, too_deep())


async def _hung_up(request: Request, _error: Exception) -> Response:
    return await _refused(request, RequestError("The caller hung up before the whole body had come."))


async def _http_refused(_request: Request, error: Exception) -> Response:
    refusal = cast("HTTPException", error)
    code, text = _HTTP_REFUSALS[refusal.status_code]
    return as_json(outcome_json(code, text), status=refusal.status_code, headers=refusal.headers)


def _fault(reference: str) -> Response:
    text = f"An unexpected fault; its reference is {reference}."
    return as_json(outcome_json("exception", text), status=500)


_SENT_AWAY = as_json(
    outcome_json("throttled", str(Overloaded())), status=503, headers={"Retry-After": str(RETRY_AFTER_S)}
)
"""Made once: under load this is what most callers get."""
