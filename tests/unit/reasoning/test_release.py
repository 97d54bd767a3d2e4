"""Versions given out: a change of the rules needs a new version and a line in the changelog."""

import json

import pytest

from cds_hooks.errors import LibraryError
from cds_hooks.reasoning.library import load
from cds_hooks.reasoning.release import is_recorded, recorded, release_faults, rules_digest, with_release
from tests.build import CARD, write_library

LINE = "# Changes\n\n## 1.2.3 · 2026-03-01\n\nFirst.\n\n- added: all of it.\n\n## 1.2.2 · 2026-02-01\n\n- older\n"


@pytest.fixture
def folder(tmp_path):
    """A small library in version 1.2.3 that was never given out, and its changelog."""
    root = write_library(tmp_path)
    (root / "knowledge/CHANGELOG.md").write_text(LINE, encoding="utf-8")
    (root / "knowledge/release.json").write_text("{}", encoding="utf-8")
    return root


def release(root):
    (root / "knowledge/release.json").write_text(with_release(load(root), root), encoding="utf-8")


def change(root):
    path = root / "knowledge/citations.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("Chapter 1", "Chapter 2"), encoding="utf-8")


def raise_version(root, version="1.2.4"):
    (root / "knowledge/library.yaml").write_text(CARD.replace("1.2.3", version), encoding="utf-8")


def test_a_folder_without_a_record_is_not_held_to_it(tmp_path):
    root = write_library(tmp_path)

    assert recorded(root) is None
    assert release_faults(load(root), root) == ()
    assert is_recorded(load(root), root)


def test_a_version_that_was_never_given_out_may_change(folder):
    change(folder)

    assert release_faults(load(folder), folder) == ()
    assert not is_recorded(load(folder), folder)


def test_what_was_given_out_is_recorded_and_stays_right(folder):
    release(folder)

    assert recorded(folder) == {"1.2.3": rules_digest(folder)}
    assert release_faults(load(folder), folder) == ()
    assert is_recorded(load(folder), folder)


def test_a_change_after_it_needs_a_new_version(folder):
    release(folder)
    change(folder)

    [fault] = release_faults(load(folder), folder)

    assert fault.startswith("knowledge/library.yaml:1: the rules are no longer those of 1.2.3; raise `version`")


def test_a_new_version_needs_a_line_in_the_changelog(folder):
    release(folder)
    change(folder)
    raise_version(folder)

    [fault] = release_faults(load(folder), folder)

    assert fault.startswith("knowledge/CHANGELOG.md:1: has no line under `## 1.2.4 · 2026-03-01`")


def test_with_both_it_is_given_out_beside_the_old_one(folder):
    release(folder)
    old = rules_digest(folder)
    change(folder)
    raise_version(folder)
    text = LINE.replace("## 1.2.3", "## 1.2.4 · 2026-03-01\n\n- changed: a chapter.\n\n## 1.2.3", 1)
    (folder / "knowledge/CHANGELOG.md").write_text(text, encoding="utf-8")

    release(folder)

    assert recorded(folder) == {"1.2.3": old, "1.2.4": rules_digest(folder)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "## 1.2.3 · 2026-03-01\n\nNo line.\n\n## 1.2.2\n\n- older\n",
        "## 1.2.3 · 2026-02-28\n\n- another day\n",
    ],
)
def test_a_heading_without_a_line_or_with_another_date_is_not_enough(folder, text):
    (folder / "knowledge/CHANGELOG.md").write_text(text, encoding="utf-8")

    assert len(release_faults(load(folder), folder)) == 1


def test_a_missing_changelog_is_a_missing_line(folder):
    (folder / "knowledge/CHANGELOG.md").unlink()

    assert len(release_faults(load(folder), folder)) == 1


def test_other_rules_cannot_be_given_out_as_the_same_version(folder):
    release(folder)
    change(folder)

    with pytest.raises(LibraryError, match="no longer those of"):
        with_release(load(folder), folder)


def test_cases_may_change_at_any_time(folder):
    release(folder)
    (folder / "mappings/findings/skin-bleeding.cases.yaml").write_text("cases: []\n", encoding="utf-8")

    assert release_faults(load(folder), folder) == ()


def test_a_record_that_is_no_json_is_a_fault_with_its_place(folder):
    (folder / "knowledge/release.json").write_text("{", encoding="utf-8")

    with pytest.raises(LibraryError, match=r"knowledge/release.json:1: is no JSON"):
        recorded(folder)


def test_the_record_is_json_that_people_can_compare(folder):
    text = with_release(load(folder), folder)

    assert json.loads(text) == {"1.2.3": rules_digest(folder)}
    assert text.count("\n") == 3
