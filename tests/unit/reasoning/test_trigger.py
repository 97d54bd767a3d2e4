"""The trigger: what must be on a chart before a rule can be present, and when that cannot be told."""

from datetime import timedelta
from decimal import Decimal

import pytest

from cds_hooks.chart.record import Quantity
from cds_hooks.reasoning.library import load
from cds_hooks.reasoning.trigger import Wanted, by_code, trigger
from tests.build import library_of

SIGN = "sign: {concepts: [petechiae], problem_within: {days: 14}}"
FEVER = "sign: {concepts: [fever], problem_within: {days: 14}}"
LOW = 'measure: {concept: platelet-count, is: {below: "20", unit: "10*9/L"}}'
BY_AGE = """\
measure:
  concept: platelet-count
  by_age:
    - {age: {from: {years: 0}, below: {years: 1}}, is: {below: "30", unit: "10*9/L"}}
    - {age: {from: {years: 1}}, is: {below: "20", unit: "10*9/L"}}
"""
OWN = 'measure: {concept: haemoglobin, is: {below: "1", of: lower-limit}}'
ANSWER = "answer: {concepts: [urine-blood], is: [present]}"
FALLING = (
    'trend: {concept: haemoglobin, change: fall, by: {at_least: "20", unit: "%"}, latest_within: {days: 3}, '
    "baseline_within: {days: 30}}"
)
OLD = "person: {age: {from: {years: 65}}}"


def made(*, findings, when, more=""):
    """The trigger of a library with one rule that stands alone."""
    criteria = {"R-IT-01": f"when: {when}\ntiers: [{{tier: SAME_DAY}}]\nneeds_skin_bleeding: false\n{more}"}
    return trigger(library_of(findings={"skin-bleeding": SIGN} | findings, criteria=criteria), "patient-view")


def test_a_rule_wakes_by_its_sign_its_answer_and_its_value():
    wakes = made(findings={"low": LOW, "blood": ANSWER, "hot": FEVER}, when="{any: [low, blood, hot]}")

    assert wakes.signs >= {"petechiae", "fever", "urine-blood"}
    assert set(wakes.ranges) == {"platelet-count"}
    assert wakes.watched == wakes.signs | {"platelet-count"}


@pytest.mark.parametrize(
    ("when", "watched"),
    [
        ("{all: [hot, old]}", {"fever"}),  # age counts as if it were what is asked for
        ("{all: [own, low]}", {"platelet-count"}),  # any value may lie beyond a laboratory's own limit
        ("{at_least: {count: 2, of: [hot, low, old]}}", {"fever", "platelet-count"}),
        ("built", {"fever"}),
    ],
)
def test_of_what_must_hold_together_one_part_is_watched(when, watched):
    findings = {"hot": FEVER, "low": LOW, "own": OWN, "old": OLD, "built": "when: {any: [hot]}"}

    assert made(findings=findings, when=when).watched == watched | {"petechiae"}


@pytest.mark.parametrize(
    "when", ["old", "{none: [hot]}", "{any: [hot, old]}", "{all: [old, {none: [hot]}]}",
             "{at_least: {count: 1, of: [hot, old]}}"]
)  # fmt: skip
def test_a_rule_that_could_be_present_on_any_chart_leaves_nothing_to_watch_for(when):
    assert made(findings={"hot": FEVER, "old": OLD}, when=when) is None


@pytest.mark.parametrize("more", ["status: draft", "status: retired", "hooks: [order-sign]"])
def test_a_rule_that_is_not_asked_at_this_hook_needs_no_watch(more):
    assert made(findings={"old": OLD}, when="old", more=more).watched == {"petechiae"}


@pytest.mark.parametrize(
    ("value", "unit", "pulls"),
    [
        ("19", "10*9/L", True),
        ("29", "10*9/L", True),  # low for an infant: age is left open
        ("30", "10*9/L", False),
        ("30000", "/uL", False),
        ("19", "furlong", True),  # what cannot be read may be an emergency, and has to be asked about
        ("9000", "10*9/L", True),
    ],
)
def test_a_value_pulls_where_any_range_holds_it(value, unit, pulls):
    wakes = made(findings={"low": BY_AGE}, when="low")

    assert wakes.is_pulled(frozenset({"platelet-count"}), Quantity(Decimal(value), unit)) is pulls


def test_a_watched_entry_without_a_number_pulls_and_so_does_a_sign_with_one():
    wakes = made(findings={"low": LOW}, when="low")

    assert wakes.is_pulled(frozenset({"platelet-count"}), None)
    assert wakes.is_pulled(frozenset({"petechiae"}), Quantity(Decimal(1)))


def test_any_value_pulls_where_only_the_laboratorys_own_limit_is_known():
    wakes = made(findings={"own": OWN}, when="own")

    assert wakes.is_pulled(frozenset({"haemoglobin"}), Quantity(Decimal(150), "g/L"))


def test_of_an_old_value_only_what_still_counts_is_asked():
    findings = {"low": LOW.replace("}}", "}, within: {days: 3}}"), "lower": LOW.replace('"20"', '"10"')}
    wakes = made(findings=findings, when="{any: [low, lower]}")
    pulls = [
        wakes.is_pulled(frozenset({"platelet-count"}), value, lambda within: within > timedelta(days=3))
        for value in (Quantity(Decimal(15), "10*9/L"), Quantity(Decimal(9), "10*9/L"), None)
    ]

    assert [False, True, True] == pulls
    assert not wakes.is_pulled(frozenset({"platelet-count"}), None, lambda _within: False)


def test_any_recent_value_of_what_a_trend_asks_for_pulls():
    wakes = made(findings={"falling": FALLING}, when="falling")

    assert wakes.ranges == {"haemoglobin": (Wanted(timedelta(days=3)),)}
    assert wakes.is_pulled(frozenset({"haemoglobin"}), Quantity(Decimal(150), "g/L"))
    assert not wakes.is_pulled(
        frozenset({"haemoglobin"}), Quantity(Decimal(150), "g/L"), lambda within: within > timedelta(days=3)
    )


def test_codes_are_looked_up_and_an_unknown_code_leaves_the_word_to_the_text():
    wakes = made(findings={"hot": FEVER}, when="hot")

    assert by_code("http://snomed.info/sct", "1001", wakes) == {"petechiae"}
    assert by_code("urn:oid:2.16.840.1.113883.6.96", " 1001 ", wakes) == {"petechiae"}
    assert by_code("http://snomed.info/sct", "1002", wakes) == set()
    assert by_code("local", "x", wakes) is None


def test_words_are_read_as_whole_texts_and_as_sentences():
    wakes = trigger(load(), "patient-view")

    assert wakes.by_words(["Petechiae."])
    assert wakes.by_words(["There are petechiae on both legs"])
    assert not wakes.by_words(["Essential hypertension", "raised blood pressure"])
    assert not wakes.by_words([])


def test_aspects_of_a_described_rash_and_wide_words_for_a_narrower_sign_are_watched():
    library = load()
    wakes = trigger(library, "patient-view")

    assert {name for name, one in library.concepts.items() if one.kind == "aspect"} <= wakes.signs
    assert {
        wide for wide, narrow in library.hidden_by.items() if not narrow.isdisjoint(wakes.signs)
    } <= wakes.signs
