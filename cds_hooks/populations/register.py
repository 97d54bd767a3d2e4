"""register: who is in an export, whose charts are assessed, and where their lines stand; on disk, by input file.

Whose charts are assessed is kept as marks in a field of bits: the same memory for any number of patients. Who has
the mark of another by chance is read for nothing, and not assessed. The ids lie among the spill files.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from cds_hooks.populations.rows import Tally
from cds_hooks.populations.runs import RunWriter, read_runs, whole_file
from cds_hooks.populations.sightings import Sighting

_BITS: Final = 27
"""A field of 16 MB: with 200,000 charts to assess one in 700 of the others is read for nothing."""
_MARK: Final = (1 << _BITS) - 1
_ALWAYS: Final = 1 << _BITS
"""The mark of what is read whoever it belongs to."""
_NAME: Final = 100
"""Bytes that an id takes in memory."""
_PEOPLE: Final = msgspec.msgpack.Decoder(list[str])
_TALLY: Final = msgspec.msgpack.Decoder(Tally)


class Awake:
    """The patients whose charts are assessed, and a few others."""

    def __init__(self, marks: Iterable[int], *, everyone: bool = False) -> None:
        self._field = bytearray((b"\xff" if everyone else b"\0") * ((_ALWAYS >> 3) + 1))
        self._field[_ALWAYS >> 3] = 1
        for mark in marks:
            self._field[mark >> 3] |= 1 << (mark & 7)

    def __contains__(self, patient: str) -> bool:
        """Whether the entries of a patient are to be read."""
        return self.has(zlib.crc32(patient.encode()) & _MARK)

    def has(self, mark: int) -> bool:
        """The same by the mark."""
        return bool(self._field[mark >> 3] >> (mark & 7) & 1)


class Register:
    """What the first look at every file left."""

    def __init__(self, folder: Path, buckets: int, buffer_bytes: int) -> None:
        self._folder = folder
        self._buckets = buckets
        self._buffer_bytes = buffer_bytes

    def has(self, segment: int) -> bool:
        """Whether a file was looked at."""
        return self._file(segment, "tally").exists()

    def write(self, segment: int, sightings: Iterable[tuple[int, Sighting]]) -> None:
        """Writes what the blocks of one file showed, each with where it begins. It counts only after `finish`."""
        with (
            RunWriter[str](self._file(segment, "people"), self._buffer_bytes) as people,
            self._file(segment, "awake").open("wb") as awake,
            self._file(segment, "places").open("wb") as places,
        ):
            for start, seen in sightings:
                sums = [zlib.crc32(patient.encode()) for patient in seen.patients]
                for patient, total in zip(seen.patients, sums, strict=True):
                    people.waiting[total % self._buckets].append(patient)
                people.grew(_NAME * len(sums))
                array("I", [zlib.crc32(patient.encode()) & _MARK for patient in seen.awake]).tofile(awake)
                _write_places(
                    places, start, seen, [total & _MARK for total in sums] if seen.by_line else [_ALWAYS]
                )

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

    def places(self, segment: int, awake: Awake) -> Iterator[tuple[int, int]]:
        """Start and length of what is to be read of a file."""
        with self._file(segment, "places").open("rb") as file:
            while count := int.from_bytes(file.read(4), "little"):
                starts, lengths, marks = _read(file, "Q", count), _read(file, "I", count), _read(file, "I", count)
                wanted = map(awake.has, marks)
                yield from (
                    (start, length)
                    for start, length, is_wanted in zip(starts, lengths, wanted, strict=True)
                    if is_wanted
                )

    def patients(self, segments: int, bucket: int) -> set[str]:
        """Everybody in a bucket."""
        files = (self._file(segment, "people") for segment in range(segments))
        return {patient for file in files for patient in read_runs(file, bucket, _PEOPLE)}

    def _file(self, segment: int, what: str) -> Path:
        return self._folder / f"segment-{segment:05}.{what}"


def _write_places(file: BinaryIO, start: int, seen: Sighting, marks: list[int]) -> None:
    file.write(len(marks).to_bytes(4, "little"))
    array("Q", [start + begin for begin, _ in seen.places]).tofile(file)
    array("I", [end - begin for begin, end in seen.places]).tofile(file)
    array("I", marks).tofile(file)


def _read(file: BinaryIO, kind: str, count: int) -> array[int]:
    values = array(kind)
    values.fromfile(file, count)
    return values
