"""The vocabulary of Pinpoint as frozen dataclasses: what rules are, and what comes out of them.

Standard library only. The rule types (Concept, FindingRule, Criterion, Cause, Citation, Choice) are
also the shape of the YAML files: library.py validates files against them and prints the JSON Schemas,
so the line under a field is the help text an author sees in the editor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Literal, TypeAlias, Union

# ---------------------------------------------------------------- truth and time


class Truth(Enum):
    """What the chart lets us say about a statement. UNKNOWN is never read as ABSENT."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Tier(Enum):
    """How soon a criterion asks for action, most urgent first."""

    EMERGENCY = "EMERGENCY"
    SAME_DAY = "SAME_DAY"
    WITHIN_48H = "WITHIN_48H"
    ROUTINE = "ROUTINE"

    @property
    def rank(self) -> int:
        """0 for the most urgent tier."""
        return list(Tier).index(self)

    @property
    def words(self) -> str:
        """As one says it inside a sentence."""
        return "within 48 hours" if self is Tier.WITHIN_48H else self.value.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time. Years and months are counted on the calendar, the rest in exact hours."""

    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0
    hours: int = 0
    minutes: int = 0

    def exact(self) -> timedelta:
        """The span as exact time; years and months count 365 and 30 days (look-back windows only)."""
        days = self.years * 365 + self.months * 30 + self.weeks * 7 + self.days
        return timedelta(days=days, hours=self.hours, minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class When:
    """The time of a chart entry as an interval, because charts write days, months and years too.

    An instant has `earliest == latest`. A day runs from its first moment to the first moment of the
    next (`latest` exclusive). The offset is the entry's own; `zone_assumed` says it was not written.
    """

    earliest: datetime
    latest: datetime
    precision: Literal["instant", "day", "month", "year"] = "instant"
    zone_assumed: bool = False


# ---------------------------------------------------------------- codes


@dataclass(frozen=True, slots=True)
class Coding:
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
    means: Literal["", "yes", "no"] = ""
    """For answers: whether a sign with this answer is there. Empty: the answer does not tell."""
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


# ---------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class All:
    """Present when every part is."""

    all: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Present when at least one part is."""

    any: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """Present when every part is known to be absent; an unknown part leaves it unknown."""

    none: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """Parts, and how many of them must be present."""

    count: int
    of: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Present when at least `count` parts are."""

    at_least: Counted


@dataclass(frozen=True, slots=True)
class ScoreLimit:
    """A score, and the total from which the expression is present."""

    id: str
    at_least: int


@dataclass(frozen=True, slots=True)
class ScoreAtLeast:
    """Present when the lowest possible total reaches the limit, absent when the highest does not."""

    score: ScoreLimit


Expression: TypeAlias = Union[str, "All", "AnyOf", "NoneOf", "AtLeast", "ScoreAtLeast"]
"""The id of a finding, or an operator over expressions."""


# ---------------------------------------------------------------- citations and review


@dataclass(frozen=True, slots=True)
class Citation:
    """One publication that rules rest on. From the literature, never from the chart."""

    id: str
    title: str
    publisher: str
    year: str
    url: str
    """https address of the publication."""
    label: str
    """What a card shows as its source, at most 60 characters."""
    read: Literal["original", "restatement", "partly"]
    """What was really read: the original, a restatement of it, or only part."""
    where: str
    """Where it was read."""


@dataclass(frozen=True, slots=True)
class Cite:
    """A pointer into a publication."""

    source: str
    """Id of a citation in knowledge/citations.yaml."""
    at: str = ""
    """Section, table or page."""


@dataclass(frozen=True, slots=True)
class Review:
    """Who signed a rule off, and when it is due again."""

    by: str
    checked_by: str
    on: str
    next: str


# ---------------------------------------------------------------- finding rules


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


# ---------------------------------------------------------------- criteria and causes

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


# ---------------------------------------------------------------- orders


@dataclass(frozen=True, slots=True)
class Order:
    """One order that a card may propose. Accepting it makes a draft; a clinician signs it or does not."""

    name: str
    """As the card shows it, at most 80 characters. The same order in two bundles has the same name."""
    codes: tuple[ConceptCode, ...] = ()
    """Codes it is sent with, of proven meaning and activity. None: it goes out as text only."""
    rank: int = 1
    """1 is what the situation asks for first. A card has room for six; the highest ranks are left out."""
    when: Expression | None = None
    """Narrows the situation of the bundle for this one order."""
    unless: tuple[Unless, ...] = ()
    """What makes it unnecessary, most often a result since onset. It must be present."""
    resource: Literal["ServiceRequest", "Task"] = "ServiceRequest"
    """Task for what a person is asked to do, such as a review of medicines."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One line of the action card about what to think of before ordering or giving something."""

    text: str
    when: Expression
    status: Status = "draft"
    citations: tuple[Cite, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class OrderBundle:
    """Orders that belong to one clinical situation. Expressions may also name criteria and causes: `R-TTP-01`
    (met above ROUTINE), `R-MEN-01:EMERGENCY` (met, at least so urgent), `cause:parvovirus` (listed).
    """

    id: str
    name: str
    """What the orders are for, as documentation lists it; begins with a capital letter."""
    tag: str
    """Short name under which causes list it as one of their `tests`."""
    place: int
    """Order among bundles of the same rank, 1 first."""
    when: Expression
    """The situation."""
    reason: str
    """Why, as the proposed resource carries it: our words, nothing of the patient's."""
    orders: tuple[Order, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    cards: tuple[Literal["action", "causes"], ...] = ("action",)
    """Cards that may propose it; the first of them that is shown does."""
    status: Status = "draft"
    citations: tuple[Cite, ...] = ()
    review: Literal["pending"] | Review = "pending"
    note: str = ""


# ---------------------------------------------------------------- scores


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


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """Lowest and highest possible total, and the items that leave it open. Never one number while open."""

    score: str
    applies: Truth
    low: int
    high: int
    missing: tuple[str, ...] = ()
    """Names of the items that are open."""
    settles: tuple[str, ...] = ()
    """What one could record to settle them, in the same order."""


# ---------------------------------------------------------------- what comes out


class GapReason(Enum):
    """Why something could not be seen."""

    NOT_SUPPLIED = "not supplied"
    NOT_PERMITTED = "not permitted"
    NOT_SUPPORTED = "not supported by the server"
    NOT_FOUND = "not found"
    NOT_ANSWERING = "server not answering"
    TIMED_OUT = "timed out"
    FAILED = "could not be fetched"
    UNREADABLE = "unreadable"
    INCOMPLETE = "only partly supplied"
    STALE = "too old"
    UNDATED = "without a date"
    UNIT_UNKNOWN = "unit missing or unknown"
    IMPLAUSIBLE = "implausible value"
    VALUE_UNKNOWN = "value not understood"
    CONFLICTING = "conflicting entries"
    OTHER_PATIENT = "another patient's entry"
    OWNER_UNKNOWN = "not said whose it is"
    FUTURE = "dated in the future"
    UNIDENTIFIED = "could not be identified"
    UNSUPPORTED_VERSION = "FHIR version not supported"
    SET_ASIDE = "set aside"


RESTRICTED = "Entry with restricted access"
"""What is said instead of the name of an entry that is security-labelled."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that could not be seen, and why. `what` is our words, never the chart's."""

    what: str
    reason: GapReason
    reference: str = ""
    count: int = 1
    essential: bool = False
    """Silence would not be an answer: problems or observations were not read whole, or a result that tells nothing
    might be an emergency."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One chart entry a statement relies on, in the words a clinician will read. From the patient."""

    reference: str
    label: str
    value: str = ""
    at: When | None = None
    sites: tuple[str, ...] = ()
    since: When | None = None
    """For medicines and problems: the recorded start."""
    certainty: Literal["coded", "text", "narrative"] = "coded"
    """narrative: named somewhere in a longer text."""
    flags: tuple[str, ...] = ()
    """Our words: undated, preliminary, ended, route not stated …"""
    restricted: bool = False
    """Security-labelled: counts for rules, is never named or valued on a card."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the chart says about one finding rule."""

    id: str
    truth: Truth
    evidence: tuple[Evidence, ...] = ()
    gaps: tuple[Gap, ...] = ()
    since: datetime | None = None
    """First record of it in the current episode; the clock for `since` tests."""


@dataclass(frozen=True, slots=True)
class Match:
    """What one criterion or cause came to."""

    rule: str
    truth: Truth
    tier: Tier | None = None
    relied_on: tuple[str, ...] = ()
    """Findings the answer rests on."""
    would_settle: tuple[str, ...] = ()
    """Unknown findings that could change truth or tier."""
    excused_by: tuple[str, ...] = ()
    """Findings of the explanation that took a criterion back."""
    choice: str = ""
    """The choice (ours) that set the tier, if one did."""
    step: int = -1
    """Index of the tier step that was taken; -1 when none."""
    capped: bool = False
    """Rests on narrative text alone, so that its tier was held down until someone confirms it."""
    demoted_by: str = ""
    """The demotion that lowered it. With no tier left it is not shown."""
    lowered_from: Tier | None = None
    """The tier it had before."""
    support: int = 0
    """For causes: supporting minus contradicting weight."""
    in_favour: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything the library says about one chart at one time."""

    at: datetime
    findings: Mapping[str, Finding]
    criteria: tuple[Match, ...]
    causes: tuple[Match, ...]
    scores: tuple[ScoreRange, ...]
    gaps: tuple[Gap, ...]
    speaks: bool
    """False for a chart on which no card may be shown (the patient has died)."""
    skin_bleeding: Truth
    library_version: str
    library_digest: str
    demotions: tuple[Match, ...] = ()
    """The demotions that were looked at; only those that are present lower anything."""
    hook: Hook = "patient-view"
    """The moment at which was asked; rules of other moments are not among the matches."""
    orders: bool = True
    """False while a recorded situation (end-of-life care) forbids to propose orders."""


# ---------------------------------------------------------------- running text


@dataclass(frozen=True, slots=True)
class Cue:
    """Phrases that tell how a term beside them is meant."""

    kind: Literal[
        "negation", "past", "family", "hypothetical", "uncertain", "unclear", "pseudo", "stop", "stop-list"
    ]
    """pseudo: looks like another and is none. stop: ends what a phrase before it says; stop-list: in a list."""
    phrases: tuple[str, ...]
    looks: Literal["forward", "backward"] = "forward"
    """forward: the term comes after the phrase."""
    reach: int | None = None
    """Most words between phrase and term. Left out: anywhere in the rest of the sentence."""
    at_end: bool = False
    """Only where the phrase ends its part of the sentence ("petechiae: no")."""


@dataclass(frozen=True, slots=True)
class TextRules:
    """mappings/text/context.yaml: which terms count in a sentence, and how the words around them change them."""

    problems: tuple[str, ...] = ()
    """Problem concepts whose texts count in sentences, as those of all signs do."""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Concept id -> words that mean it inside a sentence only."""
    left_out: tuple[str, ...] = ()
    """Words and phrases in which no term is taken."""
    results: tuple[str, ...] = ()
    """Categories of observations whose texts are results, not sentences."""
    and_words: tuple[str, ...] = ()
    or_words: tuple[str, ...] = ()
    abbreviations: tuple[str, ...] = ()
    """Words after which a full stop ends no sentence."""
    cues: tuple[Cue, ...] = ()


# ---------------------------------------------------------------- for patients, and about the rules


@dataclass(frozen=True, slots=True)
class LeafletHelp:
    """When to get help, as the leaflet says it."""

    heading: str
    lead: str
    """Begins each line; {number} stands for the emergency number of the region."""
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeafletPart:
    """One part of the leaflet."""

    heading: str
    lines: tuple[str, ...]
    reassures: bool = False
    """True when it may calm: the emergency lines are then printed beside it."""


@dataclass(frozen=True, slots=True)
class Leaflet:
    """knowledge/leaflet.yaml: what a clinician may hand to a patient. Plain words, no diagnosis, no rule."""

    title: str
    lead: str
    emergency: LeafletHelp
    same_day: LeafletHelp
    parts: tuple[LeafletPart, ...]
    citations: tuple[Cite, ...] = ()
    review: Literal["pending"] | Review = "pending"
    note: str = ""


@dataclass(frozen=True, slots=True)
class SourceAttributes:
    """knowledge/attributes.yaml: who made this, who paid, which concepts count as data to be declared."""

    developer: str = "not declared"
    funding: str = "not declared"
    race: tuple[str, ...] = ()
    """Concepts that tell it; a rule that asks for one of them uses it. So for the fields below."""
    ethnicity: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    sexual_orientation: tuple[str, ...] = ()
    gender_identity: tuple[str, ...] = ()
    social_determinants: tuple[str, ...] = ()
    health_status_assessments: tuple[str, ...] = ()


# ---------------------------------------------------------------- the library


@dataclass(frozen=True, slots=True)
class Product:
    """A product code and one ingredient in it; combination products have several rows."""

    system: str
    code: str
    ingredient: str
    route: str


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


@dataclass(frozen=True, slots=True)
class Conversion:
    """canonical = (charted + offset) × factor, exactly."""

    offset: Decimal
    factor: Decimal
    spelling: str
    """The unit as our table writes it, which is what a card shows."""


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
