"""What it costs to start: the CPU of a command from beginning to end."""

from __future__ import annotations

import resource
import subprocess


def help_cpu_ms(pinpoint: str) -> float:
    """Least of five runs of `pinpoint --help`."""
    return min(_cpu_ms([pinpoint, "--help"]) for _ in range(5))


def _cpu_ms(command: list[str]) -> float:
    before = _children_s()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (_children_s() - before) * 1000


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
