"""What is kept and counted of calls, and which cards go out."""

import asyncio
import io
import json
import time
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog

from cds_hooks.books import Books
from cds_hooks.cards.compose import Voice
from cds_hooks.cards.feedback import Feedback
from cds_hooks.cards.wire import with_uuids
from cds_hooks.errors import JournalUnavailable
from cds_hooks.guard.privacy import configure_logging
from cds_hooks.journal.entries import HUNG_UP, Call, Heard, Issued, Made, Met, Told, Unmapped
from cds_hooks.journal.hashes import Hashes
from cds_hooks.ledger import Spoken, Visit
from cds_hooks.quiet import Quiet, Windows
from cds_hooks.service import advise_on
from tests.build import AT, coded, library_of, list_failed, medicine, observed, platelets, record

RULES = library_of(
    {
        "rash": "sign: {concepts: [petechiae], observed_within: {days: 14}}",
        "low": 'measure: {concept: platelet-count, is: {below: "50", unit: "10*9/L"}}',
        "hot": 'measure: {concept: temperature, is: {above: "38", unit: "Cel"}}',
        "aspirin-taken": "medication: {ingredients: [aspirin]}",
    },
    criteria={
        "R-IT-01": "when: low",
        "R-IT-02": "when: rash\nstatus: silent",
        "R-IT-03": "when: hot",
        "R-IT-04": "when: {any: [low, rash]}\nhooks: [encounter-discharge]",
    },
    causes={"a-cause": "when: aspirin-taken"},
)
VISIT = Visit("a-service", "patient-view", "client", AT, 12.5)
VERSIONS = {"software": "1", "knowledge": "0.2.0", "released": "2026-03-01", "digest": "abc"}
WHOM = ("client", "a-service", "", "user", "patient")
CHART = record(
    observed("petechiae"),
    platelets("20"),
    medicine("aspirin"),
    observed(coded("4711-0", "http://loinc.org"), "high"),
    lists={"Encounter": list_failed()},
)


class Kept:
    """A journal in a list."""

    def __init__(self, fault=None):
        self.entries = []
        self.prolonged = []
        self.fault = fault

    async def keep(self, entries):
        if self.fault:
            raise self.fault
        self.entries += entries

    async def report(self, outcomes):
        self.entries += outcomes
        return len(outcomes)

    async def prolong(self, cards, service, client, at, windows):
        if self.fault:
            raise self.fault
        self.prolonged.append((cards, service, client, at, windows))

    async def close(self):
        self.entries = []

    def of(self, kind):
        return [entry for entry in self.entries if isinstance(entry, kind)]


