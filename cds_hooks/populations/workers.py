"""workers: processes of this machine that do tasks one by one, each over a pipe of its own.

A process that dies takes nothing with it: its task goes to a new one. Interrupted, the parent ends them all. They
do not hear Ctrl-C themselves, so that none is left in the middle of an answer.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final, Generic, TypeAlias, TypeVar

from cds_hooks.errors import ReplayError

_Task = TypeVar("_Task")
Told: TypeAlias = Callable[[int], None]
"""Hears how many bytes were read since it was last told."""

_TRIES: Final = 3
"""How often a task may end its process before the run gives up on it."""
_PATIENCE_S: Final = 5.0
"""How long a process that was asked to end may take."""
_READ: Final = "read"
_DONE: Final = "done"


class Workers(Generic[_Task]):
    """Up to `count` processes that call `work` with a task; processes are forked, so there are none on Windows."""

    def __init__(self, count: int, work: Callable[[_Task, Told], int]) -> None:
        self._count = count
        self._work = work
        # Forked, the library that the parent opened is shared: no second opening, no second copy in memory.
        self._context = multiprocessing.get_context("fork")

    def run(self, tasks: Iterable[_Task], told: Told) -> Iterator[tuple[_Task, int]]:
        """Each task with what `work` returned, in the order in which they end.

        Errors: ReplayError when a task ends its process again and again.
        """
        waiting, died = deque(tasks), Counter[_Task]()
        idle: list[tuple[BaseProcess, Connection]] = []
        busy: dict[Connection, tuple[BaseProcess, _Task]] = {}
        try:
            while waiting or busy:
                while waiting and len(busy) < self._count:
                    process, pipe = idle.pop() if idle else self._start()
                    busy[pipe] = process, waiting.popleft()
                    with suppress(OSError):  # it died meanwhile: the wait below sees it
                        pipe.send(busy[pipe][1])
                for pipe in _ready(busy):
                    kind, number = _heard(pipe)
                    if kind == _READ:
                        told(number)
                        continue
                    process, task = busy.pop(pipe)
                    if kind == _DONE:
                        idle.append((process, pipe))
                        yield task, number
                    else:
                        process.join()
                        waiting.appendleft(_again(task, died))
        finally:
            _end([process for process, _ in (*idle, *busy.values())])

    def _start(self) -> tuple[BaseProcess, Connection]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs, ours, self._work), daemon=True)
        process.start()
        theirs.close()
        return process, ours


def serve(pipe: Connection, parents_end: Connection, work: Callable[[_Task, Told], int]) -> None:
    """The life of one process: tasks from the pipe until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parents_end.close()
    with suppress(EOFError, BrokenPipeError):
        while True:
            task = pipe.recv()
            pipe.send((_DONE, work(task, lambda count: pipe.send((_READ, count)))))


def _ready(busy: dict[Connection, tuple[BaseProcess, _Task]]) -> list[Connection]:
    return [pipe for pipe in wait(list(busy)) if isinstance(pipe, Connection)]


def _heard(pipe: Connection) -> tuple[str, int]:
    """What a process says; an empty word when it has died."""
    try:
        kind, number = pipe.recv()
    except (EOFError, OSError):
        return "", 0
    return kind, number


def _again(task: _Task, died: Counter[_Task]) -> _Task:
    died[task] += 1
    if died[task] >= _TRIES:
        raise ReplayError(
            f"Three processes in a row ended while they did {task}. Most often memory ran out: use more buckets "
            "or fewer workers. What was finished stays; the same command goes on."
        )
    return task


def _end(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(_PATIENCE_S)
        process.kill()  # for one that cannot hear; another has ended already
        process.join()
