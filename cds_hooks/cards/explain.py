"""explain: the reasoning about one chart, line by line, as a colleague would tell it.

The command line, the sandbox page and the documentation show these same lines. They hold our labels,
values, units, dates and references of chart entries, and no text from the chart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cds_hooks.cards.asks import settling_lines
from cds_hooks.cards.discreet import discreet_throughout
from cds_hooks.cards.lowered import why
from cds_hooks.cards.phrases import evidence_line, gap_lines
from cds_hooks.cards.trace import Entry, Line, Publication, Section, written
from cds_hooks.cards.wire import Card
from cds_hooks.chart.record import Listing, PatientRecord
from cds_hooks.model import Assessment, Cause, Cite, Criterion, Finding, Library, Match, Truth
from cds_hooks.reasoning.logic import SCORE_PREFIX, parsed_key

_NO_ENTRY = "From the patient's age and sex, and from lists that were read whole"
_NOT_RECORDED = "Nothing recorded either way"
_NAMED = 8


def explain(
    record: PatientRecord, assessment: Assessment, library: Library, cards: Sequence[Card]
) -> tuple[str, ...]:
    """The trace as lines of text."""
    return as_text(trace(record, assessment, library, cards), assessment)


def as_text(sections: Iterable[Section], assessment: Assessment) -> tuple[str, ...]:
    """Sections as lines of text, parted by an empty line, the knowledge they rest on last."""
    return (*(line for section in sections for line in written(section)), knowledge_line(assessment))


def knowledge_line(assessment: Assessment) -> str:
    """The knowledge and the instant that the trace holds for."""
    knowledge = f"Knowledge {assessment.library_version}, digest {assessment.library_digest[:12]}"
    return f"{knowledge}, at {assessment.at.isoformat(timespec='minutes')}; not clinically signed off."


def trace(
    record: PatientRecord, assessment: Assessment, library: Library, cards: Sequence[Card]
) -> tuple[Section, ...]:
    """What was read, findings, rules fired, rules open and what would settle them, gaps, cards."""
    library, hidden = discreet_throughout(assessment, library)
    return (
        _section("Read", _read(record)),
        _section("Findings, by the entry they rest on", _by_entry(assessment, library, hidden)),
        _section("Findings not known", _unknown(assessment, library)),
        _section("Criteria met", _met(assessment, library)),
        _section("Criteria taken back by a recorded explanation", _excused(assessment, library)),
        _section("Recorded situations that lower criteria", _demotions(assessment, library)),
        _section("Criteria undecided", _undecided(assessment, library)),
        _section("Criteria not met", _absent(assessment, library)),
        _section("Scores", _scores(assessment, library)),
        _section("Would settle most", settling_lines(assessment, library)),
        _section("Possible causes", _causes(assessment, library)),
        _section("Causes not listed", _causes_not_listed(assessment, library)),
        _section("Gaps", gap_lines(assessment.gaps)),
        _section("Cards", _cards(cards)),
        *([_section("Site settings, not those of the release", library.site)] if library.site else []),
    )


def _section(title: str, lines: Iterable[Line | str]) -> Section:
    return Section(title, tuple(line if isinstance(line, Line) else Line(line) for line in lines))


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


def _by_entry(assessment: Assessment, library: Library, hidden: frozenset[str]) -> Iterator[Line]:
    """Each chart entry once, with what it makes present and absent; a restricted one says neither."""
    unnamed = {item.reference for f in assessment.findings.values() for item in f.evidence if item.restricted}
    found: dict[Entry | None, dict[Truth, list[str]]] = {}
    for finding in assessment.findings.values():
        if finding.truth is not Truth.UNKNOWN:
            for entry in _entries([finding], assessment) or (None,):
                truths = found.setdefault(entry, {Truth.PRESENT: [], Truth.ABSENT: []})
                if finding.id not in hidden and (entry is None or entry.reference not in unnamed):
                    truths[finding.truth].append(library.findings[finding.id].name)
    for entry in sorted(found, key=lambda entry: entry is None):
        below = tuple(
            f"{truth.value}: {', '.join(names)}"
            for truth, names in found[entry].items()
            if names and not (entry is None and truth is Truth.ABSENT)
        )
        yield Line(_NO_ENTRY, below) if entry is None else Line(_said(entry), below, entries=(entry,))


def _unknown(assessment: Assessment, library: Library) -> Iterator[Line]:
    """Unknown findings by the reason for it; those that nobody recorded are counted in one line."""
    reasons: dict[str, list[Finding]] = {}
    for finding in assessment.findings.values():
        if finding.truth is Truth.UNKNOWN:
            told = [*gap_lines(finding.gaps), *map(_said, _entries([finding], assessment))]
            reasons.setdefault("; ".join(told) or _NOT_RECORDED, []).append(finding)
    for reason, findings in sorted(reasons.items(), key=lambda item: (item[0] == _NOT_RECORDED, -len(item[1]))):
        names = list(dict.fromkeys(library.findings[finding.id].name for finding in findings))
        shown = ", ".join(names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield Line(f"{reason}: {shown}{more}", entries=_entries(findings, assessment))


def _met(assessment: Assessment, library: Library) -> Iterator[Line]:
    for match in assessment.criteria:
        if match.truth is Truth.PRESENT:
            rule = library.criteria[match.rule]
            tier = match.tier.value if match.tier else ""
            silent = "" if rule.status == "active" else f" · {rule.status}, not shown"
            ours = _ours(match, library) + _lowered(match, assessment, library)
            text = f"{rule.id} {tier}: {rule.name}{ours}{silent}"
            below = f"rests on {_named(match.relied_on, library)}", f"source {_labels(rule, library)}"
            yield _about(match, rule, text, assessment, library, below=below)


def _lowered(match: Match, assessment: Assessment, library: Library) -> str:
    if not match.demoted_by or match.lowered_from is None:
        return ""
    hidden = "" if match.tier else ", not shown"
    return f" · lowered from {match.lowered_from.value}: {why(match.demoted_by, assessment, library)}{hidden}"


def _demotions(assessment: Assessment, library: Library) -> Iterator[Line]:
    """Recorded situations that lower criteria, and the dangers that forbid it."""
    for match in assessment.demotions:
        if match.relied_on:
            danger = f"; lowers nothing because of {_named(match.excused_by, library)}" if match.excused_by else ""
            rule = library.demotions[match.rule]
            text = f"{rule.name} [{rule.id}]{_ours(match, library)}{danger}"
            yield Line(text, entries=_relied_on(match, assessment))


def _excused(assessment: Assessment, library: Library) -> Iterator[Line]:
    for match in assessment.criteria:
        if match.excused_by:
            rule = library.criteria[match.rule]
            because = f"because of {_named(match.excused_by, library)}{_ours(match, library)}"
            yield _about(match, rule, f"{rule.id}: {rule.name}, {because}", assessment, library)


def _undecided(assessment: Assessment, library: Library) -> Iterator[Line]:
    if assessment.skin_bleeding is not Truth.PRESENT:
        waiting = sum(1 for m in assessment.criteria if library.criteria[m.rule].needs_skin_bleeding)
        yield Line(f"{waiting} criteria wait for a skin finding: none is recorded as current")
    for match in assessment.criteria:
        rule = library.criteria[match.rule]
        asked = assessment.skin_bleeding is Truth.PRESENT or not rule.needs_skin_bleeding
        if match.truth is Truth.UNKNOWN and asked:
            settling = f"; would settle it: {_named(match.would_settle, library)}" if match.would_settle else ""
            yield _about(match, rule, f"{rule.id}: {rule.name}{settling}", assessment, library)


def _absent(assessment: Assessment, library: Library) -> Iterator[Line]:
    for match in assessment.criteria:
        if match.truth is Truth.ABSENT and not match.excused_by:
            rule = library.criteria[match.rule]
            yield _about(match, rule, f"{rule.id}: {rule.name}", assessment, library)


def _scores(assessment: Assessment, library: Library) -> Iterator[str]:
    """Each score that was asked for, as a range while items are open."""
    for total in assessment.scores:
        if total.applies is not Truth.ABSENT:
            span = str(total.low) if total.low == total.high else f"{total.low} to {total.high}"
            missing = f"; open: {', '.join(total.missing)}" if total.missing else ""
            yield f"{library.scores[total.score].name}: {span}{missing}"


def _causes(assessment: Assessment, library: Library) -> Iterator[Line]:
    for match in assessment.causes:
        if match.truth is Truth.PRESENT:
            rule = library.causes[match.rule]
            text = f"{rule.name} [{rule.id}], weight {match.support}{_for_and_against(match, library)}"
            yield _about(match, rule, text, assessment, library)


def _for_and_against(match: Match, library: Library) -> str:
    favour = _named(dict.fromkeys((*match.relied_on, *match.in_favour)), library)
    against = _named(match.against, library) if match.against else "nothing recorded"
    return f"; for: {favour}; against: {against}"


def _causes_not_listed(assessment: Assessment, library: Library) -> Iterator[Line]:
    """Causes that are undecided before those that are absent."""
    others = (match for match in assessment.causes if match.truth is not Truth.PRESENT)
    for match in sorted(others, key=lambda match: match.truth is Truth.ABSENT):
        rule = library.causes[match.rule]
        truth = "absent" if match.truth is Truth.ABSENT else "undecided"
        yield _about(match, rule, f"{rule.name} [{rule.id}]: {truth}", assessment, library)


def _cards(cards: Sequence[Card]) -> Iterator[Line]:
    for card in cards:
        source = f"source: {card.source.label} {card.source.url}"
        proposals = (f"proposes: {suggestion.label}" for suggestion in card.suggestions)
        yield Line(f"{card.indicator.upper()}: {card.summary}", (*card.detail.splitlines(), source, *proposals))


# ---------------------------------------------------------------- small parts


def _about(
    match: Match,
    rule: Criterion | Cause,
    text: str,
    assessment: Assessment,
    library: Library,
    *,
    below: tuple[str, ...] = (),
) -> Line:
    return Line(
        text,
        below,
        rule=rule.id,
        truth=match.truth.value,
        tier=match.tier.value if match.tier else "",
        entries=_relied_on(match, assessment),
        publications=tuple(_publication(cite, library) for cite in rule.citations),
    )


def _relied_on(match: Match, assessment: Assessment) -> tuple[Entry, ...]:
    names = dict.fromkeys((*match.relied_on, *match.in_favour, *match.against))
    return _entries((assessment.findings[n] for n in names if not n.startswith(SCORE_PREFIX)), assessment)


def _entries(findings: Iterable[Finding], assessment: Assessment) -> tuple[Entry, ...]:
    items = (item for finding in findings for item in finding.evidence)
    return tuple(dict.fromkeys(Entry(item.reference, evidence_line(item, assessment.at)) for item in items))


def _said(entry: Entry) -> str:
    return f"{entry.text} ({entry.reference})"


def _publication(cite: Cite, library: Library) -> Publication:
    citation = library.citations[cite.source]
    return Publication(citation.label, citation.url)


def _labels(rule: Criterion, library: Library) -> str:
    return ", ".join(library.citations[cite.source].label for cite in rule.citations)


def _ours(match: Match, library: Library) -> str:
    return f" · our choice: {library.choices[match.choice].name}" if match.choice else ""


def _named(names: Iterable[str], library: Library) -> str:
    return ", ".join(_name(name, library) for name in names)


def _name(name: str, library: Library) -> str:
    if not name.startswith(SCORE_PREFIX):
        return library.findings[name].name
    score_id, limit = parsed_key(name)
    return f"{library.scores[score_id].name} of {limit} or more"
