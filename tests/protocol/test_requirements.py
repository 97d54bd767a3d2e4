"""requirements.csv: every clause of CDS Hooks that binds a service has a test, or the reason there is none."""

import ast
import csv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "tests/protocol/requirements.csv").read_text(encoding="utf-8")
ROWS = list(csv.DictReader(TABLE.splitlines()))


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_every_requirement_has_a_test_or_a_reason_why_not(row):
    assert row["requirement"]
    assert bool(row["test"]) != bool(row["reason"])


@pytest.mark.parametrize("test", sorted({row["test"] for row in ROWS if row["test"]}))
def test_every_named_test_exists(test):
    path, _, name = test.partition("::")

    assert name in functions_of(ROOT / path)


def test_no_requirement_stands_twice():
    ids = [row["id"] for row in ROWS]

    assert sorted(set(ids)) == sorted(ids)


def functions_of(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
