"""The patient's record from what the EHR sent: each resource read by itself, none of it trusted blindly.

Entries of another patient, entries dated in the future and entries that cannot be read are refused: each is
counted as a gap, and is missing from its list. How well each list was read stands beside the entries. The
same answers in another order, or with doubles, give the same record.
Source: CDS Hooks 2.0.1, Prefetch Template; FHIR R4 4.0.1, 2.3 References.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from cds_hooks.chart import shapes
from cds_hooks.chart.answers import Item, Opened, opened
from cds_hooks.chart.entries import Entry, entries, is_ahead
from cds_hooks.chart.lists import lists
from cds_hooks.chart.medicines import Find
from cds_hooks.chart.moment import brought
from cds_hooks.chart.owners import Owner
from cds_hooks.chart.people import person
from cds_hooks.chart.pool import Identity, identity, medications, one_of_each, reference, tail
from cds_hooks.chart.record import (
    Answer,
    Event,
    Intolerance,
    MedicationUse,
    Observed,
    Patient,
    PatientRecord,
    Problem,
    Query,
    Visit,
)
from cds_hooks.model.results import Gap, GapReason

_NO_CONTEXT: Final[Mapping[str, bytes]] = {}
_WORDS: Final = {
    "AllergyIntolerance": "Allergy",
    "Condition": "Entry in the problem list",
    "DiagnosticReport": "Report",
    "Encounter": "Visit",
    "Flag": "Alert",
    "Immunization": "Vaccination",
    "Medication": "Medicine",
    "MedicationAdministration": "Administered medicine",
    "MedicationDispense": "Dispensed medicine",
    "MedicationOrder": "Prescribed medicine",
    "MedicationRequest": "Prescribed medicine",
    "MedicationStatement": "Reported medicine",
    "Observation": "Result or observation",
    "Patient": "Patient details",
    "Procedure": "Procedure",
}
"""Our words for one entry that is a gap, by resource type; the phrase and the count follow them on a card."""


def read(
    queries: Sequence[Query],
    answers: Mapping[str, Answer],
    patient_id: str,
    at: datetime,
    loose: Sequence[bytes] = (),
    *,
    context: Mapping[str, bytes] = _NO_CONTEXT,
) -> PatientRecord:
    """What the chart says about this patient, and what could not be seen of it.

    Keys of `queries` without an answer count as not supplied. `loose` are values under unknown keys: their
    entries are used, but they make no list complete. `context` are the resources that the hook brings: drafts
    and new problems are read from them. `at` is now. Nothing is raised for what is in a chart.
    """
    held = {
        query.key: opened(answers[query.key], query.resource_type) for query in queries if query.key in answers
    }
    others = [opened(Answer((raw,)), "") for raw in loose]
    items = one_of_each(item for answer in (*held.values(), *others) for item in answer.items)
    mine, not_mine = _sorted_out(items, patient_id)
    patient, unread = person((i.resource for i in mine if isinstance(i.resource, shapes.Patient)), at)
    carried = one_of_each(item for raw in context.values() for item in opened(Answer((raw,)), "").items)
    shelf = _Shelf((*mine, *carried))
    found, ahead, left_out = _entries(mine, patient, shelf.find, at)
    new, foreign = _new(carried, patient_id, patient, shelf.find, at)
    found += new
    refused = (*not_mine, *ahead)
    return PatientRecord(
        patient or Patient(),
        tuple(entry for entry in found if isinstance(entry, Observed)),
        tuple(entry for entry in found if isinstance(entry, Problem)),
        tuple(entry for entry in found if isinstance(entry, MedicationUse)),
        tuple(entry for entry in found if isinstance(entry, Visit)),
        tuple(entry for entry in found if isinstance(entry, Event)),
        tuple(entry for entry in found if isinstance(entry, Intolerance)),
        lists(queries, _judged(queries, held, refused)),
        (*_gaps((*refused, *foreign)), *unread),
        tuple(sorted(shelf.missed)),
        patient_id,
        tuple(entry for entry in left_out if isinstance(entry, Observed | Problem)),
    )


def _sorted_out(items: Sequence[Item], patient_id: str) -> tuple[list[Item], list[Item]]:
    """The items that may be used, and those that may not, each with its flaw."""
    owner = Owner(patient_id, items)
    mine: list[Item] = []
    refused: list[Item] = []
    for item in items:
        if flaw := item.flaw or owner.refuses(item):
            refused.append(replace(item, flaw=flaw))
        else:
            mine.append(item)
    return mine, refused


def _judged(queries: Sequence[Query], held: Mapping[str, Opened], refused: Iterable[Item]) -> dict[str, Opened]:
    """The answers with the flaw on each entry that was refused, where it is of the type that was asked for."""
    flawed = {identity(item): item for item in refused}
    types = {query.key: query.resource_type for query in queries}
    return {key: _with_flaws(answer, types[key], flawed) for key, answer in held.items()}


def _with_flaws(answer: Opened, resource_type: str, flawed: Mapping[Identity, Item]) -> Opened:
    items = (flawed.get(identity(item), item) if item.kind == resource_type else item for item in answer.items)
    return replace(answer, items=tuple(items)) if flawed else answer


class _Shelf:
    """The Medications that came, by address, and the addresses that were asked for in vain."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._known = medications(items)
        self.missed: set[str] = set()

    def find(self, address: str) -> shapes.Medication | None:
        """The Medication at the address, relative or absolute; None is remembered."""
        found = self._known.get(address) or self._known.get(tail(address, "Medication"))
        if found is None:
            self.missed.add(address)
        return found


