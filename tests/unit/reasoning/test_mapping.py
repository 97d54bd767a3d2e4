import pytest

from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.mapping import find
from tests.build import (
    AT,
    finding,
    findings_of,
    hours_ago,
    library_of,
    list_failed,
    medicine,
    observed,
    patient,
    platelets,
    problem,
    record,
    small_library,
    when,
)

P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN

RASH = "sign: {concepts: [petechiae], observed_within: {days: 3}}"
BRUISE = "sign: {concepts: [purpura], observed_within: {days: 3}}"
LOW = 'measure: {concept: platelet-count, is: {below: "10", unit: "10*9/L"}}'
DEAD = "person: {deceased: true}"


# ---------------------------------------------------------------- the mapping


def test_every_finding_of_the_library_is_there():
    findings = findings_of({"rash": RASH, "low": LOW})

    assert {"skin-bleeding", "rash", "low"} == set(findings)
    assert 3 == len(findings)


def test_a_finding_is_worked_out_once():
    findings = findings_of({"rash": RASH}, observed("petechiae"))

    assert findings["rash"] is findings["rash"]


def test_a_finding_that_does_not_exist_is_an_error():
    with pytest.raises(KeyError):
        find(record(), small_library(), AT)["nothing"]


def test_truth_is_that_of_the_finding():
    assert P is findings_of({"rash": RASH}, observed("petechiae")).truth_of("rash")


# ---------------------------------------------------------------- the person


@pytest.mark.parametrize(
    ("expected", "test", "person"),
    [
        (P, "deceased: true", patient(deceased=True)),
        (A, "deceased: true", patient()),
        (P, "age_unknown: true", patient()),
        (A, "age_unknown: true", patient("2021")),
        (P, "sex: female", patient(sex="female")),
        (A, "sex: female", patient(sex="male")),
        (U, "sex: female", patient()),
        (P, "age: {below: {years: 5}}", patient("2021-03-19")),
        (A, "age: {below: {years: 5}}", patient("2021-03-18")),
        (A, "age: {from: {years: 5}}", patient("2021-03-19")),
        (P, "age: {from: {years: 5}}", patient("2021-03-18")),
        (P, "age: {from: {days: 28}, below: {months: 3}}", patient("2026-02-18")),
        (A, "age: {from: {days: 28}, below: {months: 3}}", patient("2026-02-19")),
        (P, "age: {from: {days: 28}, below: {months: 3}}", patient("2025-12-19")),
        (A, "age: {from: {days: 28}, below: {months: 3}}", patient("2025-12-18")),
        (U, "age: {below: {years: 5}}", patient("2021")),
        (U, "age: {below: {years: 5}}", patient("2021-03")),
        (P, "age: {below: {years: 5}}", patient("2021-04")),
        (A, "age: {below: {years: 5}}", patient("2021-02")),
        (U, "age: {below: {years: 5}}", patient()),
        (P, "age: {from: {years: 12}, below: {years: 60}}, sex: female", patient("1990", "female")),
        (U, "age: {from: {years: 12}, below: {years: 60}}, sex: female", patient("1990")),
        (A, "age: {from: {years: 12}, below: {years: 60}}, sex: female", patient("1930")),
        (A, "age: {from: {years: 12}, below: {years: 60}}, sex: female", patient(sex="male")),
    ],
)
def test_a_person_is_what_the_chart_says_of_age_sex_and_death(expected, test, person):
    assert expected is finding(f"person: {{{test}}}", record(person=person)).truth


# ---------------------------------------------------------------- findings built from others

BOTH = {"rash": RASH, "low": LOW, "it": "when: {all: [rash, low]}"}
EITHER = {"rash": RASH, "bruise": BRUISE, "it": "when: {any: [rash, bruise]}"}


def test_a_built_finding_has_the_evidence_of_what_it_rests_on():
    found = findings_of(BOTH, observed("petechiae"), platelets("8"))["it"]

    assert P is found.truth
    assert ["Petechiae", "Platelet count"] == [shown.label for shown in found.evidence]


