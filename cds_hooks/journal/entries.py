"""What the journal keeps: calls, cards that went out, what users made of them. Nothing about a patient.

Standard library only, so that whoever writes to a journal need not know how it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeAlias

How: TypeAlias = Literal["shown", "silent", "quiet", "held", "unsent"]
"""What became of a rule that is met, or of a card: on a card that went out; silenced by the site or the
deployment; told to this user before; held back by the knowledge itself (lowered, not at this hook, no room); or
worked out for a caller who had hung up."""

HUNG_UP = 499
"""The status of a call whose caller was gone before the answer: none of HTTP, and what web servers log then."""


@dataclass(frozen=True, slots=True)
class Met:
    """One rule that a chart meets."""

    rule: str
    tier: str
    """"" for none."""
    how: How


@dataclass(frozen=True, slots=True)
class Made:
    """One card that a call came to."""

    card: str
    """Its uuid."""
    indicator: str
    how: How


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A code that stands for no concept here, and how many entries of a chart carry it."""

    kind: str
    system: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a service, and what it came to."""

    id: str
    at: datetime
    client: str
    """Our own name of the caller; "" where callers are not authenticated."""
    hook: str
    service: str
    status: int
    """Of the answer, or HUNG_UP. Only a call with status 200 is counted as judged; after a refusal the members
    below are empty.
    """
    ms: float
    """Until the answer was ready, in milliseconds."""
    software: str
    knowledge: str
    released: str
    """Date of the knowledge."""
    digest: str
    mode: str
    """live or silent."""
    skin_bleeding: str = ""
    """present, absent or unknown; "" where nothing was judged. With status 200 that is a call answered at a
    glance: no rule was met, and whether one stayed unknown was not asked.
    """
    rules: tuple[str, ...] = ()
    """Ids of all that were asked; one that is neither present nor unknown was absent."""
    present: tuple[Met, ...] = ()
    unknown: tuple[str, ...] = ()
    open: Mapping[str, str] = field(default_factory=dict)
    """Findings that left rules unknown -> why they are not known, in our words."""
    gaps: Mapping[str, int] = field(default_factory=dict)
    """Kind of gap -> how many."""
    cards: tuple[Made, ...] = ()
    entries: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Kind of entry -> how many were understood, and how many there were."""
    unmapped: tuple[Unmapped, ...] = ()


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
class Told:
    """A card that a user was shown, as keyed hashes of what it says."""

    card: str
    subject: str
    """Hash of who was told about whom."""
    facts: tuple[str, ...]
    """Hashes of everything that the card rests on."""
    tier: str
    """Of the card: it bounds how long it may stay quiet."""
    until: datetime
    """From then on it speaks again."""
    latest: datetime
    """Beyond this no override can keep it quiet."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Everything that the latest answer said, shown or held back: what is not in it any more may be told anew."""

    subject: str
    """Hash of who was answered about whom."""
    at: datetime
    facts: tuple[str, ...]
    """Hashes; none for an answer without cards."""


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


Entry: TypeAlias = Call | Issued | Told | Heard | Outcome


class Journal(Protocol):
    """Where entries are kept."""

    async def keep(self, entries: Sequence[Entry]) -> None:
        """The entries are kept, or will be. Raises JournalUnavailable when they could not be."""
        ...

    async def report(self, outcomes: Sequence[Outcome]) -> int:
        """How many of the outcomes are about cards of ours; all are kept, each once however often it comes.

        Raises JournalUnavailable when none was kept.
        """
        ...

    async def prolong(
        self, cards: Sequence[str], service: str, client: str, at: datetime, windows: Mapping[str, timedelta]
    ) -> None:
        """Those of the cards that were sent to this caller stay quiet from that instant for their tier's time.

        Nobody decides about a card that is not there yet: an earlier instant means when the card was sent.
        Raises JournalUnavailable.
        """
        ...

    async def close(self) -> None:
        """What was open is closed."""
        ...
