"""What `pinpoint check` looks at, and the two commands beside it: release and docs."""

import json
from datetime import date

import pytest
from click.testing import CliRunner

from cds_hooks.checking import MAX_DETAIL, faults, warnings
from cds_hooks.cli import main
from cds_hooks.pages.document import markdown
from cds_hooks.pages.knowledge import knowledge_page
from cds_hooks.reasoning.library import data_root, load
from tests.build import write_library
from tests.end_to_end.charts import PATIENTS, advice_of, library

TODAY = date(2026, 3, 2)
SEEN = """\
cases:
  - {name: seen, given: [{concept: petechiae, observed: true}], expect: present}
  - {name: denied, given: [{concept: petechiae, observed: false}], expect: absent}
  - {name: silent, given: [], expect: unknown}
"""
CHANGELOG = "# Changes\n\n## 1.2.3 · 2026-03-01\n\n- added: all of it.\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A small library with one rule that speaks, as the one that is deployed."""
    root = write_library(tmp_path / "library", criteria={"R-A": "when: skin-bleeding"})
    (root / "mappings/findings/skin-bleeding.cases.yaml").write_text(SEEN, encoding="utf-8")
    (root / "knowledge/criteria/R-A.cases.yaml").write_text(SEEN, encoding="utf-8")
    monkeypatch.setenv("CDS_LIBRARY_DIR", str(root))
    return root


def found(root):
    return faults(load(root), root, TODAY).faults


def run(*words):
    return CliRunner().invoke(main, words)


def say(root, advice):
    path = root / "knowledge/criteria/R-A.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("An advice.", advice), encoding="utf-8")


# ---------------------------------------------------------------- faults


def test_ours_has_no_fault():
    assert faults(library(), data_root(), TODAY).faults == ()


def test_a_library_that_is_right_is_not_refused(folder):
    assert found(folder) == ()
    assert run("check").exit_code == 0


@pytest.mark.parametrize("length", [MAX_DETAIL + 1])
def test_a_card_that_nobody_reads_to_the_end_is_refused(folder, length):
    say(folder, "x" * length)

    [fault] = found(folder)

    assert fault.startswith('knowledge/criteria/R-A.cases.yaml: case "seen" makes a card of ')
    assert run("check").exit_code == 1


@pytest.mark.parametrize("patient", PATIENTS)
def test_no_card_of_the_sandbox_is_too_long(patient):
    assert all(len(card.detail) <= MAX_DETAIL for card in advice_of(patient).cards)


def test_a_rule_out_of_reach_and_a_changed_release_are_refused(folder):
    (folder / "knowledge/release.json").write_text(json.dumps({"1.2.3": "another"}), encoding="utf-8")

    assert len(found(folder)) == 2


def test_charts_are_built_only_from_cases_that_are_right(folder):
    broken = SEEN.replace("petechiae, observed: false", "gone, observed: false")
    (folder / "knowledge/criteria/R-A.cases.yaml").write_text(broken, encoding="utf-8")

    assert any("names concept `gone`" in fault for fault in found(folder))


# ---------------------------------------------------------------- warnings


def test_what_nothing_uses_is_refused(folder):
    (folder / "mappings/findings/extra.yaml").write_text(
        'id: extra\nname: "Extra"\nperson: {deceased: true}\n', encoding="utf-8"
    )
    citations = folder / "knowledge/citations.yaml"
    more = citations.read_text(encoding="utf-8").replace("textbook:", "gossip:")
    citations.write_text(f"{citations.read_text(encoding='utf-8')}{more}", encoding="utf-8")

    said = found(folder)

    assert "mappings/findings/extra.yaml:1: no rule asks for `extra`; use it or delete it with its cases" in said
    assert any("nothing cites `gossip`; cite it in a rule or delete it" in fault for fault in said)


def test_a_finding_beside_which_no_card_is_made_is_used(folder):
    (folder / "mappings/findings/dead.yaml").write_text(
        'id: dead\nname: "Dead"\nperson: {deceased: true}\n', encoding="utf-8"
    )
    card = folder / "knowledge/library.yaml"
    card.write_text(f"{card.read_text(encoding='utf-8')}silent_when: [dead]\n", encoding="utf-8")

    assert not any("no rule asks for" in fault for fault in found(folder))


def test_rules_that_are_not_recorded_are_a_warning(folder):
    (folder / "knowledge/release.json").write_text("{}", encoding="utf-8")

    assert warnings(load(folder), folder) == (
        "1.2.3 is not recorded as a release: run `pinpoint release` when it ships",
    )


def test_rules_that_are_recorded_have_no_warning(folder):
    assert warnings(load(folder), folder) == ()


# ---------------------------------------------------------------- release and docs


def test_a_release_is_recorded(folder):
    (folder / "knowledge/CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")

    result = run("release")

    assert (result.exit_code, result.output) == (0, "knowledge/release.json: 1.2.3 is recorded\n")
    assert list(json.loads((folder / "knowledge/release.json").read_text(encoding="utf-8"))) == ["1.2.3"]
    assert run("release").exit_code == 0


def test_a_release_of_other_rules_under_the_same_version_is_refused(folder):
    (folder / "knowledge/CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    run("release")
    say(folder, "Another advice.")

    result = run("release")

    assert result.exit_code == 1
    assert "raise `version`" in result.output
    assert "Traceback" not in result.output


def test_docs_are_printed_and_written(folder):
    page = markdown(knowledge_page(load(folder)))

    assert run("docs").output == page
    assert run("docs", "--write").exit_code == 0
    assert (folder / "docs/knowledge.md").read_text(encoding="utf-8") == page
