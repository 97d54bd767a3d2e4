"""report: the sums of a run as they may leave the house. Small counts are hidden; no hash of a patient is here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from cds_hooks.model.criteria import Cause, Criterion
from cds_hooks.model.library import Library
from cds_hooks.populations.results import NOT_ASSESSED, TIERS, Change, RuleCount, Summary
from cds_hooks.populations.rows import Tally
from cds_hooks.populations.suppress import parts, per_thousand, shown

_NOTHING: Final = "no criterion"
_KINDS: Final = ("medication", "observation", "condition")
_SETTLE: Final = 5
_SKIN: Final = ("present", "absent", "unknown", NOT_ASSESSED)

Count: TypeAlias = int | None
"""None: fewer than the run's least count."""


class Share(msgspec.Struct, frozen=True):
    """A name, in how many charts, and how many in a thousand."""

    name: str
    charts: Count
    per_1000: float | None


class RuleLine(msgspec.Struct, frozen=True):
    """One rule over all charts."""

    rule: str
    name: str
    kind: str
    status: str
    spoke: Count
    per_1000: float | None
    tiers: dict[str, Count]
    present_unsaid: Count
    """Present without standing on a card: a silent rule, or one that a situation took back."""
    unknown: Count
    settle: dict[str, Count]
    """What would settle it most often."""


class Coverage(msgspec.Struct, frozen=True):
    """How many entries of one kind are understood."""

    kind: str
    entries: Count
    mapped: Count
    by_words: Count


class Unmapped(msgspec.Struct, frozen=True):
    """A code that stands for nothing here, and how often nothing else explained its entry either."""

    kind: str
    system: str
    code: str
    display: str
    entries: int


class Changed(msgspec.Struct, frozen=True):
    """In how many charts a rule changed from the other library to this one."""

    rule: str
    gained: Count
    lost: Count
    raised: Count
    lowered: Count


class Moved(msgspec.Struct, frozen=True):
    """How many charts went from one tier to another."""

    before: str
    now: str
    charts: Count


class About(msgspec.Struct, frozen=True):
    """What was run on what."""

    instants: tuple[str, ...]
    """Empty: at the start of each visit."""
    files: int
    bytes: int
    library: str
    against: str = ""
    least_count: int = 10


class Report(msgspec.Struct, frozen=True):
    """Everything that is said about a run."""

    about: About
    charts: Count
    patients: Count
    assessed: Count
    unanswered: Count
    with_card: Count
    patients_with_card: Count
    cards: Count
    cards_per_1000: float | None
    tiers: tuple[Share, ...]
    skin_bleeding: tuple[Share, ...]
    rules: tuple[RuleLine, ...]
    gaps: tuple[Share, ...]
    coverage: tuple[Coverage, ...]
    unmapped: tuple[Unmapped, ...]
    rare_codes: int
    """Unmapped codes that came less often than the least count, and are not listed."""
    resources: dict[str, Count]
    bad: dict[str, Count]
    cut_short: tuple[str, ...]
    moved: tuple[Moved, ...]
    changes: tuple[Changed, ...]


def report(about: About, total: Summary, tally: Tally, library: Library, top: int = 30) -> Report:
    """The report on a run, with the so many most frequent unmapped codes."""
    least = about.least_count
    cards = None if shown(total.with_card, least) is None else total.cards
    rare, unmapped = _unmapped(tally, least)
    return Report(
        about,
        shown(total.charts, least),
        shown(total.patients, least),
        shown(total.assessed, least),
        shown(total.unanswered, least),
        shown(total.with_card, least),
        shown(total.patients_with_card, least),
        cards,
        per_thousand(cards, total.charts),
        _shares(_by_tier(total.tiers), total.charts, least),
        _shares({name: total.skin_bleeding.get(name, 0) for name in _SKIN}, total.charts, least),
        tuple(_rules(total, library, least)),
        tuple(_overlapping(total.gaps, total.charts, least)),
        tuple(_coverage(tally, least)),
        unmapped[:top],
        rare,
        _each(tally.resources, least),
        _each(tally.bad, least),
        tally.cut_short,
        _moved(total.moved, least),
        tuple(_changed(total.changes, least)),
    )


