"""What a population run says about one chart at one instant, and the sums over many of them.

A result holds no name, no value and no id: the patient is a keyed hash, rules and gaps are our own words.
"""

from __future__ import annotations

from collections import Counter

import msgspec


class RuleSaid(msgspec.Struct, frozen=True, gc=False):
    """One criterion or cause that is present or undecided on this chart. What is absent is left out."""

    rule: str
    truth: str
    tier: str = ""
    speaks: bool = False
    """Whether it stands on a card. A silent rule, or one that a situation took back, is present and does not."""
    settle: tuple[str, ...] = ()
    """Findings that could still change the answer."""


class Before(msgspec.Struct, frozen=True, gc=False):
    """What the other library said of the same chart."""

    tier: str = ""
    cards: int = 0
    rules: dict[str, str] = {}
    """Rules that spoke, with their tiers."""


class Result(msgspec.Struct, frozen=True, gc=False):
    """One chart at one instant."""

    patient: str
    """HMAC-SHA-256 of the patient's id with the key of the run, 32 hexadecimal digits."""
    at: str
    hook: str = "patient-view"
    assessed: bool = True
    """False when no entry could make a rule speak; then nothing is told but that."""
    answered: bool = True
    """False when neither problems nor observations could be read: the service answers 412 then."""
    skin_bleeding: str = ""
    tier: str = ""
    """The most urgent tier that spoke; empty when no criterion did."""
    cards: tuple[str, ...] = ()
    """Indicators of the cards, in their order."""
    cards_digest: str = ""
    """SHA-256 of the cards as they would be sent, without uuids; empty without cards."""
    rules: tuple[RuleSaid, ...] = ()
    gaps: dict[str, int] = {}
    """What could not be seen, in our words, with how many entries."""
    milliseconds: float = 0.0
    before: Before | None = None
    """Only with another library to compare with."""
    explanation: str = ""
    """Only in the review of single patients: it holds values and dates, and is never written with results."""

    @property
    def spoken(self) -> dict[str, str]:
        """The rules that stand on a card, with their tiers."""
        return {said.rule: said.tier for said in self.rules if said.speaks}


class Change(msgspec.Struct):
    """In how many results a rule began or ceased to speak, became more or less urgent."""

    gained: int = 0
    lost: int = 0
    raised: int = 0
    lowered: int = 0

    def add(self, other: Change) -> None:
        """Counts the other's as well."""
        self.gained += other.gained
        self.lost += other.lost
        self.raised += other.raised
        self.lowered += other.lowered


class RuleCount(msgspec.Struct):
    """In how many results a rule spoke, was present, was undecided, and what would have settled it."""

    spoke: int = 0
    present: int = 0
    unknown: int = 0
    tiers: dict[str, int] = {}
    settle: dict[str, int] = {}
    sample: tuple[str, ...] = ()
    """Hashes of the first patients for whom it spoke, in the order of hashes."""

    def add(self, other: RuleCount, keep: int) -> None:
        """Counts the other's as well; keeps so many patients."""
        self.spoke += other.spoke
        self.present += other.present
        self.unknown += other.unknown
        self.tiers = added(self.tiers, other.tiers)
        self.settle = added(self.settle, other.settle)
        self.sample = tuple(sorted({*self.sample, *other.sample})[:keep])


class Summary(msgspec.Struct):
    """Sums over results. Those of several buckets add up, in any order, to the same."""

    charts: int = 0
    """Results: patients times instants."""
    patients: int = 0
    assessed: int = 0
    unanswered: int = 0
    with_card: int = 0
    patients_with_card: int = 0
    cards: int = 0
    tiers: dict[str, int] = {}
    skin_bleeding: dict[str, int] = {}
    rules: dict[str, RuleCount] = {}
    gaps: dict[str, int] = {}
    """In how many results each gap stands."""
    moved: dict[str, int] = {}
    """`from > to` of the tier, between the two libraries."""
    changes: dict[str, Change] = {}

    def add(self, other: Summary, keep: int) -> None:
        """Counts the other's as well; keeps so many patients of each rule for review."""
        for name in ("charts", "patients", "assessed", "unanswered", "with_card", "patients_with_card", "cards"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("tiers", "skin_bleeding", "gaps", "moved"):
            setattr(self, name, added(getattr(self, name), getattr(other, name)))
        for rule, count in other.rules.items():
            self.rules.setdefault(rule, RuleCount()).add(count, keep)
        for rule, change in other.changes.items():
            self.changes.setdefault(rule, Change()).add(change)


def added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """The sums of two sets of counts."""
    return dict(Counter(one) + Counter(other))


NOT_ASSESSED = "not assessed"
TIERS = ("", "ROUTINE", "WITHIN_48H", "SAME_DAY", "EMERGENCY")
"""Tiers, least urgent first; empty for none."""


def summed(results: list[Result], keep: int) -> Summary:
    """The sums over the results of one bucket, which holds all results of its patients."""
    total = Summary(patients=len({one.patient for one in results}))
    total.patients_with_card = len({one.patient for one in results if one.cards})
    for one in results:
        total.charts += 1
        total.assessed += one.assessed
        total.unanswered += not one.answered
        total.with_card += bool(one.cards)
        total.cards += len(one.cards)
        _bump(total.tiers, one.tier)
        _bump(total.skin_bleeding, one.skin_bleeding or NOT_ASSESSED)
        for gap in one.gaps:
            _bump(total.gaps, gap)
        _count_rules(total, one, keep)
        _compare(total, one)
    return total


def _count_rules(total: Summary, one: Result, keep: int) -> None:
    for said in one.rules:
        count = total.rules.setdefault(said.rule, RuleCount())
        count.spoke += said.speaks
        count.present += said.truth == "present"
        count.unknown += said.truth == "unknown"
        if said.speaks:
            _bump(count.tiers, said.tier)
            count.sample = tuple(sorted({*count.sample, one.patient})[:keep])
        if said.truth == "unknown":
            for finding in said.settle:
                _bump(count.settle, finding)


def _compare(total: Summary, one: Result) -> None:
    if one.before is None:
        return
    if one.before.tier != one.tier:
        _bump(total.moved, f"{one.before.tier} > {one.tier}")
    now, then = one.spoken, one.before.rules
    for rule in now.keys() | then.keys():
        change = Change(rule in now and rule not in then, rule in then and rule not in now)
        if rule in now and rule in then:
            change.raised = TIERS.index(now[rule]) > TIERS.index(then[rule])
            change.lowered = TIERS.index(now[rule]) < TIERS.index(then[rule])
        if change != Change():
            total.changes.setdefault(rule, Change()).add(change)


def _bump(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1
