"""report_page: the report of a run as one HTML page, for the meeting that decides whether to go live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cds_hooks.pages.document import Block, Page, Paragraph, Row, Section, Table, html_body, plain
from cds_hooks.pages.sheet import sheet
from cds_hooks.populations.report import Count, Report, RuleLine, Share

_TITLE = "What this knowledge would say of these charts"


def report_html(told: Report) -> bytes:
    """The page, complete in itself."""
    return sheet(_TITLE, html_body(page(told)))


def page(told: Report) -> Page:
    """The page as data: what was run, cards, rules, what is unknown, mapping, data quality, changes."""
    least = told.about.least_count
    blocks: list[Block] = [
        Paragraph(plain(_about(told))),
        Paragraph(
            plain(
                f"Counts of 1 to {least - 1} are hidden, with larger ones that would give them away. A chart is a "
                "patient at one instant. Not clinically signed off: this page counts, it does not advise."
            )
        ),
        Section("Cards", "cards", _cards(told)),
        Section("Rules that spoke", "rules", _spoken(told)),
        Section("Rules that were present without a card", "unsaid", _unsaid(told)),
        Section("What stayed unknown, and what would settle it", "unknown", _unknown(told)),
        Section("What could not be seen", "gaps", (_shares("Gap", told.gaps),)),
        Section("Which codes are understood", "mapping", _mapping(told)),
        Section("Data quality", "quality", _quality(told)),
    ]
    if told.about.against:
        blocks.append(Section("What changes against the other knowledge", "changes", _changes(told)))
    return Page(_TITLE, tuple(blocks))


def _about(told: Report) -> str:
    about = told.about
    when = ", ".join(about.instants[:1] + about.instants[1:][-1:]).replace(", ", " to ") or "each start of a visit"
    many = f" ({len(about.instants)} instants)" if len(about.instants) > 1 else ""
    against = f", compared with {about.against}" if about.against else ""
    size = f"{about.files} files, {about.bytes / 1e6:,.1f} MB"
    return f"Judged at {when}{many} with {about.library}{against}. Read: {size}."


def _cards(told: Report) -> tuple[Block, ...]:
    rows = (
        ("Patients", told.patients),
        ("Charts", told.charts),
        ("Charts with an entry that could make a rule speak (the others are not assessed)", told.assessed),
        ("Charts with a card", told.with_card),
        ("Patients with a card at any instant", told.patients_with_card),
        ("Cards", told.cards),
        ("Charts on which the service would have no answer (412)", told.unanswered),
    )
    counts = _table(("", "Number"), [(name, _number(count)) for name, count in rows])
    rate = f"Cards per 1,000 charts: {_rate(told.cards_per_1000)}."
    return (
        Paragraph(plain(rate)),
        counts,
        _shares("Most urgent tier of a chart", told.tiers),
        _shares("Bleeding into the skin", told.skin_bleeding),
    )


def _spoken(told: Report) -> tuple[Block, ...]:
    rows = [
        (rule.name, rule.rule, rule.kind, _number(rule.spoke), _rate(rule.per_1000), _tiers(rule))
        for rule in told.rules
        if rule.spoke != 0
    ]
    heads = ("Rule", "Id", "Kind", "Charts", "Per 1,000", "Tiers")
    return (_table(heads, rows) if rows else Paragraph(plain("No rule spoke.")),)


def _unsaid(told: Report) -> tuple[Block, ...]:
    rows = [
        (rule.name, rule.rule, rule.status, _number(rule.present_unsaid))
        for rule in told.rules
        if rule.present_unsaid != 0
    ]
    why = "Silent rules, and rules that a recorded situation lowered to nothing."
    return (Paragraph(plain(why)), _table(("Rule", "Id", "Status", "Charts"), rows))


def _unknown(told: Report) -> tuple[Block, ...]:
    rows = [
        (rule.name, rule.rule, _number(rule.unknown), _listed(rule.settle))
        for rule in told.rules
        if rule.unknown != 0
    ]
    why = (
        "Among assessed charts. A rule that needs bleeding into the skin counts only where that is present. "
        "Unknown is never taken as absent."
    )
    return (Paragraph(plain(why)), _table(("Rule", "Id", "Charts", "Would settle it most often"), rows))


def _mapping(told: Report) -> tuple[Block, ...]:
    least = told.about.least_count
    kinds = [(one.kind, _number(one.entries), _number(one.mapped), _number(one.by_words)) for one in told.coverage]
    codes = [(one.kind, one.system, one.code, one.display, f"{one.entries:,}") for one in told.unmapped]
    rare = f"{told.rare_codes:,} more codes came in fewer than {least} such entries each."
    return (
        _table(("Kind of entry", "Entries", "Understood", "Of these by words"), kinds),
        Paragraph(plain("Codes whose entries nothing explained, most frequent first.")),
        _table(("Kind", "System", "Code", "Display", "Entries"), codes),
        Paragraph(plain(rare)),
    )


def _quality(told: Report) -> tuple[Block, ...]:
    bad = [(name, _number(count)) for name, count in told.bad.items()]
    cut = f"Lists that are not whole because a file ends in the middle: {', '.join(told.cut_short)}."
    return (
        _table(("Line or entry that could not be used", "Number"), bad)
        if bad
        else Paragraph(plain("Every line could be used.")),
        *([Paragraph(plain(cut))] if told.cut_short else []),
        _table(("Resource type", "Number"), [(name, _number(n)) for name, n in told.resources.items()]),
    )


def _changes(told: Report) -> tuple[Block, ...]:
    moved = [(one.before, one.now, _number(one.charts)) for one in told.moved]
    rules = [
        (one.rule, *(_number(count) for count in (one.gained, one.lost, one.raised, one.lowered)))
        for one in told.changes
    ]
    if not moved and not rules:
        return (Paragraph(plain("Nothing changes: every chart keeps its tier and its rules.")),)
    return (
        _table(("Tier before", "Tier now", "Charts"), moved),
        _table(("Rule", "Begins to speak", "Ceases to speak", "More urgent", "Less urgent"), rules),
    )


def _shares(head: str, shares: Iterable[Share]) -> Table:
    rows = [(one.name, _number(one.charts), _rate(one.per_1000)) for one in shares]
    return _table((head, "Charts", "Per 1,000"), rows)


def _tiers(rule: RuleLine) -> str:
    return _listed({tier: count for tier, count in rule.tiers.items() if tier})


def _listed(counts: Mapping[str, Count]) -> str:
    return ", ".join(f"{name} {_number(count)}" for name, count in counts.items())


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    return Table(heads, tuple(Row(tuple(plain(cell) for cell in row)) for row in rows))


def _number(count: Count) -> str:
    return "hidden" if count is None else f"{count:,}"


def _rate(rate: float | None) -> str:
    return "hidden" if rate is None else f"{rate:,.2f}"
