"""The rules of criteria and causes: what asks for action and how soon, what explains, what lowers, what to ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from cds_hooks.model.citations import Cite, Review
from cds_hooks.model.truth import Expression, Tier

Status: TypeAlias = Literal["draft", "silent", "active", "retired"]

Hook: TypeAlias = Literal[
    "patient-view", "order-select", "order-sign", "encounter-discharge", "problem-list-item-create"
]
"""The moments at which an EHR asks, by their names in CDS Hooks."""

ABOUT_ORDERS: frozenset[Hook] = frozenset({"order-select", "order-sign"})
"""Hooks at which only the orders that are being written are looked at, with what of the chart bears on them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision that is ours and not a guideline's. A site can switch it off."""

    id: str
    name: str
    why: str
    review: Literal["pending"] | Review = "pending"


@dataclass(frozen=True, slots=True)
class Unless:
    """A recorded explanation that takes a criterion back. It must be present: unknown excuses nothing."""

    when: Expression
    choice: str = ""
    """Id of the choice in knowledge/choices.yaml this rests on."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class TierStep:
    """A tier and the condition for it; the first step that is present gives the tier."""

    tier: Tier
    when: Expression | None = None
    """Left out: always."""
    choice: str = ""
    """Id of the choice in knowledge/choices.yaml this rests on."""
    advice: str = ""
    """Replaces the criterion's advice at this tier."""
    summary: str = ""
    """Replaces the criterion's summary at this tier."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Criterion:
    """A reason to refer: an expression over findings, a tier, and what guidelines advise."""

    id: str
    name: str
    """One line of the card: what is recorded that makes this urgent."""
    group: str
    """Order of heading; one of `groups` in knowledge/library.yaml."""
    when: Expression
    tiers: tuple[TierStep, ...]
    summary: str
    """Card summary when this criterion heads the card, at most 139 characters."""
    advice: str
    """What guidelines advise, as possibility and basis, without doses or orders."""
    unless: tuple[Unless, ...] = ()
    needs_skin_bleeding: bool = True
    """False only for the rules named in policies: they speak without a skin finding."""
    hooks: tuple[Hook, ...] = ("patient-view", "problem-list-item-create", "encounter-discharge")
    """The moments at which it is asked. At `encounter-discharge` only urgent tiers speak (library.yaml)."""
    status: Status = "draft"
    citations: tuple[Cite, ...] = ()
    review: Literal["pending"] | Review = "pending"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Demotion:
    """A recorded situation that makes many criteria information at once, or silences them."""

    id: str
    name: str
    """What is recorded, as traces name it; begins with a capital letter."""
    say: str
    """Half sentence of the card behind "lowered:" ("assessed already"); the date is put behind it."""
    summary: str
    """Card summary when a lowered criterion heads the card, at most 139 characters."""
    advice: str
    """What would make it urgent again; lower case at the start, no full stop."""
    when: Expression
    """Must be present: what is unknown lowers nothing."""
    never_when: Expression
    """Danger: while it is present, or stands in the chart and could not be read, nothing is lowered."""
    criteria: tuple[str, ...] = ()
    """Criteria it lowers. With `groups` and `causes` empty too: all."""
    groups: tuple[str, ...] = ()
    """Groups of criteria it lowers."""
    causes: tuple[str, ...] = ()
    """Causes that make no card of their own; beside an urgent criterion or another cause they are listed."""
    to: Literal["ROUTINE", "silent"] = "ROUTINE"
    """ROUTINE: a line on an information card. silent: not shown."""
    orders: bool = True
    """False: no orders are proposed while `when` is present."""
    choice: str = ""
    """Id of the choice in knowledge/choices.yaml this rests on."""
    status: Status = "draft"
    citations: tuple[Cite, ...] = ()
    review: Literal["pending"] | Review = "pending"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Weighted:
    """A finding that speaks for a cause, and how strongly: 3 strong, 2 moderate, 1 weak."""

    finding: str
    weight: int


@dataclass(frozen=True, slots=True)
class Cause:
    """A possible cause: what it needs, what speaks for and against it, and how we say it."""

    id: str
    name: str
    """As the table of the causes card shows it."""
    short: str
    """As the card's summary names it, at most 40 characters, lower case unless a name."""
    when: Expression
    """What must be present for the cause to be listed at all."""
    say: str
    """One sentence under the table, as possibility."""
    tier: Tier
    """Ranking only; a cause never sets the indicator of a card."""
    supports: tuple[Weighted, ...] = ()
    against: tuple[str, ...] = ()
    list_from: int = 0
    """Least sum of supporting weights from which the cause is listed."""
    tests: tuple[str, ...] = ()
    """Order bundles that usually come next."""
    needs_skin_bleeding: bool = True
    hooks: tuple[Hook, ...] = ("patient-view", "problem-list-item-create")
    """The moments at which it is asked."""
    status: Status = "draft"
    citations: tuple[Cite, ...] = ()
    review: Literal["pending"] | Review = "pending"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """Things that one line of a card asks for together; the lines come in the order of the file."""

    id: str
    settles: tuple[str, ...]
    """What one could record, as findings and score items say it (`settle`)."""
    when: Expression | None = None
    """Asked only while this is present. Left out: always."""
