"""owners: whose an entry is, in a file of lines, in a Bundle and in a request.

A reference may be relative, absolute or versioned; inside a Bundle it may name the address of an entry. A line
that says nothing is nobody's: in an export nobody asked for it as this patient's. What of a Bundle names its
patient in another way goes with the only patient that is there, and the reader decides as it does in the service;
of several it goes with those to whom it says it belongs.
Source: FHIR R4 4.0.1, 2.3 References, 2.36.4 Resolving references in Bundles; CDS Hooks 2.0.1, context.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from cds_hooks.chart.answers import Item
from cds_hooks.chart.decoding import UNREADABLE_JSON, body
from cds_hooks.chart.owners import Owner
from cds_hooks.chart.pool import tail
from cds_hooks.chart.shapes import Bundle, Known, Other, Patient
from cds_hooks.populations.lines import KINDS, Line

_PERSON: Final = "Patient"
_PREFIX: Final = "Patient/"
_DEPTH: Final = 3
"""Bundles inside a Bundle that are opened, as by the reader."""
_MISSPELT: Final = frozenset(kind.casefold() for kind in KINDS)
_ADDRESS: Final[Callable[[Line], str]] = attrgetter("subject.reference")


@dataclass(frozen=True, slots=True)
class Owned:
    """One entry of a Bundle: its bytes, address and type, and the ids of its patients (none for nobody's)."""

    raw: bytes
    address: str
    kind: str
    owners: tuple[str, ...]
    is_plain: bool
    """Whether an address says whose it is. All of any other entry must be kept: the reader decides."""


def patient_of(line: Line) -> str:
    """The id of the patient of a line; empty when it is nobody's."""
    if line.resource_type == _PERSON:
        return line.id
    whose = line.subject if line.subject is not UNSET else line.patient
    return "" if whose is UNSET else _patient_at(whose.reference)


def patients_of(lines: Sequence[Line]) -> list[str]:
    """The same of each of some lines, at once where all are written in the usual way."""
    try:
        addresses = "\n".join(map(_ADDRESS, lines))
    except AttributeError:  # one without a subject
        return list(map(patient_of, lines))
    named = addresses.removeprefix(_PREFIX).split(f"\n{_PREFIX}")
    is_usual = len(named) == len(lines) == addresses.count("/") == addresses.count("\n") + 1
    return named if is_usual else list(map(patient_of, lines))


def patient_in(line: bytes) -> str:
    """The same of a resource that is written oddly; empty also when it cannot be made out."""
    return _owner(_resource(line), {})


def patient_named(request: bytes) -> str:
    """The id of the patient that a hook request is about; empty when it names none."""
    try:
        return msgspec.json.decode(request, type=_Request).context.patient_id
    except UNREADABLE_JSON:
        return ""


def lacks_address(line: Line) -> bool:
    """Whether a line that is nobody's does name its patient, but by a number or a name, or inside itself."""
    whose = line.subject if line.subject is not UNSET else line.patient
    return whose is not UNSET and (not whose.reference or whose.reference.startswith("#"))


def entries_of(bundle: bytes) -> tuple[Owned, ...] | None:
    """The entries of a Bundle, also of those inside it; None when it cannot be read as a Bundle."""
    try:
        items = list(_items(bundle))
    except UNREADABLE_JSON:
        return None
    people = {item.address: item.resource.id for item in items if _is_person(item) and item.resource}
    named = [_owner(item.resource, people) for item in items]
    owners = _Owners(items, frozenset(named) - {""})
    return tuple(
        Owned(item.raw, item.address, item.kind, (name,) if name else owners.of(item), bool(name))
        for item, name in zip(items, named, strict=True)
    )


class _Owners:
    """The patients of a Bundle, asked whose an entry is that no address gives to any of them."""

    def __init__(self, items: Sequence[Item], ids: Collection[str]) -> None:
        self._ids = tuple(sorted(ids))
        self._people = [item for item in items if _is_person(item)]
        self._owners: dict[str, Owner] = {}

    def of(self, item: Item) -> tuple[str, ...]:
        """The only patient; of several those who do not refuse it, or all where its type names nobody."""
        if len(self._ids) == 1 or not _could_be_owned(item):
            return self._ids
        is_named = bool(item.resource and (item.resource.subject or item.resource.patient))
        return tuple(name for name in self._ids if is_named and not self._owner(name).refuses(item))

    def _owner(self, name: str) -> Owner:
        if name not in self._owners:
            self._owners[name] = Owner(name, self._people)
        return self._owners[name]


def _items(bundle: bytes, depth: int = 0) -> Iterator[Item]:
    """What a Bundle holds; an entry without a resource cannot be read. Raises one of UNREADABLE_JSON."""
    for entry in msgspec.json.decode(bundle, type=_Bundle).entry:
        raw = b"null" if entry.resource is UNSET else bytes(entry.resource)
        resource = _resource(raw)
        if isinstance(resource, Bundle) and depth < _DEPTH:
            yield from _items(raw, depth + 1)
        else:
            yield Item(_kind(resource), raw, resource, entry.full_url)


def _is_person(item: Item) -> bool:
    return item.kind == _PERSON


def _could_be_owned(item: Item) -> bool:
    """Whether it is an entry of somebody's chart: no medicine that is described, and nothing that went wrong."""
    return item.kind in KINDS and item.kind != "Medication"


def _owner(resource: Known | None, people: Mapping[str, str]) -> str:
    if resource is None:
        return ""
    if isinstance(resource, Patient):
        return resource.id
    whose = resource.subject or resource.patient
    address = whose.reference if whose else ""
    return (people.get(address) if address else "") or _patient_at(address)


def _patient_at(address: str) -> str:
    """The id in a reference to a Patient; empty for a reference to anything else."""
    name = address.removeprefix(_PREFIX)
    if len(name) < len(address) and "/" not in name:
        return name
    named = tail(address, _PERSON) if address and not address.startswith("#") else ""
    return named[len(_PREFIX) :] if named.startswith(_PREFIX) else ""


def _resource(raw: bytes) -> Known | None:
    try:
        resource = body(raw)
    except UNREADABLE_JSON:
        return None
    return None if isinstance(resource, tuple) else resource


def _kind(resource: Known | None) -> str:
    """Its type; empty for what is none. One of our types in other letters was meant, and cannot be read."""
    if resource is None or isinstance(resource, Other):
        name = resource.name if resource else ""
        return "" if name.casefold() in _MISSPELT else name
    return type(resource).__name__


class _Entry(msgspec.Struct, rename="camel"):
    full_url: str = ""
    resource: Raw | UnsetType = UNSET


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []


class _Context(msgspec.Struct, rename="camel"):
    patient_id: str = ""


class _Request(msgspec.Struct):
    context: _Context = msgspec.field(default_factory=_Context)
