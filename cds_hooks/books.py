"""books: which cards of a call go out, and what is kept and counted of it.

Nothing here changes an answer but what a site asked for: silent mode, and not to repeat what was told already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

import structlog

from cds_hooks.cards.feedback import Feedback
from cds_hooks.cards.wire import Card
from cds_hooks.errors import JournalUnavailable
from cds_hooks.guard.privacy import origin_of
from cds_hooks.journal.entries import HUNG_UP, Call, Entry, How, Journal, Outcome
from cds_hooks.ledger import Spoken, Visit, call_of, issued, outcomes
from cds_hooks.model.library import Library
from cds_hooks.model.results import GapReason
from cds_hooks.quiet import Quiet
from cds_hooks.service import Advice
from cds_hooks.tally import CARDS, ENTRIES, FEEDBACK, GAPS, RULES, Tally

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Books:
    """What one deployment keeps of its own work."""

    journal: Journal | None = None
    """None: nothing is kept."""
    tally: Tally = field(default_factory=Tally)
    mode: Literal["live", "silent"] = "live"
    versions: Mapping[str, str] = field(default_factory=dict)
    library: Library | None = None
    """The rules whose truths are kept; None: only the outside of calls is."""
    quiet: Quiet | None = None
    """None: every call gets every card."""
    heed_s: float = 0.5
    """How long feedback that is kept already waits until all of its overrides are heeded."""

    async def spoken(
        self, cards: Sequence[Card], advice: Advice | None, whom: Sequence[str], at: datetime
    ) -> Spoken:
        """The cards with what becomes of each. Raises nothing: what cannot be looked up is shown."""
        if self.mode == "silent":
            silenced: list[How] = ["silent" for _ in cards]
            return Spoken(tuple(cards), tuple(silenced), advice)
        repeated: frozenset[int] = frozenset()
        if self.quiet is not None and advice is not None:
            repeated = await self.quiet.repeated(cards, advice.assessment, whom, at)
        hows: list[How] = ["quiet" if place in repeated else "shown" for place in range(len(cards))]
        return Spoken(tuple(cards), tuple(hows), advice)

    async def keep_unsent(self, visit: Visit, spoken: Spoken) -> None:
        """As `keep`, for a caller who had hung up: no card counts as shown, and nothing as told."""
        await self.keep(replace(visit, status=HUNG_UP), spoken.unsent, ())

    async def keep(self, visit: Visit, spoken: Spoken, whom: Sequence[str]) -> None:
        """Nothing; the call is in the journal and counted, or the log says that it is not. Raises nothing.

        `whom` is empty when nobody was told anything.
        """
        try:
            call = call_of(visit, spoken, self.versions, self.mode, self.library)
            self._count(call)
            if self.journal is not None:
                await self.journal.keep(self._entries(call, visit, spoken, whom))
        except JournalUnavailable as fault:
            _log.error("call_not_kept", cards=len(spoken.shown), error=type(fault).__name__)
        except Exception as fault:  # noqa: BLE001  # the answer is out: nothing may touch it any more
            where = origin_of(fault.__traceback__)
            _log.error("call_not_kept", cards=len(spoken.shown), error=type(fault).__name__, where=where)

    async def feedback(
        self, journal: Journal, items: Iterable[Feedback], service: str, client: str, at: datetime
    ) -> None:
        """Nothing; the feedback is on the disk. Raises JournalUnavailable when it is not."""
        reported = outcomes(items, service, client, at)
        matched = await journal.report(reported)
        _log.info("feedback", service=service, client=client or "none", items=len(reported), matched=matched)
        for one in reported:
            self.tally.count(FEEDBACK, service, one.outcome)
        if self.quiet is not None:
            await self._heed(journal, self.quiet.overridden(), reported, at)

    async def _heed(
        self, journal: Journal, windows: Mapping[str, timedelta], reported: Iterable[Outcome], at: datetime
    ) -> None:
        """Nothing; overridden cards stay quiet, as far as the journal says so soon: a caller waits for it.

        Not even tried any more after the first failure: the cards are shown again, which is no harm.
        """
        overridden: dict[tuple[str, str, datetime], list[str]] = {}
        for one in (one for one in reported if one.outcome == "overridden"):
            overridden.setdefault((one.service, one.client, min(one.at, at)), []).append(one.card)
        try:
            async with asyncio.timeout(self.heed_s):
                for (service, client, when), cards in overridden.items():
                    await journal.prolong(cards, service, client, when, windows)
        except (JournalUnavailable, TimeoutError):
            _log.warning("override_not_heeded")

    def _entries(self, call: Call, visit: Visit, spoken: Spoken, whom: Sequence[str]) -> list[Entry]:
        entries: list[Entry] = [call, *issued(visit, spoken)]
        if self.quiet is None or not whom:
            return entries
        judged = spoken.advice.assessment if spoken.advice else None
        if judged is not None:
            entries += self.quiet.told(spoken.shown, judged, whom, visit.at)
        return [*entries, *self.quiet.heard(spoken.cards, judged, whom, visit.at)]

    def _count(self, call: Call) -> None:
        for made in call.cards:
            self.tally.count(CARDS, call.service, made.indicator, made.how)
        for met in call.present:
            self.tally.count(RULES, met.rule, met.tier, met.how)
        if GapReason.NOT_WORKED_OUT.value in call.gaps:
            _log.error("rule_failed", count=call.gaps[GapReason.NOT_WORKED_OUT.value])
        for kind, count in call.gaps.items():
            self.tally.count(GAPS, kind, by=count)
        for kind, (mapped, total) in call.entries.items():
            self.tally.count(ENTRIES, kind, "mapped", by=mapped)
            self.tally.count(ENTRIES, kind, "unmapped", by=total - mapped)
