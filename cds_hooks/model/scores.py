"""Clinical scores: their items and totals as ranges while an item is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from cds_hooks.model.citations import Cite, Review
from cds_hooks.model.codes import Limits
from cds_hooks.model.truth import Expression, Span


@dataclass(frozen=True, slots=True)
class ScoreBand:
    """Points for a measured value in a range."""

    is_: Limits
    points: int


@dataclass(frozen=True, slots=True)
class ScoreOption:
    """Points when findings hold."""

    when: Expression
    points: int


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """Other bands that may hold for a person instead: which of them does is a clinician's decision."""

    when: Expression
    """Must be present for the bands to come into question."""
    bands: tuple[ScoreBand, ...]
    settle: str
    """What one could record to settle which bands hold."""
    unless: Expression | None = None
    """Present: they do not hold."""


@dataclass(frozen=True, slots=True)
class ScoreItem:
    """One line of a score: a measured value in bands, findings in options, or a clinician's judgement."""

    name: str
    settle: str
    """What one could record to settle the item ("a respiratory rate")."""
    concept: str = ""
    """The measured concept, with `bands`. Outside every band the item gives no points."""
    within: Span = Span(hours=12)
    round_to: Decimal | None = None
    """Step to which the value is rounded before banding, as charts without decimals do."""
    bands: tuple[ScoreBand, ...] = ()
    scales: tuple[ScoreScale, ...] = ()
    """While one of them is in question the item spans the points of its own bands and of that one."""
    options: tuple[ScoreOption, ...] = ()
    """The first option that is present gives the points; none present and none unknown: no points."""
    judged_up_to: int = 0
    """Points that only a clinician's judgement can give; they stay open."""


@dataclass(frozen=True, slots=True)
class ScoreRisk:
    """The name of totals from `from` on."""

    from_: int
    name: str


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """A published score: its items, whom it is for, and what its totals mean."""

    id: str
    name: str
    items: tuple[ScoreItem, ...]
    risks: tuple[ScoreRisk, ...]
    """Names of totals, lowest first."""
    when: Expression | None = None
    """Whom it is for. Left out: everybody."""
    unless: Expression | None = None
    """Whom it is not made for. It must be present: who is not known to be pregnant still gets a warning score."""
    citations: tuple[Cite, ...] = ()
    review: Literal["pending"] | Review = "pending"
    note: str = ""
