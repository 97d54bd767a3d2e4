"""A journal with a thread of its own, opened when it is first used.

The database library takes longer to load than a call, and its many small steps would wait for one another behind
calls that are being judged. In its own thread nothing waits for anything but the one answer it asked for. What
could not be opened is tried again with the next question.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from cds_hooks.journal.entries import Entry, Outcome

if TYPE_CHECKING:
    from cds_hooks.journal.store import Store

_Answer = TypeVar("_Answer")


class OpenedLater:
    """The journal at an address; nothing is loaded and nothing is touched before the first entry."""

    def __init__(self, url: str, *, keep_comments: bool) -> None:
        self._url = url
        self._keep_comments = keep_comments
        self._opening = asyncio.Lock()
        self._store: Store | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def keep(self, entries: Sequence[Entry]) -> None:
        """As Journal.keep."""
        await self.ask(lambda store: store.keep(entries))

    async def report(self, outcomes: Sequence[Outcome]) -> int:
        """As Journal.report."""
        return await self.ask(lambda store: store.report(outcomes))

    async def prolong(
        self, cards: Sequence[str], service: str, client: str, at: datetime, windows: Mapping[str, timedelta]
    ) -> None:
        """As Journal.prolong."""
        await self.ask(lambda store: store.prolong(cards, service, client, at, windows))

    async def ask(self, step: Callable[[Store], Awaitable[_Answer]]) -> _Answer:
        """What the step on the open database comes to. Raises JournalUnavailable, also when none can be opened."""
        return await asyncio.wrap_future(self.begin(step))

    def begin(self, step: Callable[[Store], Awaitable[_Answer]]) -> Future[_Answer]:
        """As `ask`, for who looks again later."""
        return asyncio.run_coroutine_threadsafe(self._asked(step), self._own_loop())

    async def close(self) -> None:
        """As Journal.close; the thread ends."""
        if self._loop is not None:
            loop, self._loop = self._loop, None
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._closed(), loop))
            loop.call_soon_threadsafe(loop.stop)

    async def _asked(self, step: Callable[[Store], Awaitable[_Answer]]) -> _Answer:
        async with self._opening:
            if self._store is None:  # no cover: what follows a greenlet on its thread is not measured
                module = import_module("cds_hooks.journal.store")
                opened: Store = await module.open_store(self._url, keep_comments=self._keep_comments)
                self._store = opened
        return await step(self._store)

    async def _closed(self) -> None:
        if self._store is not None:
            await self._store.close()
            self._store = None

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=_run, args=(self._loop,), name="journal", daemon=True).start()
        return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Nothing, once the loop was stopped."""
    try:
        loop.run_forever()
    finally:
        loop.close()
