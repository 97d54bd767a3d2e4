"""Medicines a chart says are taken: which ingredient, by which route, since when, until when.

A code is believed before a name, and every ingredient of a combination counts. What cannot be
identified is counted as a gap; it is never read as "not taken".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Literal

from cds_hooks.chart.record import NOT_READ, Coded, Listing, ListRead, MedicationUse, PatientRecord
from cds_hooks.model.codes import Concept
from cds_hooks.model.findings import FindingRule, MedicationTest
from cds_hooks.model.library import Library
from cds_hooks.model.results import RESTRICTED, Evidence, Finding, Gap, GapReason
from cds_hooks.model.truth import Span, Truth, When
from cds_hooks.reasoning.codes import SYSTEMS, by_code, folded, meaning, names_in, system_uri, texts
from cds_hooks.reasoning.entries import Chart
from cds_hooks.reasoning.logic import all_of
from cds_hooks.reasoning.times import begun, is_within

MEDICATION_LISTS = ("MedicationStatement", "MedicationRequest")
"""Where medicines are charted; some servers keep only one of the two."""
_ROUTE_UNSTATED = "route not stated"
_SOURCE_WORDS: Mapping[str, str] = {
    "ordered": "prescribed",
    "reported": "reported as taken",
    "administered": "given",
    "dispensed": "dispensed",
    "proposed": "proposed in this order",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """One ingredient of one charted medicine. An empty route is a route that was not stated."""

    use: MedicationUse
    ingredient: Concept
    route: str
    certainty: Literal["coded", "text"]


@dataclass(frozen=True, slots=True)
class Medicines:
    """Ingredients found on a chart, and how many medicines have no name or code that we can read."""

    taken: tuple[Taken, ...]
    unidentified: int
    proposed: tuple[Taken, ...] = ()
    """Those of the orders that are being written; never taken yet."""
    unidentified_drafts: int = 0
    unseen: tuple[Gap, ...] = ()
    """What of the medicines taken cannot be seen: those that nobody can identify, and lists that were not read."""


def identify(record: PatientRecord, library: Library) -> Medicines:
    """Every known ingredient of every charted medicine; planned and refused medicines included."""
    taken, unidentified = _identified((use for use in record.medications if not use.drafted), library)
    drafts, unidentified_drafts = _identified((use for use in record.medications if use.drafted), library)
    unseen = tuple(_unseen(record, unidentified))
    return Medicines(taken, unidentified, drafts, unidentified_drafts, unseen)


def find_medicine(rule: FindingRule, test: MedicationTest, medicines: Medicines, chart: Chart) -> Finding:
    """PRESENT with one line for each ingredient taken or recently stopped.

    UNKNOWN when only the route or the start leaves it open, when a medicine could not be identified, or
    when the medication lists were not read; ABSENT when both lists were read completely.
    """
    judged = [(item, _counts(item, test, chart.at)) for item in medicines.taken if is_asked_for(item, test)]
    present = [item for item, truth in judged if truth is Truth.PRESENT]
    if present:
        return Finding(rule.id, Truth.PRESENT, evidence=tuple(charted_by(present, chart.at)))
    open_items = [item for item, truth in judged if truth is Truth.UNKNOWN]
    gaps = tuple(_open_gap(item) for item in open_items) + medicines.unseen
    decided = rule.when_missing == "absent_if_list_read" and not gaps
    return Finding(rule.id, Truth.ABSENT if decided else Truth.UNKNOWN, gaps=gaps)


def medicines_were_read(lists: Mapping[str, ListRead]) -> bool:
    """True when one medication list is complete and the other too, or not kept by this server."""
    states = [lists.get(name, NOT_READ) for name in MEDICATION_LISTS]
    if not any(_complete(state) for state in states):
        return False
    return all(_complete(state) or state.reason is GapReason.NOT_SUPPORTED for state in states)


def ingredients_in(coded: Iterable[Coded], library: Library) -> tuple[str, ...]:
    """Ids of the ingredients that codes name, or the words where no code is known."""
    said = tuple(coded)
    return tuple(_by_codes(said, library)) or named_in(said, library)


def named_in(coded: Iterable[Coded], library: Library) -> tuple[str, ...]:
    """Ids of the ingredients that are named in the words of the entries."""
    return tuple(dict.fromkeys(_by_name(coded, library)))


def _identified(uses: Iterable[MedicationUse], library: Library) -> tuple[tuple[Taken, ...], int]:
    """The known ingredients, and how many uses name nothing that we can read."""
    taken: list[Taken] = []
    unidentified = 0
    for use in sorted(uses, key=attrgetter("reference")):
        found = tuple(_ingredients(use, library))
        taken += found
        unidentified += not found and not _has_a_name(use)
    return tuple(taken), unidentified


def _ingredients(use: MedicationUse, library: Library) -> Iterator[Taken]:
    route = _charted_route(use, library)
    coded = _by_codes((use.what, *use.ingredients), library)
    for ingredient, implied in coded.items():
        yield Taken(use, library.concepts[ingredient], route or implied, "coded")
    if not coded:
        for ingredient in _by_name((use.what, *use.ingredients), library):
            yield Taken(use, library.concepts[ingredient], route, "text")


def _by_codes(coded: Iterable[Coded], library: Library) -> Mapping[str, str]:
    """Ingredients by code -> the route their codes agree on; a product says it more exactly than a group."""
    codings = [(system_uri(coding.system), coding) for item in coded for coding in item.codings]
    products = [
        (product.ingredient, product.route)
        for system, coding in codings
        for product in library.products.get((system, coding.code), ())
    ]
    groups = [
        (concept, _implied_route(library.concepts[concept], system, coding.code))
        for system, coding in codings
        for concept in by_code(coding, library)
        if library.concepts[concept].kind == "ingredient"
    ]
    names = dict.fromkeys(name for name, _ in (*products, *groups))
    return {name: _agreed_route(name, products) or _agreed_route(name, groups) for name in names}


def _agreed_route(ingredient: str, routes: Iterable[tuple[str, str]]) -> str:
    stated = {route for name, route in routes if name == ingredient and route}
    return stated.pop() if len(stated) == 1 else ""


def _implied_route(ingredient: Concept, system: str, code: str) -> str:
    """The route of the ingredient's code, or of the ATC group it belongs to."""
    for known in ingredient.codes:
        same = code.startswith(known.code) if system == SYSTEMS["atc"] else code == known.code
        if known.route and system_uri(known.system) == system and same:
            return known.route
    return ""


