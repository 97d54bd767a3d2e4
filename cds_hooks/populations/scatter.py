"""scatter: blocks of lines in, rows by patient out. The first of the two steps of every engine.

A line is a resource, a Bundle or a hook request. What carries no patient but is needed (a Medication) becomes a
row of nobody; everything else that cannot be used is counted. The rows hold what the reader would read, so that
a chart put together from them is the same chart.
Source: Bulk Data Access 2.0.0, output files (NDJSON, any order); FHIR R4 4.0.1, 2.36.4 references in Bundles.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from cds_hooks.chart.decoding import UNREADABLE_JSON, body
from cds_hooks.model.library import Library
from cds_hooks.populations.lines import KINDS, Line, codes_of, decoder, head, slimmer
from cds_hooks.populations.owners import Owned, entries_of, lacks_address, patient_in, patient_named, patient_of
from cds_hooks.populations.rows import BUNDLE, REQUEST, SPOILT, Bad, Row, Tally
from cds_hooks.populations.screen import Screen
from cds_hooks.populations.understood import COVERED, count_way

_SHARED: Final = "Medication"
_SPOILT: Final = frozenset({"", "OperationOutcome"})
"""What stands in place of an entry: what cannot be read, and what a server says went wrong."""


class Scatter:
    """Turns the blocks of one file into rows, and keeps a tally."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._ways: dict[str, Counter[bytes]] = defaultdict(Counter)
        self.tally = Tally()

    def rows(self, block: bytes) -> list[Row]:
        """A row for each entry of some lines; a block ends with the end of a line."""
        lines = together(block, decoder)
        if lines:
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

    def see(self, kind: str, codes: Sequence[bytes]) -> None:
        """Counts entries of one type, by the bytes that say what each is about."""
        self.tally.count(kind, len(codes))
        if kind in COVERED:
            self._ways[kind].update(codes)

    def counted(self, library: Library) -> Tally:
        """The tally, with the codes of the entries sorted by whether the library understands them."""
        for kind, ways in self._ways.items():
            del ways[b""]  # an entry that is about nothing is not counted
            for code, count in ways.items():
                count_way(self.tally, (kind, code), count, library)
        self._ways.clear()
        return self.tally

    def _of_resources(self, lines: list[Line]) -> list[Row]:
        kind, may_speak, encode = lines[0].resource_type, self._screen.may_speak, slimmer.encode
        self.see(kind, codes_of(kind, lines))
        rows = [Row(patient_of(line), kind, encode(line), "", may_speak(line)) for line in lines]
        if kind == _SHARED:
            return rows
        self.nobodys(line for row, line in zip(rows, lines, strict=True) if not row.patient)
        return [row for row in rows if row.patient]

    def _of_line(self, kind: str, line: bytes, address: str = "", whose: str = "") -> Iterator[Row]:
        """One resource by itself; what is written oddly stays as it is, and its chart is assessed."""
        if kind not in KINDS:
            self.tally.count(kind or "(none)")
            if not kind:
                self.tally.reject(Bad.NO_RESOURCE)
            return
        try:
            read = decoder(kind).decode(line)
            slim, patient, is_odd = slimmer.encode(read), whose or patient_of(read), _is_odd(line)
            may_speak = is_odd or self._screen.may_speak(read)
        except UNREADABLE_JSON:
            slim, patient, may_speak = line, whose or patient_in(line), True
            read = Line()
        self.see(kind, codes_of(kind, [read]))
        if patient or kind == _SHARED:
            yield Row(patient, kind, slim, address, may_speak)
        else:
            self.nobodys([read])

    def _of_request(self, line: bytes) -> Iterator[Row]:
        self.tally.count(REQUEST)
        patient = patient_named(line)
        if patient:
            yield Row(patient, REQUEST, line, "", may_speak=True)
        else:
            self.tally.reject(Bad.NO_PATIENT)

    def _of_bundle(self, line: bytes) -> Iterator[Row]:
        """Entries of a Bundle; a medicine that is nobody's goes with each patient of the Bundle."""
        entries = entries_of(line)
        if entries is None:
            self.tally.reject(Bad.UNREADABLE)
            return
        everybody = sorted({patient for entry in entries for patient in entry.owners})
        yield from (Row(patient, BUNDLE, b"") for patient in everybody)
        for entry in entries:
            if entry.kind in KINDS:
                for patient in entry.owners or ("",):
                    yield from self._of_entry(entry, patient)
            else:
                yield from self._of_line(entry.kind, entry.raw)
                if entry.kind in _SPOILT:
                    yield from (Row(patient, SPOILT, entry.raw, may_speak=True) for patient in entry.owners)

    def _of_entry(self, entry: Owned, patient: str) -> Iterator[Row]:
        """An entry that the reader may refuse stays as it is, and lets its chart be assessed."""
        rows = self._of_line(entry.kind, entry.raw, entry.address, patient)
        if entry.is_plain or entry.kind == _SHARED:
            yield from rows
        else:
            yield from (msgspec.structs.replace(row, slim=entry.raw, may_speak=True) for row in rows)

    def nobodys(self, lines: Iterable[Line]) -> None:
        """Counts lines that cannot be given to any patient."""
        for line in lines:
            self.tally.reject(Bad.NO_ADDRESS if lacks_address(line) else Bad.NO_PATIENT)


def together(block: bytes, decoders: Callable[[str], msgspec.json.Decoder[Line]]) -> list[Line]:
    """All lines of a block at once; none when they are not all plain resources of one type that is read."""
    try:
        kind = head.decode(block[: block.find(b"\n") + 1] or block).resource_type
        if kind not in KINDS or not _is_text(block):
            return []
        return decoders(kind).decode_lines(block)
    except UNREADABLE_JSON:
        return []


def _is_text(block: bytes) -> bool:
    """Whether all of it is UTF-8, also in members that nobody looks at. Raises UnicodeDecodeError."""
    return block.isascii() or bool(block.decode())


def _is_odd(line: bytes) -> bool:
    """Whether a line that decodes member by member does not decode as a whole."""
    if line.isascii():
        return False
    try:
        body(line)
    except UNREADABLE_JSON:
        return True
    return False
