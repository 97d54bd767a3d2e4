"""Markdown of cards as HTML that is safe to show."""

import pytest

from sandbox.rendering import safe_html


def test_what_cards_are_written_in_is_rendered():
    html = safe_html("**Meets**\n- one\n- two\n\n| A | B |\n|---|---|\n| 1 | ~~2~~ |")

    for part in ("<strong>Meets</strong>", "<li>one</li>", "<table>", "<th>A</th>", "<td>1</td>", "<s>2</s>"):
        assert part in html


def test_a_link_leaves_by_https_in_a_tab_of_its_own():
    html = safe_html("[label](https://guideline.example/x)")

    assert '<a href="https://guideline.example/x" target="_blank" rel="noopener noreferrer">label</a>' in html


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://elsewhere.example/pixel.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "<a href='javascript:alert(1)'>x</a>",
        "<iframe src=https://elsewhere.example></iframe>",
        "<style>*{display:none}</style>",
        '<p style="position:fixed" onclick="x()">x</p>',
        "| a |\n|---|\n| <svg onload=alert(1)> |",
        "`<b>` <details open ontoggle=alert(1)>",
    ],
)
def test_nothing_that_runs_or_loads_comes_out(hostile: str):
    html = safe_html(hostile)

    for part in (
        "<script",
        "<img",
        "<iframe",
        "<style",
        "<svg",
        "<details",
        'href="javascript',
        'href="data',
        "<p s",
    ):
        assert part not in html
