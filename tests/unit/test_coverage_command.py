"""The command `coverage`: codes and displays of charts, and nothing else of them."""

import csv
import gzip
import io
import json

import pytest
from click.testing import CliRunner

from cds_hooks.cli import main
from cds_hooks.settings import Settings
from tests.build import write_library

SNOMED = "http://snomed.info/sct"
CANARY = "Wilhelmina Canary"


@pytest.fixture(autouse=True)
def _small_library(monkeypatch, tmp_path_factory):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CDS_{name.upper()}", raising=False)
    monkeypatch.setenv("CDS_LIBRARY_DIR", str(write_library(tmp_path_factory.mktemp("library"))))


def condition(number, *codes, text=CANARY):
    codings = [{"system": SNOMED, "code": code, "display": f"Thing {code}"} for code in codes]
    return {
        "resourceType": "Condition",
        "id": f"canary-{number}",
        "subject": {"reference": "Patient/canary", "display": CANARY},
        "code": {"coding": codings, "text": text},
    }


@pytest.fixture
def chart(tmp_path):
    conditions = [condition(1, "1001"), condition(2, "8"), condition(3, "8"), condition(4, "9"), condition(5)]
    path = tmp_path / "chart.ndjson.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, conditions)).encode()))
    return path


def run(*arguments):
    result = CliRunner().invoke(main, ["coverage", *map(str, arguments)])
    assert 0 == result.exit_code, result.output
    return result.output


def test_the_most_frequent_unknown_codes_come_first(chart):
    lines = run(chart, "--top", "1").splitlines()

    assert lines == [
        "medication: 0 of 0 entries mapped (none), 0 of them by words",
        "observation: 0 of 0 entries mapped (none), 0 of them by words",
        "condition: 1 of 5 entries mapped (20.0 %), 0 of them by words",
        f"        2  {SNOMED}|8 Thing 8",
        "           and 2 more codes",
    ]


def test_entries_without_a_code_are_counted_and_not_shown(chart):
    output = run(chart)

    assert "1  entries without a code" in output
    assert "anary" not in output


def test_every_code_comes_as_csv(chart, tmp_path):
    plain = tmp_path / "one.json"
    plain.write_text(json.dumps(condition(6, "1001")))

    rows = [*csv.DictReader(io.StringIO(run(chart, plain, "--csv")))]

    assert ["8", "", "9", "1001"] == [row["code"] for row in rows]
    assert {
        "kind": "condition",
        "count": "2",
        "unread": "0",
        "system": SNOMED,
        "code": "1001",
        "display": "Thing 1001",
        "concepts": "petechiae",
    } == rows[-1]
