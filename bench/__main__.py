"""`python -m bench`: this service beside its peers, in one run on one machine.

Prints the table of docs/speed.md and writes bench/results.json. `--quick` measures for a fifth of the time,
with which CI sees that everything still runs; its figures are not for quoting.
"""

from __future__ import annotations

import argparse
import compileall
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.callers import headers_of, sandbox_with_callers
from bench.charts import SIZES, Kind, call
from bench.measure import ROOT, Caller, Figures, Server, best, measured, serving, uvicorn
from bench.report import Goal, goals, table, versions
from bench.starting import help_cpu_ms
from cds_hooks.reasoning.library import load

SERVICE = "/cds-services/petechiae-patient-view"
_PORT = 8351
_FRAMEWORK = ROOT / "bench" / ".venv" / "bin" / "python"
_PINPOINT = [str(Path(sys.executable).with_name("pinpoint")), "serve", "--port"]
_KINDS: tuple[Kind, ...] = ("silent", "firing")


@dataclass(frozen=True, slots=True)
class Variant:
    """One server to measure."""

    name: str
    command: tuple[str, ...]
    port: int
    path: str
    least: int | None
    """Cards that a firing chart must get at least, and a silent one none; None where they never change."""
    probe: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    signed: bool = False


def main() -> None:
    """Measures and reports."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the time; not for quoting")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    seconds = 0.4 if options.quick else 2.0
    with TemporaryDirectory() as folder:
        results = _measure(seconds, 1 if options.quick else options.rounds, Path(folder))
    print(table(results))
    judged = goals(results)
    print("\n".join(map(str, judged)))
    if not options.quick:
        _write(results, judged)


def _measure(seconds: float, rounds: int, folder: Path) -> dict[str, Any]:
    compileall.compile_dir(ROOT / "cds_hooks", quiet=1)  # as installing it does, whatever this shell forbids
    library, at = load(), datetime.now(UTC)
    bodies = {(kind, size): call(library, kind, count, at) for kind in _KINDS for size, count in SIZES.items()}
    figures: dict[str, dict[str, Figures]] = {}
    facts: dict[str, dict[str, float]] = {}
    with ExitStack() as running:
        servers = [(one, _started(one, running)) for one in _variants(folder)]
        for variant, server in servers:
            _assert_cards(variant, server, bodies, folder)
        for (kind, size), body in bodies.items():
            found: dict[str, list[Figures]] = {}
            for _ in range(rounds):  # in turn, so that a busy minute of the machine falls on all of them
                for variant, server in servers:
                    signed = headers_of(folder, variant.path) if variant.signed else None
                    found.setdefault(variant.name, []).append(
                        measured(server, variant.path, body, seconds, signed)
                    )
            for name, runs in found.items():
                figures.setdefault(name, {})[f"{kind} {size}"] = best(runs)
        for variant, server in servers:
            facts[variant.name] = {
                "ready_cpu_s": server.started_cpu_s,
                "rss_mb": server.rss_mb,
                "peak_mb": server.peak_mb,
            }
    return {
        "measured": at.isoformat(timespec="minutes"),
        "versions": versions(_FRAMEWORK),
        "bytes": {f"{kind} {size}": len(body) for (kind, size), body in bodies.items()},
        "figures": {name: {key: asdict(one) for key, one in rows.items()} for name, rows in figures.items()},
        "processes": facts,
        "help_cpu_ms": help_cpu_ms(_PINPOINT[0]),
        "missing": [] if _FRAMEWORK.exists() else ["HealthChain could not be installed into bench/.venv"],
    }


def _variants(folder: Path) -> Iterator[Variant]:
    sandbox = {"CDS_PROFILE": "sandbox"}
    ours = (*_PINPOINT, str(_PORT))
    yield Variant("pinpoint", ours, _PORT, SERVICE, 2, "/readyz", sandbox)
    signed = sandbox | sandbox_with_callers(folder)
    yield Variant(
        "pinpoint, signed calls",
        (*_PINPOINT, str(_PORT + 1)),
        _PORT + 1,
        SERVICE,
        2,
        "/readyz",
        signed,
        signed=True,
    )
    yield Variant("floor", tuple(uvicorn("bench.peers.floor:app", _PORT + 2)), _PORT + 2, "/", None)
    validating = uvicorn("bench.peers.validating:app", _PORT + 3)
    yield Variant("FastAPI + fhir.resources", tuple(validating), _PORT + 3, "/cds-services/peer", 1)
    if not _FRAMEWORK.exists():
        print("HealthChain is left out: it could not be installed into bench/.venv (see `make bench`).")
        return
    for number, (name, extra) in enumerate((("HealthChain", {}), ("HealthChain + its FHIR", {"BENCH_FHIR": "1"}))):
        port = _PORT + 4 + number
        command = uvicorn("bench.peers.framework:app", port, str(_FRAMEWORK))
        yield Variant(name, tuple(command), port, "/cds/cds-services/peer", 1, environment=extra)


def _started(variant: Variant, running: ExitStack) -> Server:
    return running.enter_context(
        serving(variant.command, variant.port, probe=variant.probe, environment=variant.environment)
    )


def _assert_cards(variant: Variant, server: Server, bodies: dict[tuple[Kind, str], bytes], folder: Path) -> None:
    """A server that says nothing of a firing chart, or something of a silent one, is not worth timing."""
    for (kind, size), body in bodies.items():
        headers = next(headers_of(folder, variant.path)) if variant.signed else ""
        status, answer = Caller(server.port).post(variant.path, body, headers)
        cards = len(json.loads(answer)["cards"]) if status == 200 else -1
        wanted = variant.least if kind == "firing" else 0
        is_right = cards >= variant.least if kind == "firing" and variant.least else cards == wanted
        if variant.least is not None and not is_right:
            raise SystemExit(f"{variant.name}: {cards} cards ({status}) for {kind} {size}, not {wanted}.")


def _write(results: dict[str, Any], judged: list[Goal]) -> None:
    whole = results | {"goals": [asdict(goal) for goal in judged]}
    (ROOT / "bench" / "results.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
