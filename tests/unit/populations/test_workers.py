"""Processes: a task whose process dies is done again, and none outlives the run."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from cds_hooks.errors import ReplayError
from cds_hooks.populations import workers
from cds_hooks.populations.workers import Workers, serve


def double(task, told):
    told(task)
    return task * 2


def die_once(task, _told):
    path = Path(task)
    if not path.exists():
        path.touch()
        os._exit(9)
    return os.getpid()


def die(_task, _told):
    os._exit(9)


def sleep(_task, _told):
    time.sleep(60)


def ignore_the_end(_task, told):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    told(1)
    time.sleep(60)


def unheard(_count):
    return None


def test_every_task_is_done_and_every_step_is_told():
    counts = []

    results = dict(Workers(2, double).run(range(5), counts.append))

    assert {task: task * 2 for task in range(5)} == results
    assert 10 == sum(counts)


def test_nothing_to_do_is_nothing():
    assert [] == list(Workers(2, double).run([], unheard))


def test_a_process_that_does_not_hear_that_it_should_end_is_ended_all_the_same(monkeypatch):
    monkeypatch.setattr(workers, "_PATIENCE_S", 0.1)

    def interrupted(_count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Workers(1, ignore_the_end).run([1], interrupted))

    assert [] == multiprocessing.active_children()


def test_the_task_of_a_process_that_died_goes_to_another(tmp_path):
    tasks = [str(tmp_path / name) for name in "ab"]

    results = dict(Workers(2, die_once).run(tasks, unheard))

    assert set(tasks) == set(results)


def test_a_task_that_always_ends_its_process_ends_the_run_with_the_next_step():
    with pytest.raises(ReplayError, match="more buckets or fewer workers"):
        list(Workers(1, die).run(["bucket 3"], unheard))


def test_left_in_the_middle_no_process_stays():
    before = set(multiprocessing.active_children())
    run = Workers(2, sleep_after_one).run([0, 1, 1], unheard)
    next(run)

    run.close()

    assert before == set(multiprocessing.active_children())


def sleep_after_one(task, told):
    return sleep(task, told) if task else 0


def test_a_process_that_died_while_it_was_idle_is_noticed():
    run = Workers(1, die_after).run([0, 1], unheard)
    next(run)
    for child in multiprocessing.active_children():
        child.terminate()
        child.join()

    assert [(1, 1)] == list(run)


def die_after(task, _told):
    return task


class TestServe:
    """The life of a process, without one."""

    def test_it_answers_tasks_until_the_parent_is_gone(self, monkeypatch):
        monkeypatch.setattr("signal.signal", lambda *_args: None)
        ours, theirs = multiprocessing.Pipe()
        spare, _ = multiprocessing.Pipe()
        ours.send(4)
        answers = []

        def work(task, told):
            told(1)
            ours_read = answers.append
            ours_read(task)
            ours.close()
            return task

        serve(theirs, spare, work)

        assert [4] == answers
