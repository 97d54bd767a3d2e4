"""`pinpoint report` and `pinpoint diff`."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from cds_hooks.cli import main
from cds_hooks.journal.entries import Call, Met
from cds_hooks.journal.later import OpenedLater
from tests.build import write_library

AT = datetime(2026, 3, 18, 9, 30, tzinfo=UTC)
LOW = 'measure: {concept: platelet-count, is: {below: "50", unit: "10*9/L"}}'


def run(*arguments, **environment):
    surroundings = {f"CDS_{name.upper()}": str(value) for name, value in environment.items()}
    return CliRunner().invoke(main, [str(one) for one in arguments], env={"CDS_PROFILE": "", **surroundings})


def library(root, **changes):
    root.mkdir()
    criteria = {"R-IT-01": "when: low"} | changes.pop("criteria", {})
    return write_library(root, {"low": LOW} | changes.pop("findings", {}), criteria=criteria, **changes)


@pytest.fixture
def journal(tmp_path):
    address = f"sqlite+aiosqlite:///{tmp_path / 'j.sqlite'}"

    async def fill():
        later = OpenedLater(address, keep_comments=False)
        for number in range(7):
            met = (Met("R-IT-01", "SAME_DAY", "shown"),)
            about = {
                "client": "",
                "hook": "patient-view",
                "service": "s",
                "status": 200,
                "ms": 1.0,
                "mode": "live",
            }
            versions = {"software": "1", "knowledge": "0.2.0", "released": "2026-03-01", "digest": "abc"}
            await later.keep([Call(id=f"{number}", at=AT, rules=("R-IT-01",), present=met, **about, **versions)])
        await later.close()

    asyncio.run(fill())
    return {"journal": address, "library_dir": library(tmp_path / "library")}


SPAN = ("--since", "2026-03-01", "--until", "2026-03-31T00:00:00+00:00")


def test_the_report_is_told_in_lines(journal):
    result = run("report", *SPAN, **journal)

    assert result.exit_code == 0, result.output
    assert result.output.startswith("2026-03-01 00:00 to 2026-03-31 00:00: 7 with 200\n")
    assert "R-IT-01  1000.0  7" in result.output


def test_without_times_the_last_thirty_days_are_told(journal):
    assert "no calls" in run("report", **journal).output.splitlines()[0]


def test_the_report_is_a_table_or_a_page_where_that_is_asked_for(journal, tmp_path):
    assert "R-IT-01,2026-03-18T00:00+00:00,7,7," in run("report", *SPAN, "--csv", **journal).output

    result = run("report", *SPAN, "--html", tmp_path / "page.html", **journal)
    assert result.output.endswith("page.html: 7 calls\n")
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


def test_a_report_makes_no_journal_where_there_is_none(tmp_path):
    result = run("report", *SPAN, journal=f"sqlite+aiosqlite:///{tmp_path / 'none.sqlite'}")

    assert result.exit_code == 1
    assert "There is no journal at CDS_JOURNAL: set it as the service has it" in result.output
    assert [] == list(tmp_path.iterdir())


def test_a_journal_in_memory_is_seen_by_no_other_command():
    result = run("report", *SPAN, profile="sandbox")

    assert result.exit_code == 1
    assert "There is no journal at CDS_JOURNAL" in result.output


@pytest.mark.parametrize("span", [("--since", "2999-01-01"), ("--since", "2026-03-02", "--until", "2026-03-01")])
def test_a_time_in_which_nothing_can_have_been_is_refused(journal, span):
    result = run("report", *span, **journal)

    assert result.exit_code == 2
    assert "must lie before --until and before now" in result.output


def test_a_table_and_a_page_at_once_are_refused(journal, tmp_path):
    assert run("report", *SPAN, "--csv", "--html", tmp_path / "page.html", **journal).exit_code == 2


def test_a_time_that_is_none_is_refused(journal):
    result = run("report", "--since", "yesterday", **journal)

    assert result.exit_code == 2
    assert "--since" in result.output


# ---------------------------------------------------------------- diff


CHART = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {"resource": {"resourceType": "Patient", "id": "p1"}},
        {
            "resource": {
                "resourceType": "Observation",
                "id": "c1",
                "status": "final",
                "subject": {"reference": "Patient/p1"},
                "category": [{"coding": [{"code": "exam"}]}],
                "code": {"text": "petechiae"},
                "effectiveDateTime": "2026-03-18T09:00:00Z",
                "valueBoolean": True,
            }
        },
        {
            "resource": {
                "resourceType": "Observation",
                "id": "o1",
                "status": "final",
                "subject": {"reference": "Patient/p1"},
                "code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]},
                "effectiveDateTime": "2026-03-18T09:00:00Z",
                "valueQuantity": {
                    "value": 55,
                    "unit": "10*9/L",
                    "system": "http://unitsofmeasure.org",
                    "code": "10*9/L",
                },
            }
        },
    ],
}


@pytest.fixture
def chart(tmp_path):
    path = tmp_path / "chart.json"
    path.write_text(json.dumps(CHART))
    return path


def test_the_same_rules_do_not_differ(tmp_path, chart):
    old, new = library(tmp_path / "old"), library(tmp_path / "new")

    result = run("diff", old, new, chart, "--at", "2026-03-18T12:00:00+00:00")

    assert result.exit_code == 0, result.output
    assert "No rule differs." in result.output
    assert "The cards of all 1 charts are the same." in result.output


def test_rules_and_cards_that_differ_are_told_member_by_member(tmp_path, chart):
    old = library(tmp_path / "old", criteria={"R-IT-02": "when: low"})
    new = library(
        tmp_path / "new",
        findings={"low": LOW.replace("50", "60")},
        criteria={"R-IT-03": "when: low\nstatus: draft"},
        products="rxnorm,9,aspirin,oral,Any\n",
    )

    result = run("diff", old, new, chart, "--at", "2026-03-18T12:00:00")

    lines = result.output.splitlines()
    assert result.exit_code == 0, result.output
    assert "the rules differ and the version does not: raise it" in lines[0]
    assert "criteria: R-IT-02 is gone" in lines
    assert "criteria: R-IT-03 is new" in lines
    assert "findings: low changed" in lines
    assert any(line.startswith("    measure: ") and "50" in line and "60" in line for line in lines)
    assert "products changed" in lines
    assert "chart.json:" in lines
    assert any(line.startswith("    +warning: ") for line in lines)


def test_without_charts_no_card_is_compared(tmp_path):
    result = run("diff", library(tmp_path / "old"), library(tmp_path / "new"))

    assert result.output.endswith("No rule differs.\n")
