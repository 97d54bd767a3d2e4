"""explain: the reasoning about one chart, line by line, as a colleague would tell it.

The command line, the sandbox page and the documentation show these same lines. They hold our labels,
values, units, dates and references of chart entries, and no text from the chart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cds_hooks.cards.compose import settling_lines
from cds_hooks.cards.phrases import evidence_line, gap_lines
from cds_hooks.cards.wire import Card
from cds_hooks.chart.record import Listing, PatientRecord
from cds_hooks.model import Assessment, Finding, Library, Match, Truth
from cds_hooks.reasoning.logic import SCORE_PREFIX, parsed_key

_NO_ENTRY = "From the patient's age and sex, and from lists that were read whole"
_NOT_RECORDED = "Nothing recorded either way"
_NAMED = 8


def explain(
    record: PatientRecord, assessment: Assessment, library: Library, cards: Sequence[Card]
) -> tuple[str, ...]:
    """Trace lines: what was read, findings, rules fired, rules open and what would settle them, gaps, cards."""
    knowledge = f"Knowledge {assessment.library_version}, digest {assessment.library_digest[:12]}"
    return (
        *_section("Read", _read(record)),
        *_section("Findings, by the entry they rest on", _by_entry(assessment, library)),
        *_section("Findings not known", _unknown(assessment, library)),
        *_section("Criteria met", _met(assessment, library)),
        *_section("Criteria taken back by a recorded explanation", _excused(assessment, library)),
        *_section("Criteria undecided", _undecided(assessment, library)),
        *_section("Scores", _scores(assessment, library)),
        *_section("Would settle most", settling_lines(assessment, library)),
        *_section("Possible causes", _causes(assessment, library)),
        *_section("Gaps", gap_lines(assessment.gaps)),
        *_section("Cards", _cards(cards)),
        f"{knowledge}, at {assessment.at.isoformat(timespec='minutes')}; not clinically signed off.",
    )


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    listed = list(lines)
    yield f"{title} ({len(listed)})" if listed else f"{title}: none"
    yield from (f"  {line}" for line in listed)
    yield ""


def _read(record: PatientRecord) -> Iterator[str]:
    yield f"{len(record.problems)} problems and visit reasons"
    yield f"{len(record.observed)} observations and components"
    yield f"{len(record.medications)} medicines"
    yield f"{len(record.visits)} visits"
    for name, state in sorted(record.lists.items()):
        back = f", back to {state.back_to:%d %B %Y}" if state.back_to is not None else ""
        why = f" ({state.reason.value})" if state.reason is not None else ""
        if state.state is not Listing.COMPLETE or back:
            yield f"{name}: {state.state.value}{back}{why}"


def _by_entry(assessment: Assessment, library: Library) -> Iterator[str]:
    """Each chart entry once, with what it makes present and what it makes absent."""
    entries: dict[str, dict[Truth, list[str]]] = {}
    for finding in assessment.findings.values():
        if finding.truth is not Truth.UNKNOWN:
            for line in _rests_on(finding, assessment) or [_NO_ENTRY]:
                truths = entries.setdefault(line, {Truth.PRESENT: [], Truth.ABSENT: []})
                truths[finding.truth].append(library.findings[finding.id].name)
    for line in sorted(entries, key=lambda line: line == _NO_ENTRY):
        yield line
        for truth, names in entries[line].items():
            if names and not (line == _NO_ENTRY and truth is Truth.ABSENT):
                yield f"    {truth.value}: {', '.join(names)}"


def _unknown(assessment: Assessment, library: Library) -> Iterator[str]:
    """Unknown findings by the reason for it; those that nobody recorded are counted in one line."""
    reasons: dict[str, list[str]] = {}
    for finding in assessment.findings.values():
        if finding.truth is Truth.UNKNOWN:
            why = "; ".join([*gap_lines(finding.gaps), *_rests_on(finding, assessment)]) or _NOT_RECORDED
            reasons.setdefault(why, []).append(library.findings[finding.id].name)
    for why, names in sorted(reasons.items(), key=lambda item: (item[0] == _NOT_RECORDED, -len(item[1]))):
        shown = ", ".join(names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"{why}: {shown}{more}"


def _met(assessment: Assessment, library: Library) -> Iterator[str]:
    for match in assessment.criteria:
        if match.truth is Truth.PRESENT:
            rule = library.criteria[match.rule]
            tier = match.tier.value if match.tier else ""
            choice = f" · our choice: {library.choices[match.choice].name}" if match.choice else ""
            silent = "" if rule.status == "active" else f" · {rule.status}, not shown"
            yield f"{rule.id} {tier}: {rule.name}{choice}{silent}"
            yield f"    rests on {_named(match.relied_on, library)}"
            yield f"    source {', '.join(library.citations[cite.source].label for cite in rule.citations)}"


def _excused(assessment: Assessment, library: Library) -> Iterator[str]:
    for match in assessment.criteria:
        if match.excused_by:
            choice = f" · our choice: {library.choices[match.choice].name}" if match.choice else ""
            rule = library.criteria[match.rule]
            yield f"{rule.id}: {rule.name}, because of {_named(match.excused_by, library)}{choice}"


def _undecided(assessment: Assessment, library: Library) -> Iterator[str]:
    if assessment.skin_bleeding is not Truth.PRESENT:
        waiting = sum(1 for m in assessment.criteria if library.criteria[m.rule].needs_skin_bleeding)
        yield f"{waiting} criteria wait for a skin finding: none is recorded as current"
    for match in assessment.criteria:
        rule = library.criteria[match.rule]
        asked = assessment.skin_bleeding is Truth.PRESENT or not rule.needs_skin_bleeding
        if match.truth is Truth.UNKNOWN and asked and match.would_settle:
            yield f"{rule.id}: {rule.name}; would settle it: {_named(match.would_settle, library)}"


def _causes(assessment: Assessment, library: Library) -> Iterator[str]:
    for match in assessment.causes:
        if match.truth is Truth.PRESENT:
            rule = library.causes[match.rule]
            yield f"{rule.name} [{rule.id}], weight {match.support}" + _for_and_against(match, library)


def _for_and_against(match: Match, library: Library) -> str:
    favour = _named(dict.fromkeys((*match.relied_on, *match.in_favour)), library)
    against = _named(match.against, library) if match.against else "nothing recorded"
    return f"; for: {favour}; against: {against}"


def _cards(cards: Sequence[Card]) -> Iterator[str]:
    for card in cards:
        yield f"{card.indicator.upper()}: {card.summary}"
        yield from (f"    {line}" for line in card.detail.splitlines())
        yield f"    source: {card.source.label} {card.source.url}"


def _rests_on(finding: Finding, assessment: Assessment) -> list[str]:
    return [f"{evidence_line(item, assessment.at)} ({item.reference})" for item in finding.evidence]


def _named(names: Iterable[str], library: Library) -> str:
    return ", ".join(_name(name, library) for name in names)


def _name(name: str, library: Library) -> str:
    if not name.startswith(SCORE_PREFIX):
        return library.findings[name].name
    score_id, limit = parsed_key(name)
    return f"{library.scores[score_id].name} of {limit} or more"


def _scores(assessment: Assessment, library: Library) -> Iterator[str]:
    """Each score that was asked for, as a range while items are open."""
    for total in assessment.scores:
        if total.applies is not Truth.ABSENT:
            span = str(total.low) if total.low == total.high else f"{total.low} to {total.high}"
            missing = f"; open: {', '.join(total.missing)}" if total.missing else ""
            yield f"{library.scores[total.score].name}: {span}{missing}"
