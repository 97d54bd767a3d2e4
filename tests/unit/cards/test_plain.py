"""A card for a terminal: no Markdown, nothing lost but the addresses inside the text."""

from cds_hooks.cards.plain import plain_lines
from cds_hooks.cards.wire import Card, Link, Source, Suggestion

TABLE = "| Possible cause | In favour | Against |\n|---|---|---|\n| Aspirin | taken daily | nothing recorded |"


def lines(detail="", **others):
    return list(plain_lines(Card("Spots", "info", Source("Textbook 2024"), detail=detail, **others)))


def test_marks_empty_lines_and_addresses_are_left_out():
    detail = "**Meets**\n- First ([Textbook 2024](https://example.org/textbook))\n\n**Also**\n- Second"

    assert lines(detail)[:-1] == ["Meets", "- First (Textbook 2024)", "Also", "- Second"]


def test_a_table_is_told_row_by_row():
    assert lines(f"{TABLE}\n\nAspirin may explain it.")[:-1] == [
        "- Aspirin",
        "    in favour: taken daily",
        "    against: nothing recorded",
        "Aspirin may explain it.",
    ]


def test_two_tables_have_each_their_own_headings():
    second = "| Other | Grounds |\n|---|---|\n| Purpura | none |"

    assert "    grounds: none" in lines(f"{TABLE}\n\n{second}")


def test_source_proposals_and_links_come_last():
    offered = {"suggestions": (Suggestion("Blood count", ()),), "links": (Link("Rule", "https://us.example/r"),)}

    assert lines(**offered) == [
        "Source: Textbook 2024",
        "May order: Blood count",
        "Link: Rule https://us.example/r",
    ]
