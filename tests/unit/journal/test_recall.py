"""What was told, read from the journal's file without waiting for anybody."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cds_hooks.journal import recall as recalling
from cds_hooks.journal.entries import Heard, Told
from cds_hooks.journal.recall import Recall
from cds_hooks.journal.store import open_store

AT = datetime(2026, 3, 18, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def file(tmp_path):
    """A journal in which a subject was told f1 and f2 for four hours, and heard f1 and f3 last."""
    path = tmp_path / "journal of a % site.sqlite"

    async def write():
        store = await open_store(f"sqlite+aiosqlite:///{path}", keep_comments=False)
        told = Told("c1", "subject", ("f1", "f2"), "ROUTINE", AT + 4 * HOUR, AT + 8 * HOUR)
        await store.keep([told, Heard("subject", AT, ("f1", "f3"))])
        await store.close()

    asyncio.run(write())
    return path


def read(file, *questions):
    recall = Recall(file)
    try:
        return [recall.told(*question) for question in questions]
    finally:
        recall.close()


def test_it_knows_what_the_database_knows(file):
    later = AT + 3.9 * HOUR
    elsewhere = later.astimezone(timezone(timedelta(hours=5)))
    asked = [
        (["subject"], later),
        (["other", "subject"], elsewhere),
        (["other"], AT),
        (["subject"], AT + 4 * HOUR),
    ]

    assert read(file, *asked) == [{"f1"}, {"f1"}, set(), set()]


def test_it_waits_for_no_writer(file):
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert read(file, (["subject"], AT)) == [{"f1"}]


def test_a_file_that_is_not_there_is_not_made_and_left_alone_for_a_while(tmp_path, monkeypatch):
    path = tmp_path / "none.sqlite"
    recall = Recall(path)

    assert (recall.told(["subject"], AT), recall.is_resting) == (None, True)
    assert not path.exists()
    monkeypatch.setattr(recalling, "monotonic", lambda: float("inf"))
    assert not recall.is_resting


def test_a_file_that_is_locked_against_readers_is_not_waited_for(file):
    with closing(sqlite3.connect(file)) as owner:
        owner.execute("PRAGMA journal_mode = DELETE")
        owner.execute("BEGIN EXCLUSIVE")
        assert read(file, (["subject"], AT), (["subject"], AT)) == [None, None]


def test_after_a_slow_answer_the_file_is_left_alone_for_a_while(file, monkeypatch):
    times = iter([100.0, 100.0, 100.2, 100.2, 101.0, 106.0, 106.0, 106.0, 106.0])
    monkeypatch.setattr(recalling, "monotonic", lambda: next(times))

    assert read(file, *[(["subject"], AT)] * 3) == [{"f1"}, None, {"f1"}]
