"""settle: the rows of one bucket in, a result for each patient and instant out. The second step of every engine.

A chart is put together from the patient's rows and then takes the way of the service: read, find, assess,
compose. A list of which the export holds no file was not read; one that was cut off is not whole.
"""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import product
from time import perf_counter
from typing import Final, TypeAlias

from cds_hooks.cards.compose import Voice
from cds_hooks.errors import DataUnavailable, RequestError
from cds_hooks.model.library import Library
from cds_hooks.populations.as_of import as_of, visits, without_old
from cds_hooks.populations.charts import Chart, Lists, Lookup, chart_advice, request_advice
from cds_hooks.populations.results import Result
from cds_hooks.populations.rows import BUNDLE, REQUEST, SEEN, Row
from cds_hooks.populations.telling import said_before, told, unanswered, unassessed
from cds_hooks.service import Advice

_Ask: TypeAlias = Callable[[Library], Advice]
"""The advice of one library on one chart at one instant."""

_HASH: Final = 32
_NO_END: Final = datetime(9000, 1, 1, tzinfo=UTC)
_UNSORTED: Final = "Condition"
_ESSENTIAL: Final = frozenset({_UNSORTED, "Observation"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of every chart of a run."""

    library: Library
    instants: tuple[datetime, ...]
    """Oldest first; empty: at the start of each visit."""
    voice: Voice
    key: bytes
    """Of the hash that stands for a patient."""
    listed: frozenset[str] = frozenset()
    """Resource types that the export holds; the others were not read."""
    cut_short: frozenset[str] = frozenset()
    """Resource types of which a file ends in the middle."""
    against: Library | None = None
    most: int = 20_000
    """Entries of one type in one chart that are read, the newest; more are a gap."""
    explained: frozenset[str] = frozenset()
    """Only these patients (hashes), and each with its explanation."""

    @property
    def is_blind(self) -> bool:
        """Whether the export lacks what every chart must have, so that each has to say so."""
        return not self.listed >= _ESSENTIAL or self.is_cut_off

    @property
    def is_cut_off(self) -> bool:
        """Whether a list ends in the middle of which the service never takes a part for the whole."""
        return _UNSORTED in self.cut_short


def settle(rows: Iterable[Row], plan: Plan, medication: Lookup) -> Iterator[Result]:
    """The results of every patient in a bucket, in the order of their hashes, then of instants.

    Pure but for `medication`, which looks up what charts refer to. A patient's rows are all in one bucket.
    """
    charts = _gathered(rows, plan)
    hashed = sorted((hashed_id(patient, plan.key), patient) for patient in charts)
    for name, patient in hashed:
        if not plan.explained or name in plan.explained:
            yield from _of_patient(name, patient, charts[patient], plan, medication)


def _gathered(rows: Iterable[Row], plan: Plan) -> Mapping[str, list[Row]]:
    """The rows of each patient; where one instant is judged at, without results that are not read."""
    charts: dict[str, list[Row]] = defaultdict(list)
    limits: dict[str, int] = {}
    for row in rows:
        mine = charts[row.patient]
        mine.append(row)
        if len(mine) > limits.get(row.patient, 2 * plan.most) and len(plan.instants) == 1:
            mine[:] = without_old(mine, plan.most)
            limits[row.patient] = len(mine) + plan.most
    return charts


def hashed_id(patient: str, key: bytes) -> str:
    """What stands for a patient in results: not to be turned back without the key."""
    return hmac.digest(key, patient.encode(), "sha256").hex()[:_HASH]


def _of_patient(name: str, patient: str, rows: list[Row], plan: Plan, medication: Lookup) -> Iterator[Result]:
    requests = sorted(row.slim for row in rows if row.kind == REQUEST)
    for request, instant in product(requests, plan.instants):
        yield _result(name, instant, partial(request_advice, request, instant, plan.voice), plan)
    if any(row.kind != REQUEST for row in rows):
        entries = [row for row in rows if row.kind not in {REQUEST, SEEN}]
        yield from _of_chart(name, patient, entries, plan, medication)


def _of_chart(name: str, patient: str, rows: list[Row], plan: Plan, medication: Lookup) -> Iterator[Result]:
    """One result for each instant. Of earlier instants only what was written by then is read."""
    instants, end = plan.instants or visits(rows), max(plan.instants, default=_NO_END)
    whole = any(row.kind == BUNDLE for row in rows)
    lists = Lists(None if whole else plan.listed, plan.cut_short, plan.most)
    is_asked = any(row.may_speak for row in rows) or plan.is_cut_off or (plan.is_blind and not whole)
    for instant in instants:
        if is_asked:
            chart = Chart(patient, as_of(rows, instant, end), lists, medication)
            ask = partial(chart_advice, chart, instant, plan.voice)
            yield _result(name, instant, ask, plan)
        else:
            yield unassessed(name, instant)


def _result(name: str, instant: datetime, ask: _Ask, plan: Plan) -> Result:
    """What the library says, beside what the other one says when there is one."""
    start = perf_counter()
    now = _advice(ask, plan.library)
    milliseconds = (perf_counter() - start) * 1000
    before = None if plan.against is None else said_before(_advice(ask, plan.against), plan.against)
    if now is None:
        return unanswered(name, instant, milliseconds, before)
    return told(name, now, plan.library, milliseconds, before, explained=bool(plan.explained))


def _advice(ask: _Ask, library: Library) -> Advice | None:
    """None where the service would have no answer (HTTP 400 or 412)."""
    try:
        return ask(library)
    except (DataUnavailable, RequestError):
        return None
