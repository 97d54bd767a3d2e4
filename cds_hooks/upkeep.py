"""upkeep: what runs beside the calls of a deployment (journal, canaries): made from settings, started, stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta

from cds_hooks.books import Books
from cds_hooks.canaries import Canaries
from cds_hooks.journal.hashes import read_keys
from cds_hooks.journal.later import OpenedLater
from cds_hooks.journal.patience import LIMIT_S, Patience
from cds_hooks.journal.recall import Recall
from cds_hooks.journal.replay import ReplayStore
from cds_hooks.journal.replay_shared import SharedReplays
from cds_hooks.journal.spool import Spool
from cds_hooks.journal.steady import Steady
from cds_hooks.model.library import Library
from cds_hooks.quiet import Ask, Quiet, Windows
from cds_hooks.settings import Settings
from cds_hooks.tally import Kind, Tally

_TOKENS = "-tokens"
"""What the name of the file for tokens has more than the journal's."""
_QUEUE = Kind("pinpoint_journal_queue", "Entries that wait in memory for the journal")
_SPOOL = Kind("pinpoint_journal_spool", "Batches that wait in the spool for the journal")
_LOST = Kind("pinpoint_journal_lost", "Entries that found no room and no disk")
_RESTING = Kind("pinpoint_journal_resting", "1 while the journal is not asked on the way to an answer")
_TURNED = Kind("pinpoint_canaries_turned", "Rules whose canary patients read otherwise than they must")


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The journal, what asks it, and the canaries."""

    journal: Steady
    canaries: Canaries
    patience: Patience | None = None
    """None: no answer waits for the journal."""
    recall: Recall | None = None
    """None: no answer reads the journal's file."""

    async def start(self) -> None:
        """Nothing; everything runs. Where answers need the journal it is open, or the log says that it is not."""
        self.canaries.start()
        self.journal.start()
        if self.patience is not None or self.recall is not None:
            await self.journal.open()

    async def stop(self) -> None:
        """Nothing; what was queued is kept, and nothing runs any more."""
        self.canaries.stop()
        if self.patience is not None:
            self.patience.close()
        if self.recall is not None:
            self.recall.close()
        await self.journal.close()

    def shown_by(self, tally: Tally) -> None:
        """Nothing; whoever reads the counts also sees how the journal and the canaries are."""
        tally.watch(_QUEUE, lambda: {(): self.journal.queued})
        tally.watch(_SPOOL, lambda: {(): self.journal.spool.depth()})
        tally.watch(_LOST, lambda: {(): self.journal.dropped})
        tally.watch(_RESTING, lambda: {(): float(self._is_resting)})
        tally.watch(_TURNED, lambda: {(): len(self.canaries.turned)})

    @property
    def _is_resting(self) -> bool:
        return any(one is not None and one.is_resting for one in (self.patience, self.recall))


def upkeep_of(settings: Settings, canaries: Canaries, clock: Callable[[], datetime]) -> Upkeep:
    """What a deployment of these settings runs. `clock`: now, with a zone."""
    later = OpenedLater(settings.journal_url, keep_comments=settings.keep_comments)
    journal = Steady(
        later, Spool(settings.spool), clock, keep_comments=settings.keep_comments, keep_days=settings.keep_days
    )

    def probe() -> Future[object]:
        return later.begin(lambda store: store.told((), clock()))

    file = settings.journal_file if settings.site_keys else None
    is_asked = settings.is_journal_shared or (settings.site_keys is not None and file is None)
    patience = Patience(probe, limit_s=LIMIT_S) if is_asked else None
    return Upkeep(journal, canaries, patience, Recall(file) if file else None)


def replays_of(settings: Settings, upkeep: Upkeep) -> ReplayStore | SharedReplays:
    """Where used tokens are remembered: with the journal. Raises SettingsError when its file cannot be used."""
    if settings.is_journal_shared and upkeep.patience is not None:
        return SharedReplays(upkeep.journal.journal, upkeep.patience)
    journal = settings.journal_file
    return ReplayStore(journal and journal.with_name(journal.name + _TOKENS))


def books_of(settings: Settings, upkeep: Upkeep, library: Library, versions: Mapping[str, str]) -> Books:
    """What a deployment of these settings keeps of calls. Raises SettingsError for unreadable keys."""
    books = Books(upkeep.journal, Tally(), settings.mode, versions, library, _quiet(settings, upkeep))
    upkeep.shown_by(books.tally)
    return books


def _quiet(settings: Settings, upkeep: Upkeep) -> Quiet | None:
    if settings.site_keys is None:
        return None
    windows = Windows(
        shown=timedelta(hours=settings.repeat_hours),
        overridden=timedelta(hours=settings.override_hours),
        overridden_info=timedelta(days=settings.override_info_days),
    )

    return Quiet(read_keys(settings.site_keys), windows, _asking(upkeep))


def _asking(upkeep: Upkeep) -> Ask:
    """How is found out what was told. Not while the latest answers are still on their way to the database."""
    journal, patience, recall = upkeep.journal, upkeep.patience, upkeep.recall

    def told(subjects: Sequence[str], at: datetime) -> Future[frozenset[str] | None]:
        return journal.journal.begin(lambda store: store.told(subjects, at))

    async def ask(subjects: Sequence[str], at: datetime) -> frozenset[str] | None:
        if journal.is_behind(subjects):
            return None
        if recall is not None:
            return recall.told(subjects, at)
        return await patience.ask(lambda: told(subjects, at)) if patience else None

    return ask
