"""Everything loaded from mappings/ and knowledge/, as one immutable value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cds_hooks.model.citations import Citation
from cds_hooks.model.codes import Concept, Conversion, Product
from cds_hooks.model.criteria import Ask, Cause, Choice, Criterion, Demotion, Hook
from cds_hooks.model.findings import FindingRule
from cds_hooks.model.leaflet import Leaflet, SourceAttributes
from cds_hooks.model.orders import OrderBundle
from cds_hooks.model.scores import ScoreRule
from cds_hooks.model.texts import Cue, TextRules
from cds_hooks.model.truth import Tier


@dataclass(frozen=True, slots=True)
class LibraryCard:
    """knowledge/library.yaml: what this release of the knowledge is, and the order of things."""

    version: str
    """Semantic version of the knowledge."""
    date: str
    gate: str
    """The finding without which most rules stay silent."""
    groups: tuple[str, ...]
    """Order in which criteria head a card, first heads."""
    signed_off: bool
    """True only when a named clinician has signed every active rule."""
    silent_when: tuple[str, ...] = ()
    """Findings beside any of which no card is made at all: the patient has died."""
    no_samples_during: str = ""
    """Id of a criterion during which no order is proposed, because isolation comes before any sample."""
    least_tier: Mapping[Hook, Tier] = field(default_factory=dict)
    """Hook -> the least urgent tier with which a criterion speaks there. Left out: every tier."""
    emergency_numbers: Mapping[str, str] = field(default_factory=dict)
    """Region (CDS_REGION) -> the number that calls an emergency transfer there."""


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """Everything loaded from mappings/ and knowledge/: immutable, checked, with version and digest.

    Compared by identity, so that what is derived from a library can be kept beside it.
    """

    card: LibraryCard
    digest: str
    concepts: Mapping[str, Concept]
    products: Mapping[tuple[str, str], tuple[Product, ...]]
    findings: Mapping[str, FindingRule]
    criteria: Mapping[str, Criterion]
    causes: Mapping[str, Cause]
    scores: Mapping[str, ScoreRule]
    citations: Mapping[str, Citation]
    choices: Mapping[str, Choice]
    code_index: Mapping[tuple[str, str], tuple[str, ...]]
    """(system URI, code) -> concept ids."""
    text_index: Mapping[str, tuple[str, ...]]
    """Normalised whole text -> concept ids (not medicines)."""
    hidden_by: Mapping[str, frozenset[str]]
    """Wider concept -> the narrower ones that hide it."""
    units: Mapping[str, Mapping[str, Conversion]]
    """Concept id -> folded unit spelling -> conversion."""
    medicine_words: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
    """First word -> (all words of a medicine's name, ingredient id), longest name first."""
    site_words: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
    """First word -> (all words of a site's name, site id), longest name first."""
    text_rules: TextRules = TextRules()
    text_terms: Mapping[str, Mapping[int, Mapping[tuple[str, ...], tuple[str, ...]]]] = field(default_factory=dict)
    """First token -> length, longest first -> tokens of a term -> concept ids. Empty: no sentence is read."""
    text_cues: Mapping[str, Mapping[int, Mapping[tuple[str, ...], tuple[Cue, ...]]]] = field(default_factory=dict)
    """First token -> length, longest first -> tokens of a phrase -> what it tells."""
    orders: Mapping[str, OrderBundle] = field(default_factory=dict)
    demotions: Mapping[str, Demotion] = field(default_factory=dict)
    asks: Mapping[str, Ask] = field(default_factory=dict)
    """In the order in which cards ask."""
    leaflet: Leaflet | None = None
    attributes: SourceAttributes = SourceAttributes()
    site: tuple[str, ...] = ()
    """What this deployment set otherwise than the release, in our words; part of the digest."""
    set_here: frozenset[str] = frozenset()
    """Ids of the criteria and causes that read or speak otherwise than in the release because of that."""
    caps: Mapping[str, Literal["warning", "info"]] = field(default_factory=dict)
    """Criterion -> the highest indicator that a card gets because of it at this site. Its tier stays."""