def report_json(told: Report) -> bytes:
    """The report as JSON, indented, a hidden count as null."""
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def bad_share(tally: Tally) -> float:
    """The share of lines that could not be used, 0 to 1."""
    bad = sum(tally.bad.values())
    return bad / max(bad + sum(tally.resources.values()), 1)


def _by_tier(tiers: Mapping[str, int]) -> dict[str, int]:
    return {tier or _NOTHING: tiers.get(tier, 0) for tier in reversed(TIERS)}


def _shares(cells: Mapping[str, int], charts: int, least: int) -> tuple[Share, ...]:
    """Cells that add up to the number of charts."""
    told = parts(cells, least)
    return tuple(Share(name, count, per_thousand(count, charts)) for name, count in told.items())


def _overlapping(cells: Mapping[str, int], charts: int, least: int) -> Iterable[Share]:
    """Cells that do not add up to anything, most frequent first."""
    for name, count in sorted(cells.items(), key=lambda one: (-one[1], one[0])):
        told = shown(count, least)
        yield Share(name, told, per_thousand(told, charts))


def _rules(total: Summary, library: Library, least: int) -> Iterable[RuleLine]:
    """Rules that were present or open anywhere, most often spoken first."""
    for rule, count in sorted(total.rules.items(), key=lambda one: (-one[1].spoke, one[0])):
        yield _rule(library.criteria.get(rule) or library.causes[rule], count, total.charts, least)


def _rule(rule: Criterion | Cause, count: RuleCount, charts: int, least: int) -> RuleLine:
    spoke = shown(count.spoke, least)
    settle = sorted(count.settle.items(), key=lambda one: (-one[1], one[0]))[:_SETTLE]
    return RuleLine(
        rule.id,
        rule.name,
        "criterion" if isinstance(rule, Criterion) else "cause",
        rule.status,
        spoke,
        per_thousand(spoke, charts),
        {} if spoke is None else parts({tier: count.tiers[tier] for tier in TIERS if tier in count.tiers}, least),
        shown(count.present - count.spoke, least),
        shown(count.unknown, least),
        {name: shown(often, least) for name, often in settle},
    )


def _each(counts: Mapping[str, int], least: int) -> dict[str, Count]:
    return {name: shown(count, least) for name, count in sorted(counts.items())}


def _coverage(tally: Tally, least: int) -> Iterable[Coverage]:
    for kind in _KINDS:
        by = {read: tally.entries.get(f"{kind} {read}", 0) for read in ("coded", "text", "unmapped")}
        told = (sum(by.values()), by["coded"] + by["text"], by["text"])
        yield Coverage(kind, *(shown(count, least) for count in told))


def _unmapped(tally: Tally, least: int) -> tuple[int, tuple[Unmapped, ...]]:
    """How many codes are too rare to be listed, and the others, most often not understood first."""
    found = [
        Unmapped(kind, system, code, display, unread)
        for (kind, system, code), (_, unread, display) in tally.codes.items()
        if unread
    ]
    often = [one for one in found if one.entries >= least]
    often.sort(key=lambda one: (-one.entries, one.kind, one.system, one.code))
    return len(found) - len(often), tuple(often)


def _moved(moved: Mapping[str, int], least: int) -> tuple[Moved, ...]:
    ways = ((way.partition(" > "), count) for way, count in sorted(moved.items()))
    return tuple(
        Moved(before or _NOTHING, now or _NOTHING, shown(count, least)) for (before, _, now), count in ways
    )


def _changed(changes: Mapping[str, Change], least: int) -> Iterable[Changed]:
    for rule, change in sorted(changes.items()):
        counts = (change.gained, change.lost, change.raised, change.lowered)
        yield Changed(rule, *(shown(count, least) for count in counts))
