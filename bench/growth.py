"""`python -m bench.growth`: how time grows with the chart and with the rules, and what others wait meanwhile.

Charts of 100 to 20,000 resources are read in this process by the whole way (the firing kind) and at a glance
(the silent kind); rules are multiplied by copies of every criterion and cause under other ids. Writes
docs/images/growth.svg and prints the figures; linear means that a resource costs at most half as much again in
the largest chart as in the middle of them.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.charts import SIZES, Kind, call
from bench.crowd import Crowd, get, post
from bench.measure import CALLER_CORE, ROOT, prefer, serving
from bench.report import Goal
from bench.svg import chart
from cds_hooks.cards.compose import Voice
from cds_hooks.cards.wire import parse_request
from cds_hooks.chart.record import Answer
from cds_hooks.model.library import Library
from cds_hooks.reasoning.library import load
from cds_hooks.service import advise
from cds_hooks.silent import silent_call

_SERVICE = "/cds-services/petechiae-patient-view"
_PORT = 8367
_RESOURCES = (100, 500, 1000, 2000, 5000, 10000, 20000)
_COPIES = (1, 2, 4)


def main() -> None:
    """Measures, draws and judges."""
    library, at = load(), datetime.now(UTC)
    gc.collect()
    gc.freeze()
    by_size = {
        "firing, the whole way": _by_size(library, "firing", at, _whole_way),
        "silent, at a glance": _by_size(library, "silent", at, _glance),
    }
    by_rules = {f"{kind} typical": _by_rules(library, kind, at) for kind in ("firing", "silent")}
    drawing = chart("CPU ms by number of resources", by_size)
    (ROOT / "docs" / "images" / "growth.svg").write_text(drawing, encoding="utf-8")
    for name, points in (by_size | by_rules).items():
        print(f"{name}: " + ", ".join(f"{count}: {ms:.3g} ms" for count, ms in points.items()))
    goals = [_linear(name, points) for name, points in by_size.items()]
    goals += [_linear_in_rules(name, points) for name, points in by_rules.items()]
    print("\n".join(map(str, [*goals, _others_wait(library, at)])))


def _by_size(
    library: Library, kind: Kind, at: datetime, way: Callable[[bytes, Library, datetime], object]
) -> Mapping[int, float]:
    return {count: _least_ms(way, call(library, kind, count, at), library, at) for count in _RESOURCES}


def _by_rules(library: Library, kind: Kind, at: datetime) -> Mapping[int, float]:
    body = call(library, kind, SIZES["typical"], at)
    way = _whole_way if kind == "firing" else _glance
    return {times: _least_ms(way, body, _multiplied(library, times), at) for times in _COPIES}


def _whole_way(body: bytes, library: Library, at: datetime) -> object:
    running = advise(parse_request(body, "patient-view"), _nothing, library, at, Voice())
    try:
        running.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("It waits for something that was not sent.")


def _glance(body: bytes, library: Library, _at: datetime) -> object:
    return silent_call(body, "patient-view", library, datetime.now(UTC))


async def _nothing(_missing: Mapping[str, str]) -> Mapping[str, Answer]:
    return {}


def _multiplied(library: Library, times: int) -> Library:
    """The library with every criterion and cause so many times, under other ids."""
    criteria = dict(library.criteria)
    causes = dict(library.causes)
    for number in range(1, times):
        criteria |= {
            f"{one.id}-{number}": replace(one, id=f"{one.id}-{number}") for one in library.criteria.values()
        }
        causes |= {f"{one.id}-{number}": replace(one, id=f"{one.id}-{number}") for one in library.causes.values()}
    return replace(library, criteria=criteria, causes=causes)


def _least_ms(
    way: Callable[[bytes, Library, datetime], object], body: bytes, library: Library, at: datetime
) -> float:
    way(body, library, at)
    least, until = float("inf"), time.perf_counter() + 1.5
    while time.perf_counter() < until or least == float("inf"):
        began = time.process_time()
        way(body, library, at)
        least = min(least, time.process_time() - began)
    return least * 1000


def _linear(name: str, points: Mapping[int, float]) -> Goal:
    each = {count: ms / count for count, ms in points.items()}
    ratio = each[20000] / each[2000]
    return Goal(f"{name}: a resource of 20,000 costs, × one of 2,000", "≤ 1.5", f"{ratio:.2f}", ratio <= 1.5)


def _linear_in_rules(name: str, points: Mapping[int, float]) -> Goal:
    ratio = points[4] / points[1]
    return Goal(f"{name}: four times the rules cost, ×", "≤ 4", f"{ratio:.2f}", ratio <= 4)


def _others_wait(library: Library, at: datetime) -> Goal:
    """The longest that a probe waits while charts of 3.6 MB are worked on, one after another."""
    pinpoint = str(Path(sys.executable).with_name("pinpoint"))
    message = post(_SERVICE, call(library, "firing", SIZES["large"], at))
    with serving([pinpoint, "serve", "--port", str(_PORT)], _PORT, "/readyz", {"CDS_PROFILE": "sandbox"}):
        prefer(0, CALLER_CORE)
        slowest = asyncio.run(_slowest_probe(message))
    return Goal("beside 3.6 MB a probe waits at most, ms", "≤ 50", f"{slowest:.1f}", slowest <= 50)


async def _slowest_probe(message: bytes) -> float:
    large, probe = Crowd(_PORT, message), Crowd(_PORT, get("/livez"))
    await probe.in_a_row(0.5, together=1)
    _, probes = await asyncio.gather(large.in_a_row(5.0, together=1), probe.at_rate(50, 5.0))
    return max(one.took_ms for one in probes)


if __name__ == "__main__":
    main()
