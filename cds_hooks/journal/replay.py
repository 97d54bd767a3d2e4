"""Which tokens were used already: one SQLite file for all processes of a host.

It is none of the journal's: a call waits until its token is kept, and must not wait until many entries are.

Whoever inserts a token id first has the call; the database decides, so two processes cannot both. When the
file cannot be written (disk full, file gone), each process goes on with a memory of its own and says so in
the log: a token could then be used once in each process, which is better than no answer for anyone.
Source: CDS Hooks 2.0.1, "Trusting CDS Clients" (jti).
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from time import monotonic

import structlog

from cds_hooks.errors import SettingsError
from cds_hooks.journal.write_ahead import PATIENCE_S, is_busy, make_ready

_WAIT_S = 0.25
"""For another process that is writing a token: mostly far under a millisecond, longer while the disk is slow."""
_LEFT_ALONE_S = 10.0
"""After a failure, before the file is tried again: calls must not each wait for it."""
_REMEMBER = "INSERT OR IGNORE INTO jti VALUES (?, ?, ?)"
_SWEEP_EVERY = 1000
"""Tokens between two clearings of those that have expired."""
_SURELY_PAST_S = 7200
"""A token lives an hour at most. What ends this long before one that is valid now has ended."""

_log = structlog.get_logger()


class ReplayStore:
    """Remembers token ids until they cannot be valid any more; times are kept as UTC seconds."""

    def __init__(self, file: Path | None) -> None:
        """Opens the file, making it if needed; None keeps it in this process only.

        Raises SettingsError when the file cannot be used.
        """
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="replay")
        self._memory: dict[tuple[str, str], float] = {}
        self._used = 0
        self._try_again = 0.0
        try:
            self._file = self._thread.submit(_opened, file).result()
        except sqlite3.Error:
            self._thread.shutdown()
            raise SettingsError(
                ("CDS_JOURNAL cannot be opened as a SQLite file; name one in a folder that may be written to.",)
            ) from None

    async def __call__(self, iss: str, jti: str, until: datetime) -> bool:
        """True when this token id of this issuer was here before. It is remembered until `until`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._seen, (iss, jti), until.timestamp())

    def close(self) -> None:
        """Nothing; the file is closed."""
        self._thread.submit(self._file.close).result()
        self._thread.shutdown()

    def _seen(self, token: tuple[str, str], until: float) -> bool:
        if token in self._memory:
            return True
        if monotonic() >= self._try_again:
            try:
                return self._seen_in_file(token, until)
            except sqlite3.Error as fault:
                self._try_again = monotonic() + (0.0 if is_busy(fault) else _LEFT_ALONE_S)
                _log.error("replay_store_down", error=type(fault).__name__)
        self._memory = {one: end for one, end in self._memory.items() if end >= until - _SURELY_PAST_S}
        self._memory[token] = until
        return False

    def _seen_in_file(self, token: tuple[str, str], until: float) -> bool:
        """What only the memory knew goes into the file with it, for the other processes."""
        with self._file:
            self._file.executemany(_REMEMBER, [(*one, end) for one, end in self._memory.items()])
            written = self._file.execute(_REMEMBER, (*token, until))
        self._memory = {}
        self._used += 1
        if self._used % _SWEEP_EVERY == 0:
            with self._file:
                self._file.execute("DELETE FROM jti WHERE until < ?", (until - _SURELY_PAST_S,))
        return written.rowcount == 0


def _opened(path: Path | None) -> sqlite3.Connection:
    """The table is the one of a journal that hosts share (journal/tables.py)."""
    database = str(path or ":memory:")
    make_ready(database)
    file = sqlite3.connect(database, timeout=PATIENCE_S)
    file.execute("PRAGMA synchronous = NORMAL")
    with file:
        file.execute(
            "CREATE TABLE IF NOT EXISTS jti "
            "(iss TEXT NOT NULL, jti TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (iss, jti)) WITHOUT ROWID"
        )
    file.execute(f"PRAGMA busy_timeout = {_WAIT_S * 1000:.0f}")
    return file
