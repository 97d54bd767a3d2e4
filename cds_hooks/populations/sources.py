"""sources: the files of an export, and what stands in them in blocks of whole lines.

An export is a Bulk Data folder (NDJSON, gzipped or not, any number of files), a folder of Bundles, or files of
hook requests, also mixed. A `.json` file whose first line is no JSON by itself is one document. A manifest is
read only for the types that it says were exported.
Source: Bulk Data Access 2.0.0, 4 Complete Status (manifest), output files.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, Final, NamedTuple, TypeAlias

import msgspec

from cds_hooks.errors import ReplayError

_ENDINGS: Final = (".ndjson", ".jsonl", ".json")
_PACKED: Final = ".gz"
_MANIFEST: Final = "manifest.json"
_BLOCK: Final = 256 << 10
"""Bytes that are looked at together: so many stay in the cache of a core."""
_TOLD: Final = 8 << 20
"""Bytes of a file after which it is told that they were read: each message costs as much as many lines."""
_LONGEST: Final = 256 << 20
"""Bytes of one line, or of one document. A longer one is passed over."""
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]+:/")
_LINES: Final = (".ndjson", ".jsonl")
_GZIP: Final = 16 + zlib.MAX_WBITS
_MAGIC: Final = b"\x1f\x8b"


class Source(msgspec.Struct, frozen=True):
    """One file as it was when the run began."""

    path: str
    size: int
    changed_ns: int


class Block(NamedTuple):
    """Some whole lines of a file, or one document."""

    start: int
    """Where they stand in the file, unpacked."""
    content: bytes | None
    """None for a line that was passed over as too long."""


Places: TypeAlias = Sequence[tuple[int, int]]
"""Where some of what stands in one block begins and ends in the file, unpacked; ascending, and at least one."""


class CutShort(Exception):  # never leaves the package: the file is counted
    """A compressed file ends in the middle. Everything before was given out."""


def sources(export: Path) -> tuple[Source, ...]:
    """The files of an export, by name. Errors: ReplayError when there are none."""
    paths = [export] if export.is_file() else sorted(path for path in export.rglob("*") if path.is_file())
    named = [path for path in paths if path.name.removesuffix(_PACKED).endswith(_ENDINGS)]
    wanted = [path for path in named if path.name != _MANIFEST]
    if not wanted:
        raise ReplayError(
            f"{export} holds no file that ends in .ndjson, .jsonl or .json, packed with gzip or not."
        )
    return tuple(_source(path) for path in wanted)


def _source(path: Path) -> Source:
    facts = path.stat()
    return Source(str(path.resolve()), facts.st_size, facts.st_mtime_ns)


def exported_types(export: Path) -> frozenset[str]:
    """Resource types that the manifest names; none without a manifest."""
    path = export / _MANIFEST
    try:
        return frozenset(one.type for one in msgspec.json.decode(path.read_bytes(), type=_Manifest).output)
    except (OSError, msgspec.MsgspecError):
        return frozenset()


class _Output(msgspec.Struct):
    type: str = ""


class _Manifest(msgspec.Struct):
    output: list[_Output] = []


def blocks(path: Path, told: Callable[[int], None]) -> Iterator[Block]:
    """What stands in a file, in blocks of whole lines; a document comes as one block.

    `told` hears how many bytes were read from the disk. Errors: CutShort after the last whole line; OSError as it
    comes.
    """
    with path.open("rb") as file:
        pieces = _unpacked(file, told) if _is_packed(file) else _plain(file, told)
        yield from _whole_lines(pieces) if is_of_lines(str(path)) else _document(pieces)


def cut_out(path: Path, places: Iterable[Places], told: Callable[[int], None]) -> Iterator[bytes]:
    """What stands at these places of a file: of those that are given together all at once.

    Only a packed file is read as a whole. `told` hears as in `blocks`. Errors: OSError as it comes, and
    ReplayError when a packed file has not so much in it any more.
    """
    with path.open("rb") as file:
        if _is_packed(file):
            yield from _cut_from(_unpacked(file, told), places)
            return
        for together in places:
            yield b"".join(_read(file, start, end) for start, end in together)
        told(path.stat().st_size)


def is_of_lines(path: str) -> bool:
    """Whether each line of a file is a document of its own. At an address that is no path the name decides."""
    if path.removesuffix(_PACKED).endswith(_LINES):
        return True
    if is_address(path):
        return False
    with Path(path).open("rb") as file:
        pieces = _unpacked(file, _unheard) if _is_packed(file) else _plain(file, _unheard)
        first, end, _ = next(pieces, b"").lstrip().partition(b"\n")
    try:
        msgspec.json.decode(first)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return bool(end)


def is_address(export: str) -> bool:
    """Whether an export lies where only a cluster reads (s3a://…, abfs://…, file:/…), not at a path of ours."""
    return bool(_ADDRESS.match(export))


def _unheard(_count: int) -> None:
    """Nobody waits for the first bytes of a file."""


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _cut_from(pieces: Iterator[bytes], places: Iterable[Places]) -> Iterator[bytes]:
    """The same from pieces that follow each other; memory holds a piece and the longest place."""
    piece, at = b"", 0
    for together in places:
        found = list[bytes]()
        for start, end in together:
            while at + len(piece) <= start:
                at, piece = at + len(piece), _next(pieces)
            if at + len(piece) < end:
                at, piece = start, _longer(piece[start - at :], end - start, pieces)
            found.append(piece[start - at : end - at])
        yield b"".join(found)


def _longer(piece: bytes, size: int, pieces: Iterator[bytes]) -> bytes:
    """A piece and so many after it that it has this size."""
    held = [piece]
    while size > 0:
        size -= len(held[-1])
        if size > 0:
            held.append(_next(pieces))
    return b"".join(held)


def _next(pieces: Iterator[bytes]) -> bytes:
    piece = next(pieces, None)
    if piece is None:
        raise ReplayError("A file of the export became shorter while it was read: start anew in another folder.")
    return piece


def _document(pieces: Iterable[bytes]) -> Iterator[Block]:
    whole: list[bytes] = []
    for piece in pieces:
        whole.append(piece)
        if sum(map(len, whole)) > _LONGEST:
            yield Block(0, None)
            return
    yield Block(0, b"".join(whole))


def _is_packed(file: BinaryIO) -> bool:
    is_packed = file.read(2) == _MAGIC
    file.seek(0)
    return is_packed


def _plain(file: BinaryIO, told: Callable[[int], None]) -> Iterator[bytes]:
    unheard = 0
    while piece := file.read(_BLOCK):
        unheard += len(piece)
        if unheard >= _TOLD:
            told(unheard)
            unheard = 0
        yield piece
    if unheard:
        told(unheard)


def _unpacker() -> ModuleType:
    """What unpacks gzip: isal where it is installed, which takes a third of the time; else zlib."""
    return import_module("isal.isal_zlib") if find_spec("isal") else zlib


def _unpacked(file: BinaryIO, told: Callable[[int], None]) -> Iterator[bytes]:
    """The content of one or more gzip members. Raises CutShort when the last one has no end."""
    unpacker = _unpacker()
    packed = unpacker.decompressobj(_GZIP)
    for piece in _plain(file, told):
        rest = piece
        while rest:
            try:
                yield packed.decompress(rest, _BLOCK)
            except unpacker.error:
                raise CutShort from None
            rest = packed.unconsumed_tail
            if packed.eof:
                rest = packed.unused_data.lstrip(b"\0")
                packed = unpacker.decompressobj(_GZIP) if rest else packed
    if not packed.eof:
        raise CutShort


def _whole_lines(pieces: Iterable[bytes]) -> Iterator[Block]:
    """Pieces put together so that each ends with a line. Memory holds a piece and the longest line."""
    begun: list[bytes] = []
    passes, read = False, 0
    for piece in pieces:
        read += len(piece)
        end = piece.rfind(b"\n") + 1
        if not end:
            begun = [] if passes else [*begun, piece]
            passes = passes or sum(map(len, begun)) > _LONGEST
            continue
        if passes:
            yield Block(read, None)
            begun = []
        start = piece.find(b"\n") + 1 if passes else 0
        whole = b"".join((*begun, memoryview(piece)[start:end]))
        yield Block(read - len(piece) + end - len(whole), whole)
        begun, passes = [piece[end:]], False
    if passes:
        yield Block(read, None)
    elif any(begun):
        rest = b"".join(begun)
        yield Block(read - len(rest), rest)
