"""The page of ten golden cards is made of the golden files, and shows every kind of card."""

import pytest

from tests.golden.page import PAGE, page, patients


def test_the_page_in_docs_is_made_of_the_golden_files():
    if PAGE.read_text(encoding="utf-8") != page():
        pytest.fail("docs/golden-cards.md is out of date; write it anew: python -m tests.golden.page")


def test_it_shows_ten_patients_and_every_indicator():
    text = page()

    assert len(patients()) == 10
    assert all(f"\n### {indicator}: " in text for indicator in ("critical", "warning", "info"))
