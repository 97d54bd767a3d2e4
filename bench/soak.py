"""`python -m bench.soak`: so many calls in a row, and whether the worker's memory grows.

Nine silent charts and one that fires, small and typical, with a journal in a file. Memory counts from a tenth of
the way on, when caches are full. Ends with 1 when it grew by 5 % or an answer was wrong. `--calls 100000` is the
length for the night, 3000 for every change.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.charts import SIZES, Kind, call
from bench.measure import CALLER_CORE, Caller, Server, prefer, serving
from bench.report import Goal
from cds_hooks.reasoning.library import load

_SERVICE = "/cds-services/petechiae-patient-view"
_PORT = 8366
_MIX: tuple[tuple[Kind, str], ...] = (
    *[("silent", "small")] * 6,
    *[("silent", "typical")] * 3,
    ("firing", "small"),
)


def main() -> None:
    """Calls and judges."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=3000)
    options = parser.parse_args()
    pinpoint = str(Path(sys.executable).with_name("pinpoint"))
    with TemporaryDirectory() as folder:
        environment = {"CDS_PROFILE": "sandbox", "CDS_JOURNAL": f"sqlite+aiosqlite:///{folder}/journal.sqlite"}
        with serving([pinpoint, "serve", "--port", str(_PORT)], _PORT, "/readyz", environment) as server:
            prefer(0, CALLER_CORE)
            goals = _soaked(server, options.calls)
    print("\n".join(map(str, goals)))
    sys.exit(0 if all(goal.is_met for goal in goals) else 1)


def _soaked(server: Server, calls: int) -> list[Goal]:
    library, at = load(), datetime.now(UTC)
    bodies = {key: call(library, key[0], SIZES[key[1]], at) for key in dict.fromkeys(_MIX)}
    caller, began, wrong = Caller(server.port), time.perf_counter(), 0
    warm = server.rss_mb
    for number, key in zip(range(calls), cycle(_MIX), strict=False):
        status, answer = caller.post(_SERVICE, bodies[key])
        wrong += status != 200 or (b'"summary"' in answer) != (key[0] == "firing")
        if number == calls // 10:
            warm = server.rss_mb
    grown = server.rss_mb / warm - 1
    print(f"{calls} calls in {time.perf_counter() - began:.0f} s, {warm:.1f} MB after a tenth of them")
    return [
        Goal("memory of the worker grows by", "< 5 %", f"{grown:.1%}", grown < 0.05),
        Goal("wrong answers", "0", str(wrong), wrong == 0),
    ]


if __name__ == "__main__":
    main()
