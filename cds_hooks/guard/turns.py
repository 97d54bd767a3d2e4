"""Turns: calls are worked on one after another, and when too many wait, the next is sent away at once.

A worker has one processor, so working on several calls together only makes all of them late. Between two
turns the server gets round to whoever else is there: a call that is sent away, a probe, a connection. A call
that waits for a FHIR server gives its turn to others meanwhile. Sent away early, a caller can ask another
worker or try again; taken in and answered late, its answer helps nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from cds_hooks.errors import CdsError

MOST_WAITING: Final = 24
"""Calls that may wait for their turn. With some milliseconds for each, the last of them waits a quarter second."""

RETRY_AFTER_S: Final = 1
"""When someone who was sent away may try again, in whole seconds as the header asks."""


_ROUNDS: Final = 4
"""Rounds of the loop in which a caller is taken note of, read, sent away and let go."""


class Overloaded(CdsError):
    """More calls have come than can be answered in time; this one was not looked at."""

    def __init__(self) -> None:
        super().__init__("Too many calls at once: this one was not looked at. Try again in a second.")


class Turns:
    """The turns of one worker. Used on one event loop only."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._most = most_waiting
        self._waiting = 0
        self._turn = asyncio.Lock()

    @property
    def are_full(self) -> bool:
        """Whether so many wait that no other may."""
        return self._waiting >= self._most

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """One turn. Raises Overloaded instead of waiting behind too many."""
        if self.are_full:
            raise Overloaded
        await self._take()
        try:
            yield
        finally:
            self._turn.release()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Within a turn: a time in which others have it. Afterwards it is waited for, however many wait."""
        self._turn.release()
        try:
            yield
        finally:
            await self._take()

    async def _take(self) -> None:
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        await self._meanwhile()

    async def _meanwhile(self) -> None:
        """Lets the loop get round to others before the work, which does not let go of it."""
        try:
            for _ in range(_ROUNDS if self._waiting else 1):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._turn.release()
            raise
