"""Which FHIR servers are left alone for a while, because nothing came of asking them.

A server that hangs costs every chart the whole deadline, and gets every question on top of what ails it. After
a row of charts for which it answered nothing it is not asked for a rest; then one chart asks as a trial, and its
outcome decides. A refusal is an answer. Each process keeps its own count, and one server's never touches
another's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

FAILURES = 5
"""Charts in a row for which a server answered nothing."""
WITHIN_S = 30.0
"""Seconds in which they must follow each other; older failures say nothing about now."""
REST_S = 10.0
"""Seconds for which the server is left alone, and between one trial and the next."""


@dataclass(slots=True)
class _Row:
    """Failures without an answer between them."""

    since: float
    failures: int = 0
    rests_until: float | None = None


class Breakers:
    """One breaker for each server that does not answer; `clock` gives seconds that only go forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rows: dict[str, _Row] = {}

    def may_ask(self, server: str) -> bool:
        """Whether a chart may be asked for now. True after a rest is the trial; others wait for its outcome."""
        row = self._rows.get(server)
        if row is None or row.rests_until is None:
            return True
        if self._clock() < row.rests_until:
            return False
        row.rests_until = self._clock() + REST_S
        return True

    def left_alone(self) -> Mapping[str, bool]:
        """Servers that lately answered nothing -> whether they are left alone; a trial changes nothing of that."""
        return {server: row.rests_until is not None for server, row in self._rows.items()}

    def answered(self, server: str) -> None:
        """The server has answered something: all is forgotten."""
        self._rows.pop(server, None)

    def silent(self, server: str) -> None:
        """The server has answered nothing for one chart."""
        now = self._clock()
        row = self._rows.get(server)
        if row is None or (row.rests_until is None and now - row.since > WITHIN_S):
            row = self._rows[server] = _Row(now)
        row.failures += 1
        if row.failures >= FAILURES:
            row.rests_until = now + REST_S
