"""`python -m bench.journal`: the same calls with a journal that is healthy, off, slow, or broken, side by side.

Four callers who wait for their answer, every one a user of its own, so that each card goes out and is remembered;
every call signed, so that each token is looked up, too. The servers take turns of two seconds, and the best turn
of each counts: neighbours on the machine only add to it. Off: kept in memory, and nothing remembered. Slow: a
SQLite file that somebody holds locked without a pause, a PostgreSQL behind a line that delays every packet.
Broken: a file full of zeros, a server that is not there. Ends with 1 when one of them delays the 99th of 100
answers by more than 5 ms beyond its healthy kind, or answers with other cards.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from bench.callers import headers_of, sandbox_with_callers
from bench.charts import SIZES, Kind, call
from bench.measure import CALLER_CORE, HOST, Caller, Server, prefer, serving
from bench.report import Goal
from cds_hooks.reasoning.library import load
from tests.databases import Postgres, postgres_server

_SERVICE = "/cds-services/petechiae-patient-view"
_CALLERS = 4
_TURN_S = 2.0
_PREPARED: dict[Kind, int] = {"firing": 150, "silent": 600}
"""Signed tokens for a turn of one caller, who stops when they are used up."""
_DELAYS_MS = (4, 30)
_MAY_DELAY_MS = 5.0
_USERS = count()
_KINDS: tuple[Kind, ...] = ("firing", "silent")


@dataclass(slots=True)
class Way:
    """One journal, and how it is."""

    name: str
    journal: str
    beside: str = ""
    """The healthy one that it is compared with."""
    is_remembering: bool = True
    times: dict[str, list[list[float]]] = field(default_factory=dict)
    """Seconds, by kind of call and turn."""
    cards: dict[str, set[str]] = field(default_factory=dict)
    """What the answers said, by kind of call: one answer, if all is well."""

    def ms(self, kind: str, percent: int) -> float:
        """So many of 100 answers took at most that long in the best turn."""
        return min(quantiles(times, n=100)[percent - 1] for times in self.times[kind]) * 1000


def main() -> None:
    """Measures and judges."""
    parser = argparse.ArgumentParser(prog="python -m bench.journal", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--port", type=int, default=8420, help="the first of some")
    options = parser.parse_args()
    with TemporaryDirectory() as folder, postgres_server() as postgres, ExitStack() as running:
        prefer(postgres.pid, CALLER_CORE)
        ways = [*_ways(Path(folder), postgres, running, options.port + 20)]
        servers = [
            running.enter_context(_started(way, number, Path(folder), options.port))
            for number, way in enumerate(ways)
        ]
        _spoil(Path(folder), running)
        _measure(ways, servers, options.rounds, Path(folder))
    goals = [*_told(ways)]
    print("\n".join(map(str, goals)))
    sys.exit(0 if all(goal.is_met for goal in goals) else 1)


def _ways(folder: Path, postgres: Postgres, running: ExitStack, port: int) -> Iterator[Way]:
    sqlite, lite, shared = f"sqlite+aiosqlite:///{folder}", "SQLite", "PostgreSQL"
    yield Way("off", "", is_remembering=False)
    yield Way(lite, f"{sqlite}/healthy.sqlite")
    yield Way(f"{lite}, locked", f"{sqlite}/locked.sqlite", lite)
    yield Way(f"{lite}, spoilt", f"{sqlite}/spoilt.sqlite", lite)
    yield Way(shared, postgres.new_database())
    for place, away_ms in enumerate(_DELAYS_MS, port):
        running.enter_context(_line(place, postgres.port, away_ms / 1000))
        behind = postgres.new_database().replace(str(postgres.port), str(place))
        yield Way(f"{shared}, {away_ms} ms away", behind, shared)
    yield Way(f"{shared}, not there", "postgresql+asyncpg://nobody@127.0.0.1:1/none", shared)


@contextmanager
def _started(way: Way, number: int, folder: Path, port: int) -> Iterator[Server]:
    keys = folder / "keys"
    keys.write_text("an example of a key of forty characters!\n")
    environment = sandbox_with_callers(folder) | {
        "CDS_PROFILE": "sandbox",
        "CDS_SPOOL": str(folder / f"spool-{number}"),
        **({"CDS_JOURNAL": way.journal} if way.journal else {}),
        **({"CDS_SITE_KEYS": str(keys)} if way.is_remembering else {}),
    }
    command = [str(Path(sys.executable).with_name("pinpoint")), "serve", "--port", str(port + number)]
    with serving(command, port + number, "/readyz", environment) as server:
        yield server


def _spoil(folder: Path, running: ExitStack) -> None:
    """One file gets an owner who never lets go, another one loses what it holds."""
    locked, spoilt = folder / "locked.sqlite", folder / "spoilt.sqlite"
    owner = sqlite3.connect(locked, timeout=30, isolation_level=None)
    running.callback(owner.close)
    owner.execute("BEGIN IMMEDIATE")
    size = spoilt.stat().st_size
    with spoilt.open("r+b") as file:
        file.write(bytes(size))


def _measure(ways: list[Way], servers: list[Server], rounds: int, folder: Path) -> None:
    library, at = load(), datetime.now(UTC)
    bodies = {kind: call(library, kind, SIZES["typical"], at) for kind in _KINDS}
    headers = headers_of(folder, _SERVICE)
    prefer(0, CALLER_CORE)
    for number in range(rounds + 1):
        for way, server in zip(ways, servers, strict=True):
            for kind, body in bodies.items():
                signed = [iter([next(headers) for _ in range(_PREPARED[kind])]) for _ in range(_CALLERS)]
                with ThreadPoolExecutor(_CALLERS) as pool:
                    turns = [pool.submit(_called, way, server.port, kind, body, mine) for mine in signed]
                    times = [took for turn in turns for took in turn.result()]
                if number:  # the first round warms up
                    way.times.setdefault(kind, []).append(times)


def _called(way: Way, port: int, kind: Kind, body: bytes, headers: Iterator[str]) -> list[float]:
    caller, times, until = Caller(port), [], time.perf_counter() + _TURN_S
    for signed in headers:
        if (began := time.perf_counter()) >= until:
            break
        mine = body.replace(b"Practitioner/bench", f"Practitioner/{next(_USERS)}".encode())
        status, answer = caller.post(_SERVICE, mine, signed)
        times.append(time.perf_counter() - began)
        way.cards.setdefault(kind, set()).add(_said(answer) if status == 200 else str(status))
    caller.close()
    return times


def _said(answer: bytes) -> str:
    cards = json.loads(answer)["cards"]
    return json.dumps([(card["summary"], card["indicator"], card["detail"]) for card in cards])


def _told(ways: list[Way]) -> Iterator[Goal]:
    print("| journal | answers | firing p50 | p99 | silent p50 | p99 |\n|---|---|---|---|---|---|")
    for way in ways:
        numbers = (way.ms(kind, percent) for kind in _KINDS for percent in (50, 99))
        answers = sum(len(turn) for times in way.times.values() for turn in times)
        print(f"| {way.name} | {answers} | " + " | ".join(f"{ms:.1f}" for ms in numbers) + " |")
    by_name, expected = {way.name: way for way in ways}, ways[0].cards
    for way in ways:
        for kind in _KINDS if way.beside else ():
            late = way.ms(kind, 99) - by_name[way.beside].ms(kind, 99)
            what = f"{way.name} delays the 99th of 100 {kind} answers beyond {way.beside} by"
            yield Goal(what, f"≤ {_MAY_DELAY_MS:.0f} ms", f"{late:.1f} ms", late <= _MAY_DELAY_MS)
        is_same = way.cards == expected and all(len(said) == 1 for said in way.cards.values())
        yield Goal(f"{way.name} answers with the same cards", "yes", "yes" if is_same else "no", is_same)


@contextmanager
def _line(port: int, to: int, delay_s: float) -> Iterator[None]:
    """A line to the database on which every packet takes its time, there and back."""
    loop = asyncio.new_event_loop()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1 << 16):
            await asyncio.sleep(delay_s)
            writer.write(piece)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HOST, to)
        await asyncio.gather(carry(reader, back), carry(there, writer), return_exceptions=True)

    loop.run_until_complete(asyncio.start_server(connected, HOST, port))
    threading.Thread(target=loop.run_forever, daemon=True).start()
    yield
    loop.call_soon_threadsafe(loop.stop)


if __name__ == "__main__":
    main()
