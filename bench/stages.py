"""`python -m bench.stages`: what each stage of the whole way costs, and what the glance costs instead.

Least of many runs in this process, in CPU ms. `strict` is what the whole has beyond the three steps: gaps, and the
orders that are proposed, checked as FHIR. A silent chart passes through the glance only; here it is sent the whole
way, too.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

from bench.charts import SIZES, Kind, call
from cds_hooks.cards.compose import Voice, compose
from cds_hooks.cards.wire import parse_request, response_json, with_uuids
from cds_hooks.chart.queries import queries
from cds_hooks.chart.reader import read
from cds_hooks.chart.record import Answer
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment
from cds_hooks.reasoning.assess import assess
from cds_hooks.reasoning.library import load
from cds_hooks.reasoning.mapping import find
from cds_hooks.service import advise_on, prove_orders
from cds_hooks.silent import silent_call

_STAGES = ("glance", "decode", "map", "assess", "compose", "strict", "serialise")


def main() -> None:
    """Prints one row for each chart, as Markdown."""
    library, at = load(), datetime.now(UTC)
    prove_orders(library)
    gc.collect()
    gc.freeze()
    print("| CPU ms | " + " | ".join(_STAGES) + " |\n|---|" + "---|" * len(_STAGES))
    kinds: tuple[Kind, ...] = ("silent", "firing")
    for kind in kinds:
        for size, count in SIZES.items():
            costs = dict(_costs(call(library, kind, count, at), library, at))
            print(f"| {kind} {size} | " + " | ".join(f"{costs[stage]:.3g}" for stage in _STAGES) + " |")


def _costs(body: bytes, library: Library, at: datetime) -> Iterator[tuple[str, float]]:
    yield "glance", _least_ms(lambda: silent_call(body, "patient-view", library, datetime.now(UTC)))
    request, asked = parse_request(body), queries(library)
    answers = {key: Answer((raw,)) for key, raw in request.prefetch.items()}

    def decoded() -> object:
        return read(asked, answers, request.patient_id, at)

    yield "decode", _least_ms(lambda: (parse_request(body), decoded()))
    record = read(asked, answers, request.patient_id, at)
    mapping = _least_ms(lambda: find(record, library, at))
    yield "map", mapping

    def assessed() -> Assessment:
        findings = find(record, library, at)
        return assess(findings, (), library, at, truth_of=findings.truth_of, scores=lambda: ())

    # Findings are worked out when they are asked for, so each step is timed together with those before it.
    assessing = _least_ms(assessed)
    yield "assess", assessing - mapping
    composing = _least_ms(lambda: compose(assessed(), library, Voice(), request.patient_id))
    yield "compose", composing - assessing
    advice = advise_on(record, library, at, Voice())
    whole = _least_ms(lambda: advise_on(record, library, at, Voice()))
    yield "strict", max(0.0, whole - composing)
    yield "serialise", _least_ms(lambda: response_json(with_uuids(advice.cards, uuid4)))


def _least_ms(do: Callable[[], object]) -> float:
    do()
    least, until = float("inf"), time.perf_counter() + 1.0
    while time.perf_counter() < until or least == float("inf"):
        began = time.process_time()
        do()
        least = min(least, time.process_time() - began)
    return least * 1000


if __name__ == "__main__":
    main()
