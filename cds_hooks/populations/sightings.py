"""sightings: the first look at a file: whose its lines are, whose charts could make a rule speak, what is counted.

Files are read twice. First of each line only what tells that; then only what belongs to charts that are assessed
is cut out, and read in full (`scatter`). What is not plainly one line after another is cut out as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cds_hooks.populations.lines import Line, codes_of, decoder, glancer
from cds_hooks.populations.owners import patients_of
from cds_hooks.populations.rows import REQUEST, Row
from cds_hooks.populations.scatter import Scatter, together
from cds_hooks.populations.screen import Screen


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one block showed."""

    patients: Sequence[str]
    """Whose charts it is a part of; of plain lines the patient of each."""
    awake: Collection[str]
    """Those of them whose charts are to be assessed, and those with a hook request of their own."""
    places: Sequence[tuple[int, int]]
    """Where what can be cut out by itself begins and ends in the block."""
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
        starts = _starts(content) if lines else []
        if len(starts) != len(lines) + 1 or lines[0].resource_type in self._kept:
            return _whole(content, self.scatter.rows(content))
        return self._of_lines(lines, content, starts)

    def document(self, content: bytes) -> Sighting:
        """What one document showed."""
        return _whole(content, self.scatter.document(content))

    def _of_lines(self, lines: list[Line], content: bytes, starts: list[int]) -> Sighting:
        kind, patients = lines[0].resource_type, patients_of(lines)
        codes = codes_of(kind, lines)
        self.scatter.see(kind, codes)
        read, may_speak = decoder(kind).decode, self._screen.may_speak
        unsure = self._screen.unsure(lines, codes)
        awake = {patients[n] for n in unsure if may_speak(read(content[starts[n] : starts[n + 1]]))}
        places = list(pairwise(starts))
        if "" in patients:
            self.scatter.nobodys(line for line, patient in zip(lines, patients, strict=True) if not patient)
            places = [place for place, patient in zip(places, patients, strict=True) if patient]
            patients = [patient for patient in patients if patient]
        return Sighting(patients, awake - {""}, places, by_line=True)


def _whole(content: bytes, rows: Iterable[Row]) -> Sighting:
    found = list(rows)
    patients = {row.patient for row in found if row.kind != REQUEST} - {""}
    awake = {row.patient for row in found if row.may_speak} - {""}
    return Sighting(list(patients), awake, [(0, len(content))], by_line=False)


def _starts(content: bytes) -> list[int]:
    """Where each line begins, and where the last one ends."""
    found, end = [0], len(content)
    while found[-1] < end:
        found.append(content.find(b"\n", found[-1]) + 1 or end)
    return found
