"""The report as a page: what somebody who answers for the rules wants to see once a week."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cds_hooks.model.library import Library
from cds_hooks.pages.document import (
    Block,
    Drawing,
    Inline,
    Lines,
    Link,
    Page,
    Paragraph,
    Row,
    Section,
    Table,
    html_body,
)
from cds_hooks.pages.served import KNOWLEDGE
from cds_hooks.pages.sheet import sheet
from cds_hooks.report.drawing import bars, sparkline
from cds_hooks.report.numbers import SMALL, Report, RuleRecord, told
from cds_hooks.report.words import name_of, needs_a_look, percent, rate, rule_of

_TOP = 20
_LOOKS = 10
_HEADS = (
    "Rule",
    "Met per 1,000 calls",
    "Over time",
    "Shown",
    "Silent",
    "Quiet",
    "Held",
    "Unknown",
    "Accepted",
    "Overridden",
)
_HOW = (
    "Met: charts that met the rule. Shown: on a card that went out. Silent: would have been, but the rule or the "
    "deployment is in silent mode. Quiet: this user was told before. Held: the knowledge itself held it back. The "
    "band is where chance alone would keep the line; a red dot lies outside."
)


def insights_page(report: Report, library: Library) -> bytes:
    """The whole page as HTML. Counts under five are not told."""
    page = Page("Track record", tuple(_blocks(report, library)))
    return sheet("Pinpoint: track record", html_body(page))


def _blocks(report: Report, library: Library) -> Iterable[Block]:
    yield _text(
        f"{report.since:%d %B %Y} to {report.until:%d %B %Y %H:%M}, {told(report.judged)} calls judged. Nothing "
        f"here is about a patient; counts under {SMALL} are not told."
    )
    yield Lines(tuple(_knowledge(report, library)))
    yield Paragraph((Drawing(bars(report.calls)),))
    yield _text("Calls, and (dark) those in which a card went out.")
    yield Section("At a glance", "glance", (_glance(report),))
    yield Section("What needs a look", "look", (_looks([*needs_a_look(report, library)]),))
    yield Section("Rules", "rules", (_text(_HOW), _rules(report, library), _never_met(report)))
    yield Section("Why rules stayed unknown", "unknown", (_why_unknown(report, library),))
    yield Section("Entries of charts", "entries", (_entries(report), _unmapped(report)))
    yield Section(
        "What users said",
        "users",
        (_counts(("Outcome", "Cards"), sorted(report.outcomes.items())), _reasons(report)),
    )
    gaps = _counts(("Kind", "Gaps"), report.gaps.items()) if report.gaps else _text("Nothing.")
    yield Section("What could not be seen", "gaps", (gaps,))


def _looks(looks: Sequence[str]) -> Block:
    if not looks:
        return _text("Nothing.")
    more = len(looks) - _LOOKS
    return _lines([*looks[:_LOOKS], *([f"and {more} more; `pinpoint report` tells all"] if more > 0 else [])])


def _knowledge(report: Report, library: Library) -> Iterable[Inline]:
    for version, date, digest, count in report.knowledge:
        yield (f"Knowledge {version} of {date}, digest {digest[:12]}: {told(count)} calls",)
    if report.silent_calls:
        yield (f"{told(report.silent_calls)} calls were judged in silent mode: nothing was shown.",)
    for line in library.site:
        yield (f"site setting: {line}",)


def _glance(report: Report) -> Table:
    rows = [(f"Calls answered with {status}", told(count)) for status, count in sorted(report.statuses.items())]
    rows += [
        (f"Cards, {indicator}, {how}", told(count)) for (indicator, how), count in sorted(report.cards.items())
    ]
    names = ("median", "95th percentile", "99th percentile", "longest")
    rows += [(f"Milliseconds, {name}", f"{ms:.0f}") for name, ms in zip(names, report.latencies, strict=False)]
    return _table(("What", "How much"), rows)


def _rules(report: Report, library: Library) -> Table:
    return Table(_HEADS, tuple(_rule(record, library) for record in report.rules if record.met))


def _rule(record: RuleRecord, library: Library) -> Row:
    hows = (told(record.hows.get(how, 0)) for how in ("shown", "silent", "quiet", "held"))
    tiers = ", ".join(tier for tier in record.tiers if tier)
    site = " · site setting" if record.rule in library.set_here else ""
    known = rule_of(record.rule, library) is not None
    name = Link(record.rule, f"{KNOWLEDGE}#{record.rule}") if known else record.rule
    cells: tuple[Inline, ...] = (
        (name, f" {name_of(record.rule, library)} · {tiers}{site}"),
        (rate(record),),
        (Drawing(sparkline(record.points, record.rate)),),
        *((how,) for how in hows),
        (percent(record.unknown, record.decided),),
        (told(record.accepted),),
        (told(record.overridden),),
    )
    return Row(cells)


def _never_met(report: Report) -> Paragraph:
    never = [record for record in report.rules if not record.met]
    undecided = sum(1 for record in never if record.unknown)
    return _text(
        f"{len(never)} more rules were asked and met by no chart; {undecided} of them stayed unknown in some call."
    )


def _why_unknown(report: Report, library: Library) -> Table:
    rows = []
    for name, why, count in report.why_unknown[:_TOP]:
        known = library.findings.get(name) or library.scores.get(name)
        rows.append((known.name if known else name, why, told(count), percent(count, report.judged)))
    return _table(("Not known", "Why", "Calls", "Of all calls"), rows)


def _entries(report: Report) -> Table:
    rows = [(kind, percent(mapped, total), told(total)) for kind, (mapped, total) in report.entries.items()]
    return _table(("Kind", "Understood", "Entries"), rows)


def _unmapped(report: Report) -> Section:
    frequent = [row for row in report.unmapped if row[3] >= SMALL]
    rows = [(kind, system, code, str(seen)) for kind, system, code, seen in frequent[:_TOP]]
    return Section("Codes that mean nothing here", "codes", (_table(("Kind", "System", "Code", "Calls"), rows),))


def _reasons(report: Report) -> Table:
    return _counts(
        ("Reason for overriding", "Cards"), ((code or "none given", count) for code, count in report.reasons)
    )


def _counts(heads: tuple[str, str], rows: Iterable[tuple[str, int]]) -> Table:
    return _table(heads, [(name, told(count)) for name, count in rows])


def _table(heads: tuple[str, ...], rows: Iterable[Sequence[str]]) -> Table:
    return Table(heads, tuple(Row(tuple((cell,) for cell in row)) for row in rows))


def _lines(lines: Iterable[str]) -> Lines:
    return Lines(tuple((line,) for line in lines))


def _text(text: str) -> Paragraph:
    return Paragraph((text,))
