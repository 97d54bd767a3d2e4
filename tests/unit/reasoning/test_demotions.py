"""Demotions on a small library: what is in force, what it lowers or silences, and what the loader refuses."""

from dataclasses import replace

import pytest

from cds_hooks.cards.compose import Voice, fired_criteria
from cds_hooks.chart.record import Quantity
from cds_hooks.errors import LibraryError
from cds_hooks.model.results import Match
from cds_hooks.model.truth import Tier, Truth
from cds_hooks.service import advise_on
from tests.build import AT, hours_ago, library_of, list_failed, observed, platelets, record

RULES = {
    "rash": "sign: {concepts: [petechiae], observed_within: {days: 14}}",
    "known": "sign: {concepts: [purpura], observed_within: {days: 14}}\nwhen_missing: absent_if_list_read",
    "low": 'measure: {concept: platelet-count, is: {below: "10", unit: "10*9/L"}, within: {days: 7}}',
    "hot": "sign: {concepts: [fever], observed_within: {days: 14}}",
}
CRITERIA = {
    "R-A": "when: rash",
    "R-B": "when: rash\ngroup: platelets\ntiers: [{tier: EMERGENCY}]",
    "R-C": "when: rash\ntiers: [{tier: ROUTINE}]",
}
RASH, KNOWN = observed("petechiae"), observed("purpura")


def demotion(more="", *, never="hot", status="active"):
    return f"""\
id: it
name: "It is known"
say: "it is known"
summary: "Known."
advice: "fever makes it urgent"
when: known
never_when: {never}
choice: our-choice
status: {status}
{more}
"""


def library(more="", **changes):
    files = {"knowledge/demotions/it.yaml": demotion(more, **changes)}
    return library_of(RULES, criteria=CRITERIA, causes={"it-is": "when: rash"}, files=files)


def tiers(library, *entries):
    assessment = advise_on(record(*entries), library, AT, Voice()).assessment
    return {match.rule: match.tier for match in fired_criteria(assessment, library)}


AS_THEY_ARE = {"R-A": Tier.SAME_DAY, "R-B": Tier.EMERGENCY, "R-C": Tier.ROUTINE}


def test_without_a_list_every_criterion_is_lowered():
    assert set(tiers(library(), RASH, KNOWN).values()) == {Tier.ROUTINE}


def test_a_danger_that_stands_in_the_chart_and_cannot_be_read_lowers_nothing():
    readable = platelets("240", hours_ago(2))
    unreadable = replace(readable, value=Quantity(readable.value.value, "furlong"))

    assert set(tiers(library(never="low"), RASH, KNOWN, readable).values()) == {Tier.ROUTINE}
    assert AS_THEY_ARE == tiers(library(never="low"), RASH, KNOWN, unreadable)


def test_a_danger_that_is_only_old_does_not_keep_the_urgency():
    assert set(tiers(library(never="low"), RASH, KNOWN, platelets("8", hours_ago(2000))).values()) == {
        Tier.ROUTINE
    }


@pytest.mark.parametrize(
    ("more", "lowered"),
    [("criteria: [R-A]", {"R-A"}), ("groups: [platelets]", {"R-B"}), ("causes: [it-is]", set())],
)
def test_only_what_it_lists_is_lowered(more, lowered):
    found = tiers(library(more), RASH, KNOWN)

    assert found == AS_THEY_ARE | dict.fromkeys(lowered, Tier.ROUTINE)


def test_a_silenced_criterion_is_not_shown_whatever_its_tier():
    assert tiers(library("to: silent"), RASH, KNOWN) == {}


def test_what_is_not_recorded_lowers_nothing():
    assert tiers(library(), RASH) == AS_THEY_ARE


def test_a_danger_forbids_it():
    assert tiers(library(never="rash"), RASH, KNOWN) == AS_THEY_ARE


