"""Patience: asking the database on the way to an answer, so that no answer waits long for it.

One question gets a short time. After a question that failed or took longer, nobody asks any more; beside the
calls it is tried now and then whether the database answers quickly again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

import structlog

_Answer = TypeVar("_Answer")
LIMIT_S = 0.05
"""What one question gets in a deployment."""
_PAUSE_S = 5.0
_PROBE_S = 5.0
_log = structlog.get_logger()


class Patience:
    """`probe` is a harmless question; `limit_s` and `pause_s` are seconds."""

    def __init__(
        self, probe: Callable[[], Awaitable[object]], *, limit_s: float, pause_s: float = _PAUSE_S
    ) -> None:
        self._probe = probe
        self._limit_s = limit_s
        self._pause_s = pause_s
        self._resting: asyncio.Task[None] | None = None

    @property
    def is_resting(self) -> bool:
        """True while the database is not asked."""
        return self._resting is not None

    async def ask(self, question: Callable[[], Awaitable[_Answer]]) -> _Answer | None:
        """The answer; None when there is none in time. Raises nothing."""
        if self._resting is not None:
            return None
        asked = asyncio.ensure_future(question())
        await asyncio.wait({asked}, timeout=self._limit_s)
        if asked.done() and asked.exception() is None:
            return asked.result()
        if self._resting is None:
            _log.error("journal_slow")
            self._resting = asyncio.create_task(self._until_quick(asked))
        return None

    def close(self) -> None:
        """Nothing; it is not tried any more."""
        if self._resting is not None:
            self._resting.cancel()

    async def _until_quick(self, asked: asyncio.Future[_Answer]) -> None:
        await asyncio.wait({asked}, timeout=_PROBE_S)
        asked.cancel()
        while not await self._is_quick():  # noqa: ASYNC110  # nobody but the database can tell
            await asyncio.sleep(self._pause_s)
        self._resting = None

    async def _is_quick(self) -> bool:
        started = monotonic()
        probed = asyncio.ensure_future(self._probe())
        await asyncio.wait({probed}, timeout=_PROBE_S)
        probed.cancel()
        return (
            probed.done()
            and not probed.cancelled()
            and not probed.exception()
            and monotonic() - started < self._limit_s
        )
