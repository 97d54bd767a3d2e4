"""A crowd of callers: calls come at a fixed rate whether or not earlier ones were answered, as real ones do.

The callers keep to the core that the server does not have. What is late here is told as late: a call counts
from the moment it was due.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from bench.measure import HOST

_LATE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One call: when it was due and answered (seconds on one clock), with which status (0: none)."""

    due: float
    done: float
    status: int
    retry_after: bool = False

    @property
    def took_ms(self) -> float:
        return (self.done - self.due) * 1000


@dataclass(slots=True)
class Crowd:
    """Callers of one address; connections are kept and opened as they are needed."""

    port: int
    message: bytes
    _idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=deque)

    async def at_rate(self, per_second: float, seconds: float) -> list[Answer]:
        """Every answer to the calls of that many seconds."""
        begin, calls = time.perf_counter(), []
        for number in range(int(per_second * seconds)):
            due = begin + number / per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            calls.append(asyncio.create_task(self._call(due)))
        return await asyncio.gather(*calls)

    async def in_a_row(self, seconds: float, together: int = 4) -> list[Answer]:
        """The answers to so many callers, each of whom waits for its answer before it asks again."""
        until = time.perf_counter() + seconds

        async def caller() -> list[Answer]:
            answers = []
            while (now := time.perf_counter()) < until:
                answers.append(await self._call(now))
            return answers

        return [one for answers in await asyncio.gather(*(caller() for _ in range(together))) for one in answers]

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()

    async def _call(self, due: float) -> Answer:
        """The answer; a kept connection that the server has closed meanwhile is not its fault."""
        try:
            async with asyncio.timeout(_LATE_S):
                while self._idle:
                    with suppress(OSError, asyncio.IncompleteReadError):
                        return await self._asked(due, *self._idle.pop())
                return await self._asked(due, *await asyncio.open_connection(HOST, self.port))
        except (OSError, asyncio.IncompleteReadError):
            return Answer(due, time.perf_counter(), 0)

    async def _asked(self, due: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
        writer.write(self.message)
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
        await reader.readexactly(length)
        done = time.perf_counter()
        if "connection: close" not in lines:
            self._idle.append((reader, writer))
        return Answer(due, done, int(lines[0].split()[1]), any(line.startswith("retry-after") for line in lines))


def post(path: str, body: bytes) -> bytes:
    """The call as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    """The same for a probe."""
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
