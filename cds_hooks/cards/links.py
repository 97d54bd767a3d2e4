"""links: from a card to the rule behind it, to the publication, and to the leaflet.

A card's source is a publication already, but not every record system lets one open it.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds_hooks.cards.wire import Card, Link
from cds_hooks.model.criteria import ABOUT_ORDERS
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment
from cds_hooks.model.truth import Truth


def links_of(card: Card, assessment: Assessment, library: Library, public_url: str) -> tuple[Link, ...]:
    """Of a card on which rules speak: its head rule and first publication, the leaflet with a skin finding.

    Without a public address there is nothing of our own to link to. `library` is the one in whose words the card
    speaks: a rule whose words it hides is not named in a link either.
    """
    return tuple(_links(card, assessment, library, public_url))


def _links(card: Card, assessment: Assessment, library: Library, public_url: str) -> Iterator[Link]:
    cause = next((rule for rule in card.rules if rule in library.causes), "")
    if public_url and cause:
        yield Link("About these causes", f"{public_url}/knowledge#causes")
    elif public_url:
        yield Link("About this rule", f"{public_url}/knowledge{_anchor(card.rules[0], library)}")
    cited = (library.causes[cause] if cause else library.criteria[card.rules[0]]).citations[0]
    yield Link(library.citations[cited.source].label, library.citations[cited.source].url)
    is_about_skin = assessment.skin_bleeding is Truth.PRESENT and assessment.hook not in ABOUT_ORDERS
    if public_url and library.leaflet is not None and is_about_skin:
        yield Link("Leaflet for the patient", f"{public_url}/leaflet")


def _anchor(rule: str, library: Library) -> str:
    """Where the rule stands on the page; nowhere in particular when its words are hidden."""
    return f"#{rule}" if library.criteria[rule].id == rule else ""
