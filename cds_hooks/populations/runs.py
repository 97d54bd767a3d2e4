"""runs: a file of things by bucket: runs that each hold things of one bucket, and an index behind them.

Input comes in any order and buckets are read one by one, so what belongs to a bucket is gathered until a buffer is
full. Memory holds one buffer when it is written, and one run when it is read.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from os import SEEK_END
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Generic, Self, TypeVar

import msgspec

_Thing = TypeVar("_Thing")
_NUMBER: Final = 8
"""Bytes of a number in the index."""


class RunWriter(Generic[_Thing]):
    """Writes such a file: what is put into `waiting` is written when the buffer is full, and in the end.

    Buckets are numbered from 0. The file has its name only when it is whole.
    """

    def __init__(self, path: Path, buffer_bytes: int) -> None:
        self.waiting: defaultdict[int, list[_Thing]] = defaultdict(list)
        self._path = path
        self._most = buffer_bytes
        self._held = 0
        self._runs: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)

    def __enter__(self) -> Self:
        """Opens the file under another name."""
        self._file = _part(self._path).open("wb")
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        """Closes the file; gives it its name when nothing went wrong."""
        if kind is None:
            self._flush()
            self._file.write(self._indexed())
        self._file.close()
        if kind is None:
            _part(self._path).rename(self._path)

    def grew(self, size: int) -> None:
        """So many bytes more are waiting."""
        self._held += size
        if self._held > self._most:
            self._flush()

    def _flush(self) -> None:
        for bucket, things in self.waiting.items():
            run = msgspec.msgpack.encode(things)
            self._runs[bucket].append((self._file.tell(), len(run)))
            self._file.write(run)
        self.waiting.clear()
        self._held = 0

    def _indexed(self) -> bytes:
        """Offset and length of each run by bucket, where those of each bucket stand, and how many there are."""
        by_bucket = [self._runs[bucket] for bucket in range(max(self._runs, default=-1) + 1)]
        told = array("Q", [number for runs in by_bucket for run in runs for number in run])
        told.extend(accumulate((2 * _NUMBER * len(runs) for runs in by_bucket), initial=self._file.tell()))
        told.append(len(by_bucket))
        return told.tobytes()


def read_runs(path: Path, bucket: int, decoder: msgspec.msgpack.Decoder[list[_Thing]]) -> Iterator[_Thing]:
    """What such a file holds of a bucket."""
    with path.open("rb") as file:
        runs = _runs(file, bucket)
        for offset, length in zip(runs[::2], runs[1::2], strict=True):
            file.seek(offset)
            yield from decoder.decode(file.read(length))


def _runs(file: BinaryIO, bucket: int) -> Sequence[int]:
    """Offset and length of each run of a bucket, one after the other."""
    end = file.seek(-_NUMBER, SEEK_END)
    [count] = _numbers(file.read(_NUMBER))
    if bucket >= count:
        return ()
    file.seek(end - (count + 1 - bucket) * _NUMBER)
    first, last = _numbers(file.read(2 * _NUMBER))
    file.seek(first)
    return _numbers(file.read(last - first))


def _numbers(raw: bytes) -> array[int]:
    return array("Q", raw)


def whole_file(path: Path, content: bytes) -> None:
    """Writes a file that is either there as a whole or not at all."""
    part = _part(path)
    part.write_bytes(content)
    part.rename(path)


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
