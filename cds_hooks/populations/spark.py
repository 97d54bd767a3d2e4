"""spark: the engine for exports that one machine cannot take: lines become rows, rows meet by patient.

Spark reads the files, moves and sorts the rows and does lost work again; the two steps are the functions of every
engine. A Medication that is nobody's reaches the charts that name it by a join. Executors get our code, the
libraries and the key with their tasks; the packages we need must be there (docs/populations.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sql

from cds_hooks.populations.executors import ROW, named_task, pointers_task, scatter_task, settle_task, zipped_code
from cds_hooks.populations.job import Job
from cds_hooks.populations.progress import Progress
from cds_hooks.populations.results import Result
from cds_hooks.populations.rows import TALLY, Tally
from cds_hooks.populations.sources import Source, is_address, is_of_lines, sources

_RESULTS: Final = msgspec.msgpack.Decoder(list[Result])
_TALLY: Final = msgspec.msgpack.Decoder(Tally)
_LOOPBACK: Final = "127.0.0.1"
_WAVE: Final = 256
"""Buckets whose results are fetched together, and that an interrupted run loses."""
_MEDICATION: Final = ("bucket", "patient", "'Medication' kind", "slim", "'' address", "false may_speak")
"""The columns of a row that is a Medication of a chart."""
_DEPTH: Final = 3
"""How far a Medication may point to another."""


class Spark:
    """Runs a job on the cluster of a session."""

    def __init__(self, session: SparkSession, code: TemporaryDirectory[str] | None = None) -> None:
        self._session = session
        self._code = code

    def sources(self, export: str) -> tuple[Source, ...]:
        """The files of a folder, or of any address that the cluster can read. Errors: ReplayError."""
        if not is_address(export):
            return sources(Path(export))
        files = self._session.read.format("binaryFile").option("recursiveFileLookup", "true").load(export)
        told = files.select("path", "length", sql.unix_micros("modificationTime")).orderBy("path").collect()
        return tuple(Source(path, size, micros * 1000) for path, size, micros in told)

    def run(self, job: Job, progress: Progress) -> Tally:
        """Does what is left of the job; returns what was counted in its files."""
        progress.files(sum(source.size for source in job.sources))
        rows = self._rows(job)
        tally = _counted(rows)
        left = job.unfinished()
        progress.buckets(job.buckets, job.buckets - len(left))
        for wave in (left[start : start + _WAVE] for start in range(0, len(left), _WAVE)):
            found = _settled(job.sent(), rows, wave, tally)
            for bucket in wave:
                results = found.get(bucket, [])
                job.keep_bucket(bucket, results)
                progress.bucket_done(len({result.patient for result in results}))
        rows.unpersist()
        return tally

    def explain(self, job: Job, patients: frozenset[str]) -> Iterator[Result]:
        """The results of these patients (hashes) with their explanations."""
        rows = self._rows(job)
        wanted = [b for b in range(job.buckets) if any(one.patient in patients for one in job.results(b))]
        for results in _settled(job.sent(), rows, wanted, _counted(rows), patients).values():
            yield from results

    def _rows(self, job: Job) -> DataFrame:
        """Every row of the export, with its bucket, kept on the disks of the executors."""
        sent, parts = job.sent(), []
        for is_document in (False, True):
            paths = [one.path for one in job.sources if is_of_lines(one.path) is not is_document]
            if paths:
                text = self._session.read.text(paths, wholetext=is_document)
                task = scatter_task(sent, is_document=is_document)
                parts.append(text.select(text.value.cast("binary")).mapInArrow(task, ROW))
        return _with_medications(reduce(DataFrame.union, parts)).persist(StorageLevel.DISK_ONLY)


def connected(address: str) -> Spark:
    """The engine at an address: local[*], spark://…, yarn, k8s://…, sc://…, or `databricks` for the session there.

    Spark's own errors come as they are.
    """
    builder = SparkSession.builder.appName("pinpoint replay").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false")  # ours is enough
    if address.startswith("local"):  # nothing of it may be reached from elsewhere
        builder = builder.config("spark.driver.host", _LOOPBACK).config("spark.driver.bindAddress", _LOOPBACK)
    if address.startswith("sc://"):
        builder = builder.remote(address)
    elif address != "databricks":
        builder = builder.master(address)
    session = builder.getOrCreate()
    if address.startswith("local"):
        session.sparkContext.pythonExec = sys.executable  # else whatever `python3` is on the path
    return Spark(session, None if address.startswith("local") else _shipped(session))


def _shipped(session: SparkSession) -> TemporaryDirectory[str]:
    """The folder from which executors fetch our code while it is held: each does with its first task."""
    folder = TemporaryDirectory()
    session.addArtifacts(str(zipped_code(Path(folder.name))), pyfile=True)
    return folder


def _with_medications(rows: DataFrame) -> DataFrame:
    """The rows, and for each chart the Medications that it names, and those that these consist of."""
    shared = (rows.kind == "Medication") & (rows.patient == "")
    found = rows.filter(shared).mapInArrow(named_task, "name string, slim binary")
    found = found.groupBy("name").agg(sql.max("slim").alias("slim"))
    total = step = rows
    for _ in range(_DEPTH):
        pointers = step.mapInArrow(pointers_task, "name string, bucket int, patient string").distinct()
        step = pointers.join(found, "name").selectExpr(*_MEDICATION)
        total = total.union(step)
    return total


def _settled(
    job: Job, rows: DataFrame, buckets: list[int], tally: Tally, explained: Iterable[str] = ()
) -> dict[int, list[Result]]:
    """The results of some buckets, each in the order of hashes."""
    step = settle_task(job, tuple(tally.resources), tally.cut_short, tuple(explained))
    mine = rows.filter(rows.bucket.isin(buckets)).repartition(max(len(buckets), 1), "bucket")
    told = mine.sortWithinPartitions("bucket", "patient").mapInArrow(step, "bucket int, results binary").collect()
    found: dict[int, list[Result]] = {}
    for bucket, results in told:
        found.setdefault(bucket, []).extend(_RESULTS.decode(results))
    return {bucket: sorted(results, key=attrgetter("patient")) for bucket, results in sorted(found.items())}


def _counted(rows: DataFrame) -> Tally:
    total = Tally()
    for (counts,) in rows.filter(rows.kind == TALLY).select("slim").collect():
        total.add(_TALLY.decode(counts))
    return total
