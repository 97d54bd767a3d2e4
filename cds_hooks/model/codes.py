"""What in a chart means what: concepts, their codes and words, their units, and the products of medicines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from msgspec import Struct


class Coding(Struct, frozen=True):
    """A code of a code system, as a chart entry carries it."""

    system: str
    code: str
    display: str = ""


@dataclass(frozen=True, slots=True)
class ConceptCode:
    """One code that stands for a concept."""

    system: str
    """Short name of the code system: snomed, loinc, rxnorm, atc, icd-10-cm, icd-10, dmd, or a URI."""
    code: str
    """The code, quoted. For atc a prefix stands for all codes that begin with it."""
    display: str
    """The code system's own name for the code; `pinpoint codes` lists it for checking."""
    route: str = ""
    """For medicines: what the code says of the route (systemic, topical, inhaled, nasal, ophthalmic …)."""
    status: str = ""
    """Set to `input-only` when the code's activity is not proven: accepted from charts, never emitted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A range for a measured value; the bounds combine, and each is exact."""

    above: Decimal | None = None
    at_least: Decimal | None = None
    below: Decimal | None = None
    at_most: Decimal | None = None
    unit: str = ""
    """Canonical unit of the concept; checked against it. Left out with `of`."""
    of: Literal["", "upper-limit", "lower-limit", "over-upper-limit"] = ""
    """The numbers are multiples of the laboratory's own reference limit, or (over-…) what lies above it."""


@dataclass(frozen=True, slots=True)
class Plausible:
    """Values outside are taken as errors of entry or unit: a gap, not a result."""

    min: Decimal
    max: Decimal


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that an observation says about a sign: its size, its colour, what pressure does to it."""

    aspect: str
    """A concept of the kind aspect."""
    answers: tuple[str, ...] = ()
    """Any of these answer concepts."""
    is_: Limits | None = None
    """Or a measured value in this range."""


@dataclass(frozen=True, slots=True)
class Description:
    """What one observation with its components must say, all of it, to mean a sign that it does not name."""

    says: tuple[str, ...] = ()
    """Concepts that it names or describes."""
    denies: tuple[str, ...] = ()
    """Concepts that it says are not there."""
    parts: tuple[Part, ...] = ()
    unless: tuple[str, ...] = ()
    """Concepts that explain it otherwise when it names them."""


@dataclass(frozen=True, slots=True)
class Concept:
    """What codes, units and texts stand for one clinical thing."""

    id: str
    kind: Literal[
        "sign",
        "problem",
        "lab",
        "vital",
        "context",
        "site",
        "answer",
        "ingredient",
        "route",
        "procedure",
        "vaccine",
        "aspect",
    ]
    """sign and problem are looked for among problems and observations; lab and vital are measured; an aspect
    (size, colour) says something about a sign and nothing by itself."""
    name: str
    """Our words for it on cards and in traces; begins with a capital letter."""
    codes: tuple[ConceptCode, ...] = ()
    """Every code that means this concept."""
    texts: tuple[str, ...] = ()
    """Whole texts (a problem's text, a code's display) that mean it. For medicines: whole words."""
    deny: tuple[str, ...] = ()
    """Texts in which a word of `texts` must not be taken (for medicines)."""
    unit: str = ""
    """Canonical UCUM unit of a measurement."""
    convert: Mapping[str, Decimal] = field(default_factory=dict)
    """Unit spelling -> exact factor to the canonical unit. Anything else is unknown, never guessed."""
    affine: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    """Unit spelling -> [offset, factor]: canonical = (value + offset) × factor (temperature)."""
    show_unit: str = ""
    """How the canonical unit is written on a card (×10⁹/L, °C). Empty: the canonical unit itself."""
    plausible: Plausible | None = None
    parts: tuple[str, ...] = ()
    """For sites: the regions it belongs to (above-chest, below-chest, lower-limb, …)."""
    sites: tuple[str, ...] = ()
    """For signs whose code already says where: the sites it implies."""
    described: tuple[Description, ...] = ()
    """For signs: ways in which an observation can describe it without naming it."""
    hides: tuple[str, ...] = ()
    """Wider concepts that an entry no longer means when its codes or whole texts also say this one."""
    means: Literal["", "yes", "no", "nothing"] = ""
    """For answers: whether a sign with this answer is there. nothing: nobody looked, or not yet. Empty: the answer
    does not tell."""
    classes: tuple[str, ...] = ()
    """For medicines: the classes that findings ask for."""
    mechanisms: tuple[str, ...] = ()
    """For medicines: how they can cause bleeding into the skin (PF, AC, DITP, MS, VASC, DA …)."""
    onset_days: tuple[int, int | None] | None = None
    """For medicines: expected onset in days after the first dose [from, to]; no `to`: any time while taken."""
    offset_days: int | None = None
    """For medicines: days after the last dose during which it still counts as exposure."""
    note: str = ""
    """Why a code stands here although it looks odd; where a factor comes from."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product code and one ingredient in it; combination products have several rows."""

    system: str
    code: str
    ingredient: str
    route: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """canonical = (charted + offset) × factor, exactly."""

    offset: Decimal
    factor: Decimal
    spelling: str
    """The unit as our table writes it, which is what a card shows."""
