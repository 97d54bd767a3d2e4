"""What one answer holds, once opened: its resources, what of it is missing, and why.

`null`, an empty Bundle and an empty list are answers: asked, none. An OperationOutcome is a failed question,
as the whole answer or as an entry of severity error. A Bundle of any type, a bare list and a single resource
are read alike. One entry that cannot be read never costs its neighbour.
Source: CDS Hooks 2.0.1, Prefetch Template (null, OperationOutcome, paging); FHIR R4 4.0.1, 3.1.1.4 Bundle.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import dataclass, field
from typing import Final

from msgspec import Raw, Struct

from cds_hooks.chart.decoding import UNREADABLE_JSON, body, entry
from cds_hooks.chart.record import Answer
from cds_hooks.chart.shapes import Bundle, Known, OperationOutcome, Other
from cds_hooks.model.results import GapReason

_HARMLESS: Final = frozenset({"information", "warning", "success"})
_REASONS: Final = {
    "not-supported": GapReason.NOT_SUPPORTED,
    "not-found": GapReason.NOT_FOUND,
    "forbidden": GapReason.NOT_PERMITTED,
    "login": GapReason.NOT_PERMITTED,
    "security": GapReason.NOT_PERMITTED,
    "suppressed": GapReason.NOT_PERMITTED,
    "expired": GapReason.NOT_PERMITTED,
    "timeout": GapReason.TIMED_OUT,
}
"""Issue types of an OperationOutcome that say more than that it failed."""
_NEEDED: Final = frozenset(
    {
        "code",
        "vaccine_code",
        "subject",
        "patient",
        "medication",
        "medication_codeable_concept",
        "medication_reference",
    }
)
"""Without these, when they stand there unreadable, an entry is not read: of what, or of whom, would it speak?"""
_NOTHING: Final = frozenset({b"{}", b"null"})
_DEPTH: Final = 3
"""Bundles inside a Bundle that are opened (a batch response holds one for each query)."""


class Item(Struct, frozen=True):
    """One entry as it came: its bytes, address and resource, and the flaw for which it cannot be used."""

    kind: str
    """Resource type; of an entry that could not be read, the type that was asked for."""
    raw: bytes
    resource: Known | None = None
    address: str = ""
    flaw: GapReason | None = None


class Opened(Struct, frozen=True):
    """What came back for one key, in the order supplied."""

    items: tuple[Item, ...] = ()
    failed: GapReason | None = None
    """Why the answer, or part of it, is not there."""
    more: bool = False
    """Matches exist that are not among the items."""


def opened(answer: Answer, resource_type: str) -> Opened:
    """The resources of all pages, and what is missing. A failure does not take back what came beside it.

    `resource_type` is what was asked for; empty when nobody knows (then no type is the wrong one).
    """
    gathered = _Gathered(resource_type)
    for raw in answer.bodies:
        gathered.has_next = False  # the page that follows is the next body
        _take_body(raw.removeprefix(BOM_UTF8), gathered, depth=0)
    return Opened(
        tuple(gathered.items),
        answer.failed or gathered.failed,
        more=answer.more or gathered.has_next or gathered.matches < gathered.total,
    )


@dataclass(slots=True)
class _Gathered:
    """What has been taken out of the bodies so far."""

    resource_type: str
    items: list[Item] = field(default_factory=list)
    failed: GapReason | None = None
    has_next: bool = False
    matches: int = 0
    total: int = 0

    def fail(self, reason: GapReason) -> None:
        """The first reason stays."""
        self.failed = self.failed or reason


def _take_body(raw: bytes | Raw, into: _Gathered, *, depth: int) -> None:
    """A page, or one element of a bare list."""
    try:
        content = body(raw)
    except UNREADABLE_JSON:
        if depth:
            _take_unreadable(raw, into)
        else:
            into.fail(GapReason.UNREADABLE)
        return
    if isinstance(content, tuple):
        _take_list(content, into, depth=depth)
    elif isinstance(content, Bundle | OperationOutcome):
        _take_resource(content, raw, into, depth=depth)
    elif content is not None:
        _take_single(content, raw, into, depth=depth)


def _take_list(elements: tuple[Raw, ...], into: _Gathered, *, depth: int) -> None:
    for element in elements:
        if depth < _DEPTH:
            _take_body(element, into, depth=depth + 1)
        else:
            _take_unreadable(element, into)


def _take_single(content: Known, raw: bytes | Raw, into: _Gathered, *, depth: int) -> None:
    """A resource that stands alone is no answer to a question about another type; it is read all the same."""
    if not depth and into.resource_type not in {"", _kind(content)}:
        into.fail(GapReason.UNREADABLE)
    _take_resource(content, raw, into, depth=depth)


def _take_bundle(bundle: Bundle, into: _Gathered, *, depth: int) -> None:
    into.total = max(into.total, bundle.total or 0)
    into.has_next |= any(link.relation == "next" for link in bundle.link)
    if bundle.issues is not None:
        _take_outcome(bundle.issues, into, alone=False)
    for raw in bundle.entry:
        _take_entry(raw, into, depth=depth)


def _take_entry(raw: Raw, into: _Gathered, *, depth: int) -> None:
    try:
        one = entry(raw)
    except UNREADABLE_JSON:
        _take_unreadable(raw, into)
        return
    if one.resource is not None:
        into.matches += one.search is None or one.search.mode not in {"include", "outcome"}
        _take_resource(one.resource, raw, into, address=one.full_url, depth=depth + 1)
    elif bytes(raw) not in _NOTHING:
        _take_unreadable(raw, into)


def _take_resource(resource: Known, raw: bytes | Raw, into: _Gathered, *, depth: int, address: str = "") -> None:
    match resource:
        case OperationOutcome():
            _take_outcome(resource, into, alone=not depth)
        case Bundle() if depth <= _DEPTH:
            _take_bundle(resource, into, depth=depth)
        case Bundle():
            _take_unreadable(raw, into)
        case Other():
            _take_other(resource, raw, into)
        case _:
            into.items.append(Item(_kind(resource), bytes(raw), resource, address, _flaw(resource)))


def _take_other(resource: Other, raw: bytes | Raw, into: _Gathered) -> None:
    """A type that is not read costs nothing beside an answer, unless it stands for one: written oddly, say."""
    if resource.name.casefold() == into.resource_type.casefold():
        into.items.append(Item(into.resource_type, bytes(raw), flaw=GapReason.UNREADABLE))


def _take_outcome(outcome: OperationOutcome, into: _Gathered, *, alone: bool) -> None:
    """Alone it is a failure whatever it says; beside entries only when it is more than a remark."""
    grave = [issue for issue in outcome.issue if issue.severity not in _HARMLESS]
    if alone or grave or not outcome.issue:
        codes = (issue.code for issue in grave or outcome.issue)
        into.fail(next((_REASONS[code] for code in codes if code in _REASONS), GapReason.FAILED))


def _take_unreadable(raw: bytes | Raw, into: _Gathered) -> None:
    into.matches += 1
    into.items.append(Item(into.resource_type, bytes(raw), flaw=GapReason.UNREADABLE))


def _kind(resource: Known) -> str:
    return resource.name if isinstance(resource, Other) else type(resource).__name__


def _flaw(resource: Known) -> GapReason | None:
    if resource.dstu2:
        return GapReason.UNSUPPORTED_VERSION
    return None if _NEEDED.isdisjoint(resource.lost) else GapReason.UNREADABLE
