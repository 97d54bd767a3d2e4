"""A small EHR's FHIR side: a read-only, open FHIR R4 server over the sandbox's charts.

Open means: no token is asked for, and any web page may read it. It serves fictional patients only.
Addresses in answers are built from the configured base, never from the caller's Host header.
Source: FHIR R4, 3.1.0 RESTful API and 3.1.1 Search.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from sandbox.capability import capability_statement
from sandbox.search import PARAMETERS, Asked, Page, SearchError, search
from sandbox.store import Resource, Store

PATH = "/fhir"
_FORM = "application/x-www-form-urlencoded"
_JSON_FORMATS = ("json", "application/json", "application/fhir+json", "application/json+fhir")
_ISSUES = {400: "invalid", 404: "not-found", 405: "not-supported", 406: "not-supported", 415: "not-supported"}


class FhirResponse(JSONResponse):
    """A resource on the wire."""

    media_type = "application/fhir+json"


def fhir_router(charts: Callable[[], Store], *, base_url: str) -> Starlette:
    """The FHIR server as an ASGI application that answers under PATH.

    `charts` is asked for the store at every request, so stories can be told anew while it runs.
    `base_url` is the public address of the server, PATH included, without a slash at the end.
    """
    server = _Server(charts, base_url)
    routes = [
        Route("/metadata", server.metadata),
        Route("/{resource_type}", server.search_by_query),
        Route("/Patient/{patient_id}/$everything", server.everything),
        Route("/{resource_type}/_search", server.search_by_form, methods=["POST"]),
        Route("/{resource_type}/{resource_id}", server.read),
    ]
    open_to_any_page = Middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        allow_private_network=True,  # a hosted page that asks a server on this machine
    )
    return Starlette(
        routes=[Mount(PATH, routes=routes)],
        middleware=[open_to_any_page],
        exception_handlers={HTTPException: _http_refusal, SearchError: _search_refusal},
    )


class _Server:
    def __init__(self, charts: Callable[[], Store], base_url: str) -> None:
        self._charts = charts
        self._base_url = base_url

    async def metadata(self, _request: Request) -> Response:
        return FhirResponse(capability_statement(self._base_url))

    async def read(self, request: Request) -> Response:
        resource_type = _served_type(request)
        reference = f"{resource_type}/{request.path_params['resource_id']}"
        resource = self._charts().by_reference.get(reference)
        if resource is None:
            raise HTTPException(404, f"no {resource_type} has this id; GET {resource_type} lists them")
        return FhirResponse(resource)

    async def everything(self, request: Request) -> Response:
        """The whole chart on one page, the patient first; parameters that would narrow it are not read."""
        patient_id = request.path_params["patient_id"]
        story = next((story for story in self._charts().stories if story.id == patient_id), None)
        if story is None:
            raise HTTPException(404, "no Patient has this id; GET Patient lists them")
        others = tuple(one for one in story.resources if one is not story.patient)
        page = Page(total=1 + len(others), matches=(story.patient, *others), included=(), next_offset=None)
        return FhirResponse(
            _searchset(f"{self._base_url}/Patient/{patient_id}/$everything", self._base_url, (), page)
        )

    async def search_by_query(self, request: Request) -> Response:
        return self._answer(request, request.query_params.multi_items())

    async def search_by_form(self, request: Request) -> Response:
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
            raise HTTPException(415, f"_search takes its parameters as {_FORM}")
        form = parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
        return self._answer(request, [*request.query_params.multi_items(), *form])

    def _answer(self, request: Request, asked: Asked) -> Response:
        resource_type = _served_type(request)
        if any(name == "_format" and value not in _JSON_FORMATS for name, value in asked):
            raise HTTPException(406, "this server answers in JSON only; leave _format out")
        page = search(self._charts(), resource_type, asked)
        return FhirResponse(_searchset(f"{self._base_url}/{resource_type}", self._base_url, asked, page))


def _served_type(request: Request) -> str:
    resource_type: str = request.path_params["resource_type"]
    if resource_type not in PARAMETERS:
        raise HTTPException(404, f"this server holds no such type; it holds {', '.join(PARAMETERS)}")
    return resource_type


def _searchset(address: str, base_url: str, asked: Asked, page: Page) -> Resource:
    links = [_link("self", address, asked)]
    if page.next_offset is not None:
        others = [(name, value) for name, value in asked if name != "_offset"]
        links.append(_link("next", address, [*others, ("_offset", str(page.next_offset))]))
    entries = [
        *(_entry(base_url, resource, "match") for resource in page.matches),
        *(_entry(base_url, resource, "include") for resource in page.included),
    ]
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": page.total, "link": links}
    # FHIR has no empty arrays.
    return {**bundle, "entry": entries} if entries else bundle


def _link(relation: str, address: str, asked: Asked) -> dict[str, str]:
    return {"relation": relation, "url": f"{address}?{urlencode(asked)}" if asked else address}


def _entry(base_url: str, resource: Resource, mode: str) -> dict[str, Any]:
    full_url = f"{base_url}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": full_url, "resource": resource, "search": {"mode": mode}}


async def _http_refusal(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "the sandbox failed"
    headers = error.headers if isinstance(error, HTTPException) else None
    return FhirResponse(_outcome(status, detail), status_code=status, headers=headers)


async def _search_refusal(_request: Request, error: Exception) -> Response:
    return FhirResponse(_outcome(400, str(error)), status_code=400)


def _outcome(status: int, diagnostics: str) -> Resource:
    issue = {"severity": "error", "code": _ISSUES.get(status, "processing"), "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
