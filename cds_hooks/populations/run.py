"""run: a whole replay: what is asked for becomes a job, an engine does it, and its results become files.

The folder of results belongs to one run. It says in run.json what the run was; the same command goes on with it,
another one is refused. What is left in the end: the table, the report as JSON and HTML, and explanations of a few
patients where they were asked for. The spill files are gone then.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec

from cds_hooks.cards.compose import Voice
from cds_hooks.errors import ReplayError
from cds_hooks.model.library import Library
from cds_hooks.populations.job import Job, Shelf
from cds_hooks.populations.output import write_results
from cds_hooks.populations.progress import Progress
from cds_hooks.populations.report import About, bad_share, report, report_json
from cds_hooks.populations.report_page import report_html
from cds_hooks.populations.results import Result, Summary
from cds_hooks.populations.rows import Tally
from cds_hooks.populations.runs import whole_file
from cds_hooks.populations.sources import Source, exported_types

_PRIVATE: Final = 0o700
_PRIVATE_FILE: Final = 0o600
_RUN: Final = "run.json"
_KEY: Final = "key"
_BUCKET_BYTES: Final = 64 << 20
_PACKED: Final = 10
"""How many times its size a gzipped export may unpack to."""
_BUCKETS: Final = (16, 4096)


class Engine(Protocol):
    """What does the work of a job. The two pure steps are the same in every engine, and so are its results."""

    def sources(self, export: str) -> tuple[Source, ...]:
        """The files of an export. Errors: ReplayError when there are none."""
        ...

    def run(self, job: Job, progress: Progress) -> Tally:
        """Finishes every bucket of the job; returns what was counted in its files."""
        ...

    def explain(self, job: Job, patients: frozenset[str]) -> Iterator[Result]:
        """Results of these patients (hashes) with their explanations."""
        ...


@dataclass(frozen=True, slots=True)
class Replay:
    """What is asked for."""

    export: str
    """A folder or file; for Spark also an address that it can read."""
    out: Path
    instants: tuple[datetime, ...]
    shelf: Shelf
    voice: Voice
    against: Shelf | None = None
    work: Path | None = None
    """Where spill files go; left out: beside the results."""
    key: bytes = b""
    """Of the hash that stands for a patient; left out: a new one, kept beside the results."""
    buckets: int = 0
    """0: as many as the size asks for."""
    buffer_bytes: int = 32 << 20
    review: int = 0
    least_count: int = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    lines: tuple[str, ...]
    bad_share: float
    """The share of lines that could not be used."""


class _Run(msgspec.Struct, frozen=True):
    """What makes a run this one."""

    sources: tuple[Source, ...]
    instants: tuple[str, ...]
    library: str
    against: str
    buckets: int
    review: int
    finished: bool = False


def replay(asked: Replay, engine: Engine, progress: Progress) -> Outcome:
    """Runs what is asked for, or goes on with it, and writes its files.

    Errors: ReplayError when the folder belongs to another run, or a task cannot be done; LibraryError.
    """
    job = _job(asked, engine.sources(asked.export))
    run = _begun(asked, job)
    if run.finished:
        return Outcome((f"This run is finished; its report is {asked.out / 'report.html'}.",), 0.0)
    job.make()
    tally = engine.run(job, progress)
    outcome = _written(asked, job, tally, engine)
    job.clear()
    _note(asked.out, msgspec.structs.replace(run, finished=True))
    return outcome


def _job(asked: Replay, found: tuple[Source, ...]) -> Job:
    asked.out.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    asked.out.chmod(_PRIVATE)
    return Job(
        found,
        asked.shelf,
        asked.instants,
        asked.voice,
        asked.key or _key(asked.out),
        asked.work or asked.out / "work",
        asked.buckets or _buckets(found),
        asked.against,
        exported_types(Path(asked.export)),
        asked.buffer_bytes,
        keep=asked.review,
    )


def _buckets(found: tuple[Source, ...]) -> int:
    """So many that one fits easily into memory."""
    total = sum(one.size * (_PACKED if one.path.endswith(".gz") else 1) for one in found)
    least, most = _BUCKETS
    return min(max(-(-total // _BUCKET_BYTES), least), most)


def _key(out: Path) -> bytes:
    """The key of this run, made when it begins; a file that only this user can read."""
    path = out / _KEY
    if not path.exists():
        path.touch(mode=_PRIVATE_FILE)
        path.write_bytes(secrets.token_bytes(32))
    return path.read_bytes()


def _begun(asked: Replay, job: Job) -> _Run:
    """The run as it is noted, or noted now. Errors: ReplayError when the folder is another run's."""
    run = _Run(
        job.sources,
        tuple(moment.isoformat() for moment in job.instants),
        job.shelf.digest,
        job.against.digest if job.against else "",
        job.buckets,
        asked.review,
    )
    path = asked.out / _RUN
    if not path.exists():
        _note(asked.out, run)
        return run
    known = msgspec.json.decode(path.read_bytes(), type=_Run)
    differing = [name for name in _Run.__struct_fields__[:-1] if getattr(known, name) != getattr(run, name)]
    if differing:
        raise ReplayError(
            f"{asked.out} holds a run that differs in: {', '.join(differing)}. Choose another folder, "
            "or delete it."
        )
    return known