def test_a_built_finding_begins_with_the_first_of_its_parts():
    entries = (observed("petechiae", at=hours_ago(5)), observed("purpura", at=hours_ago(9)))

    assert hours_ago(9).earliest == findings_of(EITHER, *entries)["it"].since


def test_a_built_finding_without_dated_parts_has_no_beginning():
    assert findings_of({"low": LOW, "it": "when: low"}, platelets("8"))["it"].since is None


def test_evidence_shared_by_two_parts_is_shown_once():
    rules = {"rash": RASH, "same": RASH, "it": "when: {all: [rash, same]}"}

    assert 1 == len(findings_of(rules, observed("petechiae"))["it"].evidence)


def test_an_unknown_built_finding_has_the_gaps_that_leave_it_open():
    found = findings_of(BOTH, observed("petechiae"), platelets("8 furlongs"))["it"]

    assert U is found.truth
    assert [GapReason.UNIT_UNKNOWN] == [gap.reason for gap in found.gaps]


def test_an_absent_built_finding_is_settled_by_one_part():
    found = findings_of(BOTH, observed("petechiae", value=False))["it"]

    assert A is found.truth
    assert ["recorded as absent"] == [shown.value for shown in found.evidence]


def test_a_built_finding_may_ask_for_a_score():
    score = """\
id: s
name: "S"
risks: []
citations: [{source: textbook}]
items: [{name: "N", settle: "x", options: [{when: rash, points: 2}]}]
"""
    library = library_of(
        {"rash": RASH, "it": "when: {score: {id: s, at_least: 2}}"}, files={"knowledge/scores/s.yaml": score}
    )

    assert P is find(record(observed("petechiae")), library, AT)["it"].truth
    assert U is find(record(), library, AT)["it"].truth


# ---------------------------------------------------------------- taken back


TAKEN_BACK = {"rash": RASH, "bruise": BRUISE, "it": f"{LOW}\nunless: [rash, bruise]"}


def test_a_finding_is_taken_back_by_another_that_is_present():
    found = findings_of(TAKEN_BACK, platelets("8", hours_ago(2)), observed("purpura", at=hours_ago(1)))["it"]

    assert A is found.truth
    assert ["Purpura"] == [shown.label for shown in found.evidence]


@pytest.mark.parametrize(
    ("expected", "bruise"),
    [
        (P, hours_ago(3)),
        (A, hours_ago(2)),
        (A, hours_ago(1)),
        (A, when("2026-03-18")),
        (P, when("2026-03-17")),
        (A, None),
    ],
)
def test_only_what_was_recorded_as_late_takes_an_entry_back(expected, bruise):
    entries = (platelets("8", hours_ago(2)), observed("purpura", at=bruise, undated=bruise is None))

    assert expected is findings_of(TAKEN_BACK, *entries)["it"].truth


def test_what_carries_no_time_takes_an_entry_back():
    rules = {"drug": "medication: {ingredients: [aspirin]}", "it": f"{LOW}\nunless: [drug]"}

    assert A is findings_of(rules, platelets("8"), medicine("aspirin"))["it"].truth


def test_a_built_finding_is_taken_back_at_any_time():
    rules = {"low": LOW, "bruise": BRUISE, "it": "when: low\nunless: [bruise]"}

    assert A is findings_of(rules, platelets("8", hours_ago(1)), observed("purpura", at=hours_ago(30)))["it"].truth


def test_what_is_unknown_takes_nothing_back():
    assert P is findings_of(TAKEN_BACK, platelets("8"))["it"].truth


def test_what_is_absent_takes_nothing_back():
    assert P is findings_of(TAKEN_BACK, platelets("8"), observed("purpura", value=False))["it"].truth


# ---------------------------------------------------------------- taken back while it is unknown


