"""links: from a card to our own pages, the rule behind it and the leaflet. Without a public address: none."""

from __future__ import annotations

from collections.abc import Iterator

from cds_hooks.cards.wire import Card, Link
from cds_hooks.model import ABOUT_ORDERS, Assessment, Library, Truth


def links_of(card: Card, assessment: Assessment, library: Library, public_url: str) -> tuple[Link, ...]:
    """Of a card on which rules speak: the rule that heads it, and the leaflet where there is a skin finding.

    `library` is the one in whose words the card speaks: a rule whose words it hides is not named in a link either.
    """
    return tuple(_links(card, assessment, library, public_url)) if public_url else ()


def _links(card: Card, assessment: Assessment, library: Library, public_url: str) -> Iterator[Link]:
    if any(rule in library.causes for rule in card.rules):
        yield Link("About these causes", f"{public_url}/knowledge#causes")
    else:
        yield Link("About this rule", f"{public_url}/knowledge{_anchor(card.rules[0], library)}")
    is_about_skin = assessment.skin_bleeding is Truth.PRESENT and assessment.hook not in ABOUT_ORDERS
    if library.leaflet is not None and is_about_skin:
        yield Link("Leaflet for the patient", f"{public_url}/leaflet")


def _anchor(rule: str, library: Library) -> str:
    """Where the rule stands on the page; nowhere in particular when its words are hidden."""
    return f"#{rule}" if library.criteria[rule].id == rule else ""
