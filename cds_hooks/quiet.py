"""quiet: cards that would only repeat what this user was told about this patient stay away for a while.

Only a card that says nothing new is held back; whatever is added or worse speaks at once (cards/facts.py), and
with it the whole card. What the latest answer did not say any more is new when it comes back. The most urgent tier
is repeated after four hours at the latest, whatever a site sets. When the journal does not answer in time,
everything is shown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from cds_hooks.cards.facts import facts, tier_of
from cds_hooks.cards.wire import Card, HookRequest
from cds_hooks.journal.entries import Heard, Told
from cds_hooks.journal.hashes import Hashes
from cds_hooks.model.criteria import ABOUT_ORDERS
from cds_hooks.model.results import Assessment
from cds_hooks.model.truth import Tier

EMERGENCY_AT_MOST = timedelta(hours=4)
"""Evidence N9 of our sources: an emergency is repeated after four hours even when nothing changed."""
_LATE = timedelta(hours=24)
"""How long after a card was shown an override can still prolong its quiet time."""

Ask: TypeAlias = Callable[[Sequence[str], datetime], Awaitable[frozenset[str] | None]]
"""Hashes of subjects -> those of facts that stay quiet now: told within their time, and part of the latest answer;
None when that could not be had in time."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How long a card stays quiet that was only shown, and one that was overridden."""

    shown: timedelta
    overridden: timedelta
    overridden_info: timedelta
    """Where nothing on the card is urgent."""

    def after_showing(self, tier: Tier, hook: str) -> timedelta:
        """A card about an order is shown with each order: only an override keeps it quiet."""
        return timedelta() if hook in ABOUT_ORDERS else _bounded(self.shown, tier)

    def after_override(self, tier: Tier) -> timedelta:
        """From the moment of the override."""
        return _bounded(self.overridden_info if tier is Tier.ROUTINE else self.overridden, tier)

    def at_most(self, tier: Tier) -> timedelta:
        """From when it was shown, whatever is reported: an override may come a day later, but of no emergency."""
        late = timedelta() if tier is Tier.EMERGENCY else _LATE
        return _bounded(max(self.shown, self.after_override(tier) + late), tier)


def _bounded(window: timedelta, tier: Tier) -> timedelta:
    return min(window, EMERGENCY_AT_MOST) if tier is Tier.EMERGENCY else window


@dataclass(frozen=True, slots=True)
class Quiet:
    """What holds repetitions back at one site."""

    keys: tuple[Hashes, ...]
    windows: Windows
    ask: Ask

    async def repeated(
        self, cards: Sequence[Card], assessment: Assessment, whom: Sequence[str], at: datetime
    ) -> frozenset[int]:
        """Places of the cards that say nothing new to this user."""
        subjects = [key.subject(whom) for key in self.keys]
        known = await self.ask(subjects, at) if cards else None
        if not known:
            return frozenset()
        return frozenset(
            place for place, card in enumerate(cards) if self._is_known(facts(card, assessment), subjects, known)
        )

    def told(
        self, cards: Iterable[Card], assessment: Assessment, whom: Sequence[str], at: datetime
    ) -> tuple[Told, ...]:
        """The cards that are shown, as they are remembered."""
        newest = self.keys[0]
        subject = newest.subject(whom)
        remembered = []
        for card in cards:
            tier = tier_of(card, assessment)
            until = at + self.windows.after_showing(tier, assessment.hook)
            hashes = newest.facts(subject, facts(card, assessment))
            latest = at + self.windows.at_most(tier)
            remembered.append(Told(card.uuid, subject, hashes, tier.value, until, latest))
        return tuple(remembered)

    def heard(
        self, cards: Sequence[Card], assessment: Assessment | None, whom: Sequence[str], at: datetime
    ) -> tuple[Heard, ...]:
        """Everything an answer said, also on cards that were held back: one entry for each key still in use."""
        said = [fact for card in cards for fact in facts(card, assessment)] if assessment else []
        subjects = ((key, key.subject(whom)) for key in self.keys)
        return tuple(Heard(subject, at, key.facts(subject, said)) for key, subject in subjects)

    def overridden(self) -> Mapping[str, timedelta]:
        """Tier -> how long an overridden card stays quiet."""
        return {tier.value: self.windows.after_override(tier) for tier in Tier}

    def _is_known(self, said: Sequence[str], subjects: Sequence[str], known: frozenset[str]) -> bool:
        """Whether every fact was told, each under one of the keys."""
        hashed = zip(
            *(key.facts(subject, said) for key, subject in zip(self.keys, subjects, strict=True)), strict=True
        )
        return all(known.intersection(one) for one in hashed)


def whom(request: HookRequest, service: str, client: str) -> tuple[str, ...]:
    """Who is told about whom: parts that together mean one user, one patient, one service of one record system."""
    return (client, service, request.fhir_server, request.context["userId"], request.patient_id)
