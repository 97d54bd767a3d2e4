"""Whose an entry is: this patient's, somebody else's, or nobody can tell.

A subject is compared by its address. One that is contained has no address of its own, and its id names it inside
the resource only: it is compared by its identifiers, and by its id where it has none and no other birth date.
An identifier compares only with one of the same system.
Source: FHIR R4 4.0.1, 2.3 References (logical references), 2.28 Contained Resources, Identifier.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from cds_hooks.chart.answers import Item
from cds_hooks.chart.datatypes import Identifier, Reference
from cds_hooks.chart.decoding import UNREADABLE_JSON, body
from cds_hooks.chart.pool import reference, tail
from cds_hooks.chart.shapes import Known, Patient
from cds_hooks.model.results import GapReason

_Numbers: TypeAlias = frozenset[tuple[str, str]]
"""Identifiers as system and value."""


class Owner:
    """The patient whose chart is open, by every address and identifier under which they came."""

    def __init__(self, patient_id: str, items: Iterable[Item]) -> None:
        self._id = patient_id
        self._patient = f"Patient/{patient_id}"
        own = [item for item in items if reference(item) == self._patient]
        self._addresses = frozenset({self._patient, *(item.address for item in own if item.address)})
        people = [item.resource for item in own if isinstance(item.resource, Patient)]
        self._numbers = _numbers(number for person in people for number in person.identifier)
        self._births = tuple(person.birth_date for person in people if person.birth_date)

    def refuses(self, item: Item) -> GapReason | None:
        """Why the entry cannot be taken as theirs, or None. One that names nobody was asked for as theirs.

        An identifier or a name says who it is; whether that is this patient may be more than anyone can tell.
        """
        resource = item.resource
        if isinstance(resource, Patient):
            is_theirs = not resource.id or reference(item) in self._addresses
            return None if is_theirs else GapReason.OTHER_PATIENT
        whose = (resource and (resource.subject or resource.patient)) or Reference()
        address = whose.reference.strip()
        if address.startswith("#"):
            return self._refuses_contained(_contained(resource, address[1:]))
        if address:
            is_theirs = address in self._addresses or tail(address, "Patient") in self._addresses
            return None if is_theirs else GapReason.OTHER_PATIENT
        if whose.identifier:
            return self._by_numbers([whose.identifier], otherwise=GapReason.OWNER_UNKNOWN)
        return GapReason.OWNER_UNKNOWN if whose.display else None

    def _refuses_contained(self, person: Patient | None) -> GapReason | None:
        if person is None:
            return GapReason.OWNER_UNKNOWN
        is_theirs = person.id == self._id and not person.identifier and not self._is_born_otherwise(person)
        return self._by_numbers(person.identifier, otherwise=None if is_theirs else GapReason.OWNER_UNKNOWN)

    def _is_born_otherwise(self, person: Patient) -> bool:
        """By two dates of which neither is the beginning of the other, as "1990" is of "1990-05"."""
        born = person.birth_date
        return bool(born) and not all(one.startswith(born) or born.startswith(one) for one in self._births)

    def _by_numbers(self, written: Iterable[Identifier], *, otherwise: GapReason | None) -> GapReason | None:
        """By what can be compared: one number that is theirs is enough."""
        theirs = _numbers(written)
        if theirs & self._numbers:
            return None
        systems = {system for system, _ in self._numbers}
        return GapReason.OTHER_PATIENT if any(system in systems for system, _ in theirs) else otherwise


def _numbers(written: Iterable[Identifier]) -> _Numbers:
    return frozenset((one.system, one.value) for one in written if one.system and one.value)


def _contained(resource: Known | None, name: str) -> Patient | None:
    """The Patient of that id among what the resource contains."""
    for raw in resource.contained if resource else ():
        try:
            inside = body(raw)
        except UNREADABLE_JSON:
            continue
        if isinstance(inside, Patient) and inside.id == name:
            return inside
    return None
