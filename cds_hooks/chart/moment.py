"""What a hook itself brings besides the chart: orders that are being written, a problem that is being added.

Both are only meant so far, and each counts at once: a draft as a medicine that is proposed, a new problem as
one that is recorded now. They are as raw as the chart is: a draft without a medicine proposes nothing yet, and
one whose medicine cannot be read stands as one that nobody can identify.
Source: CDS Hooks library, order-select 1.0, order-sign 1.0, problem-list-item-create 0.1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from cds_hooks.chart.answers import Item
from cds_hooks.chart.entries import Entry
from cds_hooks.chart.medications import use
from cds_hooks.chart.medicines import Find
from cds_hooks.chart.pool import reference
from cds_hooks.chart.problems import problem
from cds_hooks.chart.record import Coded, MedicationUse, Problem
from cds_hooks.chart.shapes import Condition, MedicationRequest
from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import When

_WITHDRAWN: Final = frozenset({"not-taken", "ended"})
"""A revised order of the session that ends a medicine proposes none."""


def brought(items: Iterable[Item], born: When | None, find: Find, at: datetime) -> Iterator[Entry]:
    """The drafts and new problems among the items; everything else that came with them is passed over."""
    for item in items:
        if item.flaw is GapReason.UNREADABLE and item.kind == MedicationRequest.__name__:
            yield _drafted(MedicationUse(reference(item), Coded()))
        elif isinstance(item.resource, MedicationRequest) and item.flaw is None:
            yield from _proposed(item.resource, reference(item), find, at)
        elif isinstance(item.resource, Condition) and item.flaw is None:
            yield from _added(item.resource, reference(item), born, at)


def _proposed(request: MedicationRequest, name: str, find: Find, at: datetime) -> Iterator[MedicationUse]:
    named = request.medication_codeable_concept or request.medication_reference or request.medication
    of_request = use(request, name, find, at) if named else None
    if of_request and of_request.state not in _WITHDRAWN:
        yield _drafted(of_request)


def _drafted(of_request: MedicationUse) -> MedicationUse:
    return replace(of_request, source="proposed", state="planned", drafted=True)


def _added(condition: Condition, name: str, born: When | None, at: datetime) -> Iterator[Problem]:
    of_condition = problem(condition, name, born, at)
    if of_condition is None:
        return
    state = "active" if of_condition.state == "unstated" else of_condition.state
    undated = of_condition.recorded is None and of_condition.onset is None
    recorded = When(at, at) if undated else of_condition.recorded
    yield replace(of_condition, state=state, recorded=recorded)
