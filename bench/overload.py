"""`python -m bench.overload`: three times as many calls as one worker can answer, and what becomes of them.

First the peak is found (callers who wait for their answers), then calls come at three times that rate,
whatever happens, then at half of it. Told are: answers a second under load as a share of the peak, how soon the
others are sent away and with what, whether the probe still answers, and when all is as before. Ends with 1 when
a goal is missed. `--seconds 60` is the length for the night, 8 for every change.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

from bench.charts import SIZES, call
from bench.crowd import Answer, Crowd, get, post
from bench.measure import CALLER_CORE, prefer, serving
from bench.report import Goal
from cds_hooks.reasoning.library import load

_SERVICE = "/cds-services/petechiae-patient-view"
_PORT = 8365
_TIMES = 3.0
_RECOVERED_S = 5.0


def main() -> None:
    """Measures and judges."""
    parser = argparse.ArgumentParser(prog="python -m bench.overload", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--kind", choices=("firing", "silent"), default="firing")
    options = parser.parse_args()
    message = post(_SERVICE, call(load(), options.kind, SIZES["typical"], datetime.now(UTC)))
    pinpoint = str(Path(sys.executable).with_name("pinpoint"))
    with serving([pinpoint, "serve", "--port", str(_PORT)], _PORT, "/readyz", {"CDS_PROFILE": "sandbox"}):
        prefer(0, CALLER_CORE)
        goals = asyncio.run(_under_load(message, options.seconds))
    print("\n".join(map(str, goals)))
    sys.exit(0 if all(goal.is_met for goal in goals) else 1)


async def _under_load(message: bytes, seconds: float) -> list[Goal]:
    crowd, probe = Crowd(_PORT, message), Crowd(_PORT, get("/livez"))
    await crowd.in_a_row(1.0)
    before = await crowd.in_a_row(max(3.0, seconds / 10))
    peak = _rate(before)
    print(f"peak {peak:.0f} answers a second, median {_at(_times(before), 50):.1f} ms")
    answers, probes = await asyncio.gather(crowd.at_rate(peak * _TIMES, seconds), probe.at_rate(5, seconds))
    after = await crowd.at_rate(peak / 2, _RECOVERED_S + 3)
    crowd.close()
    late = [one for one in after if one.took_ms > 250 or one.status != 200]
    print(f"after: {len(after)} calls, median {_at(_times(after), 50):.1f} ms, {len(late)} late or refused")
    print(f"{len(answers)} calls at {peak * _TIMES:.0f} a second: {dict(Counter(one.status for one in answers))}")
    return _judged(peak, seconds, answers, probes, after)


def _judged(
    peak: float, seconds: float, answers: Sequence[Answer], probes: Sequence[Answer], after: Sequence[Answer]
) -> list[Goal]:
    end = min(one.due for one in answers) + seconds
    answered = [one for one in answers if one.status == 200 and one.done <= end]
    sent_away = [one for one in answers if one.status == 503]
    share = len(answered) / seconds / peak
    away = _at([one.took_ms for one in sent_away], 99)
    bad = sum(one.status not in {200, 503} or (one.status == 503 and not one.retry_after) for one in answers)
    back = _recovered(after)
    slowest, waited = max(one.took_ms for one in probes), _at(_times(answered), 99)
    return [
        Goal("answers a second under load, of the peak", "≥ 80 %", f"{share:.0%}", share >= 0.8),
        Goal("99 of 100 of the others are sent away within, ms", "≤ 50", f"{away:.1f}", away <= 50),
        Goal("neither answered nor sent away with Retry-After", "0", str(bad), bad == 0),
        Goal("99 of 100 of the answered wait at most, ms", "≤ 1000", f"{waited:.0f}", waited <= 1000),
        Goal("the probe answers within, ms", "≤ 250", f"{slowest:.0f}", slowest <= 250 and _all_well(probes)),
        Goal("all as before after, s", "≤ 5", f"{back:.1f}", back <= _RECOVERED_S),
    ]


def _recovered(after: Sequence[Answer]) -> float:
    """Seconds after the load until in every later second 95 of 100 calls were answered within a quarter second."""
    begin = min(one.due for one in after)
    seconds: dict[int, list[bool]] = {}
    for one in after:
        seconds.setdefault(int(one.due - begin), []).append(one.status == 200 and one.took_ms <= 250)
    bad = [second + 1.0 for second, well in seconds.items() if sum(well) < 0.95 * len(well)]
    return max(bad, default=0.0)


def _all_well(answers: Sequence[Answer]) -> bool:
    return all(one.status == 200 for one in answers)


def _rate(answers: Sequence[Answer]) -> float:
    begin, end = min(one.due for one in answers), max(one.done for one in answers)
    return sum(one.status == 200 for one in answers) / (end - begin)


def _times(answers: Sequence[Answer]) -> list[float]:
    return [one.took_ms for one in answers]


def _at(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1] if len(values) > 1 else float("nan")


if __name__ == "__main__":
    main()
