"""untouched: which findings nothing of a chart bears on; they are what they are on an empty chart read whole.

A library looks for hundreds of things, and a chart holds a dozen of them. What looks only for concepts that no
entry stands for, in lists that were read whole, need not be worked out again for every patient.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache

from cds_hooks.chart.record import Listing, ListRead, Patient, PatientRecord
from cds_hooks.model.findings import FindingRule
from cds_hooks.model.library import Library
from cds_hooks.reasoning.asked import reached
from cds_hooks.reasoning.entries import Chart

_ELSEWHERE = "elsewhere"
"""The person, the medicines and the scores: what looks there is worked out for every chart."""
_LISTS = ("Condition", "Observation", "Procedure", "Immunization", "Encounter")

NOTHING_CHARTED = PatientRecord(Patient(), lists=dict.fromkeys(_LISTS, ListRead(Listing.COMPLETE)))
"""An empty chart that was read whole."""


def of_entries_alone(library: Library) -> frozenset[str]:
    """Ids of the findings that look at nothing but entries by their concept, and whether lists were read."""
    return frozenset(library.findings) - _readers(library).get(_ELSEWHERE, frozenset())


def touched(chart: Chart) -> Iterator[str]:
    """Ids of the findings that an entry, or a list that was not read whole, may have changed; some repeatedly."""
    readers = _readers(chart.library)
    for place in (*chart.mentions, *chart.unclear, *chart.observed, *_lists_that_tell(chart.record)):
        yield from readers.get(place, ())


def _lists_that_tell(record: PatientRecord) -> Iterator[str]:
    if record.visits:
        yield "Encounter"
    for name in _LISTS:
        state = record.lists.get(name)
        if state is None or state.state is not Listing.COMPLETE:
            yield name


@lru_cache(maxsize=20)
def _readers(library: Library) -> Mapping[str, frozenset[str]]:
    """Concept, list or elsewhere -> the findings that look there, themselves or through what they are built from.

    Worked out once for each library that is in use.
    """
    readers: dict[str, set[str]] = defaultdict(set)
    for finding in library.findings:
        for name in reached([finding], library):
            for place in _looks_at(name, library):
                readers[place].add(finding)
    return {place: frozenset(names) for place, names in readers.items()}


def _looks_at(name: str, library: Library) -> Iterator[str]:
    """Where a finding, or a score by its key, looks itself."""
    rule = library.findings.get(name)
    if rule is None or rule.person is not None or rule.medication is not None:
        yield _ELSEWHERE
    elif rule.sign is not None:
        yield from (*rule.sign.concepts, "Condition", "Observation", "Procedure", "Immunization")
    elif rule.when is None:
        yield from (*_results_read_by(rule), "Observation")


def _results_read_by(rule: FindingRule) -> Iterator[str]:
    if rule.measure is not None:
        yield from (rule.measure.concept, *([_ELSEWHERE] if rule.measure.by_age else []))
    if rule.trend is not None:
        yield rule.trend.concept
    if rule.answer is not None:
        yield from rule.answer.concepts
    if rule.since is not None:
        yield from (*rule.since.concepts, "Encounter")
