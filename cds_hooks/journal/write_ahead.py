"""A SQLite file that several processes of a host open at once.

SQLite does not wait, whatever its timeout, when two processes give a new file its write-ahead log at the same
moment: one of them is refused. So the log is made ready first, patiently, and then the file is opened.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

PATIENCE_S = 5.0
"""For other processes that are making the file at this moment."""
_PAUSE_S = 0.05
_PRIMARY = 0xFF
"""The part of SQLite's error codes that says what failed, without the details of why."""


def make_ready(database: str) -> None:
    """Nothing; the file, made when missing, can be opened and has a write-ahead log. Raises sqlite3.Error."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        try:
            with closing(sqlite3.connect(database, timeout=0)) as file:
                file.execute("PRAGMA journal_mode = WAL")
                return
        except sqlite3.OperationalError as fault:
            if not is_busy(fault) or time.monotonic() > ends:
                raise
            time.sleep(_PAUSE_S)


def is_busy(fault: sqlite3.Error) -> bool:
    """Whether somebody else only held the file for longer than was waited."""
    return fault.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY
