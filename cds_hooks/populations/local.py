"""local: the engine for one machine. Files are looked at, what is needed is scattered, buckets are settled.

Processes do so, file by file and bucket by bucket. Memory is that of one bucket and one buffer for each, whatever
the size of the export. What is finished is not done again, neither after a process died nor after a run was ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Final, Literal, TypeAlias

from cds_hooks.populations.job import Job
from cds_hooks.populations.progress import Progress
from cds_hooks.populations.register import Awake, Register
from cds_hooks.populations.results import Result
from cds_hooks.populations.rows import SEEN, Bad, Row, Tally
from cds_hooks.populations.scatter import Scatter
from cds_hooks.populations.screen import Screen
from cds_hooks.populations.settle import Plan, settle
from cds_hooks.populations.sightings import Scan, Sighting
from cds_hooks.populations.sources import CutShort, Source, blocks, cut_out, is_of_lines, sources
from cds_hooks.populations.workers import Told, Workers

Task: TypeAlias = tuple[Literal["look", "file", "bucket"], int]
_SHARED: Final = frozenset({"Medication"})
"""What belongs to nobody is needed whoever is assessed."""


class Local:
    """Runs a job by so many processes of this machine."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def sources(self, export: str) -> tuple[Source, ...]:
        """The files of a folder, or one file. Errors: ReplayError when there are none."""
        return sources(Path(export))

    def run(self, job: Job, progress: Progress) -> Tally:
        """Does what is left of the job; returns what was counted in its files. Errors: ReplayError."""
        spill, segments = job.spill, range(len(job.sources))
        spill.make()
        _screen(job)  # opened here, as the two below: forked processes then find them open
        workers = Workers(self._workers, partial(_do, job))
        unseen = [number for number in segments if not job.register.has(number)]
        left = [number for number in segments if not spill.has(number)]
        progress.files(sum(job.sources[number].size for number in (*unseen, *left)))
        deque(workers.run([_look(number) for number in unseen], progress.read), maxlen=0)
        _plan(job)
        _awake(job)
        deque(workers.run([_file(number) for number in left], progress.read), maxlen=0)
        spill.gather_medications(len(segments))
        buckets = job.unfinished()
        progress.buckets(job.buckets, job.buckets - len(buckets))
        for _, patients in workers.run([_bucket(number) for number in buckets], progress.read):
            progress.bucket_done(patients)
        return counted(job)

    def explain(self, job: Job, patients: frozenset[str]) -> Iterator[Result]:
        """The results of these patients (hashes) with their explanations, while the spill files are there."""
        tally = counted(job)
        plan = job.plan(tally.resources, tally.cut_short, patients)
        for bucket in range(job.buckets):
            if any(result.patient in patients for result in job.results(bucket)):
                yield from settle(_rows(job, bucket), plan, job.spill.medications())


def _look(number: int) -> Task:
    return "look", number


def _file(number: int) -> Task:
    return "file", number


def _bucket(number: int) -> Task:
    return "bucket", number


def counted(job: Job) -> Tally:
    """What was counted in all files together."""
    total = Tally()
    for number in range(len(job.sources)):
        total.add(job.register.tally(number))
    return total


def _do(job: Job, task: Task, told: Told) -> int:
    """One task in a process: a file to look at or to scatter, or a bucket to settle (returns its patients)."""
    kind, number = task
    if kind == "look":
        return _look_at(job, number, told)
    if kind == "file":
        return _scatter_file(job, number, told)
    results = list(settle(_rows(job, number), _plan(job), job.spill.medications()))
    job.keep_bucket(number, results)
    return len({result.patient for result in results})


def _look_at(job: Job, number: int, told: Told) -> int:
    scan = Scan(_screen(job), _kept(job))
    _register(job).write(number, sightings_of(Path(job.sources[number].path), scan, told))
    _register(job).finish(number, scan.scatter.counted(job.shelf.open()))
    return 0


def _scatter_file(job: Job, number: int, told: Told) -> int:
    path, awake, scatter, kept = Path(job.sources[number].path), _awake(job), Scatter(_screen(job)), _kept(job)
    take = scatter.rows if is_of_lines(str(path)) else scatter.document
    parts = cut_out(path, job.register.places(number, awake), told)
    rows = (row for part in parts for row in take(part))
    job.spill.write(number, (row for row in rows if row.kind in kept or row.patient in awake))
    return 0


def _rows(job: Job, bucket: int) -> Iterator[Row]:
    """A row that says no more than that he is there for each patient, and the rows of those who are assessed."""
    segments = len(job.sources)
    yield from (Row(patient, SEEN, b"") for patient in job.register.patients(segments, bucket))
    yield from job.spill.rows(segments, bucket)


def _kept(job: Job) -> frozenset[str]:
    """Resource types of which every row is needed: of visits, when each of them is an instant."""
    return _SHARED if job.instants else _SHARED | {"Encounter"}


@cache
def _plan(job: Job) -> Plan:
    """One for a process, once every file was looked at."""
    tally = counted(job)
    return job.plan(tally.resources, tally.cut_short)


@cache
def _awake(job: Job) -> Awake:
    """One for a process, once every file was looked at."""
    return job.register.awake(len(job.sources), everyone=_plan(job).is_blind)


@cache
def _register(job: Job) -> Register:
    """One for a process: it remembers whom it wrote."""
    return job.register


@cache
def _screen(job: Job) -> Screen:
    """One for a process: it remembers what it found out."""
    return job.screen()


def sightings_of(path: Path, scan: Scan, told: Told) -> Iterator[tuple[int, Sighting]]:
    """What each block of a file shows, and where it begins; one that ends in the middle is counted as such."""
    look, tally = scan.block if is_of_lines(str(path)) else scan.document, scan.scatter.tally
    try:
        for start, content in blocks(path, told):
            if content is None:
                tally.reject(Bad.TOO_LONG)
            else:
                yield start, look(content)
    except CutShort:
        tally.reject(Bad.FILE_CUT_SHORT)
        tally.cut_short = tuple(sorted(tally.resources))
