"""Medicines in the orders that are being written, and whether the chart blames one of them for something before.

A draft counts as soon as it names the medicine; nothing about dose, route or signature is awaited. What nobody
can identify leaves the finding unknown. Blame needs a record that says so: an allergy with that reaction, or a
problem that means it and names the medicine in its words, however long ago.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cds_hooks.chart.record import LIST_WORDS, Coded, Intolerance, Listing, ListRead, Problem
from cds_hooks.model.findings import FindingRule, MedicationTest
from cds_hooks.model.library import Library
from cds_hooks.model.results import Evidence, Finding, Gap, GapReason
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.codes import meaning
from cds_hooks.reasoning.entries import Chart
from cds_hooks.reasoning.medicines import Medicines, Taken, charted_by, ingredients_in, is_asked_for, named_in

_BLAMING = ("AllergyIntolerance", "Condition")
"""Lists that must be read whole before silence about a medicine tells anything."""


@dataclass(frozen=True, slots=True)
class _Blame:
    """An entry that blames medicines for a concept."""

    entry: Intolerance | Problem
    concept: str
    ingredients: tuple[str, ...]


def find_proposed(rule: FindingRule, test: MedicationTest, medicines: Medicines, chart: Chart) -> Finding:
    """PRESENT with a line for each asked ingredient in a draft, and for what blames it; ABSENT without a draft.

    UNKNOWN while a draft cannot be identified, or the lists that could blame a medicine were not read.
    """
    asked = [item for item in medicines.proposed if _is_asked(item, test)]
    blames = tuple(_blames(test.blamed_for, chart)) if test.blamed_for else ()
    counting = [(item, _blaming(item, blames, test, chart.library)) for item in asked]
    present = [(item, because) for item, because in counting if because or not test.blamed_for]
    if present:
        return Finding(rule.id, Truth.PRESENT, evidence=tuple(_evidence(present, chart.library, chart.at)))
    gaps = tuple(_gaps(test, medicines, chart.record.lists, has_asked=bool(asked), has_blame=bool(blames)))
    return Finding(rule.id, Truth.UNKNOWN if gaps else Truth.ABSENT, gaps=gaps)


def _is_asked(item: Taken, test: MedicationTest) -> bool:
    """Any medicine where the test names none; by any route that is not stated to be another."""
    names_none = not (test.ingredients or test.classes or test.mechanisms)
    by_route = not (test.routes and item.route) or item.route in test.routes
    return by_route and (names_none or is_asked_for(item, test))


def _blames(concepts: Iterable[str], chart: Chart) -> Iterator[_Blame]:
    library, wanted = chart.library, frozenset(concepts)
    for intolerance in chart.record.intolerances:
        for concept in _meant(intolerance.reactions, wanted, library):
            yield _Blame(intolerance, concept, ingredients_in(intolerance.substances, library))
    for problem in chart.record.problems:
        if not problem.denied and not problem.doubtful:
            for concept in _meant((problem.what,), wanted, library):
                yield _Blame(problem, concept, named_in((problem.what,), library))


def _meant(said: Iterable[Coded], wanted: frozenset[str], library: Library) -> Iterator[str]:
    """The first wanted concept of each entry."""
    for coded in said:
        yield from [concept for concept in meaning(coded, library).concepts if concept in wanted][:1]


def _blaming(item: Taken, blames: Iterable[_Blame], test: MedicationTest, library: Library) -> list[_Blame]:
    """The blames that hold for this medicine: by its name, or by an asked class that both belong to."""
    classes = frozenset(test.classes).intersection(item.ingredient.classes)
    return [
        blame
        for blame in blames
        if any(
            name == item.ingredient.id or not classes.isdisjoint(library.concepts[name].classes)
            for name in blame.ingredients
        )
    ]


def _evidence(
    present: Iterable[tuple[Taken, Iterable[_Blame]]], library: Library, at: datetime
) -> Iterator[Evidence]:
    """The draft's line, then those of the entries that blame it; none twice."""
    lines: dict[Evidence, None] = {}
    for item, because in present:
        lines |= dict.fromkeys(charted_by([item], at))
        lines |= dict.fromkeys(_line(blame, library) for blame in because)
    yield from lines


def _line(blame: _Blame, library: Library) -> Evidence:
    name = library.concepts[blame.concept].name
    entry = blame.entry
    if isinstance(entry, Problem):
        return Evidence(entry.reference, name, since=entry.onset or entry.recorded, restricted=entry.restricted)
    culprits = " + ".join(library.concepts[one].name for one in blame.ingredients)
    return Evidence(
        entry.reference, culprits, f"recorded reaction, {name}", entry.recorded, restricted=entry.restricted
    )


def _gaps(
    test: MedicationTest, medicines: Medicines, lists: Mapping[str, ListRead], *, has_asked: bool, has_blame: bool
) -> Iterator[Gap]:
    """What leaves it open: a draft without a readable name, and for blame a list that was not read whole."""
    if medicines.unidentified_drafts and (has_blame or not test.blamed_for):
        yield Gap("proposed medication", GapReason.UNIDENTIFIED, count=medicines.unidentified_drafts)
    for name in _BLAMING if test.blamed_for and (has_asked or medicines.unidentified_drafts) else ():
        state = lists.get(name, ListRead(Listing.NOT_READ))
        if state.state is not Listing.COMPLETE:
            yield Gap(LIST_WORDS[name], state.reason or GapReason.NOT_SUPPLIED)
