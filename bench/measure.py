"""One server on one core, one caller on the other: CPU of the server for a request, and how long it takes.

CPU is read from /proc (user and system time of the process and its children), so this runs on Linux only.
CPU for a request is the steadier figure on a machine that others use too; times are a closed loop of one caller.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Final
from urllib.request import urlopen

ROOT: Final = Path(__file__).resolve().parents[1]
HOST: Final = "127.0.0.1"
SERVER_CORE, CALLER_CORE = (0, 1) if (os.cpu_count() or 1) > 1 else (0, 0)
_TICK: Final = os.sysconf("SC_CLK_TCK")
_START_S: Final = 90.0
_BEFORE_OTHERS: Final = -10


@dataclass(frozen=True, slots=True)
class Figures:
    """What one payload costs one server."""

    requests: int
    cpu_ms: float
    """Of the server, for a request."""
    p50_ms: float
    p99_ms: float


@dataclass(slots=True)
class Server:
    """A running server of this benchmark."""

    process: subprocess.Popen[bytes]
    port: int
    started_cpu_s: float = 0.0
    """What it had used when it first answered."""

    @property
    def cpu_s(self) -> float:
        """User and system time so far, of the process and of the children it has waited for."""
        after_name = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, after_name[11:15])) / _TICK

    @property
    def rss_mb(self) -> float:
        """Memory that it holds now."""
        return self._status("VmRSS")

    @property
    def peak_mb(self) -> float:
        """Most memory that it ever held."""
        return self._status("VmHWM")

    def _status(self, name: str) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


@contextmanager
def serving(
    command: Sequence[str], port: int, probe: str = "/", environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server that answers, held on its core, and ended afterwards."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CDS_", "COV"))}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=clean | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    prefer(process.pid, SERVER_CORE)
    server = Server(process, port)
    try:
        _wait(server, probe)
        server.started_cpu_s = server.cpu_s
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)


def prefer(pid: int, core: int) -> None:
    """Keeps a process to one core, before its neighbours where that is permitted (to root)."""
    os.sched_setaffinity(pid, {core})
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _BEFORE_OTHERS)
        # Where Linux shares out processors by session first, the session has a preference of its own.
        Path(f"/proc/{pid or 'self'}/autogroup").write_text(str(_BEFORE_OTHERS), encoding="ascii")


def uvicorn(app: str, port: int, python: str = sys.executable) -> list[str]:
    """The command that serves an application as ours is served: one worker, no access log."""
    return [python, "-m", "uvicorn", app, "--port", str(port), "--no-access-log", "--log-level", "warning"]


@dataclass(slots=True)
class Caller:
    """One keep-alive connection."""

    port: int
    _socket: socket.socket | None = field(default=None, repr=False)

    def post(self, path: str, body: bytes, headers: str = "") -> tuple[int, bytes]:
        """Status and body of the answer."""
        head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n{headers}"
        message = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        if self._socket is None:
            self._socket = socket.create_connection((HOST, self.port), timeout=120)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(message)
        return self._answer(self._socket)

    def _answer(self, connection: socket.socket) -> tuple[int, bytes]:
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._more(connection)
        head, _, body = got.partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
        while len(body) < length:
            body += self._more(connection)
        if "connection: close" in lines:
            self.close()
        return int(lines[0].split()[1]), body

    def _more(self, connection: socket.socket) -> bytes:
        piece = connection.recv(1 << 16)
        if not piece:
            self.close()
            raise ConnectionError("The server hung up.")
        return piece

    def close(self) -> None:
        """Nothing; the next call connects anew."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def measured(
    server: Server, path: str, body: bytes, seconds: float, headers: Iterator[str] | None = None
) -> Figures:
    """Figures of one caller that asks again and again for so many seconds, after some calls to warm up."""
    prefer(0, CALLER_CORE)
    caller = Caller(server.port)
    for _ in range(3):
        _asked(caller, path, body, headers)
    before, began, times = server.cpu_s, time.perf_counter(), []
    while (now := time.perf_counter()) - began < seconds or len(times) < 5:
        _asked(caller, path, body, headers)
        times.append(time.perf_counter() - now)
    used = server.cpu_s - before
    caller.close()
    cuts = quantiles(times, n=100)
    return Figures(len(times), used * 1000 / len(times), cuts[49] * 1000, cuts[98] * 1000)


def _asked(caller: Caller, path: str, body: bytes, headers: Iterator[str] | None) -> None:
    status, _ = caller.post(path, body, next(headers) if headers else "")
    if status != 200:
        raise RuntimeError(f"{path} answered {status}.")


def best(runs: Sequence[Figures]) -> Figures:
    """The run with the least CPU: neighbours on the machine only ever add to it."""
    return min(runs, key=lambda one: one.cpu_ms)


def _wait(server: Server, probe: str) -> None:
    until = time.monotonic() + _START_S
    while not _answers(server, probe):
        if server.process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{server.process.args!r} ended or hung before it answered.")
        time.sleep(0.05)


def _answers(server: Server, probe: str) -> bool:
    """Whether it takes connections; with a probe also whether that says yes, as ours does once it is ready."""
    try:
        if probe == "/":
            socket.create_connection((HOST, server.port), timeout=1).close()
        else:
            urlopen(f"http://{HOST}:{server.port}{probe}", timeout=5).close()
    except OSError:
        return False
    return True
