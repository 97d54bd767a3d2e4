"""register: who is in an export, whose charts are assessed, and where their lines stand; on disk, by input file.

Whose charts are assessed is kept as marks in a field: the same memory for any number of patients. Who has
the mark of another by chance is read for nothing, and not assessed. The ids lie among the spill files.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator
from itertools import compress, filterfalse, pairwise
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final

import msgspec

from cds_hooks.populations.rows import Tally
from cds_hooks.populations.runs import RunWriter, read_runs, whole_file
from cds_hooks.populations.sightings import Sighting
from cds_hooks.populations.sources import Places
from cds_hooks.populations.spill import bucket_of

_ALWAYS: Final = 1 << 22
"""The mark of what is read whoever it belongs to, above all others. The field has 4 MB: with 20,000 charts to
assess one in 200 of the others is read for nothing."""
_MARK: Final = _ALWAYS - 1
_NAME: Final = 100
"""Bytes that an id takes in memory."""
_NOBODY: Final = ""
_KNOWN: Final = 200_000
"""Ids that are remembered as written."""
_BLOCK: Final = Struct("<IQ")
"""How many marks there are of a block, and where it begins."""
_PEOPLE: Final = msgspec.msgpack.Decoder(list[str])
_TALLY: Final = msgspec.msgpack.Decoder(Tally)


class Awake:
    """The patients whose charts are assessed, and a few others."""

    def __init__(self, marks: Iterable[int], *, everyone: bool = False) -> None:
        self._field = bytearray([everyone]) * (_ALWAYS + 1)
        self._field[_ALWAYS] = True
        for mark in marks:
            self._field[mark] = True

    def __contains__(self, patient: str) -> bool:
        """Whether the entries of a patient are to be read."""
        return any(self.has(_marks([patient])))

    def has(self, marks: Iterable[int]) -> list[int]:
        """Whether what has these marks is to be read: 1 for yes."""
        return list(map(self._field.__getitem__, marks))


class Register:
    """What the first look at every file left."""

    def __init__(self, folder: Path, buckets: int, buffer_bytes: int) -> None:
        self._folder = folder
        self._buckets = buckets
        self._buffer_bytes = buffer_bytes
        self._known = {_NOBODY}
        """Who was written to one of the files, and need not be written to another."""

    def has(self, segment: int) -> bool:
        """Whether a file was looked at."""
        return self._file(segment, "tally").exists()

    def write(self, segment: int, sightings: Iterable[tuple[int, Sighting]]) -> None:
        """Writes what the blocks of one file showed, each with where it begins. It counts only after `finish`.

        Who was in a file before is not written again: no file may be written when one before was not finished.
        """
        with (
            RunWriter[str](self._file(segment, "people"), self._buffer_bytes) as people,
            self._file(segment, "awake").open("wb") as awake,
            self._file(segment, "places").open("wb") as places,
        ):
            for start, seen in sightings:
                for patient in self._unknown(seen.patients):
                    people.waiting[bucket_of(patient, self._buckets)].append(patient)
                    people.grew(_NAME)
                array("I", _marks(seen.awake)).tofile(awake)
                _write_places(places, start, seen)

    def finish(self, segment: int, tally: Tally) -> None:
        """Makes what was written count, with what was counted meanwhile."""
        whole_file(self._file(segment, "tally"), msgspec.msgpack.encode(tally))

    def tally(self, segment: int) -> Tally:
        """What was counted in a file."""
        return _TALLY.decode(self._file(segment, "tally").read_bytes())

    def awake(self, segments: int, *, everyone: bool) -> Awake:
        """Whose charts are assessed after all files were looked at."""
        files = [] if everyone else [self._file(segment, "awake") for segment in range(segments)]
        return Awake((mark for file in files for mark in array("I", file.read_bytes())), everyone=everyone)

    def places(self, segment: int, awake: Awake) -> Iterator[Places]:
        """Where what is to be read of a file stands, block by block."""
        with self._file(segment, "places").open("rb") as file:
            while block := file.read(_BLOCK.size):
                count, start = _BLOCK.unpack(block)
                ends, marks = _read(file, count), _read(file, count)
                is_wanted = awake.has(marks)
                if any(is_wanted):
                    found = compress(pairwise((0, *ends)), is_wanted)
                    yield [(start + begin, start + end) for begin, end in found]

    def patients(self, segments: int, bucket: int) -> set[str]:
        """Everybody in a bucket."""
        files = (self._file(segment, "people") for segment in range(segments))
        return {patient for file in files for patient in read_runs(file, bucket, _PEOPLE)}

    def _unknown(self, patients: Iterable[str]) -> set[str]:
        """Who was not written before; from now on they were."""
        if len(self._known) > _KNOWN:
            self._known = {_NOBODY}
        new = set(filterfalse(self._known.__contains__, patients))
        self._known |= new
        return new

    def _file(self, segment: int, what: str) -> Path:
        return self._folder / f"segment-{segment:05}.{what}"


def _marks(patients: Iterable[str]) -> Iterator[int]:
    return map(_MARK.__and__, map(zlib.crc32, map(str.encode, patients)))


def _write_places(file: BinaryIO, start: int, seen: Sighting) -> None:
    file.write(_BLOCK.pack(len(seen.ends), start))
    array("I", seen.ends).tofile(file)
    array("I", _marks(seen.patients) if seen.by_line else [_ALWAYS] * len(seen.ends)).tofile(file)


def _read(file: BinaryIO, count: int) -> array[int]:
    values = array("I")
    values.fromfile(file, count)
    return values
