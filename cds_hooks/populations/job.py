"""job: one run as data that can be sent to another process, and where its finished buckets lie.

Whatever engine does the work, a bucket ends as two files: its results, and their sums. A bucket that is there is
not done again. A run is known by what it would say: files, library, instants; another run may not go on with it.
"""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from cds_hooks.cards.compose import Voice
from cds_hooks.errors import ReplayError
from cds_hooks.model.library import Library
from cds_hooks.populations.register import Register
from cds_hooks.populations.results import Result, Summary, summed
from cds_hooks.populations.runs import whole_file
from cds_hooks.populations.screen import Screen
from cds_hooks.populations.settle import Plan
from cds_hooks.populations.sources import Source
from cds_hooks.populations.spill import Spill
from cds_hooks.reasoning.library import data_root, load, rule_files
from cds_hooks.reasoning.site import deployed

_RESULTS: Final = msgspec.msgpack.Decoder(list[Result])
_PRIVATE: Final = 0o700
_SUMMARY: Final = msgspec.msgpack.Decoder(Summary)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a library lies, and the digest it must have wherever it is opened."""

    root: Path | None
    digest: str = ""
    site: Path | None = None
    require_reviewed: bool = False
    packed: bytes = field(default=b"", repr=False)
    """The files themselves, for processes on other machines."""

    def sealed(self) -> Shelf:
        """The shelf with the digest of what stands on it now. Errors: LibraryError."""
        return replace(self, digest=self.open().digest)

    def open(self) -> Library:
        """The library. Errors: LibraryError; ReplayError when it is another one than at the start."""
        library = _opened(self.root, self.site, self.packed, require_reviewed=self.require_reviewed)
        if self.digest and library.digest != self.digest:
            raise ReplayError("A worker opened another library than the run began with; start every one from it.")
        return library


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that decides what a run says, and how it is cut up."""

    sources: tuple[Source, ...]
    shelf: Shelf
    instants: tuple[datetime, ...]
    """Oldest first; empty: at the start of each visit."""
    voice: Voice
    key: bytes = field(repr=False)
    work: Path
    """The folder for spill files and finished buckets."""
    buckets: int
    against: Shelf | None = None
    exported: frozenset[str] = frozenset()
    """Resource types that the manifest names."""
    buffer_bytes: int = 32 << 20
    most: int = 20_000
    keep: int = 0
    """Patients of each rule that are kept for review."""

    @property
    def spill(self) -> Spill:
        """The spill files of this run."""
        return Spill(self.work / "spill", self.buckets, self.buffer_bytes)

    @property
    def register(self) -> Register:
        """Who is in the export, beside the spill files."""
        return Register(self.spill.folder, self.buckets, self.buffer_bytes)

    def sent(self) -> Job:
        """The job as another machine gets it: with the libraries in it, and nothing of this one."""
        against = packed(self.against) if self.against else None
        return replace(self, shelf=packed(self.shelf), against=against, sources=(), work=Path())

    def screen(self) -> Screen:
        """The screen of both libraries."""
        return Screen(self._libraries, min(self.instants, default=None), max(self.instants, default=None))

    def plan(self, kinds: Iterable[str], cut_short: Iterable[str], explained: Iterable[str] = ()) -> Plan:
        """What is asked of every chart, once it is known which types the export holds."""
        now, *before = self._libraries
        return Plan(
            now,
            self.instants,
            self.voice,
            self.key,
            frozenset(kinds) | self.exported,
            frozenset(cut_short),
            before[0] if before else None,
            self.most,
            frozenset(explained),
        )

    @property
    def _libraries(self) -> list[Library]:
        return [shelf.open() for shelf in (self.shelf, self.against) if shelf]

    # ------------------------------------------------------------ finished buckets

    def keep_bucket(self, bucket: int, results: list[Result]) -> None:
        """Writes the results of a bucket and then their sums; with the sums it is finished."""
        whole_file(self._done(bucket, "results"), msgspec.msgpack.encode(results))
        whole_file(self._done(bucket, "sums"), msgspec.msgpack.encode(summed(results, self.keep)))

    def has_bucket(self, bucket: int) -> bool:
        """Whether a bucket is finished."""
        return self._done(bucket, "sums").exists()

    def results(self, bucket: int) -> list[Result]:
        """The results of a finished bucket, by patient and instant."""
        return _RESULTS.decode(self._done(bucket, "results").read_bytes())

    def summary(self, bucket: int) -> Summary:
        """The sums of a finished bucket."""
        return _SUMMARY.decode(self._done(bucket, "sums").read_bytes())

    def make(self) -> None:
        """Makes the folders for the work, for this user only."""
        self.work.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        self.work.chmod(_PRIVATE)

    def clear(self) -> None:
        """Deletes spill files and finished buckets, once the results are in the table."""
        shutil.rmtree(self.work, ignore_errors=True)

    def unfinished(self) -> list[int]:
        """The buckets that are still to be done."""
        return [bucket for bucket in range(self.buckets) if not self.has_bucket(bucket)]

    def _done(self, bucket: int, what: str) -> Path:
        return self.work / f"bucket-{bucket:05}.{what}"


def packed(shelf: Shelf) -> Shelf:
    """The shelf with its files in it, to be opened on another machine."""
    root = shelf.root or data_root()
    files = [(path, f"library/{path.relative_to(root)}") for path in rule_files(root)]
    if shelf.site:
        found = sorted(path for path in shelf.site.rglob("*") if path.is_file())
        files += [(path, f"site/{path.relative_to(shelf.site)}") for path in found]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, name in files:
            tar.add(path, name)
    site = Path("site") if shelf.site else None
    return Shelf(
        Path("library"), shelf.digest, site, shelf.require_reviewed, gzip.compress(archive.getvalue(), mtime=0)
    )


@cache
def _opened(root: Path | None, site: Path | None, files: bytes, *, require_reviewed: bool) -> Library:
    """Opened once in a process."""
    if not files:
        return deployed(load(root), site, require_reviewed=require_reviewed)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(files)) as tar:
        tar.extractall(folder, filter="data")
        below = Path(folder)
        library = load(below / "library")
        return deployed(library, below / "site" if site else None, require_reviewed=require_reviewed)
