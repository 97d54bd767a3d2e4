"""Recall: what was told, read from the journal's file on the way to an answer, by whoever answers.

A reader of SQLite's write-ahead log waits for no writer, and reads some lines in a tenth of a millisecond. To ask
a thread for them takes longer than to read them, and longer still while charts are judged, for Python lets one
thread go on at a time. So the file is read where the answer is made, and is never waited for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import structlog

from cds_hooks.journal.patience import SLOW_S, Pace

_SLOW_S = 0.05
"""A disk that takes longer is left alone for a while, since the next answer would wait for it, too."""
_REST_S = 5.0
_TOLD = (
    "SELECT quiet.facts, heard.facts FROM quiet JOIN heard ON heard.subject = quiet.subject "
    "WHERE quiet.subject = ?1 AND quiet.until > ?2 AND heard.at <= ?2 "
    "AND NOT EXISTS (SELECT 1 FROM cards_issued WHERE card = quiet.card AND at > ?2)"
)
_log = structlog.get_logger()


class Recall:
    """What was told, in the journal of this file. Used on one thread only."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._try_again = 0.0
        self._pace = Pace()
        self._longest = _SLOW_S

    @property
    def is_resting(self) -> bool:
        """True while the file is not read."""
        return monotonic() < self._try_again

    def told(self, subjects: Sequence[str], at: datetime) -> frozenset[str] | None:
        """As Store.told; None when the file cannot be read now. Raises nothing."""
        if self.is_resting:
            return None
        started = monotonic()
        try:
            found = self._read(subjects, f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}")
        except sqlite3.Error as fault:
            self.close()
            self._rest(type(fault).__name__)
            return None
        self._judge(monotonic() - started)
        return still_told(found)

    def close(self) -> None:
        """Nothing; the file is closed until it is read again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, subjects: Sequence[str], at: str) -> list[tuple[str, str]]:
        if self._connection is None:
            address = f"{self._file.absolute().as_uri()}?mode=rw"  # never makes the file: that is the writer's
            self._connection = sqlite3.connect(address, uri=True, timeout=0, isolation_level=None)
        return [row for subject in subjects for row in self._connection.execute(_TOLD, (subject, at))]

    def _judge(self, took: float) -> None:
        """Nothing; after one slow reading, or a row that was slow on average, the file rests. The first reading
        after a rest must be quick, or it rests on.
        """
        self._pace.took(took)
        if took > self._longest or self._pace.is_slow:
            self._rest("slow")
        else:
            self._longest = _SLOW_S

    def _rest(self, why: str) -> None:
        self._try_again = monotonic() + _REST_S
        self._pace.forget()
        self._longest = SLOW_S
        _log.error("journal_slow", error=why)


def still_told(found: Iterable[tuple[str, str]]) -> frozenset[str]:
    """What was told and is still said, of pairs of both as the database keeps them."""
    return frozenset(fact for told, said in found for fact in frozenset(told.split()).intersection(said.split()))
