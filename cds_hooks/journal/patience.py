"""Patience: asking the database on the way to an answer, so that no answer waits long for it.

One question gets a short time. After a question that failed or took longer, or a row of questions that each took
some milliseconds, nobody asks any more; beside the calls it is tried now and then whether the database answers
quickly again.

Questions are asked in the journal's own thread. Only what it takes there counts: when the loop that waits was busy
with a chart meanwhile, the answer lies ready, and the database is not to blame.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import TypeVar

import structlog

_Answer = TypeVar("_Answer")
LIMIT_S = 0.05
"""What one question gets in a deployment."""
SLOW_S = 0.005
"""What questions may take on average. A database that is always slower would make every answer late."""
_ROW = 20
"""Questions over which that is."""
_PAUSE_S = 5.0
_PROBE_S = 5.0
_log = structlog.get_logger()


class Pace:
    """How long the latest questions took."""

    def __init__(self, slow_s: float = SLOW_S) -> None:
        self._slow_s = slow_s
        self._took: deque[float] = deque(maxlen=_ROW)

    def took(self, seconds: float) -> None:
        """Nothing; one more question took so long."""
        self._took.append(seconds)

    @property
    def is_slow(self) -> bool:
        """Whether a whole row of questions was slow on average."""
        return len(self._took) == _ROW and sum(self._took) > _ROW * self._slow_s

    def forget(self) -> None:
        """Nothing; a row begins anew."""
        self._took.clear()


class Patience:
    """`probe` is a harmless question; the others are seconds."""

    def __init__(
        self,
        probe: Callable[[], Future[object]],
        *,
        limit_s: float,
        slow_s: float = SLOW_S,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self._probe = probe
        self._limit_s = limit_s
        self._slow_s = slow_s
        self._pause_s = pause_s
        self._pace = Pace(slow_s)
        self._resting: asyncio.Task[None] | None = None

    @property
    def is_resting(self) -> bool:
        """True while the database is not asked."""
        return self._resting is not None

    async def ask(self, question: Callable[[], Future[_Answer]]) -> _Answer | None:
        """The answer; None when there is none in time. Raises nothing."""
        if self._resting is not None:
            return None
        asked, took = _timed(question)
        is_there = await _is_there(asked, self._limit_s)
        self._pace.took(took())
        if not is_there or self._pace.is_slow:
            self._rest(asked)
        return asked.result() if is_there else None

    def close(self) -> None:
        """Nothing; it is not tried any more."""
        if self._resting is not None:
            self._resting.cancel()

    def _rest(self, asked: Future[_Answer]) -> None:
        if self._resting is None:
            _log.error("journal_slow")
            self._pace.forget()
            self._resting = asyncio.create_task(self._until_quick(asked))

    async def _until_quick(self, asked: Future[_Answer]) -> None:
        await _is_there(asked, _PROBE_S)
        asked.cancel()
        while not await self._is_quick():  # noqa: ASYNC110  # nobody but the database can tell
            await asyncio.sleep(self._pause_s)
        self._resting = None

    async def _is_quick(self) -> bool:
        probed, took = _timed(self._probe)
        is_there = await _is_there(probed, _PROBE_S)
        probed.cancel()
        return is_there and took() < self._slow_s


def _timed(question: Callable[[], Future[_Answer]]) -> tuple[Future[_Answer], Callable[[], float]]:
    """The question that is asked, and what tells how long it took, or takes so far."""
    started, ended = monotonic(), []
    asked = question()
    asked.add_done_callback(lambda _: ended.append(monotonic()))  # in the thread that asks
    return asked, lambda: (ended[0] if ended else monotonic()) - started


async def _is_there(asked: Future[_Answer], within_s: float) -> bool:
    """Whether the question has an answer. Looks at the thread that asks, whatever has been noticed of it here."""
    noticed = asyncio.wrap_future(asked)
    await asyncio.wait({noticed}, timeout=within_s)
    noticed.add_done_callback(_looked_at)
    return asked.done() and not asked.cancelled() and asked.exception() is None


def _looked_at(noticed: asyncio.Future[_Answer]) -> None:
    """Nothing; a fault that comes too late is nobody's any more."""
    if not noticed.cancelled():
        noticed.exception()
