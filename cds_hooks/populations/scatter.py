"""scatter: blocks of lines in, rows by patient out. The first of the two steps of every engine.

A line is a resource, a Bundle or a hook request. What carries no patient but is needed (a Medication) becomes a
row of nobody; everything else that cannot be used is counted. The rows hold what the reader would read, so that
a chart put together from them is the same chart.
Source: Bulk Data Access 2.0.0, output files (NDJSON, any order); FHIR R4 4.0.1, 2.36.4 references in Bundles.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from msgspec import UNSET

from cds_hooks.chart.decoding import UNREADABLE_JSON, body
from cds_hooks.model.library import Library
from cds_hooks.populations.lines import KINDS, Line, decoder, head, slimmer
from cds_hooks.populations.owners import entries_of, patient_in, patient_named, patient_of
from cds_hooks.populations.rows import BUNDLE, REQUEST, Bad, Row, Tally
from cds_hooks.populations.screen import Screen
from cds_hooks.populations.understood import COVERED, count_way

_SHARED: Final = "Medication"


class Scatter:
    """Turns the blocks of one file into rows, and keeps a tally. Files mostly hold one type."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._kind = "Observation"
        self._ways: dict[str, Counter[bytes]] = defaultdict(Counter)
        self.tally = Tally()

    def rows(self, block: bytes) -> list[Row]:
        """A row for each entry of some lines; a block ends with the end of a line."""
        lines = self._together(block)
        if lines is not None:
            return self._of_resources(lines)
        return [row for line in block.split(b"\n") if line.strip() for row in self.document(line)]

    def document(self, line: bytes) -> Iterator[Row]:
        """The rows of one resource, Bundle or request, however it is written."""
        try:
            first = head.decode(line)
        except UNREADABLE_JSON:
            self.tally.reject(Bad.UNREADABLE)
            return
        if first.hook_instance is not UNSET:
            yield from self._of_request(line)
        elif first.resource_type == BUNDLE:
            yield from self._of_bundle(line)
        else:
            yield from self._of_line(first.resource_type, line)

    def counted(self, library: Library) -> Tally:
        """The tally, with the codes of the entries sorted by whether the library understands them."""
        for kind, ways in self._ways.items():
            for code, count in ways.items():
                count_way(self.tally, (kind, code), count, library)
        self._ways.clear()
        return self.tally

    def _together(self, block: bytes) -> list[Line] | None:
        """All lines at once, when every one is a plain resource of the type seen last."""
        try:
            lines = decoder(self._kind).decode_lines(block) if block.isascii() else None
        except UNREADABLE_JSON:
            lines = None
        return lines if lines and all(line.resource_type == self._kind for line in lines) else None

    def _of_resources(self, lines: list[Line]) -> list[Row]:
        kind, may_speak, encode = self._kind, self._screen.may_speak, slimmer.encode
        self._count(kind, len(lines))
        self._see(kind, lines)
        rows = [Row(patient_of(line), kind, encode(line), "", may_speak(line)) for line in lines]
        if kind == _SHARED:
            return rows
        owned = [row for row in rows if row.patient]
        if len(owned) < len(rows):
            self.tally.reject(Bad.NO_PATIENT, len(rows) - len(owned))
        return owned

    def _of_line(self, kind: str, line: bytes, address: str = "", whose: str = "") -> Iterator[Row]:
        """One resource by itself; what is written oddly stays as it is, and its chart is assessed."""
        self._count(kind or "(none)", 1)
        if not kind:
            self.tally.reject(Bad.NO_RESOURCE)
        if kind not in KINDS:
            return
        self._kind = kind
        try:
            read = decoder(kind).decode(line)
            slim, patient, is_odd = slimmer.encode(read), whose or patient_of(read), _is_odd(line)
            may_speak = is_odd or self._screen.may_speak(read)
        except UNREADABLE_JSON:
            slim, patient, may_speak = line, whose or patient_in(line), True
            read = Line()
        self._see(kind, [read])
        if patient or kind == _SHARED:
            yield Row(patient, kind, slim, address, may_speak)
        else:
            self.tally.reject(Bad.NO_PATIENT)

    def _of_request(self, line: bytes) -> Iterator[Row]:
        self._count(REQUEST, 1)
        patient = patient_named(line)
        if patient:
            yield Row(patient, REQUEST, line, "", may_speak=True)
        else:
            self.tally.reject(Bad.NO_PATIENT)

    def _of_bundle(self, line: bytes) -> Iterator[Row]:
        """Entries of a Bundle; what is nobody's goes with each patient of the Bundle."""
        entries = entries_of(line)
        if entries is None:
            self.tally.reject(Bad.UNREADABLE)
            return
        everybody = sorted({entry.owner for entry in entries if entry.owner})
        yield from (Row(patient, BUNDLE, b"") for patient in everybody)
        for entry in entries:
            shared = not entry.owner and entry.kind == _SHARED
            for patient in (everybody or [""]) if shared else [entry.owner]:
                yield from self._of_line(entry.kind, entry.raw, entry.address, patient)

    def _count(self, kind: str, count: int) -> None:
        self.tally.resources[kind] = self.tally.resources.get(kind, 0) + count

    def _see(self, kind: str, lines: list[Line]) -> None:
        """Counts by the bytes that say what an entry is about."""
        member = COVERED.get(kind)
        if member:
            found = map(attrgetter(member), lines)
            self._ways[kind].update(bytes(code) for code in found if code is not UNSET)


def _is_odd(line: bytes) -> bool:
    """Whether a line that decodes member by member does not decode as a whole."""
    if line.isascii():
        return False
    try:
        body(line)
    except UNREADABLE_JSON:
        return True
    return False
