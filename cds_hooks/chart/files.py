"""Patient records from files: one for each patient in a request, a Bundle, or an export with a resource a line.

For the desk, not for calls: nothing is fetched, and a list counts as read as far as the file goes. An export
is worked on in portions, so that its size does not matter; a patient then comes once for each portion.
Source: FHIR R4 4.0.1, Bundle; Bulk Data Access 2.0.0, NDJSON output files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import BinaryIO

import msgspec
from msgspec import Raw

from cds_hooks.chart.pool import tail
from cds_hooks.chart.reader import read
from cds_hooks.chart.record import PatientRecord

_PORTION = 20_000
"""Lines of an export that are read together."""
_UNREADABLE = (msgspec.MsgspecError, RecursionError)


def records(file: BinaryIO, at: datetime) -> Iterator[PatientRecord]:
    """The record of each patient in the file, in the order of ids; what cannot be read is left out."""
    documents = _documents(file)
    while portion := list(islice(documents, _PORTION)):
        by_patient = _by_patient(entry for document in portion for entry in _entries(document))
        for patient, entries in sorted(by_patient.items()):
            yield read((), {}, patient, at, (msgspec.json.encode(_Bundle(entry=entries)),))


class _Entry(msgspec.Struct, rename="camel"):
    resource: Raw = Raw()
    full_url: str = ""


class _Bundle(msgspec.Struct, rename="camel"):
    resource_type: str = "Bundle"
    entry: list[_Entry] = []
    prefetch: dict[str, Raw] = {}
    hook_instance: str = ""


class _Reference(msgspec.Struct):
    reference: str = ""


class _Whose(msgspec.Struct, rename="camel"):
    resource_type: str = ""
    id: str = ""
    subject: _Reference | None = None
    patient: _Reference | None = None


def _documents(file: BinaryIO) -> Iterator[bytes]:
    """Each line when the first is JSON by itself, else the whole file."""
    first = file.readline()
    try:
        msgspec.json.decode(first)
    except _UNREADABLE:
        yield first + file.read()
    else:
        yield first
        yield from file


def _entries(document: bytes) -> Iterator[_Entry]:
    """The resources of a Bundle or of a request's prefetch, or the resource itself."""
    try:
        whole = msgspec.json.decode(document, type=_Bundle)
    except _UNREADABLE:
        return
    if whole.hook_instance:
        for value in whole.prefetch.values():
            yield from _entries(bytes(value))
    elif whole.resource_type == "Bundle":
        yield from whole.entry
    else:
        yield _Entry(Raw(document.strip()))


def _by_patient(entries: Iterable[_Entry]) -> dict[str, list[_Entry]]:
    """The entries by patient id; what is nobody's (a Medication) goes with everybody."""
    whose = [(entry, _whose(entry)) for entry in entries]
    ids = {entry.full_url: one.id for entry, one in whose if one.resource_type == "Patient" and entry.full_url}
    sorted_out: dict[str, list[_Entry]] = defaultdict(list)
    shared: list[_Entry] = []
    for entry, one in whose:
        reference = one.subject or one.patient
        if one.resource_type == "Patient":
            sorted_out[one.id].append(entry)
        elif reference and reference.reference:
            address = reference.reference
            sorted_out[ids.get(address) or tail(address, "Patient").removeprefix("Patient/")].append(entry)
        elif one.resource_type:
            shared.append(entry)
    if shared and not sorted_out:
        return {"": shared}
    return {patient: [*own, *shared] for patient, own in sorted_out.items()}


def _whose(entry: _Entry) -> _Whose:
    try:
        return msgspec.json.decode(entry.resource, type=_Whose)
    except _UNREADABLE:
        return _Whose()
