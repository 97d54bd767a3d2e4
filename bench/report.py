"""The table of a run, its goals and what it ran with."""

from __future__ import annotations

import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from bench.charts import SIZES

_PACKAGES: Final = ("fastapi", "uvicorn", "uvloop", "httptools", "msgspec", "orjson", "pydantic", "fhir.resources")


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal, what was measured, and whether that is enough."""

    what: str
    wanted: str
    found: str
    is_met: bool

    def __str__(self) -> str:
        return f"{'met    ' if self.is_met else 'NOT MET'} {self.what}: {self.found} (goal {self.wanted})"


def table(results: dict[str, Any]) -> str:
    """Markdown: one row for each server, CPU for a request and as a multiple of the floor, then p50 and p99."""
    columns = [f"{kind} {size}" for kind in ("silent", "firing") for size in SIZES]
    lines = [
        "| CPU ms for a request (× floor) · p50/p99 ms | " + " | ".join(columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for name, rows in results["figures"].items():
        cells = [_cell(rows[column], results["figures"]["floor"][column]) for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: dict[str, float], floor: dict[str, float]) -> str:
    ratio = row["cpu_ms"] / floor["cpu_ms"]
    return f"{row['cpu_ms']:.3g} ({ratio:.2g}×) · {row['p50_ms']:.3g}/{row['p99_ms']:.3g}"


def goals(results: dict[str, Any]) -> list[Goal]:
    """Every goal of this project's speed, judged."""
    figures, process = results["figures"], results["processes"]["pinpoint"]
    cpu = {name: {key: row["cpu_ms"] for key, row in rows.items()} for name, rows in figures.items()}
    ours, floor = cpu["pinpoint"], cpu["floor"]
    judged = [
        _at_most(f"silent {size}, × floor", ours[f"silent {size}"] / floor[f"silent {size}"], limit)
        for size, limit in (("small", 3.0), ("typical", 1.0), ("large", 0.4))
    ]
    for peer, least in (("FastAPI + fhir.resources", 30.0), ("HealthChain", 4.0)):
        if peer in cpu:
            less = cpu[peer]["silent typical"] / ours["silent typical"]
            judged.append(Goal(f"times less than {peer}, typical", f"≥ {least:g}", f"{less:.1f}", less >= least))
    signed = cpu["pinpoint, signed calls"]["silent typical"] - ours["silent typical"]
    return [
        *judged,
        _at_most("firing typical, CPU ms", ours["firing typical"], 4.0),
        _at_most("a signed call, CPU ms more", signed, 1.0),
        _at_most("pinpoint --help, CPU ms", results["help_cpu_ms"], 150.0),
        _at_most("ready, CPU s", process["ready_cpu_s"], 1.5),
        _at_most("resident memory of a worker after the run, MB", process["rss_mb"], 120.0),
    ]


def _at_most(what: str, found: float, limit: float) -> Goal:
    return Goal(what, f"≤ {limit:g}", f"{found:.3g}", found <= limit)


def versions(framework: Path) -> dict[str, str]:
    """What ran: this package, Python, the libraries, and the framework of the peer."""
    found = {"python": platform.python_version(), "pinpoint": version("pinpoint-cds")}
    found |= {name: version(name) for name in _PACKAGES}
    if framework.exists():
        packages = "'healthchain', 'fastapi', 'fhir.resources'"
        line = f"from importlib.metadata import version; print(*map(version, ({packages})))"
        said = subprocess.run([str(framework), "-c", line], capture_output=True, text=True, check=True).stdout
        names = ("healthchain", "healthchain's fastapi", "healthchain's fhir.resources")
        found |= dict(zip(names, said.split(), strict=True))
    return found
