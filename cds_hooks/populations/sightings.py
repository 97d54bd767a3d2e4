"""sightings: the first look at a file: whose its lines are, whose charts could make a rule speak, what is counted.

Files are read twice. First of each line only what tells that; then only what belongs to charts that are assessed
is cut out, and read in full (`scatter`). What is not plainly one line after another is cut out as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from cds_hooks.populations.lines import Line, codes_of, decoder, glancer
from cds_hooks.populations.owners import patients_of
from cds_hooks.populations.rows import REQUEST, Row
from cds_hooks.populations.scatter import Scatter, together
from cds_hooks.populations.screen import Screen


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one block showed."""

    patients: Sequence[str]
    """Whose charts it is a part of; of plain lines the patient of each, empty for what is nobody's."""
    awake: Collection[str]
    """Those of them whose charts are to be assessed, and those with a hook request of their own."""
    ends: Sequence[int]
    """Where what can be cut out by itself ends in the block; it begins where the one before ends."""
    by_line: bool
    """Whether that is each line; otherwise it is the whole block, to be read whoever is awake."""


class Scan:
    """Looks at the blocks of one file, and counts as `Scatter` does."""

    def __init__(self, screen: Screen, kept: frozenset[str]) -> None:
        """`kept` are resource types of which every line is needed later."""
        self._screen = screen
        self._kept = kept
        self.scatter = Scatter(screen)

    def block(self, content: bytes) -> Sighting:
        """What some lines showed."""
        lines = together(content, glancer)
        ends = _ends(content, len(lines)) if lines else []
        if not ends or lines[0].resource_type in self._kept:
            return _whole(content, self.scatter.rows(content))
        return self._of_lines(lines, content, ends)

    def document(self, content: bytes) -> Sighting:
        """What one document showed."""
        return _whole(content, self.scatter.document(content))

    def _of_lines(self, lines: list[Line], content: bytes, ends: list[int]) -> Sighting:
        kind, patients = lines[0].resource_type, patients_of(lines)
        codes = codes_of(kind, lines)
        self.scatter.see(kind, codes)
        read, may_speak, starts = decoder(kind).decode, self._screen.may_speak, [0, *ends]
        unsure = self._screen.unsure(lines, codes)
        awake = {patients[n] for n in unsure if may_speak(read(content[starts[n] : ends[n]]))}
        if "" in patients:
            self.scatter.nobodys(line for line, patient in zip(lines, patients, strict=True) if not patient)
        return Sighting(patients, awake - {""}, ends, by_line=True)


def _whole(content: bytes, rows: Iterable[Row]) -> Sighting:
    found = list(rows)
    patients = {row.patient for row in found if row.kind != REQUEST} - {""}
    awake = {row.patient for row in found if row.may_speak} - {""}
    return Sighting(list(patients), awake, [len(content)] if content else [], by_line=False)


def _ends(content: bytes, count: int) -> list[int]:
    """Where each of so many lines ends; none when lines are empty, or hold two resources."""
    end, index = 0, content.index
    try:
        ends = [end := index(b"\n", end) + 1 for _ in range(count - 1)]
    except ValueError:
        return []
    is_one_left = end < len(content) and content.find(b"\n", end, -1) < 0
    return [*ends, len(content)] if is_one_left else []
