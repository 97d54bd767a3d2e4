"""A journal that is opened when it is first written to: the database library takes longer to load than a call.

Loading is done in a thread, so that no answer waits for it. What could not be opened is tried again with the
next entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import import_module

from cds_hooks.journal.entries import Issued, Journal, Outcome


class OpenedLater:
    """The journal at an address; nothing is loaded and no file is touched before the first entry."""

    def __init__(self, url: str, *, keep_comments: bool) -> None:
        self._url = url
        self._keep_comments = keep_comments
        self._opening = asyncio.Lock()
        self._journal: Journal | None = None

    async def issue(self, cards: Sequence[Issued]) -> None:
        """As Journal.issue."""
        await (await self._opened()).issue(cards)

    async def report(self, outcomes: Sequence[Outcome]) -> int:
        """As Journal.report."""
        return await (await self._opened()).report(outcomes)

    async def close(self) -> None:
        """As Journal.close."""
        if self._journal is not None:
            await self._journal.close()
            self._journal = None

    async def _opened(self) -> Journal:
        async with self._opening:
            if self._journal is None:
                store = await asyncio.to_thread(import_module, "cds_hooks.journal.store")
                journal: Journal = await store.open_store(self._url, keep_comments=self._keep_comments)
                self._journal = journal
            return self._journal
