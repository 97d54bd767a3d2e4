"""explain: the reasoning about one chart, line by line, as a colleague would tell it.

First what comes of it, the cards; then what was read, which entries count, what that meets, what could be behind
it, what is open and what would settle it. The command line, the sandbox page and the documentation show these same
lines. They hold our labels, values, units, dates and references of chart entries, and no text from the chart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cds_hooks.cards.asks import settling_lines, undecided_lines, unsaid_against
from cds_hooks.cards.discreet import discreet_throughout
from cds_hooks.cards.grounds import counting_lines, every_finding, read_lines, relied_on, unknown_lines
from cds_hooks.cards.lowered import why
from cds_hooks.cards.phrases import capitalised, gap_lines
from cds_hooks.cards.plain import plain_lines
from cds_hooks.cards.trace import Line, Publication, Section, written
from cds_hooks.cards.wire import Card
from cds_hooks.chart.record import PatientRecord
from cds_hooks.model.citations import Cite
from cds_hooks.model.criteria import Cause, Criterion
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment, Match
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.logic import SCORE_PREFIX, parsed_key


def explain(
    record: PatientRecord, assessment: Assessment, library: Library, cards: Sequence[Card]
) -> tuple[str, ...]:
    """The whole trace as lines of text."""
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
    """Cards, what was read, rules that fired, causes, what is open and would settle it; then all the rest."""
    library, hidden = discreet_throughout(assessment, library)
    return (
        _section("Cards", map(_card, cards)),
        _section("Read", read_lines(record)),
        _section("Gaps", gap_lines(assessment.gaps)),
        _section("Entries that count", counting_lines(assessment, library, hidden)),
        _section("Criteria met", _met(assessment, library)),
        _section("Criteria taken back by a recorded explanation", _excused(assessment, library)),
        _section("Recorded situations that lower criteria", _demotions(assessment, library)),
        _section("Possible causes", _causes(assessment, library)),
        _section("Scores", _scores(assessment, library)),
        _section("Would settle most", settling_lines(assessment, library)),
        _section("Undecided, by what would settle it", _open(assessment, library)),
        *([_section("Site settings, not those of the release", library.site)] if library.site else []),
        _section("Criteria undecided", _undecided(assessment, library), folded=True),
        _section("Criteria not met", _absent(assessment, library), folded=True),
        _section("Causes not listed", _causes_not_listed(assessment, library), folded=True),
        _section("Findings, by the entry they rest on", every_finding(assessment, library, hidden), folded=True),
        _section("Findings not known", unknown_lines(assessment, library)),
    )


def _section(title: str, lines: Iterable[Line | str], *, folded: bool = False) -> Section:
    told = tuple(line if isinstance(line, Line) else Line(line) for line in lines)
    return Section(title, told, folded)


def _card(card: Card) -> Line:
    return Line(f"{card.indicator.upper()}: {card.summary}", plain_lines(card))


def _met(assessment: Assessment, library: Library) -> Iterator[Line]:
    for match in assessment.criteria:
        if match.truth is Truth.PRESENT:
            rule = library.criteria[match.rule]
            soon = f"{capitalised(match.tier.words)}: " if match.tier else ""
            silent = "" if rule.status == "active" else f" · {rule.status}, not shown"
            ours = _ours(match, library) + _lowered(match, assessment, library)
            below = f"because of {_named(match.relied_on, library)}", f"source {_labels(rule, library)}"
            yield _about(match, rule, f"{soon}{_called(rule)}{ours}{silent}", assessment, library, below=below)


def _lowered(match: Match, assessment: Assessment, library: Library) -> str:
    if not match.demoted_by or match.lowered_from is None:
        return ""
    hidden = "" if match.tier else ", not shown"
    return f" · lowered from {match.lowered_from.words}: {why(match.demoted_by, assessment, library)}{hidden}"


def _demotions(assessment: Assessment, library: Library) -> Iterator[Line]:
    """Recorded situations that lower criteria, and the dangers that forbid it."""
    for match in assessment.demotions:
        if match.relied_on:
            danger = f"; lowers nothing because of {_named(match.excused_by, library)}" if match.excused_by else ""
            rule = library.demotions[match.rule]
            text = f"{rule.name} [{rule.id}]{_ours(match, library)}{danger}"
            yield Line(text, entries=relied_on(match, assessment))


def _excused(assessment: Assessment, library: Library) -> Iterator[Line]:
    for match in assessment.criteria:
        if match.excused_by:
            rule = library.criteria[match.rule]
            because = f"because of {_named(match.excused_by, library)}{_ours(match, library)}"
            yield _about(match, rule, f"{_called(rule)}, {because}", assessment, library)


def _open(assessment: Assessment, library: Library) -> Iterator[str]:
    """How many criteria are undecided, and what would settle them, for what is not asked one by one."""
    number = sum(1 for _ in _undecided(assessment, library))
    if number:
        yield f"{number} {'criterion is' if number == 1 else 'criteria are'} undecided, not absent"
    yield from undecided_lines(assessment, library)


def _undecided(assessment: Assessment, library: Library) -> Iterator[Line]:
    if assessment.skin_bleeding is not Truth.PRESENT:
        waiting = sum(1 for m in assessment.criteria if library.criteria[m.rule].needs_skin_bleeding)
        yield Line(f"{waiting} criteria wait for a skin finding: none is recorded as current")
    for match in assessment.criteria:
        rule = library.criteria[match.rule]
        asked = assessment.skin_bleeding is Truth.PRESENT or not rule.needs_skin_bleeding
        if match.truth is Truth.UNKNOWN and asked:
            settling = f"; would settle it: {_named(match.would_settle, library)}" if match.would_settle else ""
            yield _about(match, rule, f"{_called(rule)}{settling}", assessment, library)


def _absent(assessment: Assessment, library: Library) -> Iterator[Line]:
    for match in assessment.criteria:
        if match.truth is Truth.ABSENT and not match.excused_by:
            rule = library.criteria[match.rule]
            yield _about(match, rule, _called(rule), assessment, library)


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
            below = _for_and_against(match, assessment, library)
            yield _about(match, rule, _called(rule), assessment, library, below=below)


def _for_and_against(match: Match, assessment: Assessment, library: Library) -> tuple[str, str]:
    """Findings in favour and against; without these what the card says too, that nothing speaks so or can yet."""
    favour = _named(dict.fromkeys((*match.relied_on, *match.in_favour)), library)
    against = _named(match.against, library) or unsaid_against(match, assessment, library)
    return f"in favour: {favour}", f"against: {against}"


def _causes_not_listed(assessment: Assessment, library: Library) -> Iterator[Line]:
    """Causes that are undecided before those that are absent."""
    others = (match for match in assessment.causes if match.truth is not Truth.PRESENT)
    for match in sorted(others, key=lambda match: match.truth is Truth.ABSENT):
        rule = library.causes[match.rule]
        truth = "absent" if match.truth is Truth.ABSENT else "undecided"
        yield _about(match, rule, f"{_called(rule)}: {truth}", assessment, library)


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
        f"{text} · site setting" if rule.id in library.set_here else text,
        below,
        rule=rule.id,
        truth=match.truth.value,
        tier=match.tier.value if match.tier else "",
        entries=relied_on(match, assessment),
        publications=tuple(_publication(cite, library) for cite in rule.citations),
    )


def _called(rule: Criterion | Cause) -> str:
    return f"{rule.name} [{rule.id}]"


def _publication(cite: Cite, library: Library) -> Publication:
    citation = library.citations[cite.source]
    return Publication(citation.label, citation.url)


def _labels(rule: Criterion, library: Library) -> str:
    return "; ".join(library.citations[cite.source].label for cite in rule.citations)


def _ours(match: Match, library: Library) -> str:
    return f" · our choice: {library.choices[match.choice].name}" if match.choice else ""


def _named(names: Iterable[str], library: Library) -> str:
    return "; ".join(_name(name, library) for name in names)


def _name(name: str, library: Library) -> str:
    if not name.startswith(SCORE_PREFIX):
        return library.findings[name].name
    score_id, limit = parsed_key(name)
    return f"{library.scores[score_id].name} of {limit} or more"
