"""comparing: two states of the knowledge side by side: which rules differ, and which cards of given charts do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from difflib import unified_diff
from pathlib import Path

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.wire import Card, Suggestion
from cds_hooks.model.library import Library
from cds_hooks.service import advise_on, hook_of_file, record_of_file

_KINDS = (
    "concepts",
    "findings",
    "criteria",
    "causes",
    "scores",
    "demotions",
    "orders",
    "asks",
    "choices",
    "citations",
)
"""What a library holds by id, as `pinpoint diff` names it."""

_MEMBERS = ("rules", "source", "links", "override_reasons", "selection_behavior")
"""Of a card, told as they are."""


def changed_rules(old: Library, new: Library) -> Iterator[str]:
    """One line for each difference, by kind and id: what is new, gone, or reads otherwise, member by member."""
    for kind in _KINDS:
        before: Mapping[str, object] = getattr(old, kind)
        after: Mapping[str, object] = getattr(new, kind)
        for name in sorted({*before} | {*after}):
            if name not in before:
                yield f"{kind}: {name} is new"
            elif name not in after:
                yield f"{kind}: {name} is gone"
            elif before[name] != after[name]:
                yield f"{kind}: {name} changed"
                yield from (f"    {line}" for line in _members(before[name], after[name]))
    for part in ("card", "text_rules", "leaflet", "attributes", "products"):
        if getattr(old, part) != getattr(new, part):
            yield f"{part} changed"


def versions(old: Library, new: Library) -> str:
    """Both states in one line; the same version with other rules must not be given out."""
    line = f"{_version(old)} -> {_version(new)}"
    unmarked = old.card.version == new.card.version and old.digest != new.digest
    return f"{line}; the rules differ and the version does not: raise it" if unmarked else line


def changed_cards(files: Iterable[Path], old: Library, new: Library, at: datetime) -> Iterator[str]:
    """For each chart whose cards differ: its name, then the lines that do. No file is a chart nobody could read.

    Errors: RequestError when a file is neither a request nor a Bundle.
    """
    for file in files:
        body = file.read_bytes()
        before, after = (_cards(body, library, at) for library in (old, new))
        lines = [*unified_diff(before, after, "before", "after", lineterm="", n=0)][2:]
        if lines:
            yield f"{file.name}:"
            yield from (f"    {line}" for line in lines if not line.startswith("@@"))


def card_lines(card: Card) -> list[str]:
    """All of the card that somebody sees or may set off, line by line; not its uuids, which are new each time."""
    proposals = [line for suggestion in card.suggestions for line in _proposal(suggestion)]
    more = [f"{name}: {value}" for name in _MEMBERS if (value := getattr(card, name))]
    return [f"{card.indicator}: {card.summary}", *card.detail.splitlines(), *proposals, *more]


def _version(library: Library) -> str:
    return f"{library.card.version} of {library.card.date}, digest {library.digest[:12]}"


def _members(before: object, after: object) -> Iterator[str]:
    for one in fields(before):  # type: ignore[arg-type]  # everything in a library is a dataclass
        was, now = getattr(before, one.name), getattr(after, one.name, None)
        if was != now:
            yield f"{one.name}: {was!r} -> {now!r}"


def _cards(body: bytes, library: Library, at: datetime) -> list[str]:
    record = record_of_file(body, library, at)
    advice = advise_on(record, library, at, Voice(), hook_of_file(body))
    return [line for card in advice.cards for line in card_lines(card)]


def _proposal(suggestion: Suggestion) -> Iterator[str]:
    yield f"proposes: {suggestion.label}{' (recommended)' if suggestion.is_recommended else ''}"
    for action in suggestion.actions:
        yield f"    {action.type}: {action.description} {action.resource_id}{action.resource.decode()}"
