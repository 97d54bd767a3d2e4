"""progress: how far a run is: a bar for people, a line of JSON each second for programs, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, Literal, TextIO, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

Way: TypeAlias = Literal["bar", "json", "none"]
_EVERY_S: Final = 1.0
_MB: Final = 1 << 20


@dataclass(slots=True)
class Progress:
    """What a run has done so far, and who is shown it."""

    show: Callable[[Progress], None]
    stage: Literal["files", "patients"] = "files"
    done: int = 0
    """Bytes of files that were read, then buckets that are settled."""
    total: int = 0
    patients: int = 0
    start: float = field(default_factory=monotonic)

    @property
    def words(self) -> str:
        """How much was done, and how fast."""
        seconds = max(monotonic() - self.start, 0.001)
        if self.stage == "files":
            return f"{self.done / _MB:,.0f} of {self.total / _MB:,.0f} MB, {self.done / _MB / seconds:,.0f} MB/s"
        return f"{self.patients:,} patients, {self.patients / seconds:,.0f} patients/s"

    def files(self, total_bytes: int) -> None:
        """So many bytes are still to read."""
        self._begin("files", total_bytes)

    def read(self, count: int) -> None:
        """So many bytes more were read."""
        self.done += count
        self.show(self)

    def buckets(self, count: int, done: int) -> None:
        """So many buckets, of which some were finished before."""
        self._begin("patients", count)
        self.done = done

    def bucket_done(self, patients: int) -> None:
        """One bucket more is settled."""
        self.done += 1
        self.patients += patients
        self.show(self)

    def _begin(self, stage: Literal["files", "patients"], total: int) -> None:
        self.stage, self.done, self.total, self.start = stage, 0, total, monotonic()
        self.show(self)


@contextmanager
def shown(way: Way, stream: TextIO) -> Iterator[Progress]:
    """A progress that is shown in this way while the block lasts."""
    if way == "bar":
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
        with Bars(*columns, TimeRemainingColumn(), console=Console(file=stream)) as bars:
            yield Progress(_bar(bars))
    else:
        yield Progress(_json(stream) if way == "json" else _silent)


def _bar(bars: Bars) -> Callable[[Progress], None]:
    tasks = {stage: bars.add_task(stage, total=None, words="") for stage in ("files", "patients")}

    def show(progress: Progress) -> None:
        task = tasks[progress.stage]
        bars.update(task, completed=progress.done, total=progress.total, words=progress.words)

    return show


def _json(stream: TextIO) -> Callable[[Progress], None]:
    last = -_EVERY_S

    def show(progress: Progress) -> None:
        nonlocal last
        if monotonic() - last >= _EVERY_S or progress.done >= progress.total:
            last = monotonic()
            told = {name: getattr(progress, name) for name in ("stage", "done", "total", "patients")}
            print(json.dumps(told), file=stream, flush=True)  # this is how it is shown

    return show


def _silent(_progress: Progress) -> None:
    """Nothing is shown."""
