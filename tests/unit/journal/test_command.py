"""`pinpoint journal upgrade`, and where the journal is."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_hooks.cli import main
from cds_hooks.settings import Settings, reasons_not_to_start

URL = "sqlite+aiosqlite:///"


def upgrade(path):
    return CliRunner().invoke(main, ["journal", "upgrade"], env={"CDS_JOURNAL": f"{URL}{path}", "CDS_PROFILE": ""})


def test_a_journal_is_made_and_then_up_to_date(tmp_path):
    path = tmp_path / "journal.sqlite"

    assert upgrade(path).output == "The journal went from nothing to 0003.\n"
    assert upgrade(path).output == "The journal is up to date.\n"
    assert path.exists()


def test_a_journal_that_cannot_be_made_says_which_setting_to_mend(tmp_path):
    result = upgrade(tmp_path / "no such folder" / "journal.sqlite")

    assert result.exit_code == 1
    assert "CDS_JOURNAL cannot be opened" in result.output


@pytest.mark.parametrize(
    ("settings", "file"),
    [
        ({"profile": "sandbox"}, None),
        ({"profile": "sandbox", "journal": f"{URL}./own.sqlite"}, Path("own.sqlite")),
        ({"profile": "production"}, Path("pinpoint-journal.sqlite")),
        ({"profile": "production", "journal": f"{URL}/var/lib/journal.sqlite"}, Path("/var/lib/journal.sqlite")),
        ({"profile": "production", "journal": "postgresql://x"}, None),
    ],
)
def test_the_sandbox_keeps_its_journal_in_memory_unless_a_file_is_named(settings, file):
    assert Settings(**settings).journal_file == file


POSTGRES = "postgresql+asyncpg://pinpoint:secret@db.example/journal"


def test_a_postgresql_journal_is_shared_and_its_password_is_not_shown():
    settings = Settings(profile="production", journal=POSTGRES)

    assert settings.is_journal_shared
    assert not any(reason.startswith("CDS_JOURNAL") for reason in reasons_not_to_start(settings))
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(("is_there", "told"), [(True, []), (False, ["pinpoint-cds[otel]"])])
def test_spans_without_what_sends_them_stop_the_start(is_there, told, monkeypatch):
    monkeypatch.setattr("cds_hooks.settings.find_spec", lambda _name: is_there or None)

    reasons = reasons_not_to_start(Settings(profile="sandbox", traces=True))
    assert [reason.split()[4] for reason in reasons] == told


def test_postgresql_without_its_driver_stops_the_start(monkeypatch):
    monkeypatch.setattr("cds_hooks.settings.find_spec", lambda _name: None)

    reasons = reasons_not_to_start(Settings(profile="production", journal=POSTGRES))
    assert "CDS_JOURNAL is PostgreSQL: install pinpoint-cds[postgres] for it." in reasons


@pytest.mark.parametrize("journal", [f"{URL}:memory:", "postgresql://x", URL, "journal.sqlite"])
def test_production_needs_a_file_that_all_processes_see(journal):
    reasons = reasons_not_to_start(Settings(profile="production", journal=journal))

    assert [reason for reason in reasons if reason.startswith("CDS_JOURNAL")]
