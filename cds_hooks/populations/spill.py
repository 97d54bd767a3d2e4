"""spill: the rows of a run on disk between its two steps, by bucket. Patient data: a folder of mode 0700.

Each input file becomes one segment: runs of rows of one bucket after another, with an index beside it. Both are
written under another name and renamed when they are whole, so what is there is finished. Medications that belong
to nobody lie in a small database, so that a chart can ask for those it names.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

import msgspec

from cds_hooks.populations.rows import Row, Tally

SHARED: Final = -1
"""The bucket of what is nobody's."""
_PRIVATE: Final = 0o700
_ROW: Final = 120
"""Bytes that a row takes in memory beside what it holds."""
_ROWS: Final = msgspec.msgpack.Decoder(list[Row])

Runs: TypeAlias = dict[int, list[tuple[int, int]]]
"""Bucket -> offset and length of each of its runs in a segment."""
_RUNS: Final = msgspec.msgpack.Decoder(Runs)
_TALLY: Final = msgspec.msgpack.Decoder(Tally)


def bucket_of(patient: str, buckets: int) -> int:
    """The bucket of a patient; the same in every process and engine."""
    return zlib.crc32(patient.encode()) % buckets if patient else SHARED


class Spill:
    """The folder of one run."""

    def __init__(self, folder: Path, buckets: int, buffer_bytes: int) -> None:
        self.folder = folder
        self._buckets = buckets
        self._buffer_bytes = buffer_bytes
        self._runs: dict[int, Runs] = {}

    def make(self) -> None:
        """Makes the folder, for this user only."""
        self.folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        self.folder.chmod(_PRIVATE)

    def has(self, segment: int) -> bool:
        """Whether a segment is finished."""
        return self._file(segment, "tally").exists()

    def write(self, segment: int, rows: Iterable[Row]) -> None:
        """Writes the rows of one input file. The segment is not finished before `finish`."""
        runs: Runs = {}
        waiting: defaultdict[int, list[Row]] = defaultdict(list)
        held = 0
        with self._file(segment, "part").open("wb") as file:
            for row in rows:
                waiting[bucket_of(row.patient, self._buckets)].append(row)
                held += len(row.slim) + _ROW
                if held > self._buffer_bytes:
                    _flush(waiting, runs, file)
                    held = 0
            _flush(waiting, runs, file)
        self._file(segment, "runs").write_bytes(msgspec.msgpack.encode(runs))

    def finish(self, segment: int, tally: Tally) -> None:
        """Makes the segment a finished one, with what was counted while it was written."""
        self._file(segment, "part").rename(self._file(segment, "rows"))
        whole_file(self._file(segment, "tally"), msgspec.msgpack.encode(tally))

    def tally(self, segment: int) -> Tally:
        """What was counted while the segment was written."""
        return _TALLY.decode(self._file(segment, "tally").read_bytes())

    def rows(self, segments: int, bucket: int) -> Iterator[Row]:
        """Every row of a bucket, from all segments."""
        for segment in range(segments):
            runs = self._runs_of(segment).get(bucket, ())
            if runs:
                with self._file(segment, "rows").open("rb") as file:
                    for offset, length in runs:
                        file.seek(offset)
                        yield from _ROWS.decode(file.read(length))

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

    def _file(self, segment: int, what: str) -> Path:
        return self.folder / f"segment-{segment:05}.{what}"

    def _runs_of(self, segment: int) -> Runs:
        if segment not in self._runs:
            self._runs[segment] = _RUNS.decode(self._file(segment, "runs").read_bytes())
        return self._runs[segment]


def name_of(medication: bytes) -> str:
    """`Medication/id` of a Medication that is nobody's."""
    return f"Medication/{msgspec.json.decode(medication, type=_Named).id}"


def whole_file(path: Path, content: bytes) -> None:
    """Writes a file that is either there as a whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.rename(path)


class _Named(msgspec.Struct):
    id: str = ""


def _flush(waiting: dict[int, list[Row]], runs: Runs, file: BinaryIO) -> None:
    for bucket, rows in waiting.items():
        run = msgspec.msgpack.encode(rows)
        runs.setdefault(bucket, []).append((file.tell(), len(run)))
        file.write(run)
    waiting.clear()
