"""When a server is left alone, when it is tried again, and that its neighbour does not notice."""

import pytest

from cds_hooks.breaker import FAILURES, REST_S, WITHIN_S, Breakers

ILL, WELL = "https://ill.example/r4", "https://well.example/r4"


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breakers(clock):
    return Breakers(clock)


def fail(breakers, times):
    for _ in range(times):
        breakers.silent(ILL)


@pytest.fixture
def opened(breakers):
    fail(breakers, FAILURES)
    return breakers


def test_who_is_left_alone_is_told(breakers):
    fail(breakers, FAILURES - 1)
    assert breakers.left_alone() == {ILL: False}
    breakers.silent(ILL)
    assert breakers.left_alone() == {ILL: True}
    breakers.answered(ILL)
    assert breakers.left_alone() == {}


def test_a_server_is_asked_until_it_has_failed_often_enough(breakers):
    fail(breakers, FAILURES - 1)
    assert breakers.may_ask(ILL)

    fail(breakers, 1)
    assert not breakers.may_ask(ILL)


def test_the_neighbour_is_asked_all_the_while(opened):
    assert opened.may_ask(WELL)


def test_an_answer_between_begins_the_count_anew(breakers):
    fail(breakers, FAILURES - 1)
    breakers.answered(ILL)
    fail(breakers, FAILURES - 1)

    assert breakers.may_ask(ILL)


def test_failures_that_lie_far_apart_do_not_add_up(breakers, clock):
    fail(breakers, FAILURES - 1)
    clock.now += WITHIN_S + 1
    fail(breakers, 1)

    assert breakers.may_ask(ILL)


def test_after_a_rest_one_chart_tries_and_the_others_wait(opened, clock):
    clock.now += REST_S

    assert [opened.may_ask(ILL) for _ in range(3)] == [True, False, False]


def test_a_trial_that_succeeds_ends_it(opened, clock):
    clock.now += REST_S
    opened.may_ask(ILL)
    opened.answered(ILL)

    assert opened.may_ask(ILL)
    fail(opened, FAILURES - 1)
    assert opened.may_ask(ILL)


def test_a_trial_that_fails_is_a_rest_more(opened, clock):
    clock.now += WITHIN_S + REST_S
    opened.may_ask(ILL)
    clock.now += 1
    fail(opened, 1)

    clock.now += REST_S - 1
    assert not opened.may_ask(ILL)
    clock.now += 1
    assert opened.may_ask(ILL)


def test_a_trial_that_never_ends_does_not_keep_the_server_out(opened, clock):
    clock.now += REST_S
    opened.may_ask(ILL)
    clock.now += REST_S

    assert opened.may_ask(ILL)


def test_what_has_answered_is_not_kept_in_mind(breakers):
    breakers.answered(WELL)
    fail(breakers, 1)
    breakers.answered(ILL)

    assert breakers._rows == {}
