"""The addresses of whoever runs the service: probes, versions, counts, the report. Reads the clock for that."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.admin import CHALLENGE, is_admin
from cds_hooks.books import Books
from cds_hooks.cards.wire import outcome_json
from cds_hooks.deployment import Deployment
from cds_hooks.pages.served import PAGE_HEADERS
from cds_hooks.replies import as_json
from cds_hooks.tally import BREAKERS


class Probes:
    """What each of them answers; the counts and the report only to who has the admin token."""

    def __init__(self, deployment: Deployment, books: Books) -> None:
        self._deployment = deployment
        self._books = books
        books.tally.watch(BREAKERS, self._left_alone)

    async def live(self) -> Response:
        """The process answers."""
        return as_json(msgspec.json.encode({"status": "alive"}))

    async def ready(self) -> Response:
        """Ready when the rules still say of their canary patients what they must, as was asked lately."""
        if self._deployment.upkeep is None:
            return as_json(msgspec.json.encode({"status": "ready"}))
        canaries = self._deployment.upkeep.canaries
        canaries.start()
        if canaries.is_pending:
            return as_json(outcome_json("transient", "Canary patients are being asked."), status=503)
        if canaries.is_overdue:
            return as_json(outcome_json("exception", "Canary patients were not asked in time."), status=503)
        if canaries.turned:
            text = "Canary patients fail: " + ", ".join(canaries.turned)
            return as_json(outcome_json("exception", text), status=503)
        return as_json(msgspec.json.encode({"status": "ready"}))

    async def version(self) -> Response:
        """Which software and which knowledge answer, and what this site set otherwise."""
        site = {"site": self._deployment.site} if self._deployment.site else {}
        mode = {"mode": "silent"} if self._books.mode == "silent" else {}
        return as_json(msgspec.json.encode({**self._deployment.version, **site, **mode}))

    async def metrics(self, request: Request) -> Response:
        """Counts of this process, for Prometheus."""
        self._admit_admin(request)
        body, media_type = self._books.tally.text()
        return Response(body, media_type=media_type)

    async def insights(self, request: Request) -> Response:
        """The report on this deployment, as a page."""
        self._admit_admin(request)
        if self._deployment.insights is None:
            raise HTTPException(404)
        page = await self._deployment.insights(datetime.now(UTC))
        return Response(page, headers=PAGE_HEADERS, media_type="text/html; charset=utf-8")

    def _left_alone(self) -> dict[tuple[str, ...], float]:
        return {(server,): float(is_so) for server, is_so in self._deployment.client.breakers.left_alone().items()}

    def _admit_admin(self, request: Request) -> None:
        token = self._deployment.settings.admin_token
        if token is None:
            if not self._deployment.settings.is_sandbox:
                raise HTTPException(404)
        elif not is_admin(request.headers.getlist("authorization"), token.get_secret_value()):
            raise HTTPException(401, headers={"WWW-Authenticate": CHALLENGE})
