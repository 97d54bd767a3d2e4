"""Card details as HTML that is safe to show: Markdown in, a small set of elements out.

Twice safe: raw HTML in the Markdown is shown as text, and what comes out is cleaned against an allow-list. A
link leaves by http(s) only, in a tab of its own, and tells nothing about where it was.
"""

import nh3
from markdown_it import MarkdownIt

_BLOCKS = {"blockquote", "h1", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre", "ul"}
_TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
_WORDS = {"a", "br", "code", "del", "em", "s", "strong"}
_MARKDOWN = MarkdownIt("js-default", {"html": False, "linkify": False, "typographer": False})


def safe_html(markdown: str) -> str:
    """The HTML of a text in GitHub Flavored Markdown: headings, lists, tables, emphasis, code, links."""
    return nh3.clean(
        _MARKDOWN.render(markdown),
        tags=_BLOCKS | _TABLES | _WORDS,
        attributes={"a": {"href"}},
        url_schemes={"https", "http"},
        link_rel="noopener noreferrer",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
