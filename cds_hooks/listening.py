"""listening: an address is held before anything else is begun, so that a taken port is the first thing said."""

from __future__ import annotations

import ctypes
import errno
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn

from cds_hooks.errors import SettingsError

_SWITCH_S = 0.001
"""How long another thread keeps the interpreter when the loop wants it. Python's own 5 ms add up: a probe beside a
large body needs it several times.
"""
_KEPT = 16 * 1024 * 1024
_WISHES = ((-8, 1), (-3, _KEPT), (-1, _KEPT))
"""M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of mallopt(3)."""


def listen(host: str, port: int, *, another: str) -> socket.socket:
    """A socket that listens at this address of this machine; port 0 takes any that is free.

    `another` is what one writes to choose another port. Raises SettingsError when the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
        message = f"Port {port} of {host} {why}. End what listens there, or choose another port: {another}"
        raise SettingsError((message,)) from None


def serve(app: Callable[..., Any], listener: socket.socket) -> None:
    """Answers there until interrupted. Raises SystemExit, from uvicorn, when the application does not start."""
    _share_memory()
    sys.setswitchinterval(_SWITCH_S)
    config = uvicorn.Config(app, access_log=False, server_header=False, log_level="warning")
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


def _share_memory() -> None:
    """Nothing; all threads take memory from one place, and what a large body took is kept for the next.

    glibc else gives each thread a place of its own, and everything back to the system to fetch it anew: a third of
    what such a call costs. Other C libraries do not know these wishes.
    """
    with suppress(AttributeError, OSError):
        for wish, value in _WISHES:
            ctypes.CDLL(None).mallopt(wish, value)
