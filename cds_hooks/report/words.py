"""A report in words: what each number stands for, and which rules somebody should look at, and why."""

from __future__ import annotations

from collections.abc import Iterator

from cds_hooks.model.criteria import Cause, Criterion
from cds_hooks.model.library import Library
from cds_hooks.report.numbers import Report, RuleRecord, told

_LISTED = 8


def name_of(rule: str, library: Library) -> str:
    """The rule's name; the id of one that this library no longer has."""
    known = rule_of(rule, library)
    return known.name if known else rule


def rule_of(rule: str, library: Library) -> Criterion | Cause | None:
    """The criterion or cause; None for one that this library no longer has."""
    return library.criteria.get(rule) or library.causes.get(rule)


def percent(part: int, whole: int) -> str:
    """Part of a whole; a small part only as small."""
    return f"{part * 100 / whole:.1f} %" if whole and told(part) == str(part) else told(part)


def needs_a_look(report: Report, library: Library) -> Iterator[str]:
    """One line for each rule whose record is no longer what it should be; the gravest first."""
    for record in report.rules:
        if record.has_fallen_silent:
            missing = f"about {record.expected_since:.0f} firings should have come since its last one"
            yield f"{_named(record, library)} has fallen silent: {missing}. Has a code or a unit changed?"
    for record in report.rules:
        if days := [f"{point.start:%d %B}" for point in record.out][:_LISTED]:
            yield f"{_named(record, library)} fired more or less often than chance explains: {', '.join(days)}."
    for record in report.rules:
        if record.is_never_accepted:
            yield f"{_named(record, library)} was shown {record.shown} times, and nothing of it was ever accepted."
        if record.is_mostly_overridden:
            yield f"{_named(record, library)} was overridden {record.overridden} of {record.shown} times."


def summary(report: Report, library: Library) -> Iterator[str]:
    """The report in some lines, as the command line tells it."""
    statuses = ", ".join(f"{told(count)} with {status}" for status, count in sorted(report.statuses.items()))
    yield f"{report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M}: {statuses or 'no calls'}"
    for version, date, digest, count in report.knowledge:
        yield f"Knowledge {version} of {date}, digest {digest[:12]}: {told(count)} calls"
    yield from (f"site setting: {line}" for line in library.site)
    if report.latencies:
        yield "Milliseconds: {:.0f} median, {:.0f} p95, {:.0f} p99, {:.0f} longest".format(*report.latencies)
    for (indicator, how), count in sorted(report.cards.items()):
        yield f"Cards {indicator} {how}: {told(count)}"
    for kind, (mapped, total) in report.entries.items():
        yield f"{kind}: {percent(mapped, total)} of {told(total)} entries understood"
    for outcome, count in sorted(report.outcomes.items()):
        yield f"Cards {outcome}: {told(count)}"
    yield from ("", "rule, met per 1,000 calls, shown, silent, quiet, held, unknown, accepted, overridden")
    for record in report.rules:
        if record.met:
            yield _row(record)
    yield from ("", *(needs_a_look(report, library) if report.rules else ()))


def rate(record: RuleRecord) -> str:
    """How often charts met it in 1,000 calls; not told of a small count."""
    return f"{record.rate:.1f}" if told(record.met) == str(record.met) else "–"


def _row(record: RuleRecord) -> str:
    hows = (told(record.hows.get(how, 0)) for how in ("shown", "silent", "quiet", "held"))
    unknown, said = percent(record.unknown, record.decided), (told(record.accepted), told(record.overridden))
    return "  ".join((record.rule, rate(record), *hows, unknown, *said))


def _named(record: RuleRecord, library: Library) -> str:
    return f"{record.rule} ({name_of(record.rule, library)})"