@pytest.fixture
def log():
    stream = io.StringIO()
    configure_logging(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()


def quiet(known=frozenset()):
    async def ask(_subjects, _at):
        return known

    windows = Windows(timedelta(hours=24), timedelta(hours=24), timedelta(days=30))
    return Quiet((Hashes(b"k" * 32),), windows, ask)


def advice():
    return advise_on(CHART, RULES, AT, Voice())


def kept(books, chart_advice=None, visit=VISIT):
    """What became of the cards of a call."""
    told = chart_advice or advice()
    numbers = iter(range(100))

    async def run():
        spoken = await books.spoken(with_uuids(told.cards, lambda: next(numbers)), told, WHOM, AT)
        await books.keep(visit, spoken, WHOM)
        return spoken

    return asyncio.run(run())


def test_a_call_is_kept_with_everything_that_was_asked_in_it():
    journal = Kept()
    kept(Books(journal, versions=VERSIONS, library=RULES))

    [call] = journal.of(Call)
    assert (call.service, call.client, call.at, call.ms, call.status) == ("a-service", "client", AT, 12.5, 200)
    assert (call.software, call.knowledge, call.released, call.digest, call.mode) == (*VERSIONS.values(), "live")
    assert call.skin_bleeding == "present"
    assert {*call.rules} == {"R-IT-01", "R-IT-02", "R-IT-03", "a-cause"}
    assert {*call.present} == {
        Met("R-IT-01", "SAME_DAY", "shown"),
        Met("R-IT-02", "SAME_DAY", "silent"),
        Met("a-cause", "ROUTINE", "shown"),
    }
    assert call.unknown == ("R-IT-03",)
    assert call.open == {"hot": "not recorded"}
    assert call.cards == (Made("0", "warning", "shown"), Made("1", "info", "shown"))
    assert call.entries == {"medication": (1, 1), "observation": (2, 3), "condition": (0, 0)}
    assert call.unmapped == (Unmapped("observation", "http://loinc.org", "4711-0", 1),)
    assert [(one.card, one.rules) for one in journal.of(Issued)] == [("0", ("R-IT-01",)), ("1", ("a-cause",))]
    assert journal.of(Told) == []


def test_a_chart_without_a_skin_finding_leaves_open_what_all_rules_wait_for():
    journal = Kept()
    told = advise_on(record(lists={"Observation": list_failed()}), RULES, AT, Voice())
    kept(Books(journal, library=RULES), told)

    [call] = journal.of(Call)
    assert call.open == {"skin-bleeding": "not recorded"}
    assert {*call.unknown} == {"R-IT-01", "R-IT-02", "R-IT-03", "a-cause"}
    assert call.gaps


def test_without_rules_only_the_outside_of_a_call_is_kept():
    journal = Kept()
    kept(Books(journal))

    [call] = journal.of(Call)
    assert (call.rules, call.present, call.digest, len(call.cards)) == ((), (), "", 2)


def test_a_silent_deployment_keeps_what_it_would_have_shown():
    journal = Kept()
    spoken = kept(Books(journal, mode="silent", library=RULES, quiet=quiet()))

    [call] = journal.of(Call)
    assert (spoken.shown, call.mode) == ((), "silent")
    assert Met("R-IT-01", "SAME_DAY", "silent") in call.present
    assert [made.how for made in call.cards] == ["silent", "silent"]
    assert journal.of(Issued) == journal.of(Told) == []


def test_what_is_shown_is_remembered_and_held_back_when_it_is_known():
    journal = Kept()
    kept(Books(journal, library=RULES, quiet=quiet()))
    known = frozenset(fact for told in journal.of(Told) for fact in told.facts)

    again = Kept()
    spoken = kept(Books(again, library=RULES, quiet=quiet(known)))

    assert spoken.hows == ("quiet", "quiet")
    assert [met.how for met in again.of(Call)[0].present if met.rule == "R-IT-01"] == ["quiet"]
    assert again.of(Issued) == again.of(Told) == []
    [heard] = again.of(Heard)
    assert {*heard.facts} == known


def test_an_answer_without_a_card_is_remembered_as_one_that_said_nothing():
    journal = Kept()
    asyncio.run(Books(journal, quiet=quiet()).keep(VISIT, Spoken((), ()), WHOM))

    [heard] = journal.of(Heard)
    assert (heard.at, heard.facts) == (AT, ())


@pytest.mark.parametrize("hook", ["patient-view", "encounter-discharge"])
def test_a_call_answered_at_a_glance_asked_the_same_rules_as_a_judged_one(hook):
    journal = Kept()
    books, visit = Books(journal, library=RULES), replace(VISIT, hook=hook)
    judged = advise_on(CHART, RULES, AT, Voice(), hook=hook)
    asyncio.run(books.keep(visit, Spoken((), ()), ()))
    asyncio.run(books.keep(visit, Spoken((), (), judged), ()))

    glanced, looked = journal.of(Call)
    assert {*glanced.rules} == {*looked.rules} != set()
    assert (glanced.skin_bleeding, glanced.unknown) == ("", ())


def test_a_refused_call_asked_no_rule():
    journal = Kept()
    asyncio.run(Books(journal, library=RULES).keep(replace(VISIT, status=412), Spoken((), ()), ()))

    assert [call.rules for call in journal.of(Call)] == [()]


def test_what_nobody_heard_is_kept_and_not_remembered():
    journal = Kept()
    books, told = Books(journal, library=RULES, quiet=quiet()), advice()
    cards = with_uuids(told.cards, iter(range(9)).__next__)
    asyncio.run(books.keep_unsent(VISIT, Spoken(cards, ("shown", "quiet"), told)))

    [call] = journal.entries
    assert call.status == HUNG_UP
    assert [made.how for made in call.cards] == ["unsent", "quiet"]
    assert [met.how for met in call.present if met.rule == "R-IT-01"] == ["unsent"]


@pytest.mark.parametrize("fault", [JournalUnavailable("x"), RuntimeError("a canary")])
def test_a_journal_that_fails_is_logged_and_nothing_else(fault, log):
    spoken = kept(Books(Kept(fault), library=RULES))

    assert len(spoken.shown) == 2
    [line] = log()
    assert (line["event"], line["error"]) == ("call_not_kept", type(fault).__name__)
    assert "canary" not in json.dumps(line)


def test_without_a_journal_calls_are_counted():
    books = Books(library=RULES)
    kept(books)

    text = books.tally.text()[0].decode()
    assert 'pinpoint_cards_total{how="shown",indicator="warning",service="a-service"} 1.0' in text
    assert 'pinpoint_rules_met_total{how="silent",rule="R-IT-02",tier="SAME_DAY"} 1.0' in text
    assert 'pinpoint_entries_total{kind="observation",read="unmapped"} 1.0' in text


# ---------------------------------------------------------------- feedback


def said(books, journal, *items):
    asyncio.run(books.feedback(journal, items, "a-service", "client", AT))


def test_an_override_prolongs_what_was_told_and_an_acceptance_does_not(log):
    journal = Kept()
    books = Books(journal, quiet=quiet())
    said(books, journal, Feedback("c1", "overridden", AT - timedelta(hours=1)), Feedback("c2", "accepted", AT))

    [(cards, service, client, at, windows)] = journal.prolonged
    assert (cards, service, client, at) == (["c1"], "a-service", "client", AT - timedelta(hours=1))
    assert windows["EMERGENCY"] == timedelta(hours=4)
    assert windows["SAME_DAY"] == timedelta(hours=24)
    assert windows["ROUTINE"] == timedelta(days=30)
    assert 'pinpoint_feedback_total{outcome="accepted",service="a-service"} 1.0' in books.tally.text()[0].decode()
    assert [line["event"] for line in log()] == ["feedback"]


@pytest.mark.usefixtures("log")
def test_an_override_from_the_future_counts_from_now():
    journal = Kept()
    said(Books(journal, quiet=quiet()), journal, Feedback("c1", "overridden", AT + timedelta(days=9)))

    assert [at for _, _, _, at, _ in journal.prolonged] == [AT]


def test_an_override_that_cannot_be_heeded_is_acknowledged_all_the_same(log):
    journal = Kept(JournalUnavailable("x"))
    said(Books(journal, quiet=quiet()), journal, Feedback("c1", "overridden", AT))

    assert [line["event"] for line in log()] == ["feedback", "override_not_heeded"]


@pytest.mark.parametrize(
    ("seconds", "fault", "tries"),
    [(30.0, None, 1), (0.0, JournalUnavailable("x"), 1), (0.0, None, 4)],
    ids=["slow", "failing", "well"],
)
def test_overrides_wait_for_one_slow_or_failing_answer_and_no_more(log, seconds, fault, tries):
    tried = []

    class Late(Kept):
        async def prolong(self, cards, *_):
            tried.append(cards)
            await asyncio.sleep(seconds)
            if fault:
                raise fault

    journal, books = Late(), Books(quiet=quiet(), heed_s=0.05)
    items = [Feedback(f"c{n}", "overridden", AT - timedelta(minutes=n)) for n in range(4)]
    begin = time.monotonic()
    said(books, journal, *items)

    assert time.monotonic() - begin < 5
    assert len(tried) == tries
    assert [line["event"] for line in log()] == ["feedback", *["override_not_heeded"] * (tries == 1)]


def test_cards_overridden_at_one_time_are_prolonged_at_once():
    journal = Kept()
    overridden = (Feedback(f"c{n}", "overridden", AT) for n in range(3))
    said(Books(journal, quiet=quiet()), journal, *overridden)

    assert [cards for cards, *_ in journal.prolonged] == [["c0", "c1", "c2"]]


def test_without_keys_nothing_is_prolonged():
    journal = Kept()
    said(Books(journal), journal, Feedback("c1", "overridden", AT))

    assert journal.prolonged == []


def test_a_call_without_an_answer_is_kept_with_its_status():
    journal = Kept()
    asyncio.run(Books(journal).keep(Visit("a-service", "patient-view", "", AT, 1.0, 412), Spoken((), ()), ()))

    assert [call.status for call in journal.of(Call)] == [412]
