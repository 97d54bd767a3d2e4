"""What the journal keeps: that a card went out, and what a user made of one. Nothing about a patient.

Standard library only, so that whoever writes to a journal need not know how it is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Issued:
    """A card that went out."""

    card: str
    """Its uuid."""
    service: str
    client: str
    """Our own name of the caller; "" where callers are not authenticated."""
    rules: tuple[str, ...]
    """Ids of the rules that spoke on it."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a user made of a card, as the caller reports it."""

    card: str
    """Uuid as the caller names it. It counts only when this service sent that card to this caller."""
    service: str
    client: str
    outcome: Literal["accepted", "overridden"]
    at: datetime
    """When the user decided."""
    received: datetime
    suggestions: tuple[str, ...] = ()
    """Uuids of the accepted suggestions."""
    reason: str = ""
    """Code of the reason for overriding."""
    comment: str = field(default="", repr=False)
    """The user's own words; kept only where the deployment asks for it."""


class Journal(Protocol):
    """Where entries are kept."""

    async def issue(self, cards: Sequence[Issued]) -> None:
        """The cards are kept. Raises JournalUnavailable when they could not be."""
        ...

    async def report(self, outcomes: Sequence[Outcome]) -> int:
        """How many of the outcomes are about cards of ours; all are kept, each once however often it comes.

        Raises JournalUnavailable when none was kept.
        """
        ...

    async def close(self) -> None:
        """What was open is closed."""
        ...
