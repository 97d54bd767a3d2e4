"""spill: the rows of a run on disk between its two steps, by bucket. Patient data: a folder of mode 0700.

Each input file becomes one segment, which is there when it is finished. Medications that belong to nobody lie in a
small database, so that a chart can ask for those it names.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from cds_hooks.populations.rows import Row
from cds_hooks.populations.runs import RunWriter, read_runs

SHARED: Final = -1
"""The bucket of what is nobody's."""
_AHEAD: Final = 1
"""In a segment the bucket of what is nobody's comes first."""
_ROWS: Final = msgspec.msgpack.Decoder(list[Row])
_PRIVATE: Final = 0o700
_ROW: Final = 120
"""Bytes that a row takes in memory beside what it holds."""


def bucket_of(patient: str, buckets: int) -> int:
    """The bucket of a patient; the same in every process and engine."""
    return zlib.crc32(patient.encode()) % buckets if patient else SHARED


class Spill:
    """The folder of one run."""

    def __init__(self, folder: Path, buckets: int, buffer_bytes: int) -> None:
        self.folder = folder
        self._buckets = buckets
        self._buffer_bytes = buffer_bytes

    def make(self) -> None:
        """Makes the folder, for this user only."""
        self.folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        self.folder.chmod(_PRIVATE)

    def has(self, segment: int) -> bool:
        """Whether a segment is finished."""
        return self._file(segment).exists()

    def write(self, segment: int, rows: Iterable[Row]) -> None:
        """Writes the rows of one input file."""
        with RunWriter[Row](self._file(segment), self._buffer_bytes) as writer:
            for row in rows:
                writer.waiting[bucket_of(row.patient, self._buckets) + _AHEAD].append(row)
                writer.grew(len(row.slim) + _ROW)

    def rows(self, segments: int, bucket: int) -> Iterator[Row]:
        """Every row of a bucket, from all segments."""
        for segment in range(segments):
            yield from read_runs(self._file(segment), bucket + _AHEAD, _ROWS)

    def gather_medications(self, segments: int) -> None:
        """Makes the database of Medications from the rows of nobody."""
        part = self.folder / "medications.part"
        part.unlink(missing_ok=True)
        file = sqlite3.connect(part)
        with file:
            file.execute("CREATE TABLE medication (name TEXT PRIMARY KEY, resource BLOB) WITHOUT ROWID")
            rows = ((name_of(row.slim), row.slim) for row in self.rows(segments, SHARED))
            file.executemany(
                "INSERT INTO medication VALUES (?, ?) ON CONFLICT DO UPDATE SET resource = excluded.resource "
                "WHERE excluded.resource > resource",
                rows,
            )
        file.close()
        part.rename(self._medications)

    def medications(self) -> Callable[[str], bytes | None]:
        """What finds a Medication by its `Medication/id`; every one is missing before they were gathered."""
        file = sqlite3.connect(f"file:{self._medications}?mode=ro", uri=True)

        def find(name: str) -> bytes | None:
            found = file.execute("SELECT resource FROM medication WHERE name = ?", (name,)).fetchone()
            return found[0] if found else None

        return find

    @property
    def _medications(self) -> Path:
        return self.folder / "medications.sqlite"

    def _file(self, segment: int) -> Path:
        return self.folder / f"segment-{segment:05}.rows"


def name_of(medication: bytes) -> str:
    """`Medication/id` of a Medication that is nobody's."""
    return f"Medication/{msgspec.json.decode(medication, type=_Named).id}"


class _Named(msgspec.Struct):
    id: str = ""
