"""Turns: one call after another, so many waiting, and others served meanwhile."""

import asyncio

import pytest

from cds_hooks.guard.turns import Overloaded, Turns

pytestmark = pytest.mark.anyio


async def work(turns, done, name, *, lent=False):
    async with turns.taken():
        done.append(f"{name} begins")
        if lent:
            async with turns.lent():
                await asyncio.sleep(0.01)
        done.append(f"{name} ends")


async def test_calls_are_worked_on_one_after_another_in_the_order_they_came():
    turns, done = Turns(), []

    await asyncio.gather(*(work(turns, done, name) for name in "abc"))

    assert done == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]


async def test_who_waits_for_another_server_lends_its_turn_and_goes_on_afterwards():
    turns, done = Turns(), []

    await asyncio.gather(work(turns, done, "slow", lent=True), work(turns, done, "quick"))

    assert done == ["slow begins", "quick begins", "quick ends", "slow ends"]


async def test_when_too_many_wait_the_next_is_sent_away_and_those_who_wait_are_not():
    turns, done = Turns(most_waiting=1), []

    results = await asyncio.gather(*(work(turns, done, name) for name in "abc"), return_exceptions=True)

    assert [type(one) for one in results] == [type(None), type(None), Overloaded]
    assert not turns.are_full


async def test_everyone_who_waits_is_counted_and_not_the_last_of_them_only():
    turns, done = Turns(most_waiting=2), []

    results = await asyncio.gather(*(work(turns, done, name) for name in "abcde"), return_exceptions=True)

    assert [type(one) for one in results] == [type(None)] * 3 + [Overloaded] * 2
    assert not turns.are_full


async def test_while_others_wait_a_caller_is_read_and_sent_away_before_the_next_turn():
    turns, done = Turns(), []

    async def caller():
        while "b begins" not in done:
            done.append("a round")
            await asyncio.sleep(0)

    await asyncio.gather(*(work(turns, done, name) for name in "abc"), caller())

    between = done[done.index("a ends") : done.index("b begins")]
    assert between.count("a round") >= 4  # taken note of, read, sent away, let go


async def test_who_is_sent_away_is_told_to_try_again():
    with pytest.raises(Overloaded) as caught:
        async with Turns(most_waiting=0).taken():
            pass

    assert str(caught.value) == "Too many calls at once: this one was not looked at. Try again in a second."


async def test_the_loop_gets_round_to_others_between_two_turns():
    turns, done = Turns(), []

    async def other():
        done.append("probe")

    first = asyncio.create_task(work(turns, done, "a"))
    second = asyncio.create_task(work(turns, done, "b"))
    await asyncio.sleep(0)
    probe = asyncio.create_task(other())
    await asyncio.gather(first, second, probe)

    assert done.index("probe") < done.index("b begins")


async def test_an_error_and_a_caller_who_leaves_give_the_turn_back():
    turns, done = Turns(), []

    with pytest.raises(ZeroDivisionError):
        async with turns.taken():
            raise ZeroDivisionError
    leaving = asyncio.create_task(work(turns, done, "leaving"))
    await asyncio.sleep(0)  # it has the turn, and looks at the others first
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await asyncio.wait_for(work(turns, done, "next"), timeout=1)

    assert done == ["next begins", "next ends"]
