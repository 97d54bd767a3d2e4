"""report: the sums of a run as they may leave the house. Small counts are hidden; no hash of a patient is here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from cds_hooks.model.criteria import Cause, Criterion
from cds_hooks.model.library import Library
from cds_hooks.populations.results import NOT_ASSESSED, TIERS, RuleCount, Summary
from cds_hooks.populations.rows import Tally
from cds_hooks.populations.suppress import Sums, parts, per_thousand, shown, within
from cds_hooks.populations.understood import COVERED

_NOTHING: Final = "no criterion"
_KINDS: Final = ("medication", "observation", "condition")
_READ: Final = ("coded", "text", "unmapped")
_SETTLE: Final = 5
_SKIN: Final = ("present", "absent", "unknown")
_CAUSES_ONLY: Final = "a card without a criterion"
_SILENT: Final = "assessed without a card"
_UNANSWERED: Final = "unanswered"
_WITH_CARD: Final = (*TIERS[1:], _CAUSES_ONLY)
_ASSESSED: Final = (*_WITH_CARD, _SILENT, _UNANSWERED)
_NO_CRITERION: Final = (_CAUSES_ONLY, _SILENT, _UNANSWERED, NOT_ASSESSED)
_RESOURCES: Final = {kind.lower(): (kind,) for kind in ("Observation", "Condition")}
_MEDICINES: Final = tuple(sorted(COVERED - {"Observation", "Condition"}))

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
    least, sums = about.least_count, _charts(total, about.least_count)
    assessed, with_card = sums.of(_ASSESSED), sums.of(_WITH_CARD)
    cards = None if with_card is None or shown(total.cards - with_card, least) is None else total.cards
    rare, unmapped = _unmapped(tally, least)
    return Report(
        about,
        shown(total.charts, least),
        shown(total.patients, least),
        assessed,
        sums.of([_UNANSWERED]),
        with_card,
        _patients_with_card(total, with_card, least),
        cards,
        per_thousand(cards, total.charts),
        _shares(_by_tier(sums), total.charts),
        _shares(_skin(total, sums, least), total.charts),
        tuple(_rules(total, (assessed, with_card), library, least)),
        tuple(_overlapping(total.gaps, assessed, total.charts, least)),
        tuple(_coverage(tally, least)),
        unmapped[:top],
        rare,
        _resources(tally, least),
        _each(tally.bad, least),
        tally.cut_short,
        _moved(total.moved, least),
        tuple(_changed(total, least)),
    )


def report_json(told: Report) -> bytes:
    """The report as JSON, indented, a hidden count as null."""
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def bad_share(tally: Tally) -> float:
    """The share of lines that could not be used, 0 to 1."""
    bad = sum(tally.bad.values())
    return bad / max(bad + sum(tally.resources.values()), 1)


def _charts(total: Summary, least: int) -> Sums:
    """Every chart in one cell, by what came of it: with a card, by its tier, and without one."""
    tiers = {tier: total.tiers.get(tier, 0) for tier in TIERS[1:]}
    silent = total.assessed - total.unanswered - total.with_card
    spared = total.charts - total.assessed
    with_card = tiers | {_CAUSES_ONLY: max(total.with_card - sum(tiers.values()), 0)}
    without = {_SILENT: silent, _UNANSWERED: total.unanswered, NOT_ASSESSED: spared}
    return Sums((with_card, without), least)


def _patients_with_card(total: Summary, with_card: Count, least: int) -> Count:
    """Hidden also where few had a card at several instants, or few had none."""
    if with_card is None or shown(with_card - total.patients_with_card, least) is None:
        return None
    return within(total.patients_with_card, total.patients, least)


def _by_tier(sums: Sums) -> dict[str, Count]:
    return {tier: sums.of([tier]) for tier in reversed(TIERS[1:])} | {_NOTHING: sums.of(_NO_CRITERION)}


def _skin(total: Summary, sums: Sums, least: int) -> dict[str, Count]:
    """The charts on which something is said of the skin, and the others, of which the sums of charts tell."""
    cells = {name: total.skin_bleeding.get(name, 0) for name in _SKIN}
    others = sums.of([_UNANSWERED, NOT_ASSESSED])
    if others is not None:
        return parts(cells, least) | {NOT_ASSESSED: others}
    cells[NOT_ASSESSED] = total.skin_bleeding.get(NOT_ASSESSED, 0)
    return parts(cells, least, frozenset({NOT_ASSESSED}))


def _shares(told: Mapping[str, Count], charts: int) -> tuple[Share, ...]:
    """Cells that add up to the number of charts."""
    return tuple(Share(name, count, per_thousand(count, charts)) for name, count in told.items())


def _overlapping(cells: Mapping[str, int], assessed: Count, charts: int, least: int) -> Iterable[Share]:
    """Cells that do not add up to anything, most frequent first."""
    for name, count in sorted(cells.items(), key=lambda one: (-one[1], one[0])):
        told = within(count, assessed, least)
        yield Share(name, told, per_thousand(told, charts))


def _rules(total: Summary, among: tuple[Count, Count], library: Library, least: int) -> Iterable[RuleLine]:
    """Rules that were present or open anywhere, most often spoken first, among charts assessed and with a card."""
    for rule, count in sorted(total.rules.items(), key=lambda one: (-one[1].spoke, one[0])):
        yield _rule(library.criteria.get(rule) or library.causes[rule], count, among, total.charts, least)


def _rule(
    rule: Criterion | Cause, count: RuleCount, among: tuple[Count, Count], charts: int, least: int
) -> RuleLine:
    assessed, with_card = among
    spoke, unknown = within(count.spoke, with_card, least), within(count.unknown, assessed, least)
    settle = sorted(count.settle.items(), key=lambda one: (-one[1], one[0]))[:_SETTLE]
    return RuleLine(
        rule.id,
        rule.name,
        "criterion" if isinstance(rule, Criterion) else "cause",
        rule.status,
        spoke,
        per_thousand(spoke, charts),
        {} if spoke is None else parts({tier: count.tiers[tier] for tier in TIERS if tier in count.tiers}, least),
        within(count.present - count.spoke, assessed, least),
        unknown,
        {name: within(often, unknown, least) for name, often in settle},
    )


def _each(counts: Mapping[str, int], least: int) -> dict[str, Count]:
    return {name: shown(count, least) for name, count in sorted(counts.items())}


def _resources(tally: Tally, least: int) -> dict[str, Count]:
    """Resources by type. Those of medicines add up to what is told of their codes."""
    medicines = {kind: count for kind, count in tally.resources.items() if kind in _MEDICINES}
    return dict(sorted((_each(tally.resources, least) | parts(medicines, least)).items()))


def _coverage(tally: Tally, least: int) -> Iterable[Coverage]:
    """What is understood of each kind; the number of resources is told beside it, the rest are about nothing."""
    for kind in _KINDS:
        by = {read: tally.entries.get(f"{kind} {read}", 0) for read in _READ}
        read = sum(tally.resources.get(name, 0) for name in _RESOURCES.get(kind, _MEDICINES))
        sums = Sums([by | {_NOTHING: max(read - sum(by.values()), 0)}], least)
        yield Coverage(kind, sums.of(_READ), sums.of(_READ[:2]), sums.of(_READ[1:2]))


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


def _changed(total: Summary, least: int) -> Iterable[Changed]:
    for rule, change in sorted(total.changes.items()):
        spoke = total.rules[rule].spoke if rule in total.rules else 0
        others = (shown(count, least) for count in (change.lost, change.raised, change.lowered))
        yield Changed(rule, within(change.gained, spoke, least), *others)
