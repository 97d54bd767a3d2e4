"""Coverage: which codings of charts stand for a concept, which do not, and how many entries we understand.

For the informatician who maps a hospital's codes, and for counting in operation. Codes and their displays
only: no text, no reference and no value of a chart goes in here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from cds_hooks.chart.record import Coded, PatientRecord
from cds_hooks.model.codes import Coding
from cds_hooks.model.library import Library
from cds_hooks.reasoning.codes import by_code, meaning, medicine_by_code, system_uri
from cds_hooks.reasoning.medicines import identify

Kind: TypeAlias = Literal["medication", "observation", "condition"]
_NO_CODE = (Coding("", ""),)
KINDS: tuple[Kind, ...] = ("medication", "observation", "condition")
Read: TypeAlias = Literal["coded", "text", "unmapped"]
"""How an entry was understood: by a code, by its words, or not at all."""


class SeenCode(NamedTuple):
    """One code of one kind of entry. Without a code: an entry that carries none."""

    kind: Kind
    system: str
    code: str


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How often a code came, what it is called, and what it stands for; no concepts: it is not mapped."""

    seen: SeenCode
    display: str
    concepts: tuple[str, ...]
    count: int
    unread: int
    """How many of these entries were not understood at all: by no other code beside it, and not by words."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Entries by kind and how they were read, and every code: most often not understood, most frequent first."""

    entries: Mapping[tuple[Kind, Read], int]
    codes: tuple[CodeCount, ...]

    def total(self, kind: Kind) -> int:
        """Entries of this kind, mapped or not."""
        return sum(count for (of, _), count in self.entries.items() if of == kind)

    def mapped(self, kind: Kind) -> int:
        """Entries of this kind that stand for a concept, by code or by words."""
        return self.total(kind) - self.entries.get((kind, "unmapped"), 0)


def coverage(records: Iterable[PatientRecord], library: Library, *, only_unread: bool = False) -> Coverage:
    """What the library understands of these charts. Entries without a code count under an empty code.

    `only_unread` leaves out the codes of which every entry was understood.
    """
    entries: Counter[tuple[Kind, Read]] = Counter()
    counts: Counter[SeenCode] = Counter()
    unread: Counter[SeenCode] = Counter()
    displays: dict[SeenCode, str] = {}
    for kind, read, codings in (entry for record in records for entry in _entries(record, library)):
        entries[kind, read] += 1
        for coding in codings or _NO_CODE:
            seen = SeenCode(kind, system_uri(coding.system), coding.code)
            counts[seen] += 1
            unread[seen] += read == "unmapped"
            displays[seen] = displays.get(seen) or coding.display
    codes = (
        CodeCount(seen, displays[seen], _concepts(seen, library), count, unread[seen])
        for seen, count in counts.items()
        if unread[seen] or not only_unread
    )
    return Coverage(dict(entries), tuple(sorted(codes, key=_order)))


def _order(row: CodeCount) -> tuple[int, int, int, str]:
    return (KINDS.index(row.seen.kind), -row.unread, -row.count, row.seen.code)


def _entries(record: PatientRecord, library: Library) -> Iterator[tuple[Kind, Read, tuple[Coding, ...]]]:
    identified: dict[int, Read] = {id(item.use): item.certainty for item in identify(record, library).taken}
    for use in record.medications:
        codings = tuple(coding for item in (use.what, *use.ingredients) for coding in item.codings)
        yield "medication", identified.get(id(use), "unmapped"), codings
    for entry in record.observed:
        yield "observation", _read(entry.what, library), entry.what.codings
    for problem in record.problems:
        yield "condition", _read(problem.what, library), problem.what.codings


def _read(what: Coded, library: Library) -> Read:
    stands_for = meaning(what, library)
    return stands_for.certainty if stands_for.concepts else "unmapped"


def _concepts(seen: SeenCode, library: Library) -> tuple[str, ...]:
    coding = Coding(seen.system, seen.code)
    return medicine_by_code(coding, library) if seen.kind == "medication" else by_code(coding, library)
