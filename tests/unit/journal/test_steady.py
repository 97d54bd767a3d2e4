"""The queue before the journal and the spool beside it: nothing waits, nothing acknowledged is lost."""

import asyncio
import io
import json
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from cds_hooks.errors import JournalUnavailable
from cds_hooks.guard.privacy import configure_logging
from cds_hooks.journal import steady as steadying
from cds_hooks.journal.entries import Heard, Issued, Outcome
from cds_hooks.journal.later import OpenedLater
from cds_hooks.journal.patience import Patience
from cds_hooks.journal.replay_shared import SharedReplays
from cds_hooks.journal.rows import Line, lines_of
from cds_hooks.journal.spool import Spool
from cds_hooks.journal.steady import Steady

AT = datetime(2026, 3, 18, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def log(monkeypatch):
    stream = io.StringIO()
    configure_logging(stream)
    monkeypatch.setattr(steadying, "_REST_S", 0.05)
    yield lambda: [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()


def issued(card):
    return Issued(card, "s", "a", ("R-A",), AT)


def outcome(card="c1", **changes):
    return Outcome(
        **{"card": card, "service": "s", "client": "a", "outcome": "overridden", "at": AT, "received": AT}
        | changes
    )


class Place:
    """A journal in a folder that is there or not, and its spool."""

    def __init__(self, folder):
        self.folder = folder / "journal"
        self.spool = folder / "spool"
        self.clock = [AT]

    def appear(self):
        self.folder.mkdir()

    def steady(self, **changes):
        later = OpenedLater(f"sqlite+aiosqlite:///{self.folder / 'j.sqlite'}", keep_comments=False)
        return Steady(later, Spool(self.spool), lambda: self.clock[0], **changes)

    def rows(self, table="feedback", column="card"):
        with closing(sqlite3.connect(self.folder / "j.sqlite")) as file:
            return sorted(row[0] for row in file.execute(f"SELECT {column} FROM {table}"))

    def waiting(self):
        return [*self.spool.glob("*.lines")]


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def run(steady, *steps):
    """What the last step came to; the journal is closed afterwards."""

    async def all_of_them():
        found = None
        try:
            for step in steps:
                found = await step(steady)
        finally:
            await steady.close()
        return found

    return asyncio.run(all_of_them())


# ---------------------------------------------------------------- the queue


def test_what_is_put_into_the_queue_is_written_by_itself(place):
    place.appear()

    async def watch(steady):
        await until(lambda: steady.queued == 0)
        return place.rows("cards_issued")

    assert run(place.steady(), lambda s: s.keep([issued("c1")]), lambda s: s.keep([issued("c2")]), watch) == [
        "c1",
        "c2",
    ]


def test_what_is_queued_when_the_service_stops_is_written(place):
    place.appear()
    run(place.steady(), lambda s: s.keep([issued(f"c{n}") for n in range(1200)]))

    assert len(place.rows("cards_issued")) == 1200


def test_a_full_queue_loses_all_entries_of_a_call_and_says_how_many(place, log):
    async def twice(steady):
        await steady.keep([issued("c1")])
        await steady.keep([issued("c2"), issued("c3")])

    place.appear()
    steady = place.steady(room=2)
    run(steady, twice)

    assert (steady.dropped, place.rows("cards_issued")) == (2, ["c1"])
    assert "journal_entries_lost" in log()


def test_nothing_starts_before_the_first_entry(place):
    run(place.steady())

    assert not place.folder.exists()
    assert not place.spool.exists()


def stumbles(times):
    """A step that fails as nothing should, that often; then it takes all there is."""
    left = iter(range(times))

    async def keep(self, lines):
        if next(left, None) is not None:
            raise RuntimeError("can't start new thread")
        await asyncio.to_thread(self._keep, lines)

    return keep


def test_whatever_goes_wrong_what_is_queued_is_written_later(place, log, monkeypatch):
    monkeypatch.setattr(Spool, "keep", stumbles(1))

    async def watch(steady):
        await until(lambda: steady.queued == 0)
        assert (len(place.waiting()), steady.dropped) == (1, 0)

    run(place.steady(), lambda s: s.keep([issued("c1")]), watch)

    assert "journal_stumbled" in log()


def test_a_writer_that_was_ended_is_started_again(place):
    place.appear()

    async def end(_steady):
        [writer] = [task for task in asyncio.all_tasks() if task.get_coro().__name__ == "_work"]
        writer.cancel()
        await asyncio.wait({writer})

    async def watch(steady):
        await steady.keep([issued("c2")])
        await until(lambda: place.rows("cards_issued") == ["c1", "c2"])

    first = [lambda s: s.keep([issued("c1")]), lambda s: until(lambda: s.queued == 0)]
    run(place.steady(), *first, end, watch)


def test_what_cannot_be_written_when_the_service_stops_is_counted(place, log, monkeypatch):
    monkeypatch.setattr(Spool, "keep", stumbles(1000))
    steady = place.steady()
    run(steady, lambda s: s.keep([issued("c1"), Heard("s1", AT, ())]))

    assert (steady.dropped, steady.queued, steady.is_behind(["s1"])) == (2, 0, True)
    assert log()[-1] == "journal_entries_lost"


# ---------------------------------------------------------------- the spool


def test_without_a_database_feedback_waits_in_the_spool_until_there_is_one(place, log):
    async def later(_steady):
        assert len(place.waiting()) == 1
        place.appear()
        await until(lambda: place.waiting() == [])

    assert run(place.steady(), lambda s: s.report([outcome()]), later) is None
    assert place.rows() == ["c1"]
    assert log() == ["journal_down", "spool_replayed"]


def test_what_an_earlier_process_left_in_the_spool_is_written(place):
    asyncio.run(Spool(place.spool).keep(lines_of([outcome("left")])))
    place.appear()

    async def start(steady):
        steady.start()
        steady.start()
        await until(lambda: place.waiting() == [])

    run(place.steady(), start)

    assert place.rows() == ["left"]


def test_a_queue_that_cannot_be_written_goes_to_the_spool(place):
    run(place.steady(), lambda s: s.keep([issued("c1")]))

    [path] = place.waiting()
    assert b'"c1"' in path.read_bytes()


def test_a_database_that_was_just_down_is_left_alone_for_a_moment(place, monkeypatch):
    monkeypatch.setattr(steadying, "_REST_S", 60)

    async def again(steady):
        place.appear()
        await steady.report([outcome("c2")])
        with pytest.raises(JournalUnavailable):
            await steady.prolong(["c1"], "s", "a", AT, {})

    run(place.steady(), lambda s: s.report([outcome("c1")]), again)

    assert len(place.waiting()) == 2


def test_a_database_that_hangs_is_not_waited_for(place, monkeypatch):
    monkeypatch.setattr(steadying, "_FEEDBACK_S", 0.1)
    place.appear()

    async def hang(steady):
        await steady.open()
        with closing(sqlite3.connect(place.folder / "j.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert await steady.report([outcome("c1")]) == 0
        assert len(place.waiting()) == 1

    run(place.steady(), hang)


def test_without_database_and_spool_feedback_is_refused_and_calls_are_lost(place, log):
    place.spool.write_text("a file where the folder should be")
    steady = place.steady()

    async def refused(steady):
        with pytest.raises(JournalUnavailable, match="Neither"):
            await steady.report([outcome()])
        await steady.keep([issued("c1")])

    run(steady, refused)

    assert steady.dropped == 1
    assert "journal_entries_lost" in log()


@pytest.mark.parametrize("spoilt", [b"[[", b'[["feedback",{"card":["no text"]},""]]'])
def test_a_spoilt_file_is_set_aside_and_the_others_are_written(place, log, spoilt):
    place.appear()
    asyncio.run(Spool(place.spool).keep(lines_of([outcome("good")])))
    (place.spool / "0.lines").write_bytes(spoilt)

    async def start(steady):
        steady.start()
        await until(lambda: place.waiting() == [])

    run(place.steady(), start)

    assert place.rows() == ["good"]
    assert [path.name for path in place.spool.iterdir()] == ["0.unreadable"]
    assert "spool_unreadable" in log()


def spooled(place, name, *lines):
    place.spool.mkdir(exist_ok=True)
    (place.spool / f"{name}.lines").write_text(json.dumps(lines))


def test_a_batch_that_the_database_refuses_is_set_aside_and_holds_nobody_up(place, log):
    place.appear()
    spooled(place, "0", ["cards_issued", {"card": "no more than this"}, ""])
    asyncio.run(Spool(place.spool).keep(lines_of([outcome("good")])))

    async def start(steady):
        steady.start()
        await until(lambda: place.waiting() == [])
        await steady.report([outcome("live")])

    run(place.steady(), start)

    assert place.rows() == ["good", "live"]
    assert [path.name for path in place.spool.iterdir()] == ["0.unreadable"]
    assert [event for event in log() if event != "spool_replayed"] == ["journal_refused", "spool_unreadable"]


def test_a_batch_of_another_release_is_written_as_far_as_it_means_anything_now(place, log):
    place.appear()
    old = {"card": "x", "fact": "f", "subject": "s", "tier": "ROUTINE"}
    old |= {"until": "2026-03-18T09:30:00Z", "latest": "2026-03-18T09:30:00Z"}
    card = {"card": "c1", "service": "s", "client": "a", "rules": "R-A", "at": "2026-03-18T09:30:00Z"}
    spooled(place, "0", ["quiet", old, ""], ["cards_issued", card | {"new": 1}, ""])

    async def start(steady):
        steady.start()
        await until(lambda: place.waiting() == [])

    run(place.steady(), start)

    assert (place.rows("cards_issued"), place.rows("quiet")) == (["c1"], [])
    assert log() == ["spool_replayed"]


def test_what_can_be_written_nowhere_is_told_to_its_sender(place):
    place.appear()

    async def refused(steady):
        with pytest.raises(JournalUnavailable):
            await steady.spool.keep([Line("feedback", {"card": object()})])

    run(place.steady(), refused)


def test_two_processes_may_empty_one_spool(place, log):
    spool = Spool(place.spool)
    asyncio.run(spool.keep(lines_of([outcome()])))
    [path] = spool.waiting()
    path.unlink()

    assert asyncio.run(spool.lines_in(path)) == ()
    asyncio.run(spool.done(path))
    assert log() == ["spool_stuck"]


def test_the_spool_goes_on_waiting_while_the_database_stays_away(place):
    asyncio.run(Spool(place.spool).keep(lines_of([outcome("left")])))

    async def start(steady):
        steady.start()
        await asyncio.sleep(0.4)

    run(place.steady(), start)

    assert len(place.waiting()) == 1


def test_a_comment_waits_in_the_spool_only_where_it_is_kept(place):
    said = outcome(comment="she is better")
    run(place.steady(), lambda s: s.report([said]))
    assert b"better" not in place.waiting()[0].read_bytes()

    run(place.steady(keep_comments=True), lambda s: s.report([said]))
    assert any(b"better" in path.read_bytes() for path in place.waiting())


# ---------------------------------------------------------------- what is removed


def test_old_entries_are_removed_now_and_then(place):
    place.appear()
    run(place.steady(), lambda s: s.report([outcome("old"), outcome("new", received=AT + timedelta(days=30))]))
    place.clock[0] = AT + timedelta(days=31)

    async def write(steady):
        await steady.keep([issued("c1")])
        await until(lambda: place.rows() == ["new"])

    run(place.steady(keep_days=7), write)
    run(place.steady(), lambda s: s.keep([issued("c2")]), lambda s: until(lambda: s.queued == 0))

    assert place.rows() == ["new"]


def test_a_batch_that_could_not_be_written_leaves_nothing_behind(place, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cds_hooks.journal.spool.os.fsync", full)
    with pytest.raises(JournalUnavailable):
        asyncio.run(Spool(place.spool).keep(lines_of([outcome(comment="she is better")], keep_comments=True)))

    assert [*place.spool.iterdir()] == []


@pytest.mark.parametrize(("keep_days", "left"), [(7, ["new.part", "new.unreadable"]), (0, None)])
def test_what_nobody_reads_in_the_spool_is_removed_like_old_entries(place, keep_days, left):
    place.appear()
    place.spool.mkdir()
    for days, name in ((8, "old"), (6, "new")):
        for ending in (".part", ".unreadable"):
            path = (place.spool / name).with_suffix(ending)
            path.touch()
            os.utime(path, times=((AT - timedelta(days=days)).timestamp(),) * 2)
    before = sorted(path.name for path in place.spool.iterdir())

    async def write(steady):
        await steady.keep([issued("c1")])
        await until(lambda: steady.queued == 0)
        await asyncio.sleep(0.2)

    run(place.steady(keep_days=keep_days), write)

    assert sorted(path.name for path in place.spool.iterdir()) == (left or before)


def test_clearing_that_fails_is_logged(place, log):
    place.appear()
    steady = place.steady()

    async def write(steady):
        await steady.open()
        await steady.journal.ask(drop_quiet)
        await steady.keep([issued("c1")])
        await until(lambda: "journal_not_cleared" in log())

    run(steady, write)


async def drop_quiet(store):
    async with store.transaction() as connection:
        await connection.exec_driver_sql("DROP TABLE quiet")


def test_opening_that_fails_is_logged_and_no_more(place, log):
    run(place.steady(), lambda s: s.open())

    assert log() == ["journal_down"]


# ---------------------------------------------------------------- what the database does not know yet


def test_what_was_heard_last_is_behind_until_it_is_written(place):
    place.appear()

    async def watch(steady):
        said = [steady.is_behind(["s1"])]
        await steady.keep([issued("c1"), Heard("s1", AT, ())])
        said += [steady.is_behind(["s1"]), steady.is_behind(["s2"]), steady.is_behind(["s2", "s1"])]
        await until(lambda: not steady.queued)
        return [*said, steady.is_behind(["s1"])]

    assert run(place.steady(), watch) == [False, True, False, True, False]


def test_while_anything_waits_in_the_spool_everybody_is_behind(place):
    async def watch(steady):
        await steady.report([outcome()])
        return steady.is_behind(["s1"])

    assert run(place.steady(), watch) is True


def test_a_spool_that_cannot_be_read_may_hold_anything(place):
    place.spool.write_text("a file where the folder should be")
    steady = place.steady()

    assert steady.is_behind(["s1"])
    assert (steady.spool.is_empty(), steady.spool.depth(), steady.spool.waiting()) == (False, 0, ())


def test_to_see_that_the_spool_is_not_empty_takes_no_longer_when_it_is_full(tmp_path):
    spool = Spool(tmp_path)
    assert spool.is_empty()
    (tmp_path / "a.unreadable").touch()
    assert spool.is_empty()
    for number in range(20_000):
        (tmp_path / f"{number}.lines").touch()

    started = time.perf_counter()
    assert not spool.is_empty()
    assert time.perf_counter() - started < 0.02
    assert spool.depth() == 20_000 == len(spool.waiting())


def test_who_lost_anything_is_behind_from_then_on(place):
    place.appear()

    async def watch(steady):
        await steady.keep([issued("c1"), Heard("s1", AT, ())])
        await until(lambda: not steady.queued)
        return steady.is_behind(["s1"])

    assert run(place.steady(room=1), watch) is True


# ---------------------------------------------------------------- asking on the way to an answer


def asked(question):
    """The question as it is asked in the journal's thread, which here is our own."""
    return lambda: asyncio.run_coroutine_threadsafe(question(), asyncio.get_running_loop())


@asked
async def good():
    return "an answer"


@asked
async def failing():
    raise JournalUnavailable("x")


@asked
async def slow():
    await asyncio.sleep(60)


def test_a_quick_answer_is_taken():
    async def ask():
        patience = Patience(good, limit_s=20)
        answer = await patience.ask(good)
        patience.close()
        return answer, patience.is_resting

    assert asyncio.run(ask()) == ("an answer", False)


def test_a_loop_that_was_busy_does_not_blame_the_database():
    async def ask():
        patience = Patience(failing, limit_s=0.05)
        with ThreadPoolExecutor(1) as thread:

            def question():
                found = thread.submit(lambda: "an answer")
                time.sleep(0.3)  # what judging does to the loop
                return found

            return await patience.ask(question), patience.is_resting

    assert asyncio.run(ask()) == ("an answer", False)


@pytest.mark.parametrize("question", [failing, slow])
def test_after_a_bad_answer_nobody_asks_until_a_probe_was_quick(question, monkeypatch, log):
    monkeypatch.setattr("cds_hooks.journal.patience._PROBE_S", 0.05)
    probes = iter([failing, slow, good])

    async def ask():
        patience = Patience(lambda: next(probes)(), limit_s=0.2, slow_s=0.2, pause_s=0.01)  # noqa: PLW0108
        told = [await patience.ask(question), patience.is_resting, await patience.ask(good)]
        await until(lambda: not patience.is_resting)
        return [*told, await patience.ask(good)]

    assert asyncio.run(ask()) == [None, True, None, "an answer"]
    assert log() == ["journal_slow"]


def test_after_a_row_of_answers_of_which_each_was_somewhat_slow_nobody_asks():
    @asked
    async def somewhat_slow():
        await asyncio.sleep(0.01)
        return "an answer"

    async def ask(slow_s):
        patience = Patience(somewhat_slow, limit_s=20, slow_s=slow_s, pause_s=60)
        told = [await patience.ask(somewhat_slow) for _ in range(20)]
        told.append(await patience.ask(somewhat_slow))
        patience.close()
        return told

    assert asyncio.run(ask(0.002)) == ["an answer"] * 20 + [None]
    assert asyncio.run(ask(20)) == ["an answer"] * 21


def test_a_service_that_stops_probes_no_more():
    async def ask():
        patience = Patience(failing, limit_s=0.2, pause_s=60)
        await patience.ask(failing)
        patience.close()
        await asyncio.sleep(0.05)

    asyncio.run(ask())


def test_two_questions_that_fail_at_once_begin_one_rest(log):
    async def ask():
        patience = Patience(failing, limit_s=0.2, pause_s=60)
        await asyncio.gather(patience.ask(failing), patience.ask(failing))
        patience.close()

    asyncio.run(ask())
    assert log() == ["journal_slow"]


# ---------------------------------------------------------------- tokens, on a journal of several hosts


def replays(place, probe=failing, limit_s=20.0):
    later = OpenedLater(f"sqlite+aiosqlite:///{place.folder / 'j.sqlite'}", keep_comments=False)
    return later, SharedReplays(later, Patience(probe, limit_s=limit_s, pause_s=60))


def test_over_all_hosts_a_token_counts_once(place):
    place.appear()

    async def ask():
        told = []
        for _ in range(2):
            later, seen = replays(place)
            told.append(await seen("iss", "token", AT))
            seen.close()
            await later.close()
        return told

    assert asyncio.run(ask()) == [False, True]


def test_without_the_database_each_process_remembers_by_itself(place, log):
    async def ask():
        later, seen = replays(place)
        told = [await seen("iss", name, AT) for name in ("a", "a", "b")]
        told.append(await seen("iss", "c", AT + timedelta(hours=3)))
        left = {*seen._memory}
        seen._patience.close()
        await later.close()
        return told, left

    assert asyncio.run(ask()) == ([False, True, False, False], {("iss", "c")})
    assert log() == ["journal_slow", *["replay_store_down"] * 3]


def test_a_service_that_is_started_again_in_another_loop_writes_on(place):
    place.appear()
    steady = place.steady()

    async def one_life(card):
        steady.start()
        await steady.keep([issued(card)])
        await steady.close()

    asyncio.run(one_life("c1"))
    asyncio.run(one_life("c2"))

    assert place.rows("cards_issued") == ["c1", "c2"]
