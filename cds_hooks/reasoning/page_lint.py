"""What must hold of the leaflet and of the declared attributes before a library may be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from cds_hooks.model.library import Library

_NUMBER = "{number}"


def page_faults(library: Library) -> Iterator[str]:
    """Each as `file:line: what is wrong; the mend`."""
    yield from _leaflet_faults(library)
    yield from _attribute_faults(library)


def _leaflet_faults(library: Library) -> Iterator[str]:
    at = "knowledge/leaflet.yaml:1"
    leaflet = library.leaflet
    if leaflet is None:
        return
    if _NUMBER not in leaflet.emergency.lead:
        yield f"{at}: `lead` of `emergency` has no {_NUMBER}; write it where the emergency number belongs"
    if not leaflet.emergency.lines:
        yield f"{at}: `emergency` has no lines, so nothing would stand beside what reassures; write them"
    for cite in leaflet.citations:
        if cite.source not in library.citations:
            yield f"{at}: unknown citation `{cite.source}`; write it in knowledge/citations.yaml or mend the id"


def _attribute_faults(library: Library) -> Iterator[str]:
    for field in fields(library.attributes):
        listed = getattr(library.attributes, field.name)
        for name in listed if isinstance(listed, tuple) else ():
            if name not in library.concepts:
                yield f"knowledge/attributes.yaml:1: `{field.name}` names the unknown concept `{name}`; mend it"
