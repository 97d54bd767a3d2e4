"""opening: the time in which a program makes what it needs to its end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def opening() -> Iterator[None]:
    """While it lasts nothing is looked through for what can be let go, nor is later what was made meanwhile.

    All of it stays: to search it, now or then, is time lost.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
