"""What runs beside the calls, made from settings."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
import structlog

from cds_hooks.canaries import Canaries
from cds_hooks.errors import SettingsError
from cds_hooks.journal.replay import ReplayStore
from cds_hooks.journal.replay_shared import SharedReplays
from cds_hooks.settings import Settings
from cds_hooks.tally import Tally
from cds_hooks.upkeep import books_of, replays_of, upkeep_of
from tests.build import small_library

NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/none"


@pytest.fixture(autouse=True)
def _log():
    yield
    structlog.reset_defaults()


def upkeep(tmp_path, **settings):
    given = Settings(**{"profile": "sandbox", "spool": tmp_path / "spool"} | settings)
    return given, upkeep_of(given, Canaries(small_library(), tmp_path), lambda: datetime.now(UTC))


def test_tokens_are_remembered_where_the_journal_is(tmp_path):
    settings, running = upkeep(tmp_path, journal=NOWHERE)
    assert isinstance(replays_of(settings, running), SharedReplays)

    replays = replays_of(*upkeep(tmp_path))
    assert isinstance(replays, ReplayStore)
    replays.close()


def test_a_token_waits_for_nobody_who_holds_the_journal(tmp_path):
    settings, running = upkeep(tmp_path, journal=f"sqlite+aiosqlite:///{tmp_path / 'journal.sqlite'}")
    replays = replays_of(settings, running)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as owner:
        owner.execute("BEGIN EXCLUSIVE")
        used = [asyncio.run(replays("iss", "a", datetime.now(UTC))) for _ in range(2)]
        kept = [*sqlite3.connect(tmp_path / "journal.sqlite-tokens").execute("SELECT jti FROM jti")]
    replays.close()

    assert (used, kept) == ([False, True], [("a",)])


def test_the_journal_is_asked_on_the_way_to_an_answer_only_where_that_is_needed(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("k" * 32)

    def asks(**settings):
        running = upkeep(tmp_path, **settings)[1]
        return running.patience is not None, running.recall is not None

    a_file = f"sqlite+aiosqlite:///{tmp_path / 'journal.sqlite'}"
    assert asks() == asks(journal=a_file) == (False, False)
    assert asks(journal=NOWHERE) == asks(journal=NOWHERE, site_keys=keys) == (True, False)
    assert asks(site_keys=keys) == (True, False)
    assert asks(journal=a_file, site_keys=keys) == (False, True)


def test_a_site_without_readable_keys_does_not_start(tmp_path):
    settings, running = upkeep(tmp_path, site_keys=tmp_path / "none")

    with pytest.raises(SettingsError, match="CDS_SITE_KEYS"):
        books_of(settings, running, small_library(), {})


def test_a_journal_that_is_not_there_stops_no_start_and_is_seen_in_the_counts(tmp_path):
    async def run():
        _, running = upkeep(tmp_path, journal=NOWHERE)
        tally = Tally()
        running.shown_by(tally)
        await running.start()
        await running.patience.ask(running.patience._probe)
        text = tally.text()[0].decode()
        await running.stop()
        return text

    text = asyncio.run(run())
    assert "pinpoint_journal_resting 1.0" in text
    assert "pinpoint_journal_queue 0.0" in text
