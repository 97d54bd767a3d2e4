"""Cards and feedback as entries of the journal. What a card says, and whom it is about, stays out.

Keeping what went out never delays or changes an answer: it happens after it, and a failure is logged. Feedback
is acknowledged only when it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import structlog

from cds_hooks.cards.feedback import Feedback
from cds_hooks.cards.wire import Card
from cds_hooks.errors import JournalUnavailable
from cds_hooks.guard.privacy import origin_of
from cds_hooks.journal.entries import Issued, Journal, Outcome

_log = structlog.get_logger()


async def keep_cards(journal: Journal, cards: Iterable[Card], service: str, client: str, at: datetime) -> None:
    """Nothing; the cards are in the journal, or the log says that they are not. Raises nothing."""
    issued = [Issued(card.uuid, service, client, card.rules, at) for card in cards]
    try:
        await journal.issue(issued)
    except JournalUnavailable as fault:
        _log.error("cards_not_kept", cards=len(issued), error=type(fault).__name__)
    except Exception as fault:  # noqa: BLE001  # the answer is out: nothing may touch it any more
        _log.error(
            "cards_not_kept", cards=len(issued), error=type(fault).__name__, where=origin_of(fault.__traceback__)
        )


async def keep_feedback(
    journal: Journal, items: Iterable[Feedback], service: str, client: str, at: datetime
) -> None:
    """Nothing; the feedback is on the disk. Raises JournalUnavailable when it is not."""
    outcomes = [
        Outcome(
            item.card,
            service,
            client,
            item.outcome,
            item.at,
            received=at,
            suggestions=item.accepted,
            reason=item.reason,
            comment=item.comment,
        )
        for item in items
    ]
    matched = await journal.report(outcomes)
    _log.info("feedback", service=service, client=client or "none", items=len(outcomes), matched=matched)
