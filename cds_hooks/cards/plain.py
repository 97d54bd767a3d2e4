"""plain: a card as a terminal shows it, without Markdown. A page renders the Markdown instead."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cds_hooks.cards.wire import Card

_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\)")
_RULER = re.compile(r"\|[-|]+\|")


def plain_lines(card: Card) -> tuple[str, ...]:
    """Detail, source, what is proposed and where it leads, line by line; no address stands inside the text."""
    return (
        *_detail(card.detail),
        f"Source: {card.source.label}",
        *(f"May order: {suggestion.label}" for suggestion in card.suggestions),
        *(f"Link: {link.label} {link.url}" for link in card.links),
    )


def _detail(markdown: str) -> Iterator[str]:
    """The lines without marks and empty lines; each row of a table after its first cell as "heading: cell"."""
    headings: list[str] = []
    for line in markdown.splitlines():
        text = _LINK.sub(r"\1", line.replace("**", ""))
        if not text.startswith("|"):
            headings = []
            yield from [text] if text else []
        elif not headings:
            headings = _cells(text)
        elif not _RULER.fullmatch(text):
            first, *others = _cells(text)
            yield f"- {first}"
            yield from (f"    {name.lower()}: {cell}" for name, cell in zip(headings[1:], others, strict=True))


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]
