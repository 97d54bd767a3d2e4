"""executors: the steps as Spark runs them, on batches of Arrow. Each is sent with everything that it needs."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import groupby, islice
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import pyarrow as pa

from cds_hooks.populations.charts import references
from cds_hooks.populations.job import Job
from cds_hooks.populations.results import Result
from cds_hooks.populations.rows import TALLY, Row
from cds_hooks.populations.scatter import Scatter
from cds_hooks.populations.screen import Screen
from cds_hooks.populations.settle import settle
from cds_hooks.populations.spill import bucket_of, name_of

_Batches: TypeAlias = Iterator[pa.RecordBatch]
_Task: TypeAlias = Callable[[_Batches], _Batches]

ROW: Final = "bucket int, patient string, kind string, slim binary, address string, may_speak boolean"
"""The columns of a row, as Spark writes them."""
_ROWS: Final = pa.schema(
    [
        ("bucket", pa.int32()),
        ("patient", pa.string()),
        ("kind", pa.string()),
        ("slim", pa.binary()),
        ("address", pa.string()),
        ("may_speak", pa.bool_()),
    ]
)
_POINTERS: Final = pa.schema([("name", pa.string()), ("bucket", pa.int32()), ("patient", pa.string())])
_SETTLED: Final = pa.schema([("bucket", pa.int32()), ("results", pa.binary())])
_TOGETHER: Final = 2_000
"""Rows in a batch."""


def scatter_task(job: Job, *, is_document: bool) -> _Task:
    """Lines, or documents, to rows; the counts of a part of the input come as its last row."""

    def scatter(batches: _Batches) -> _Batches:
        step = Scatter(_screen(job))
        for batch in batches:
            texts = batch.column(0).to_pylist()
            blocks, take = (texts, step.document) if is_document else ([b"\n".join(texts)], step.rows)
            yield from _as_batches((row for block in blocks for row in take(block)), job.buckets)
        counts = msgspec.msgpack.encode(step.counted(job.shelf.open()))
        yield from _as_batches([Row("", TALLY, counts)], job.buckets)

    return scatter


def settle_task(job: Job, kinds: tuple[str, ...], cut_short: tuple[str, ...], explained: tuple[str, ...]) -> _Task:
    """Rows sorted by bucket and patient to results, one chart after the other: memory is that of the largest."""

    def settled(batches: _Batches) -> _Batches:
        plan = job.plan(kinds, cut_short, explained)
        for bucket, of_bucket in groupby(_rows_of(batches), key=itemgetter(0)):
            results: list[Result] = []
            for _, of_patient in groupby((row for _, row in of_bucket), key=attrgetter("patient")):
                results += settle(of_patient, plan, _none)
            told = msgspec.msgpack.encode(results)
            yield pa.RecordBatch.from_pydict({"bucket": [bucket], "results": [told]}, _SETTLED)

    return settled


def zipped_code(folder: Path) -> Path:
    """Our package as a file that Python can import from; without the rules, which come with the job."""
    package, path = Path(__file__).resolve().parents[1], folder / "pinpoint.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for module in sorted(package.rglob("*.py")):
            archive.write(module, module.relative_to(package.parent))
    return path


def named_task(batches: _Batches) -> _Batches:
    """Medications that are nobody's, by their `Medication/id`."""
    for batch in batches:
        slims = batch.column("slim").to_pylist()
        yield pa.RecordBatch.from_pydict({"name": [name_of(slim) for slim in slims], "slim": slims})


def pointers_task(batches: _Batches) -> _Batches:
    """Which chart names which Medication."""
    for batch in batches:
        found = [
            (name, bucket, row.patient) for bucket, row in _rows_of(iter([batch])) for name in references(row)
        ]
        yield pa.RecordBatch.from_pylist(
            [dict(zip(_POINTERS.names, one, strict=True)) for one in found], _POINTERS
        )


def _rows_of(batches: _Batches) -> Iterator[tuple[int, Row]]:
    for batch in batches:
        for bucket, *fields in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield bucket, Row(*fields)


def _as_batches(rows: Iterable[Row], buckets: int) -> _Batches:
    """The rows as Arrow has them, so many at a time."""
    rows = iter(rows)
    while some := list(islice(rows, _TOGETHER)):
        columns: list[list[object]] = [[bucket_of(row.patient, buckets) for row in some]]
        columns += [[getattr(row, name) for row in some] for name in _ROWS.names[1:]]
        arrays = [pa.array(column, kind) for column, kind in zip(columns, _ROWS.types, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=_ROWS)


def _none(_name: str) -> bytes | None:
    """Medications came as rows of the chart."""
    return None


@cache
def _screen(job: Job) -> Screen:
    """One for a process: it remembers what it found out."""
    return job.screen()
