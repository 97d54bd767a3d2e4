"""The journal as the service uses it: only feedback waits for it, and nothing that was acknowledged is lost.

Calls and cards go into a queue of bounded length; one task writes them, many at a time. Feedback is written while
its sender waits. What the database cannot take goes to the spool, and from there back once it can.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic

import structlog

from cds_hooks.errors import JournalRefused, JournalUnavailable
from cds_hooks.journal.entries import Entry, Heard, Outcome
from cds_hooks.journal.later import OpenedLater
from cds_hooks.journal.rows import Line, lines_of
from cds_hooks.journal.spool import Spool

ROOM = 20_000
"""Entries that may wait in memory: some minutes of a busy host."""
_AT_ONCE = 500
_GATHER_S = 0.25
"""How long the first entry waits for others: a flush to the disk costs as much as a dozen entries."""
_FEEDBACK_S = 2.0
"""How long the sender of feedback waits for the database, before the spool takes it."""
_WRITE_S = 10.0
_REST_S = 2.0
"""After a failure, before the database is tried again."""
_CLOSE_S = 5.0
_SWEEP_S = 3600.0
_log = structlog.get_logger()


class Steady:
    """A journal with a queue before it and a spool beside it. All its methods belong to one event loop."""

    def __init__(
        self,
        journal: OpenedLater,
        spool: Spool,
        clock: Callable[[], datetime],
        *,
        keep_comments: bool = False,
        keep_days: int = 0,
        room: int = ROOM,
    ) -> None:
        """`clock`: now, with a zone. `keep_days`: older entries are removed once an hour; 0: never."""
        self._clock = clock
        self.journal = journal
        self.spool = spool
        self.dropped = 0
        """Entries that found neither room nor database nor spool."""
        self._keep_comments = keep_comments
        self._keep_days = keep_days
        self._room = room
        self._queue: deque[Entry] = deque()
        self._unwritten: Counter[str] = Counter()  # subjects of what is in the queue
        self._came = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._is_closing = False
        self._try_again = 0.0
        self._sweep_again = 0.0

    @property
    def queued(self) -> int:
        """Entries that wait in memory."""
        return len(self._queue)

    def is_behind(self, subjects: Iterable[str]) -> bool:
        """Whether the database may not know yet what these subjects heard last: it waits here, or in the spool, or
        something of this process was lost.
        """
        is_unwritten = any(self._unwritten[subject] for subject in subjects)
        return is_unwritten or self.dropped > 0 or not self.spool.is_empty()

    def start(self) -> None:
        """Nothing; from now on entries are written, and what an earlier process left in the spool."""
        if self._worker is None or self._worker.done():
            self._is_closing = False
            self._came = asyncio.Event()  # of this loop: an application may be started again in another
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def open(self) -> None:
        """Nothing; the database is open and was asked once, since the first question takes longest.

        Otherwise the log says that it is not.
        """
        try:
            await self.journal.ask(lambda store: store.told((), self._clock()))
        except JournalUnavailable as fault:
            _log.error("journal_down", error=type(fault).__name__)

    async def keep(self, entries: Sequence[Entry]) -> None:
        """As Journal.keep, and at once; the entries will be written, all of them or, without room, none of them.

        Part of them would be worse: that a card was told, without what was said last. What is lost is counted.
        """
        if len(entries) > self._room - len(self._queue):
            self._lost(len(entries))
            return
        self._queue.extend(entries)
        self._unwritten.update(_subjects(entries))
        self.start()
        self._came.set()

    async def report(self, outcomes: Sequence[Outcome]) -> int:
        """As Journal.report. Feedback in the spool is kept, too; whether it is ours is found out later (0)."""
        self.start()
        lines = lines_of(outcomes, keep_comments=self._keep_comments)
        try:
            return await self._write(lines, _FEEDBACK_S)
        except JournalUnavailable:
            await self.spool.keep(lines)
            self._came.set()
            return 0

    async def prolong(
        self, cards: Sequence[str], service: str, client: str, at: datetime, windows: Mapping[str, timedelta]
    ) -> None:
        """As Journal.prolong; not tried while the database rests."""
        if monotonic() < self._try_again:
            raise JournalUnavailable("The journal does not answer at the moment.")
        await self.journal.prolong(cards, service, client, at, windows)

    async def close(self) -> None:
        """Nothing; what was queued is written, or else in the spool, and what was open is closed."""
        self._is_closing = True
        self._came.set()
        if self._worker is not None:
            await asyncio.wait({self._worker}, timeout=_CLOSE_S)
            self._worker.cancel()
            await asyncio.wait({self._worker})
            self._worker = None
        await self._flush_all()
        await self.journal.close()

    async def _work(self) -> None:
        while not self._is_closing:
            try:
                await self._round()
            except Exception as fault:  # noqa: BLE001  # whatever it was, what comes next must still be written
                _log.error("journal_stumbled", error=type(fault).__name__)
                await asyncio.sleep(_REST_S)

    async def _round(self) -> None:
        await self._pause()
        await self._flush(_WRITE_S)
        if monotonic() >= self._try_again:
            await self._empty_the_spool()
            await self._sweep()

    async def _flush_all(self) -> None:
        try:
            while self._queue:
                await self._flush(_CLOSE_S)
        except Exception as fault:  # noqa: BLE001  # there is no later any more, but all else must be closed
            _log.error("journal_stumbled", error=type(fault).__name__)
            self._lost(len(self._queue))
            self._queue.clear()

    async def _pause(self) -> None:
        """Until something came, and a little longer for more; while lines wait in the spool only for a while."""
        self._came.clear()
        if not self._queue:
            rest = _SWEEP_S if self.spool.is_empty() else _REST_S
            with suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), rest)
        await asyncio.sleep(_GATHER_S)

    async def _flush(self, limit_s: float) -> None:
        """Nothing; the first of the queue are in the database, or in the spool, or counted as lost."""
        entries = [self._queue[place] for place in range(min(_AT_ONCE, len(self._queue)))]
        if not entries:
            return
        lines = lines_of(entries, keep_comments=self._keep_comments)
        try:
            await self._write(lines, limit_s)
        except JournalUnavailable:
            try:
                await self.spool.keep(lines)
            except JournalUnavailable:
                self._lost(len(entries))
        for _ in entries:  # only now: who is stopped in the middle writes them again, which is no harm
            self._queue.popleft()
        self._unwritten -= Counter(_subjects(entries))

    async def _write(self, lines: Sequence[Line], limit_s: float) -> int:
        """As Store.write, in that time. After a failure the database is left alone for a while, not after a
        refusal: what it refuses says nothing of it.
        """
        if monotonic() < self._try_again:
            raise JournalUnavailable("The journal does not answer at the moment.")
        try:
            async with asyncio.timeout(limit_s):
                return await self.journal.ask(lambda store: store.write(lines, self._clock()))
        except JournalRefused:
            _log.error("journal_refused", items=len(lines))
            raise
        except (JournalUnavailable, TimeoutError) as fault:
            self._try_again = monotonic() + _REST_S
            _log.error("journal_down", error=type(fault).__name__)
            raise JournalUnavailable("The journal does not answer at the moment.") from None

    async def _empty_the_spool(self) -> None:
        for path in await asyncio.to_thread(self.spool.waiting):
            if self._is_closing:
                return
            lines = await self.spool.lines_in(path)
            try:
                await self._write(lines, _WRITE_S)
            except JournalRefused:
                await self.spool.set_aside(path)
                continue
            except JournalUnavailable:
                return
            await self.spool.done(path)
            _log.info("spool_replayed", items=len(lines))

    async def _sweep(self) -> None:
        if monotonic() < self._sweep_again:
            return
        self._sweep_again = monotonic() + _SWEEP_S
        now = self._clock()
        before = now - timedelta(days=self._keep_days) if self._keep_days else datetime.min.replace(tzinfo=UTC)
        try:
            await self.journal.ask(lambda store: store.forget(before, now))
        except JournalUnavailable:
            _log.error("journal_not_cleared")
        if self._keep_days:
            await self.spool.forget(before)

    def _lost(self, entries: int) -> None:
        self.dropped += entries
        _log.error("journal_entries_lost", items=entries)


def _subjects(entries: Iterable[Entry]) -> Iterable[str]:
    return (entry.subject for entry in entries if isinstance(entry, Heard))
