"""grounds: what the chart gives to reason with, as lines of the trace: what was read, which entries count for
which findings, and what is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from cds_hooks.cards.phrases import evidence_line, gap_lines, listed, shortened
from cds_hooks.cards.trace import Entry, Line
from cds_hooks.chart.record import Listing, PatientRecord
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment, Finding, Match
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.logic import SCORE_PREFIX

_NO_ENTRY = "From the patient's age and sex, and from lists that were read whole"
_NOT_RECORDED = "Nothing recorded either way"
_NAMED = 6
_MENTIONED = 3

_Told = Mapping[Entry | None, Mapping[Truth, list[str]]]
"""Chart entry, None for what rests on no entry -> ids of the findings that it makes present and absent."""


def read_lines(record: PatientRecord) -> Iterator[str]:
    """How much was read, and each list that was not read whole, with how far back and why."""
    counts = (
        (len(record.problems), "problem or visit reason", "problems and visit reasons"),
        (len(record.observed), "observation", "observations"),
        (len(record.medications), "medicine", "medicines"),
        (len(record.visits), "visit", "visits"),
    )
    yield listed([f"{number} {one if number == 1 else many}" for number, one, many in counts])
    for name, state in sorted(record.lists.items()):
        back = f", back to {state.back_to:%d %B %Y}" if state.back_to is not None else ""
        why = f" ({state.reason.value})" if state.reason is not None else ""
        if state.state is not Listing.COMPLETE or back:
            yield f"{name}: {state.state.value}{back}{why}"


def counting_lines(assessment: Assessment, library: Library, hidden: frozenset[str]) -> Iterator[Line]:
    """Entries that what is met, listed or taken back rests on; of the others some findings that they rule out."""
    counting = frozenset(_counting(assessment))

    def below(found: Mapping[Truth, list[str]], *, is_entry: bool) -> Iterator[str]:
        present = [library.findings[name].name for name in found[Truth.PRESENT] if name in counting]
        absent = [library.findings[name].name for name in found[Truth.ABSENT]]
        if present:
            yield f"present: {shortened(present, _NAMED)}"
        elif absent and is_entry:
            yield f"absent: {shortened(absent, _MENTIONED)}"

    return _lines(_by_entry(assessment, hidden), below)


def every_finding(assessment: Assessment, library: Library, hidden: frozenset[str]) -> Iterator[Line]:
    """Each chart entry once, with all that it makes present and absent; of a restricted one nothing is told."""

    def below(found: Mapping[Truth, list[str]], *, is_entry: bool) -> Iterator[str]:
        for truth, ids in found.items():
            if ids and (is_entry or truth is Truth.PRESENT):
                yield f"{truth.value}: {'; '.join(library.findings[name].name for name in ids)}"

    return _lines(_by_entry(assessment, hidden), below)


def unknown_lines(assessment: Assessment, library: Library) -> Iterator[Line]:
    """Unknown findings by the reason for it; those that nobody recorded are counted in one line."""
    reasons: dict[str, list[Finding]] = {}
    for finding in assessment.findings.values():
        if finding.truth is Truth.UNKNOWN:
            told = [*gap_lines(finding.gaps), *map(_said, entries_of([finding], assessment))]
            reasons.setdefault("; ".join(told) or _NOT_RECORDED, []).append(finding)
    for reason, findings in sorted(reasons.items(), key=lambda item: (item[0] == _NOT_RECORDED, -len(item[1]))):
        names = list(dict.fromkeys(library.findings[finding.id].name for finding in findings))
        yield Line(f"{reason}: {shortened(names, _NAMED)}", entries=entries_of(findings, assessment))


def relied_on(match: Match, assessment: Assessment) -> tuple[Entry, ...]:
    """The chart entries behind everything that a rule came to."""
    names = dict.fromkeys((*match.relied_on, *match.in_favour, *match.against))
    return entries_of((assessment.findings[n] for n in names if not n.startswith(SCORE_PREFIX)), assessment)


def entries_of(findings: Iterable[Finding], assessment: Assessment) -> tuple[Entry, ...]:
    """The chart entries behind findings, each once."""
    items = (item for finding in findings for item in finding.evidence)
    return tuple(dict.fromkeys(Entry(item.reference, evidence_line(item, assessment.at)) for item in items))


def _counting(assessment: Assessment) -> Iterator[str]:
    """Ids of findings that made a rule speak, or took one back."""
    for match in (*assessment.criteria, *assessment.causes, *assessment.demotions):
        yield from match.excused_by
        if match.truth is Truth.PRESENT:
            yield from (*match.relied_on, *match.in_favour, *match.against)


def _by_entry(assessment: Assessment, hidden: frozenset[str]) -> _Told:
    """What each entry tells; findings in `hidden`, and those of an entry with restricted access, are left out."""
    unnamed = {item.reference for f in assessment.findings.values() for item in f.evidence if item.restricted}
    found: dict[Entry | None, dict[Truth, list[str]]] = {}
    for finding in assessment.findings.values():
        if finding.truth is not Truth.UNKNOWN:
            for entry in entries_of([finding], assessment) or (None,):
                truths = found.setdefault(entry, {Truth.PRESENT: [], Truth.ABSENT: []})
                if finding.id not in hidden and (entry is None or entry.reference not in unnamed):
                    truths[finding.truth].append(finding.id)
    return found


def _lines(told: _Told, below: Callable[..., Iterator[str]]) -> Iterator[Line]:
    for entry in sorted(told, key=lambda entry: entry is None):
        texts = tuple(below(told[entry], is_entry=entry is not None))
        is_untold = entry is not None and not any(told[entry].values())
        if texts or is_untold:
            yield Line(_NO_ENTRY, texts) if entry is None else Line(_said(entry), texts, entries=(entry,))


def _said(entry: Entry) -> str:
    return f"{entry.text} ({entry.reference})"
