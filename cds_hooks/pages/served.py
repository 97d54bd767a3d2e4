"""served: what the service shows of itself to people and record systems. Nothing of a patient is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import msgspec

from cds_hooks.model.criteria import Hook
from cds_hooks.model.library import Library
from cds_hooks.pages.attributes import source_attributes
from cds_hooks.pages.document import html_body
from cds_hooks.pages.knowledge import knowledge_page
from cds_hooks.pages.leaflet import leaflet_body
from cds_hooks.pages.sheet import POLICY, sheet

KNOWLEDGE = "/knowledge"
"""Every rule, with an anchor for each: `/knowledge#R-MEN-01`."""
LEAFLET = "/leaflet"
"""What a clinician may hand to a patient."""

PAGE_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Served:
    """One answer that is the same for everybody; `body` makes it when it is first asked for."""

    media_type: str
    body: Callable[[], bytes]
    headers: Mapping[str, str] = field(default_factory=dict)


def served(library: Library, region: str, services: Iterable[tuple[str, Hook]]) -> Mapping[str, Served]:
    """By path: the knowledge page, the leaflet if there is one, the source attributes of each service."""
    return dict(_all(library, region, services))


def _all(library: Library, region: str, services: Iterable[tuple[str, Hook]]) -> Iterator[tuple[str, Served]]:
    yield KNOWLEDGE, _page(lambda: _knowledge(library))
    leaflet = library.leaflet
    if leaflet is not None:
        yield LEAFLET, _page(lambda: sheet(leaflet.title, leaflet_body(leaflet, library, region), "leaflet"))
    for service_id, hook in services:
        yield f"/cds-services/{service_id}/source-attributes", _attributes(library, hook)


def _page(make: Callable[[], bytes]) -> Served:
    return Served("text/html; charset=utf-8", cache(make), PAGE_HEADERS)


def _attributes(library: Library, hook: Hook) -> Served:
    return Served("application/json", cache(lambda: msgspec.json.encode(source_attributes(library, hook))))


def _knowledge(library: Library) -> bytes:
    page = knowledge_page(library)
    return sheet(f"Pinpoint: {page.title}", html_body(page))
