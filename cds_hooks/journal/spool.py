"""The spool: a folder where lines wait that the database could not take. One file for each batch.

A file is flushed to the disk before it gets its name, so a file with a name is whole, whatever was killed when.
It goes once the database has its lines; a file that is written to the database twice changes nothing there,
because every line has a key of its own. So nothing is lost, and nothing counts twice.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import msgspec
import structlog

from cds_hooks.errors import JournalUnavailable
from cds_hooks.journal.rows import Line, decoded, encoded

_WHOLE, _BEGUN, _SPOILT = ".lines", ".part", ".unreadable"
_log = structlog.get_logger()


class Spool:
    """One folder, shared by all processes of a host. It is made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, lines: Sequence[Line]) -> None:
        """Nothing; the lines are on the disk. Raises JournalUnavailable when they are not."""
        await asyncio.to_thread(self._keep, lines)

    def is_empty(self) -> bool:
        """Whether no batch waits; False for a folder that cannot be read, since one may wait there.

        Answers ask this: it takes no longer when a hundred thousand do.
        """
        try:
            return not any(self._names())
        except OSError:
            return False

    def depth(self) -> int:
        """How many batches can be seen to wait."""
        return len(self.waiting())

    def waiting(self) -> tuple[Path, ...]:
        """The batches that wait, in no order that matters; none when the folder is not there or cannot be read."""
        with suppress(OSError):
            return tuple(sorted(self._folder / name for name in self._names()))
        return ()

    async def lines_in(self, path: Path) -> tuple[Line, ...]:
        """The lines of a batch. None when another process was quicker, or when something spoilt the file: that is
        set aside under another name, and told.
        """
        try:
            return decoded(await asyncio.to_thread(path.read_bytes))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, msgspec.MsgspecError):
            await self.set_aside(path)
            return ()

    async def set_aside(self, path: Path) -> None:
        """Nothing; a batch that can never be written is kept under another name, and told."""
        _log.error("spool_unreadable", items=1)
        await self._away(path, path.with_suffix(_SPOILT))

    async def done(self, path: Path) -> None:
        """Nothing; the batch is gone from here. One that stays is written again, which is no harm."""
        await self._away(path, None)

    async def forget(self, before: datetime) -> None:
        """Nothing; what nobody will read, batches begun or set aside, is gone if it was written before that."""
        await asyncio.to_thread(self._forget, before.timestamp())

    def _forget(self, before: float) -> None:
        with suppress(OSError):
            for path in self._folder.iterdir():
                if path.suffix in {_BEGUN, _SPOILT} and path.stat().st_mtime < before:
                    path.unlink()

    def _names(self) -> Iterator[str]:
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            yield from (entry.name for entry in entries if entry.name.endswith(_WHOLE))

    async def _away(self, path: Path, to: Path | None) -> None:
        try:
            await asyncio.to_thread(path.rename, to) if to else await asyncio.to_thread(path.unlink)
        except OSError as fault:
            _log.warning("spool_stuck", error=type(fault).__name__)

    def _keep(self, lines: Sequence[Line]) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._folder / uuid4().hex
            _write(path.with_suffix(_BEGUN), encoded(lines))
            path.with_suffix(_BEGUN).rename(path.with_suffix(_WHOLE))
            _flush(self._folder)
        except (OSError, ValueError, TypeError):
            raise JournalUnavailable(
                "Neither the journal nor the spool could be written; send it again."
            ) from None


def _write(path: Path, text: bytes) -> None:
    """Nothing; the text is on the disk, or else nothing of it."""
    try:
        with path.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _flush(folder: Path) -> None:
    """Nothing; the names in the folder are on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
