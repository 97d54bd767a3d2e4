"""The whole explanation of one call or chart: the trace, then what in it is not valid FHIR and what that cost.

`pinpoint explain` prints it, the sandbox page shows it. It holds no text from the chart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.explain import as_text, knowledge_line, trace
from cds_hooks.cards.phrases import gap_lines
from cds_hooks.cards.trace import Entry, Line, Section, brief
from cds_hooks.chart.record import PatientRecord
from cds_hooks.chart.strict import Fault, Version, faults
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment, Gap
from cds_hooks.service import Advice, answer, hook_of_file, record_of_file

VERSIONS: Mapping[str, Version] = {"R4": "R4B", "R5": "R5", "STU3": "STU3"}
"""Name of a FHIR release -> the models it is checked with. R4B writes what we read as R4 does."""

_NOTHING = "nothing"
_NOT_USED = "the entry was not used"
_NOT_IN_LISTS = frozenset({"Bundle", "Patient", "Medication", "resource"})
"""What is read without being an entry of a list."""


def explained(body: bytes, library: Library, at: datetime, voice: Voice, *, whole: bool) -> tuple[str, ...]:
    """The explanation of a file, a request or a Bundle, as text; without `whole` the long parts are folded.

    Errors: RequestError when it is neither, DataUnavailable when nothing essential is in it.
    """
    advice = answer(record_of_file(body, library, at), library, at, voice, hook_of_file(body))
    told = sections(advice, library, body)
    return as_text(told if whole else brief(told), advice.assessment)


def sections(advice: Advice, library: Library, body: bytes = b"", release: str = "R4") -> tuple[Section, ...]:
    """The trace of the advice; with the body it came from also a last section on what of it is not valid FHIR."""
    told = trace(advice.record, advice.assessment, library, advice.cards)
    return (*told, _validity(advice, body, release)) if body else told


def explanation_json(told: tuple[Section, ...], assessment: Assessment) -> bytes:
    """The sections as JSON: members as in cards/trace.py."""
    return msgspec.json.encode({"sections": told, "knowledge": knowledge_line(assessment)})


def _validity(advice: Advice, body: bytes, release: str) -> Section:
    costs = _gaps_by_entry(advice.assessment)
    used = frozenset(_references(advice.record))
    found = (_fault(fault, costs, used) for fault in faults(body, VERSIONS[release]))
    return Section(f"Not valid FHIR {release}, and what it cost", tuple(found))


def _fault(fault: Fault, costs: Mapping[str, list[Gap]], used: frozenset[str]) -> Line:
    cost = "; ".join(gap_lines(costs.get(fault.reference, ()))) or _otherwise(fault, used)
    entries = (Entry(fault.reference, ""),) if fault.reference else ()
    return Line(f"{fault.line}; cost: {cost}", entries=entries)


def _otherwise(fault: Fault, used: frozenset[str]) -> str:
    kind = fault.line.partition("[")[0]
    is_lost = bool(fault.reference) and fault.reference not in used and kind not in _NOT_IN_LISTS
    return _NOT_USED if is_lost else _NOTHING


def _gaps_by_entry(assessment: Assessment) -> dict[str, list[Gap]]:
    by_entry: dict[str, dict[Gap, None]] = {}
    findings = (gap for finding in assessment.findings.values() for gap in finding.gaps)
    for gap in (*assessment.gaps, *findings):
        by_entry.setdefault(gap.reference, {})[gap] = None
    return {reference: list(gaps) for reference, gaps in by_entry.items() if reference}


def _references(record: PatientRecord) -> Iterator[str]:
    for kind in (
        record.observed,
        record.problems,
        record.medications,
        record.visits,
        record.events,
        record.intolerances,
    ):
        yield from (entry.reference for entry in kind)
