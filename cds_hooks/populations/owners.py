"""owners: whose an entry is, in a file of lines, in a Bundle and in a request.

A reference may be relative, absolute or versioned; inside a Bundle it may name the address of an entry. An entry
that says nothing is nobody's: in an export nobody asked for it as this patient's.
Source: FHIR R4 4.0.1, 2.3 References, 2.36.4 Resolving references in Bundles; CDS Hooks 2.0.1, context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from cds_hooks.chart.decoding import UNREADABLE_JSON, body
from cds_hooks.chart.pool import tail
from cds_hooks.chart.shapes import Other
from cds_hooks.populations.lines import Line

_PERSON: Final = "Patient"
_PREFIX: Final = "Patient/"
_ADDRESS: Final[Callable[[Line], str]] = attrgetter("subject.reference")


@dataclass(frozen=True, slots=True)
class Owned:
    """One entry of a Bundle: its bytes, address and type, and the id of its patient (empty for nobody's)."""

    raw: bytes
    address: str
    kind: str
    owner: str


@dataclass(frozen=True, slots=True)
class _Whose:
    kind: str = ""
    id: str = ""
    reference: str = ""


def patient_of(line: Line) -> str:
    """The id of the patient of a line; empty when it is nobody's."""
    if line.resource_type == _PERSON:
        return line.id
    whose = line.subject if line.subject is not UNSET else line.patient
    return "" if whose is UNSET else _patient_at(whose.reference)


def patients_of(lines: Sequence[Line]) -> list[str]:
    """The same of each of some lines, at once where all are written in the usual way."""
    try:
        named = [address[len(_PREFIX) :] for address in map(_ADDRESS, lines) if address.startswith(_PREFIX)]
    except AttributeError:  # one without a subject
        named = []
    is_usual = len(named) == len(lines) and "/" not in "".join(named)
    return named if is_usual else list(map(patient_of, lines))


def patient_in(line: bytes) -> str:
    """The same of a resource that is written oddly; empty also when it cannot be made out."""
    return _owner(_whose(line), {})


def patient_named(request: bytes) -> str:
    """The id of the patient that a hook request is about; empty when it names none."""
    try:
        return msgspec.json.decode(request, type=_Request).context.patient_id
    except UNREADABLE_JSON:
        return ""


def entries_of(bundle: bytes) -> tuple[Owned, ...] | None:
    """The entries of a Bundle that hold a resource; None when it cannot be read as a Bundle."""
    try:
        entries = msgspec.json.decode(bundle, type=_Bundle).entry
    except UNREADABLE_JSON:
        return None
    found = [(entry, bytes(entry.resource)) for entry in entries if entry.resource is not UNSET]
    told = [_whose(raw) for _, raw in found]
    people = {
        entry.full_url: one.id
        for (entry, _), one in zip(found, told, strict=True)
        if one.kind == _PERSON and entry.full_url
    }
    return tuple(
        Owned(raw, entry.full_url, one.kind, _owner(one, people))
        for (entry, raw), one in zip(found, told, strict=True)
    )


def _owner(one: _Whose, people: Mapping[str, str]) -> str:
    if one.kind == _PERSON:
        return one.id
    return people.get(one.reference) or _patient_at(one.reference)


def _patient_at(address: str) -> str:
    """The id in a reference to a Patient; empty for a reference to anything else."""
    name = address.removeprefix(_PREFIX)
    if len(name) < len(address) and "/" not in name:
        return name
    named = tail(address, _PERSON) if address and not address.startswith("#") else ""
    return named[len(_PREFIX) :] if named.startswith(_PREFIX) else ""


def _whose(raw: bytes) -> _Whose:
    try:
        resource = body(raw)
    except UNREADABLE_JSON:
        return _Whose()
    if resource is None or isinstance(resource, tuple):
        return _Whose()
    whose = resource.subject or resource.patient
    kind = resource.name if isinstance(resource, Other) else type(resource).__name__
    return _Whose(kind, resource.id, whose.reference if whose else "")


class _Entry(msgspec.Struct, rename="camel"):
    full_url: str = ""
    resource: Raw | UnsetType = UNSET


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []


class _Context(msgspec.Struct, rename="camel"):
    patient_id: str = ""


class _Request(msgspec.Struct):
    context: _Context = msgspec.field(default_factory=_Context)
