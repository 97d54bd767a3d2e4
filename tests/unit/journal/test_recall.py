"""What was told, read from the journal's file without waiting for anybody."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cds_hooks.journal import recall as recalling
from cds_hooks.journal.entries import Heard, Issued, Told
from cds_hooks.journal.recall import Recall
from cds_hooks.journal.rows import lines_of
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


AHEAD = AT + 12 * HOUR
"""What the clock showed before it was set back to AT."""


def shown(card, at):
    hours = at + 4 * HOUR
    return [Issued(card, "s", "a", ("R",), at), Told(card, "subject", ("f1",), "EMERGENCY", hours, hours)]


def told_after(path, writes, *asked):
    """What is still told at these instants, as the database says and as the file does, after lines and when each
    of them was written.
    """

    async def run():
        store = await open_store(f"sqlite+aiosqlite:///{path}", keep_comments=False)
        for entries, now in writes:
            await store.write(lines_of(entries), now)
        told = [await store.told(["subject"], at) for at in asked]
        await store.close()
        return told

    told = asyncio.run(run())
    assert read(path, *[(["subject"], at) for at in asked]) == told
    return told


@pytest.mark.parametrize("hours", [0, 5, 11.9])
def test_what_was_shown_by_a_clock_ahead_keeps_nothing_quiet(tmp_path, hours):
    before = [*shown("c1", AHEAD), Heard("subject", AHEAD, ("f1",))], AHEAD

    assert told_after(tmp_path / "j", [before], AT + hours * HOUR) == [set()]


def test_after_a_clock_was_set_back_it_is_quiet_as_long_as_after_any_answer(tmp_path):
    before = [*shown("c1", AHEAD), Heard("subject", AHEAD, ("f1",))], AHEAD
    again = [*shown("c2", AT), Heard("subject", AT, ("f1",))], AT
    asked = [AT + hours * HOUR for hours in (0, 3.9, 4, 12, 15.9)]

    assert told_after(tmp_path / "j", [before, again], *asked) == [{"f1"}, {"f1"}, set(), set(), set()]


def test_an_answer_that_was_only_written_late_replaces_no_later_one(tmp_path):
    now = AT + HOUR
    early, late = ([*shown("c1", AT), Heard("subject", AT, ("f1",))], now), ([Heard("subject", now, ())], now)

    assert told_after(tmp_path / "j", [late, early], now) == [set()]


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


class Disk:
    """A clock that goes on by what each reading takes."""

    def __init__(self, monkeypatch, recall):
        self.now = self.takes = 0.0
        self.readings = 0
        monkeypatch.setattr(recalling, "monotonic", lambda: self.now)
        monkeypatch.setattr(recall, "_read", self.read)

    def read(self, _subjects, _at):
        self.readings += 1
        self.now += self.takes
        return []


def readings(monkeypatch, file, *steps):
    """How often the file was read for a hundred answers, after each pause and with readings that take so long."""
    recall = Recall(file)
    disk = Disk(monkeypatch, recall)
    found = []
    for pause, disk.takes in steps:
        disk.now += pause
        before = disk.readings
        for _ in range(100):
            recall.told(["subject"], AT)
        found.append(disk.readings - before)
    return found


def test_a_file_that_is_always_somewhat_slow_is_left_alone_until_it_is_quick(file, monkeypatch):
    assert readings(monkeypatch, file, (0, 0.04), (6, 0.04), (6, 0.001), (0, 0.0065)) == [20, 1, 100, 15]


def test_a_file_that_is_quick_on_the_whole_is_read_on(file, monkeypatch):
    assert readings(monkeypatch, file, (0, 0.004), (0, 0.001)) == [100, 100]