def _by_name(coded: Iterable[Coded], library: Library) -> Iterator[str]:
    for text in (text for item in coded for text in texts(item)):
        for ingredient in names_in(text, library.medicine_words):
            if not any(folded(denied) in folded(text) for denied in library.concepts[ingredient].deny):
                yield ingredient


def _charted_route(use: MedicationUse, library: Library) -> str:
    for coded in use.routes:
        for concept in meaning(coded, library).concepts:
            if library.concepts[concept].kind == "route":
                return concept
    return ""


def _has_a_name(use: MedicationUse) -> bool:
    """Whether words stand there: a number is no name."""
    written = (text for item in (use.what, *use.ingredients) for text in texts(item))
    return any(any(map(str.isalpha, text)) for text in written)


def is_asked_for(item: Taken, test: MedicationTest) -> bool:
    """Whether the test asks for this ingredient by name, class or mechanism."""
    ingredient = item.ingredient
    return (
        ingredient.id in test.ingredients
        or any(name in ingredient.classes for name in test.classes)
        or any(name in ingredient.mechanisms for name in test.mechanisms)
    )


def _counts(item: Taken, test: MedicationTest, at: datetime) -> Truth:
    """Kleene `and` of: taken or stopped recently, by an asked route, started when asked."""
    start = item.use.start or item.use.written
    started = begun(start, within=test.started_within, before=test.started_before, at=at)
    return all_of((_in_use(item, test, at), _by_route(item, test), started))


def _in_use(item: Taken, test: MedicationTest, at: datetime) -> Truth:
    use = item.use
    if use.state in ("not-taken", "planned"):
        return Truth.ABSENT
    if use.state == "unknown":
        return Truth.UNKNOWN
    ended = _ended(use, at)
    if ended is None:
        return Truth.PRESENT if use.state == "current" else Truth.UNKNOWN
    still = test.ended_within or Span(days=item.ingredient.offset_days or 0)
    return Truth.PRESENT if is_within(ended, still, at) else Truth.ABSENT


def _ended(use: MedicationUse, at: datetime) -> When | None:
    """When the use ended; None while it goes on. An ended order without an end counts from its writing."""
    if use.end is not None and use.end.latest <= at:
        return use.end
    return None if use.state == "current" else use.end or use.written or use.start


def _by_route(item: Taken, test: MedicationTest) -> Truth:
    if not test.routes:
        return Truth.PRESENT
    if not item.route:
        return Truth.UNKNOWN
    return Truth.PRESENT if item.route in test.routes else Truth.ABSENT


def charted_by(present: list[Taken], at: datetime) -> Iterator[Evidence]:
    """One line for each ingredient: what is taken now before what was stopped, then by reference."""
    ranked = sorted(present, key=lambda t: (t.ingredient.id, _ended(t.use, at) is not None, t.use.reference))
    for item in {t.ingredient.id: t for t in reversed(ranked)}.values():
        ended = None if item.use.drafted else _ended(item.use, at)
        flags = () if item.route or item.use.drafted else (_ROUTE_UNSTATED,)
        yield Evidence(
            reference=item.use.reference,
            label=item.ingredient.name,
            value=_SOURCE_WORDS[item.use.source],
            at=item.use.end if ended else None,
            since=None if item.use.drafted else item.use.start or item.use.written,
            certainty=item.certainty,
            flags=("ended", *flags) if ended else flags,
            restricted=item.use.restricted,
        )


def _open_gap(item: Taken) -> Gap:
    what = RESTRICTED if item.use.restricted else item.ingredient.name
    return Gap(what, GapReason.VALUE_UNKNOWN, item.use.reference)


def _unseen(record: PatientRecord, unidentified: int) -> Iterator[Gap]:
    if unidentified:
        yield Gap("medication", GapReason.UNIDENTIFIED, count=unidentified)
    if not medicines_were_read(record.lists):
        states = (record.lists.get(name, NOT_READ) for name in MEDICATION_LISTS)
        yield Gap(
            "medication list", next((s.reason for s in states if s.reason is not None), GapReason.NOT_SUPPLIED)
        )


def _complete(state: ListRead) -> bool:
    return state.state is Listing.COMPLETE