def _note(out: Path, run: _Run) -> None:
    whole_file(out / _RUN, msgspec.json.encode(run) + b"\n")


def _written(asked: Replay, job: Job, tally: Tally, engine: Engine) -> Outcome:
    """Writes table, report and explanations."""
    total = Summary()
    for bucket in range(job.buckets):
        total.add(job.summary(bucket), job.keep)
    table = write_results(asked.out, (job.results(bucket) for bucket in range(job.buckets)))
    told = report(_about(asked, job), total, tally, job.shelf.open())
    whole_file(asked.out / "report.json", report_json(told))
    whole_file(asked.out / "report.html", report_html(told))
    reviewed = _review(asked.out, job, total, engine) if asked.review else 0
    counts = f"{total.patients:,} patients, {total.charts:,} charts, {total.cards:,} cards"
    lines = [
        f"{counts}; {sum(tally.bad.values()):,} lines could not be used.",
        f"{asked.out / 'report.html'} and report.json: counts for the decision, small ones hidden.",
        f"{table}: one row for each chart, not to leave the house.",
        *([f"{asked.out / 'review'}: {reviewed} explanations, with values from charts."] if reviewed else []),
    ]
    return Outcome(tuple(lines), bad_share(tally))


def _about(asked: Replay, job: Job) -> About:
    against = _named(job.against.open()) if job.against else ""
    return About(
        tuple(moment.isoformat(timespec="minutes") for moment in job.instants),
        len(job.sources),
        sum(one.size for one in job.sources),
        _named(job.shelf.open()),
        against,
        asked.least_count,
    )


def _named(library: Library) -> str:
    return f"knowledge {library.card.version} ({library.digest[:12]})"


def _review(out: Path, job: Job, total: Summary, engine: Engine) -> int:
    """Writes the explanations of a few patients of each rule that spoke; returns how many."""
    wanted = {rule: count.sample for rule, count in total.rules.items() if count.sample}
    patients = frozenset(name for names in wanted.values() for name in names)
    written = 0
    (out / "review").mkdir(mode=_PRIVATE, exist_ok=True)
    for result in engine.explain(job, patients):
        for rule in result.spoken:
            if result.patient in wanted.get(rule, ()):
                folder = out / "review" / rule
                folder.mkdir(mode=_PRIVATE, exist_ok=True)
                name = f"{result.patient} {result.at.replace(':', '')}.txt"
                whole_file(folder / name, f"{result.explanation}\n".encode())
                written += 1
    return written
