"""Which medicine a resource is about: its own codes, and those of the Medication it points to.

A Medication is contained in the resource, or stands elsewhere in what came back and is found by address.
One that cannot be found leaves the words beside the reference; the mapping counts it as not identified.
Source: FHIR R4 4.0.1, Medication; 2.3.0 References, 2.28 Contained Resources; R5 5.0.0, CodeableReference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from msgspec import Raw

from cds_hooks.chart.datatypes import Concept, Pointed, Reference
from cds_hooks.chart.decoding import UNREADABLE_JSON, body
from cds_hooks.chart.record import Coded
from cds_hooks.chart.shapes import Ingredient, Medication, OfMedicine
from cds_hooks.chart.values import coded

Find: TypeAlias = Callable[[str], Medication | None]
"""The Medication at an address, among all that came back."""


def medicine(resource: OfMedicine, find: Find) -> tuple[Coded, tuple[Coded, ...]]:
    """The medicine and its ingredients, in codings and text as far as they can be had; either may be empty."""
    pointed = resource.medication or Pointed()
    own = coded(resource.medication_codeable_concept or pointed.concept)
    reference = resource.medication_reference or pointed.reference
    found = _resolve(reference, resource.contained, find)
    what = _together(own, coded(found.code) if found else Coded(), _beside(reference))
    return what, tuple(_ingredients(found, resource.contained, find))


def _ingredients(found: Medication | None, contained: Iterable[Raw], find: Find) -> Iterable[Coded]:
    """Each ingredient that says anything."""
    for ingredient in found.ingredient if found else ():
        concept, reference = _named(ingredient)
        part = _resolve(reference, contained, find)
        what = _together(coded(concept), coded(part.code) if part else Coded(), _beside(reference))
        if what != Coded():
            yield what


def _named(ingredient: Ingredient) -> tuple[Concept | None, Reference | None]:
    item = ingredient.item or Pointed()
    return ingredient.item_codeable_concept or item.concept, ingredient.item_reference or item.reference


def _resolve(reference: Reference | None, contained: Iterable[Raw], find: Find) -> Medication | None:
    address = reference.reference if reference else ""
    if address.startswith("#"):
        return next((one for one in map(_medication, contained) if one and one.id == address[1:]), None)
    return find(address) if address else None


def _medication(raw: Raw) -> Medication | None:
    try:
        resource = body(raw)
    except UNREADABLE_JSON:
        return None
    return resource if isinstance(resource, Medication) else None


def _beside(reference: Reference | None) -> Coded:
    return Coded(text=reference.display.strip()) if reference else Coded()


def _together(*parts: Coded) -> Coded:
    """All codings, each once; the first text that there is."""
    codings = dict.fromkeys(coding for part in parts for coding in part.codings)
    return Coded(tuple(codings), next((part.text for part in parts if part.text), ""))
