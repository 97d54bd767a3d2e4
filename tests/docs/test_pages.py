"""Pages hold together: links lead somewhere, decisions have their four parts, hazards are complete."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "mappings", "knowledge", "sandbox", "cds_hooks", "tests", ".ci", "bench")
SUFFIXES = {".md", ".py", ".yaml", ".json", ".toml", ".csv", ".lock", ".txt", ".js", ".css", ".html"}
NAMES = {"Makefile", "LICENSE", "NOTICE", "run"}
FILES = sorted(
    path
    for found in (ROOT.glob("*"), *((ROOT / folder).rglob("*") for folder in FOLDERS))
    for path in found
    if path.is_file() and (path.suffix in SUFFIXES or path.name in NAMES) and "__pycache__" not in path.parts
)
PAGES = [path for path in FILES if path.suffix == ".md"]
PARTS = ["Context", "Decision", "Consequences", "How it is enforced"]
RECORDS = sorted((ROOT / "docs/adr").glob("*.md"))
FORBIDDEN = (
    "../" + "shared",
    str(ROOT),
    "pypi" + ".org",
    "python" + "hosted",
    "npm" + "js",
    "crates" + ".io",
    "golang" + ".org",
    "anaconda" + ".org",
)
"""Put together here, so that this file does not hold them itself."""


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_into_the_repository_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    inside = [target.partition("#")[0] for target in targets if "://" not in target]

    assert [target for target in inside if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_to_a_section_name_a_heading_of_that_page(page):
    targets = re.findall(r"\]\(([^)\s]*#[^)\s]+)\)", page.read_text(encoding="utf-8"))
    inside = [target.partition("#") for target in targets if "://" not in target]

    assert [anchor for target, _, anchor in inside if anchor not in anchors(page.parent / target, page)] == []


def anchors(target, page):
    text = (target if target.is_file() else page).read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_is_unfinished(page):
    assert not re.search(r"\bTODO\b|TO COME", page.read_text(encoding="utf-8"))


def test_no_file_names_what_lies_outside_the_project():
    found = [
        f"{name_of(path)}: {word}"
        for path in FILES
        for word in FORBIDDEN
        if word in path.read_text(encoding="utf-8", errors="replace")
    ]

    assert found == []


# ---------------------------------------------------------------- decisions


def test_decisions_are_numbered_without_a_gap():
    assert [path.name[:4] for path in RECORDS] == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_a_decision_has_its_four_parts_on_one_page(record):
    text = record.read_text(encoding="utf-8")

    assert text.startswith(f"# {int(record.name[:4])}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    assert len(text.splitlines()) <= 60


# ---------------------------------------------------------------- hazards


def test_every_hazard_has_cause_control_and_what_remains():
    text = (ROOT / "docs/safety/hazard-log.md").read_text(encoding="utf-8")
    table = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| H")]

    assert [f"H{number}" for number in range(1, len(table) + 1)] == [row[0].strip() for row in table]
    assert all(len(row) == 6 and all(cell.strip() for cell in row) for row in table)
    assert len(table) >= 15
