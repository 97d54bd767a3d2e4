"""The page at / and the little it asks for besides the FHIR server and the CDS service.

/                        the page, /page/… its modules and styles
/page/stories.json       the patients: headline, kind, and the cards that the tests expect
/page/rendered           Markdown of cards -> HTML that is safe to show
/page/written/{release}  resources in FHIR R4 -> as another release writes them

The page loads nothing from elsewhere and runs no script but its own; the headers below hold it to that.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.dialects import RELEASES
from sandbox.golden import golden_cards
from sandbox.rendering import safe_html
from sandbox.store import Store, Story

PATH = "/page"
FOLDER = Path(__file__).parent / "page"

_Shape = TypeVar("_Shape")
_MOST_BYTES = 10_000_000
_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types rendered-by-the-server"
)
HEADERS: Mapping[bytes, bytes] = {
    b"content-security-policy": _POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-cache",  # the files of a checkout change; asking again costs nothing here
}


def page_router(charts: Callable[[], Store]) -> Starlette:
    """The page as an ASGI application that answers / and everything under PATH."""
    server = _Server(charts)
    return Starlette(
        routes=[
            Route("/", server.page),
            Route(f"{PATH}/stories.json", server.stories),
            Route(f"{PATH}/rendered", server.rendered, methods=["POST"]),
            Route(f"{PATH}/written/{{release}}", server.written, methods=["POST"]),
            Mount(PATH, StaticFiles(directory=FOLDER)),
        ],
        middleware=[Middleware(_Guarded), Middleware(GZipMiddleware, compresslevel=6)],
    )


class _Server:
    def __init__(self, charts: Callable[[], Store]) -> None:
        self._charts = charts
        self._golden = golden_cards()

    async def page(self, _request: Request) -> Response:
        return FileResponse(FOLDER / "index.html")

    async def stories(self, _request: Request) -> Response:
        return JSONResponse([self._told(story) for story in self._charts().stories])

    def _told(self, story: Story) -> dict[str, Any]:
        told = {"id": story.id, "kind": story.kind, "headline": story.headline, "patient": story.patient}
        return {**told, "golden": self._golden[story.id]} if story.id in self._golden else told

    async def rendered(self, request: Request) -> Response:
        texts = await _body(request, list[str])
        return JSONResponse([safe_html(text) for text in texts])

    async def written(self, request: Request) -> Response:
        release = RELEASES.get(request.path_params["release"])
        if release is None:
            raise HTTPException(404, f"no such release; there are {', '.join(RELEASES)}")
        try:
            return JSONResponse([release(resource) for resource in await _body(request, list[dict[str, Any]])])
        except (AttributeError, KeyError, TypeError):
            raise HTTPException(400, "these are no FHIR R4 resources of a chart") from None


async def _body(request: Request, shape: type[_Shape]) -> _Shape:
    """The body as this shape. Raises HTTPException when it is another, or too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise HTTPException(413, "too large")
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.MsgspecError as error:
        raise HTTPException(400, str(error)) from None


class _Guarded:
    """Puts HEADERS on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS.items()]
            await send(message)

        await self._app(scope, receive, guarded)