def _new(
    carried: Sequence[Item], patient_id: str, patient: Patient | None, find: Find, at: datetime
) -> tuple[list[Entry], list[Item]]:
    """The drafts and new problems of the hook, and what was left out because it is another patient's.

    The hook speaks of the patient whose chart is open: who names nobody that could be compared is taken as them.
    """
    _, refused = _sorted_out(carried, patient_id)
    left_out = [item for item in refused if item.flaw is not GapReason.OWNER_UNKNOWN]
    foreign = {identity(item) for item in left_out if item.flaw is GapReason.OTHER_PATIENT}
    ours = [item for item in carried if identity(item) not in foreign]
    return list(brought(ours, patient.born if patient else None, find, at)), left_out


def _entries(
    mine: Sequence[Item], patient: Patient | None, find: Find, at: datetime
) -> tuple[list[Entry], list[Item], list[Entry]]:
    """Every entry of the record; what was left out because it is dated in the future, as it came and as read."""
    born = patient.born if patient else None
    kept: list[Entry] = []
    ahead: list[Item] = []
    left_out: list[Entry] = []
    for item in mine:
        of_item = entries(item.resource, reference(item), born, find, at)
        if not is_ahead(of_item, at):
            kept.extend(of_item)
        elif not _is_appointment(item):
            ahead.append(replace(item, flaw=GapReason.FUTURE))
            left_out.extend(of_item)
    return kept, ahead, left_out


def _is_appointment(item: Item) -> bool:
    """A planned visit may lie in the future; there is nothing to read in it yet."""
    return isinstance(item.resource, shapes.Encounter) and item.resource.status == "planned"


def _gaps(refused: Iterable[Item]) -> tuple[Gap, ...]:
    """One gap for each type and reason. What is unreadable under an unknown key concerns nobody here."""
    by_words: Counter[tuple[str, GapReason]] = Counter()
    for item in refused:
        if item.kind and item.flaw:
            by_words[_WORDS.get(item.kind, "Entry of another kind"), item.flaw] += 1
    ordered = sorted(by_words.items(), key=lambda one: (one[0][0], one[0][1].value))
    return tuple(Gap(words, reason, count=count) for (words, reason), count in ordered)
