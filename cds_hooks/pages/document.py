"""A page as data: headings, paragraphs, tables and links, to be written as Markdown or as HTML.

Nothing here knows what a page is about. Text is plain; both writers escape it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Link:
    """A piece of text that leads somewhere: to `#an-anchor` of the same page, or to an https address."""

    text: str
    to: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG image that we made; Markdown leaves it out."""

    svg: str


Inline: TypeAlias = "tuple[str | Link | Drawing, ...]"
"""Running text with links and drawings in it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, and the anchor that leads to it ("" for none)."""

    cells: tuple[Inline, ...]
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Headed columns; a table without rows is not shown."""

    heads: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """A list with a bullet before each line."""

    items: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph."""

    text: Inline


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    anchor: str
    blocks: tuple[Block, ...]


Block: TypeAlias = "Table | Lines | Paragraph | Section"


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page."""

    title: str
    blocks: tuple[Block, ...]


def plain(text: str) -> Inline:
    """Text without a link."""
    return (text,)


def joined(parts: Iterable[Inline], separator: str = ", ") -> Inline:
    """Pieces of running text with a separator between them."""
    found: list[str | Link | Drawing] = []
    for part in parts:
        found += [separator, *part] if found else part
    return tuple(found)


# ---------------------------------------------------------------- Markdown


def markdown(page: Page) -> str:
    """The page as GitHub Flavored Markdown without raw HTML. Links inside the page lead to headings only."""
    headings = {section.anchor: _slug(section.title) for section in _sections(page.blocks)}
    lines = [f"# {_literal(page.title)}", "", *_markdown_blocks(page.blocks, 2, headings)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _sections(blocks: Iterable[Block]) -> Iterator[Section]:
    for block in blocks:
        if isinstance(block, Section):
            yield block
            yield from _sections(block.blocks)


def _slug(title: str) -> str:
    """The anchor that a heading gets where Markdown is shown."""
    return re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")


def _markdown_blocks(blocks: Iterable[Block], level: int, headings: dict[str, str]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Section):
            yield from (f"{'#' * level} {_literal(block.title)}", "")
            yield from _markdown_blocks(block.blocks, level + 1, headings)
        elif isinstance(block, Paragraph):
            yield from (_markdown_text(block.text, headings), "")
        elif isinstance(block, Lines):
            yield from (*(f"- {_markdown_text(item, headings)}" for item in block.items), "")
        elif block.rows:
            yield from (*_markdown_table(block, headings), "")


def _markdown_table(table: Table, headings: dict[str, str]) -> Iterator[str]:
    yield f"| {' | '.join(map(_literal, table.heads))} |"
    yield "|" + "---|" * len(table.heads)
    for row in table.rows:
        cells = (_markdown_text(cell, headings).replace("|", "\\|") for cell in row.cells)
        yield f"| {' | '.join(cells)} |"


def _markdown_text(text: Inline, headings: dict[str, str]) -> str:
    return "".join(_markdown_part(part, headings) for part in text)


def _markdown_part(part: str | Link | Drawing, headings: dict[str, str]) -> str:
    if isinstance(part, Drawing):
        return ""
    return _markdown_link(part, headings) if isinstance(part, Link) else _literal(part)


def _markdown_link(link: Link, headings: dict[str, str]) -> str:
    if not link.to.startswith("#"):
        return f"[{_literal(link.text)}]({link.to})"
    heading = headings.get(link.to[1:])
    return f"[{_literal(link.text)}](#{heading})" if heading else _literal(link.text)


def _literal(text: str) -> str:
    """Text in which no character means anything to Markdown."""
    return re.sub(r"([\\`*_\[\]<>])", r"\\\1", text.replace("\n", " "))


# ---------------------------------------------------------------- HTML


def html_body(page: Page) -> str:
    """The page as the inside of an HTML body: nothing but text, tables, lists and links, all escaped."""
    return "\n".join([f"<h1>{escape(page.title)}</h1>", *_html_blocks(page.blocks, 2)])


def _html_blocks(blocks: Iterable[Block], level: int) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Section):
            yield f'<section id="{escape(block.anchor)}"><h{level}>{escape(block.title)}</h{level}>'
            yield from _html_blocks(block.blocks, level + 1)
            yield "</section>"
        elif isinstance(block, Paragraph):
            yield f"<p>{_html_text(block.text)}</p>"
        elif isinstance(block, Lines):
            yield "<ul>" + "".join(f"<li>{_html_text(item)}</li>" for item in block.items) + "</ul>"
        elif block.rows:
            yield from _html_table(block)


def _html_table(table: Table) -> Iterator[str]:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in table.heads)
    yield f"<table><thead><tr>{heads}</tr></thead><tbody>"
    for row in table.rows:
        anchor = f' id="{escape(row.anchor)}"' if row.anchor else ""
        yield f"<tr{anchor}>" + "".join(f"<td>{_html_text(cell)}</td>" for cell in row.cells) + "</tr>"
    yield "</tbody></table>"


def _html_text(text: Inline) -> str:
    return "".join(map(_html_part, text))


def _html_part(part: str | Link | Drawing) -> str:
    if isinstance(part, Drawing):
        return part.svg
    return f'<a href="{escape(part.to)}">{escape(part.text)}</a>' if isinstance(part, Link) else escape(part)
