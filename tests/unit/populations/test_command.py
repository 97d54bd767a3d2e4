"""`pinpoint replay` as a person types it."""

import json
import sys
from datetime import timedelta

import pytest
from click.testing import CliRunner

from cds_hooks.cli import main
from tests.build import write_library
from tests.protocol.charts import AT
from tests.unit.populations.exports import silent, speaking, write_export

NOW = AT.isoformat()


@pytest.fixture
def export(tmp_path):
    return write_export(tmp_path / "export", [*speaking("p1"), *silent("p2")])


def replay(export, *words, at=NOW):
    out = export.parent / "out"
    words = ["replay", export, "--at", at, "--out", out, "--progress", "none", "--workers", "1", *words]
    return CliRunner().invoke(main, [str(word) for word in words])


def report_of(export):
    return json.loads((export.parent / "out" / "report.json").read_text())


def test_help_names_the_command_and_tells_its_options():
    assert "replay" in CliRunner().invoke(main, ["--help"]).output
    assert "--against" in CliRunner().invoke(main, ["replay", "--help"]).output


def test_one_instant(export):
    result = replay(export)

    assert 0 == result.exit_code, result.output
    assert "2 patients, 2 charts" in result.output
    assert [AT.isoformat(timespec="minutes")] == report_of(export)["about"]["instants"]


def test_a_series_has_both_ends(export):
    first = (AT - timedelta(days=2)).isoformat()

    replay(export, "--every", "1d", "--until", AT.isoformat(), at=first)

    assert 3 == len(report_of(export)["about"]["instants"])


def test_each_visit(export):
    result = replay(export, at="encounters")

    assert "0 charts" in result.output
    assert [] == report_of(export)["about"]["instants"]


def test_an_instant_is_taken_in_its_own_zone(export):
    replay(export, at="2026-03-02T09:00+01:00")

    assert ["2026-03-02T09:00+01:00"] == report_of(export)["about"]["instants"]


@pytest.mark.parametrize(
    ("words", "at", "told"),
    [
        (("--every", "1d"), AT.isoformat(), "together"),
        (("--every", "1d", "--until", "2026-03-09"), "encounters", "neither"),
        (("--every", "1y", "--until", "2026-03-09"), AT.isoformat(), "30m"),
        (("--every", "1d", "--until", "2026-01-01T00:00Z"), AT.isoformat(), "lies before"),
        ((), "yesterday", "2026-11-01T08:00Z"),
        ((), "2026-03-02T09:00", "--at: has no zone: write it as 2026-11-01T08:00Z"),
        (("--every", "1d", "--until", "2026-03-09"), AT.isoformat(), "--until: has no zone"),
        (("--max-bad", "0.1"), AT.isoformat(), "0.1%"),
    ],
)
def test_what_cannot_be_meant_is_said(export, words, at, told):
    result = replay(export, *words, at=at)

    assert 2 == result.exit_code
    assert told in result.output


def test_too_many_unusable_lines_are_an_exit_code(export):
    (export / "Condition.bad.ndjson").write_text("no JSON\n")

    result = replay(export)

    assert 1 == result.exit_code
    assert "more than --max-bad 0.1%" in result.output


def test_how_many_unusable_lines_are_too_many_can_be_said(export):
    (export / "Condition.bad.ndjson").write_text("no JSON\n")

    assert 0 == replay(export, "--max-bad", "50%").exit_code


def test_key_limits_tmp_and_another_library(export, tmp_path, monkeypatch):
    (tmp_path / "key").write_bytes(b"ours")
    monkeypatch.setenv("CDS_LIBRARY_DIR", str(write_library(tmp_path / "small")))
    words = ["--key", tmp_path / "key", "--min-count", "1", "--tmp", tmp_path / "tmp", "--review", "1"]

    result = replay(export, *words, "--against", tmp_path / "small", "--max-bad", "5%")

    assert 0 == result.exit_code, result.output
    assert "knowledge 1.2.3" in report_of(export)["about"]["against"]
    assert 1 == report_of(export)["about"]["least_count"]


def test_an_export_that_is_not_there_is_said(tmp_path):
    result = replay(tmp_path / "nowhere")

    assert 1 == result.exit_code
    assert "holds no file" in result.output


def test_without_spark_the_command_says_what_to_install(export, monkeypatch):
    monkeypatch.setitem(sys.modules, "cds_hooks.populations.spark", None)

    result = replay(export, "--engine", "local[*]")

    assert 2 == result.exit_code
    assert "pinpoint-cds[spark]" in result.output
