"""The page for whoever connects a record system: its snippets run, and its tables say what the code says."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from cds_hooks.cards.offers import SERVICES
from cds_hooks.chart.queries import queries
from cds_hooks.guard.clients import load
from cds_hooks.guard.ehr import PROFILES
from cds_hooks.model.criteria import Hook
from cds_hooks.reasoning.library import load as load_library
from cds_hooks.replies import REFUSALS
from tests.running_sandbox import free_port

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/integrate.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def rows(heading):
    """Cells of the table under a heading, its head left out."""
    text = re.split(r"^#", PAGE.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture(scope="module")
def library():
    return load_library()


@pytest.fixture(scope="module")
def templates(library):
    return {query.key: query.template for hook in get_args(Hook) for query in queries(library, hook)}


# ---------------------------------------------------------------- snippets


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    """What the shell snippets print, run one after another in one shell beside the files of the page."""
    if not shutil.which("curl"):
        pytest.skip("no curl")
    folder, port = tmp_path_factory.mktemp("rehearsal"), free_port()
    (folder / "clients.yaml").write_text(blocks("yaml")[0])
    (folder / "rehearse.py").write_text(blocks("python")[0])
    (folder / "call.json").write_text(blocks("json")[0].replace("TODAY", f"{datetime.now(UTC):%Y-%m-%d}"))
    script = "\necho; echo ==========\n".join(blocks("sh")).replace("8080", str(port))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    done = subprocess.run(
        ["bash", "-c", f"{script}\nkill %1; wait"],
        cwd=folder,
        env=clean | {"PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    printed = done.stdout.split("==========")
    assert len(printed) == len(blocks("sh")), done.stderr
    return printed


def test_the_service_starts_with_the_entry_of_the_page(rehearsed):
    assert "iss: https://rehearsal.example" in rehearsed[0]
    assert "keys: rehearsal-1 (EC P-384)" in rehearsed[0]
    assert '{"status":"ready"}' in rehearsed[0]


def test_the_call_of_the_page_gets_a_card(rehearsed):
    discovery, answer = rehearsed[1].strip().split('{"cards"')

    assert len(json.loads(discovery)["services"]) == len(SERVICES)
    [card] = json.loads(f'{{"cards"{answer}')["cards"]
    assert card["indicator"] == "warning"


def test_what_is_wrong_with_a_token_is_told(rehearsed):
    assert "Wrong (1)" in rehearsed[2]
    assert "aud is `https://elsewhere.example`" in rehearsed[2]


def test_the_feedback_of_the_page_is_taken(rehearsed):
    assert rehearsed[3].strip() == "{}"


def test_there_is_no_snippet_that_nobody_runs():
    assert (len(blocks("yaml")), len(blocks("python")), len(blocks("json")), len(blocks("sh"))) == (5, 1, 1, 4)
    assert len(re.findall(r"^```\w", PAGE, re.MULTILINE)) == 11


def test_the_entries_of_the_page_start_together(tmp_path, templates):
    (tmp_path / "clients.yaml").write_text("\n".join(blocks("yaml")[1:]))

    known = load(tmp_path / "clients.yaml", templates).by_name

    assert [client.ehr for client in known.values()] == ["default", "epic", "oracle", "default"]
    assert known["slow-hospital"].unsorted(templates) == frozenset()
    assert "medicationStatements" not in known["slow-hospital"].offered(templates)


# ---------------------------------------------------------------- tables


def test_the_table_of_record_systems_says_what_the_code_says():
    written = {row[0].strip("`"): row[1:] for row in rows("What differs by record system")}

    assert list(PROFILES) == list(written)
    for ehr, (behaviour, left_out, not_asked) in written.items():
        profile = PROFILES[ehr]
        assert behaviour.startswith(f"`{profile.selection or 'any'}`")
        assert (";" in behaviour) == (profile.selection is None)
        assert left_out == (", ".join(f"`{name}`" for name in sorted(profile.unlisted)) or "nothing")
        assert not_asked == (", ".join(sorted(profile.without)) or "nothing")


def test_the_table_of_statuses_is_whole():
    ours = {status for status, _ in REFUSALS.values()} | {200, 401, 404, 405, 500}

    assert sorted(ours) == [int(row[0]) for row in rows("What the answers mean")]
    assert all(len(row) == 3 and all(row) for row in rows("What the answers mean"))


def test_the_table_of_scopes_names_every_type_that_is_asked_for(library):
    asked = {query.resource_type for hook in get_args(Hook) for query in queries(library, hook)}

    named = {name for row in rows("Scopes") for name in row[0].split(", ")}

    assert asked | {"Medication"} == named


def test_every_service_can_be_registered_from_the_page():
    assert {service.id for service in SERVICES} == set(re.findall(r"petechiae-[a-z-]+", PAGE))
