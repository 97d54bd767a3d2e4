"""leaflet_body: the patient leaflet as HTML, with the emergency lines first and beside every reassurance.

What it says stands in knowledge/leaflet.yaml. Nothing of a patient and nothing of a rule is on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from cds_hooks.model.citations import Review
from cds_hooks.model.leaflet import Leaflet, LeafletHelp, LeafletPart
from cds_hooks.model.library import Library

_ANY_NUMBER = "the emergency number"


def leaflet_body(leaflet: Leaflet, library: Library, region: str) -> str:
    """The inside of an HTML body. Without a known number for the region it says "the emergency number"."""
    number = library.card.emergency_numbers.get(region, _ANY_NUMBER)
    emergency = _help(leaflet.emergency, number, "help", "h2")
    again = _help(leaflet.emergency, number, "help", "h3")
    parts = (_part(part, again if part.reassures else "") for part in leaflet.parts)
    return "\n".join(
        (
            f"<h1>{escape(leaflet.title)}</h1>",
            f"<p>{escape(leaflet.lead)}</p>",
            emergency,
            _help(leaflet.same_day, number, "help soon", "h2"),
            *parts,
            _foot(leaflet, library),
        )
    )


def _help(told: LeafletHelp, number: str, kind: str, heading: str) -> str:
    lead = escape(told.lead.replace("{number}", number))
    return (
        f'<section class="{kind}"><{heading}>{escape(told.heading)}</{heading}>'
        f"<p><strong>{lead}</strong></p>{_list(told.lines)}</section>"
    )


def _part(part: LeafletPart, beside: str) -> str:
    kind = ' class="beside"' if beside else ""
    return f"<section{kind}><h2>{escape(part.heading)}</h2>{_list(part.lines)}{beside}</section>"


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _foot(leaflet: Leaflet, library: Library) -> str:
    """What it rests on, how old it is, and who has looked at it. Titles of guidelines would name diagnoses."""
    used = (library.citations[cite.source] for cite in leaflet.citations)
    made_from = "; ".join(f"{source.publisher} ({source.year})" for source in used)
    state = (
        f"Checked by {leaflet.review.by} and {leaflet.review.checked_by}."
        if isinstance(leaflet.review, Review)
        else "Not yet checked by a clinician."
    )
    text = f"Made from pages of {made_from}. Version {library.card.version}, {library.card.date}. {state}"
    return f'<p class="small">{escape(text)}</p>'
