"""local: the engine for one machine. Files are scattered into spill files, then buckets are settled, by processes.

Memory is that of one bucket and one buffer for each process, whatever the size of the export. What is finished is
not done again, neither after a process died nor after the whole run was ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Literal, TypeAlias

from cds_hooks.populations.job import Job
from cds_hooks.populations.progress import Progress
from cds_hooks.populations.results import Result
from cds_hooks.populations.rows import Bad, Row, Tally
from cds_hooks.populations.scatter import Scatter
from cds_hooks.populations.screen import Screen
from cds_hooks.populations.settle import Plan, settle
from cds_hooks.populations.sources import CutShort, Source, blocks, is_of_lines, sources
from cds_hooks.populations.workers import Told, Workers

Task: TypeAlias = tuple[Literal["file", "bucket"], int]


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
        _screen(job)  # opens the libraries: forked processes then find them open
        workers = Workers(self._workers, partial(_do, job))
        left = [number for number in segments if not spill.has(number)]
        progress.files(sum(job.sources[number].size for number in left))
        deque(workers.run([_file(number) for number in left], progress.read), maxlen=0)
        spill.gather_medications(len(segments))
        _plan(job)  # as above
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
                yield from settle(job.spill.rows(len(job.sources), bucket), plan, job.spill.medications())


def _file(number: int) -> Task:
    return "file", number


def _bucket(number: int) -> Task:
    return "bucket", number


def counted(job: Job) -> Tally:
    """What was counted in all files together."""
    total = Tally()
    for number in range(len(job.sources)):
        total.add(job.spill.tally(number))
    return total


def _do(job: Job, task: Task, told: Told) -> int:
    """One task in a process: a file to scatter, or a bucket to settle (returns its patients)."""
    kind, number = task
    if kind == "file":
        _scatter_file(job, number, told)
        return 0
    rows = job.spill.rows(len(job.sources), number)
    results = list(settle(rows, _plan(job), job.spill.medications()))
    job.keep_bucket(number, results)
    return len({result.patient for result in results})


def _scatter_file(job: Job, number: int, told: Told) -> None:
    scatter = Scatter(_screen(job))
    rows = rows_of(Path(job.sources[number].path), scatter, told)
    job.spill.write(number, rows)
    job.spill.finish(number, scatter.counted(job.shelf.open()))


@cache
def _plan(job: Job) -> Plan:
    """One for a process, once every file is scattered."""
    tally = counted(job)
    return job.plan(tally.resources, tally.cut_short)


@cache
def _screen(job: Job) -> Screen:
    """One for a process: it remembers what it found out."""
    return job.screen()


def rows_of(path: Path, scatter: Scatter, told: Told) -> Iterator[Row]:
    """The rows of one file; what ends in the middle gives what stands before, and is counted."""
    rows = scatter.rows if is_of_lines(str(path)) else scatter.document
    try:
        for block in blocks(path, told):
            if block is None:
                scatter.tally.reject(Bad.TOO_LONG)
            else:
                yield from rows(block)
    except CutShort:
        scatter.tally.reject(Bad.FILE_CUT_SHORT)
        scatter.tally.cut_short = tuple(sorted(scatter.tally.resources))
