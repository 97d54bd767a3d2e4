"""The rules of findings: one kind of test each, over entries of a chart."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from cds_hooks.model.citations import Cite, Review
from cds_hooks.model.codes import Limits
from cds_hooks.model.truth import Expression, Span


@dataclass(frozen=True, slots=True)
class AgeBand:
    """Ages [from, below) in completed years, months or days."""

    from_: Span = Span()
    below: Span | None = None


@dataclass(frozen=True, slots=True)
class BandedLimits:
    """A range that holds for one age band."""

    age: AgeBand
    is_: Limits


@dataclass(frozen=True, slots=True)
class Guard:
    """Least and greatest number that a site may set instead of ours, both included."""

    min: Decimal
    max: Decimal


@dataclass(frozen=True, slots=True)
class SiteTest:
    """Where on the body: regions named in `parts` of the site concepts."""

    any: tuple[str, ...] = ()
    """At least one recorded site lies in one of these regions."""
    only: tuple[str, ...] = ()
    """Every recorded site lies in these regions, and at least one is recorded."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign, symptom or diagnosis that is recorded by name."""

    concepts: tuple[str, ...]
    """Any of these concepts."""
    observed_within: Span | None = None
    """Observations and visit reasons older than this do not count. Left out: observations never count."""
    problem_within: Span | None = None
    """Active problems whose onset (or first record) is older than this do not count."""
    any_active_problem: bool = False
    """Active problems count whatever their age."""
    past_problems: bool = False
    """Problems that are no longer active count too (a history of …)."""
    new_within: Span | None = None
    """The first record of it, of any age, must lie within this span: new, not merely seen again."""
    older_than: Span | None = None
    """The first record must be older than this: chronic."""
    sites: SiteTest | None = None
    """Where it must be recorded. Without any recorded site the finding is unknown."""
    more_sites_within: Span | None = None
    """Two records at most this far apart, the later with more sites: it spreads."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured value within a range."""

    concept: str
    is_: Limits | None = None
    by_age: tuple[BandedLimits, ...] = ()
    """Instead of `is`: one range for each age band."""
    guard: Guard | None = None
    """How far a site may move the one bound of `is`. Left out: no site can."""
    outside_bands: Literal["absent", "unknown"] = "absent"
    """What holds for an age in none of the bands."""
    pick: Literal["latest", "any"] = "latest"
    """latest: the newest value in the window decides. any: one value in range is enough."""
    within: Span = Span(days=7)


@dataclass(frozen=True, slots=True)
class AnswerTest:
    """A result that is a word: present, 2+, drowsy."""

    concepts: tuple[str, ...]
    is_: tuple[str, ...]
    """Answer concepts that make the finding present; every other known answer makes it absent.
    Empty: any entry counts, whatever it says (a culture was taken)."""
    within: Span = Span(days=7)
    pick: Literal["latest", "any"] = "latest"


@dataclass(frozen=True, slots=True)
class MedicationTest:
    """A medicine that is or was recently taken."""

    ingredients: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    """Only these routes. A medicine whose route is not stated then leaves the finding unknown."""
    ended_within: Span | None = None
    """Still counts this long after the end. Left out: each ingredient's own offset."""
    started_within: Span | None = None
    """Only when started within this span; an unknown start leaves the finding unknown."""
    started_before: Span | None = None
    """Only when started at least this long ago (taken for that long)."""
    proposed: bool = False
    """Looks at the orders that are being written now instead of what is taken."""
    blamed_for: tuple[str, ...] = ()
    """Only a medicine that the chart blames for one of these concepts: an allergy with that reaction, or a
    problem whose words name the medicine. With `classes` another medicine of the asked class counts as well."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A change of a measured value against its own baseline."""

    concept: str
    change: Literal["fall", "rise"]
    by: Limits
    """How much: in % of the baseline, or in the concept's unit."""
    latest_within: Span
    baseline_within: Span
    """The baseline is the highest value (for a rise the lowest) in this span before the latest value."""


@dataclass(frozen=True, slots=True)
class Since:
    """Whether things were measured after a finding began."""

    after: str
    """Id of a finding; its first record is the moment from which the measurement counts."""
    concepts: tuple[str, ...] = ()
    need: Literal["all", "any"] = "all"
    visit: bool = False
    """Instead of concepts: a visit that began after it and is over."""
    same_day_counts: bool = False
    """When the finding is dated by day only: whether a measurement of that day counts as after it."""
    else_within: Span | None = None
    """While nobody knows when the finding began: a measurement within this span counts."""


@dataclass(frozen=True, slots=True)
class Person:
    """A property of the patient."""

    age: AgeBand | None = None
    age_unknown: bool = False
    """Present when no date of birth is recorded, so that neither an adult's nor a child's rule is lost."""
    sex: Literal["", "female", "male"] = ""
    deceased: bool = False


@dataclass(frozen=True, slots=True)
class FindingRule:
    """How to read one finding from a chart. Exactly one of the tests is given."""

    id: str
    name: str
    """Our words for it on cards and in traces; begins with a capital letter."""
    sign: Sign | None = None
    measure: Measure | None = None
    answer: AnswerTest | None = None
    medication: MedicationTest | None = None
    trend: Trend | None = None
    since: Since | None = None
    person: Person | None = None
    when: Expression | None = None
    """Built from other findings."""
    unless: tuple[str, ...] = ()
    """Findings that take this one back when they are present (a rash that blanches)."""
    when_missing: Literal["unknown", "absent_if_list_read"] = "unknown"
    """What silence of the chart means. absent_if_list_read only where a list read whole is information."""
    settle: str = ""
    """What a clinician could record to settle it ("a temperature"). Empty: the finding is not asked for."""
    invisible: str = ""
    """Why charts seldom carry it; documentation lists it."""
    citations: tuple[Cite, ...] = ()
    review: Literal["pending"] | Review = "pending"
    note: str = ""