SEEN_PURPURA = observed("purpura", at=hours_ago(1))
UNREADABLE = platelets("8 furlongs", hours_ago(2))


@pytest.mark.parametrize("entries", [(SEEN_PURPURA,), (SEEN_PURPURA, UNREADABLE)])
def test_a_number_that_nobody_has_is_not_denied_by_what_would_spoil_it(entries):
    before = findings_of(TAKEN_BACK | {"it": LOW}, *entries)["it"]

    assert before == findings_of(TAKEN_BACK, *entries)["it"]
    assert U is before.truth


def test_an_unknown_that_is_taken_back_nowhere_keeps_its_gaps():
    assert [GapReason.UNIT_UNKNOWN] == [
        gap.reason for gap in findings_of(TAKEN_BACK, SEEN_PURPURA, UNREADABLE)["it"].gaps
    ]


def test_a_sign_of_which_nothing_is_recorded_is_denied_by_a_record_that_contradicts_it():
    rules = {"bruise": BRUISE, "it": f"{RASH}\nunless: [bruise]"}

    assert U is findings_of(rules)["it"].truth
    assert A is findings_of(rules, SEEN_PURPURA)["it"].truth


def test_a_sign_that_may_be_newer_than_what_contradicts_it_stays_unknown():
    sited = "sign: {concepts: [petechiae], observed_within: {days: 14}, sites: {any: [below-chest]}}"
    rules = {"bruise": BRUISE, "it": f"{sited}\nunless: [bruise]"}

    assert A is findings_of(rules, observed("petechiae", at=hours_ago(2)), SEEN_PURPURA)["it"].truth
    assert U is findings_of(rules, observed("petechiae", at=hours_ago(0.5)), SEEN_PURPURA)["it"].truth


def test_a_sign_of_which_an_entry_cannot_be_placed_in_time_stays_unknown():
    found = find(
        record(SEEN_PURPURA, lists={"Observation": list_failed()}),
        library_of({"bruise": BRUISE, "it": f"{RASH}\nwhen_missing: absent_if_list_read\nunless: [bruise]"}),
        AT,
    )["it"]

    assert U is found.truth
    assert found.gaps


def test_a_built_finding_is_taken_back_while_it_is_unknown_as_its_definition_says():
    rules = {"low": LOW, "bruise": BRUISE, "it": "when: low\nunless: [bruise]"}

    assert A is findings_of(rules, SEEN_PURPURA)["it"].truth


def test_what_is_absent_already_rests_on_its_own_entries():
    (shown,) = findings_of(TAKEN_BACK, platelets("80"), SEEN_PURPURA)["it"].evidence

    assert "Platelet count" == shown.label


# ---------------------------------------------------------------- dated in the future


@pytest.mark.parametrize(("flags", "minutes"), [((), -1), ((), 4), (("dated in the future",), 6)])
def test_what_is_dated_ahead_counts_and_is_said_to_be(flags, minutes):
    ahead = hours_ago(-minutes / 60)
    rules = {
        "low": 'measure: {concept: platelet-count, is: {below: "10", unit: "10*9/L"}}',
        "rash": "sign: {concepts: [petechiae], observed_within: {days: 3}}",
        "fever": "sign: {concepts: [fever], problem_within: {days: 3}}",
        "all": "when: {all: [low, rash, fever]}",
    }
    found = findings_of(rules, platelets("5", ahead), observed("petechiae", at=ahead), problem("fever", ahead))

    assert found["all"].truth is Truth.PRESENT
    assert [flags] * 3 == [item.flags for item in found["all"].evidence]


def test_a_day_that_has_begun_is_not_ahead_and_the_next_one_is():
    rule = 'measure: {concept: platelet-count, is: {below: "10", unit: "10*9/L"}}'
    today, tomorrow = (
        finding(rule, record(platelets("5", when(day)))).evidence[0].flags for day in ("2026-03-18", "2026-03-19")
    )

    assert ((), ("dated in the future",)) == (today, tomorrow)
