"""`python -m sandbox` as a newcomer starts it: a process of its own on a free port of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).parents[1]
START_S = 60.0


@contextmanager
def running_sandbox(port: int | None = None, **environment: str) -> Iterator[str]:
    """The address of a sandbox that answers; it is ended afterwards. No `CDS_` setting from outside holds."""
    port = port or free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CDS_", "COV"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox"],
        cwd=ROOT,
        env=clean | {"PORT": str(port)} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{base}/livez", process)
        yield base
    finally:
        process.terminate()
        process.wait(timeout=START_S)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert process.poll() is None, "the sandbox did not start: run `make run` to see why"
        try:
            with urlopen(url, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the sandbox did not answer within {START_S:.0f} s")
