"""What the review compares with."""

from pathlib import Path

from sandbox.golden import golden_cards


def test_a_golden_card_is_its_indicator_and_summary(tmp_path: Path):
    text = "# anna\n\nurgent: A story\n\n## critical: Now\n\ndetail ## of it\n\n## info: Later: perhaps\n"
    (tmp_path / "anna.md").write_text(text, encoding="utf-8")
    (tmp_path / "ben.md").write_text("# ben\n\nNo card.\n", encoding="utf-8")

    assert golden_cards(tmp_path) == {"anna": ("critical: Now", "info: Later: perhaps"), "ben": ()}


def test_where_no_tests_are_installed_nothing_is_expected(tmp_path: Path):
    assert golden_cards(tmp_path / "nowhere") == {}
