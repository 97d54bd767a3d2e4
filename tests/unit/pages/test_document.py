"""A page as data, written as Markdown and as HTML: nothing in a text can become markup."""

import re

from cds_hooks.pages.document import (
    Drawing,
    Lines,
    Link,
    Page,
    Paragraph,
    Row,
    Section,
    Table,
    html_body,
    joined,
    markdown,
    plain,
)

PAGE = Page(
    "A page",
    (
        Paragraph(("See ", Link("the rule", "#R-1"), " and ", Link("a source", "https://example.org/a?b=1&c=2"))),
        Lines((plain("one"), (Link("a finding", "#finding-x"),))),
        Section(
            "R-1",
            "R-1",
            (
                Table(("Head", "More"), (Row((plain("a | b"), plain("<i>")), "row-1"), Row((plain("c"), ())))),
                Table(("Empty",), ()),
                Section("Below", "below", (Paragraph(plain("*not bold* `not code` [no](link) _x_")),)),
            ),
        ),
    ),
)


def test_markdown_has_headings_tables_and_lists():
    assert markdown(PAGE) == (
        "# A page\n\n"
        "See [the rule](#r-1) and [a source](https://example.org/a?b=1&c=2)\n\n"
        "- one\n- a finding\n\n"
        "## R-1\n\n"
        "| Head | More |\n|---|---|\n| a \\| b | \\<i\\> |\n| c |  |\n\n"
        "### Below\n\n"
        "\\*not bold\\* \\`not code\\` \\[no\\](link) \\_x\\_\n"
    )


def test_html_has_an_anchor_for_each_section_and_named_row():
    body = html_body(PAGE)

    assert '<section id="R-1"><h2>R-1</h2>' in body
    assert '<section id="below"><h3>Below</h3>' in body
    assert '<tr id="row-1"><td>a | b</td><td>&lt;i&gt;</td></tr><tr><td>c</td><td></td></tr>' in body.replace(
        "\n", ""
    )
    assert '<a href="#R-1">the rule</a>' in body
    assert "b=1&amp;c=2" in body


def test_what_markup_there_is_in_a_text_stays_text():
    text = '<script>alert(1)</script> "x" \' & ]('
    page = Page(text, (Paragraph((text, Link(text, "#a"))), Lines((plain(text),)), Section(text, 'a" b', ())))

    assert "<script" not in html_body(page)
    assert 'id="a&quot; b"' in html_body(page)
    assert not re.search(r"(?<!\\)<", markdown(page))


def test_a_table_without_rows_is_not_shown():
    assert "Empty" not in markdown(PAGE)
    assert "Empty" not in html_body(PAGE)


def test_pieces_are_joined_with_their_links():
    assert joined(((Link("a", "#a"),), plain("b")), "; ") == (Link("a", "#a"), "; ", "b")
    assert joined(()) == ()


def test_a_drawing_is_shown_in_html_and_left_out_of_markdown():
    page = Page("Title", (Paragraph(("before ", Drawing("<svg/>"), " after")),))

    assert "<p>before <svg/> after</p>" in html_body(page)
    assert "before  after" in markdown(page)