def test_one_that_is_not_in_force_does_not_stop_the_next():
    first = demotion(never="rash").replace("id: it\n", "id: first\n")
    files = {"knowledge/demotions/first.yaml": first, "knowledge/demotions/it.yaml": demotion()}
    both = library_of(RULES, criteria=CRITERIA, causes={"it-is": "when: rash"}, files=files)

    assert set(tiers(both, RASH, KNOWN).values()) == {Tier.ROUTINE}


@pytest.mark.parametrize("status", ["silent", "draft", "retired"])
def test_only_an_active_one_lowers(status):
    assert tiers(library(status=status), RASH, KNOWN) == AS_THEY_ARE


def test_the_match_tells_by_what_and_from_where():
    assessment = advise_on(record(RASH, KNOWN), library(), AT, Voice()).assessment
    match = next(match for match in assessment.criteria if match.rule == "R-B")

    assert ("it", Tier.EMERGENCY) == (match.demoted_by, match.lowered_from)
    assert Truth.PRESENT is match.truth


def the_demotion(library, *entries):
    (match,) = advise_on(record(*entries), library, AT, Voice()).assessment.demotions
    return match


def test_a_demotion_in_force_tells_what_it_rests_on_and_whose_decision_it_is():
    assert the_demotion(library(), RASH, KNOWN) == Match(
        "it", Truth.PRESENT, relied_on=("known",), choice="our-choice"
    )


def test_a_demotion_that_a_danger_forbids_tells_of_the_danger():
    assert the_demotion(library(never="rash"), RASH, KNOWN) == Match(
        "it", Truth.ABSENT, relied_on=("known",), excused_by=("rash",), choice="our-choice"
    )


def test_a_demotion_waits_for_a_danger_that_could_not_be_read_and_says_for_which():
    unreadable = platelets("240 furlong", hours_ago(2))

    assert the_demotion(library(never="low"), RASH, KNOWN, unreadable) == Match(
        "it", Truth.UNKNOWN, would_settle=("low",)
    )


def test_a_demotion_whose_situation_is_unknown_tells_what_would_settle_it():
    unread = {"Observation": list_failed(), "Condition": list_failed()}
    assessment = advise_on(record(RASH, lists=unread), library(), AT, Voice()).assessment

    assert assessment.demotions == (Match("it", Truth.UNKNOWN, would_settle=("known",)),)


def test_where_nothing_is_said_no_demotion_is_looked_for():
    assert advise_on(record(KNOWN), library(), AT, Voice()).assessment.demotions == ()


@pytest.mark.parametrize(("entries", "orders"), [((RASH, KNOWN), False), ((RASH,), True)])
def test_orders_are_forbidden_while_it_is_recorded(entries, orders):
    found = library("orders: false", never="rash")

    assert orders is advise_on(record(*entries), found, AT, Voice()).assessment.orders


def test_a_cause_it_names_makes_no_card_of_its_own():
    files = {"knowledge/demotions/it.yaml": demotion("causes: [it-is]\nto: silent")}
    alone = library_of(RULES, causes={"it-is": "when: rash"}, files=files)
    beside = library_of(RULES, causes={"it-is": "when: rash", "other": "when: rash"}, files=files)

    assert advise_on(record(RASH, KNOWN), alone, AT, Voice()).cards == ()
    assert "it-is" in advise_on(record(RASH, KNOWN), beside, AT, Voice()).cards[0].detail


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("criteria: [R-Z]", "lowers `R-Z`, which is no criterion, cause or group"),
        (f'note: ""\nsummary: "{"x" * 140}"', "key `summary` stands twice"),
    ],
)
def test_the_loader_refuses_it(more, fault):
    with pytest.raises(LibraryError, match=fault):
        library(more)


@pytest.mark.parametrize("fault", ["is no `settle` of a finding", "stands twice"])
def test_an_ask_that_nobody_needs_is_refused(fault):
    text = '["nothing"]' if "no" in fault else '["a look", "a look"]'
    rules = RULES | {"seen": 'sign: {concepts: [fever], observed_within: {days: 1}}\nsettle: "a look"'}

    with pytest.raises(LibraryError, match=fault):
        library_of(rules, files={"knowledge/asks.yaml": f"skin:\n  settles: {text}\n"})
