"""Medicines of the orders that are being written, and what blames them."""

from dataclasses import replace

import pytest

from cds_hooks.chart.record import Coded, Intolerance, Listing, ListRead
from cds_hooks.errors import LibraryError
from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import Truth
from tests.build import coded, days_ago, finding, library_of, list_failed, medicine, problem, record

P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN
READ = {"AllergyIntolerance": ListRead(Listing.COMPLETE)}
BLAMED = "proposed: true, blamed_for: [fever]"


def draft(what, **more):
    return replace(medicine(what, "planned", source="proposed", **more), drafted=True)


def allergy(substance, *reactions, **more):
    said = tuple(Coded(text=one) for one in reactions)
    return Intolerance("AllergyIntolerance/a", (Coded(text=substance),), said, **more)


def proposed(test, *entries, allergies=(), lists=None):
    body = f"medication: {{{test}}}\nwhen_missing: absent_if_list_read"
    chart = record(*entries, lists=READ if lists is None else lists)
    return finding(body, replace(chart, intolerances=tuple(allergies)))


def lines(found):
    return [(item.label, item.value) for item in found.evidence]


# ---------------------------------------------------------------- drafts


@pytest.mark.parametrize(
    ("expected", "test", "entry"),
    [
        (P, "ingredients: [aspirin], proposed: true", draft("aspirin")),
        (P, "classes: [antiplatelet], proposed: true", draft(coded("3002", "rxnorm"))),
        (P, "mechanisms: [PF], proposed: true", draft("aspirin")),
        (A, "ingredients: [aspirin], proposed: true", draft("clopidogrel")),
        (A, "ingredients: [aspirin], proposed: true", medicine("aspirin")),
        (A, "ingredients: [aspirin], proposed: true", medicine("aspirin", "planned", source="proposed")),
        (A, "ingredients: [aspirin]", draft("aspirin")),
        (P, "ingredients: [aspirin], routes: [oral], proposed: true", draft("aspirin")),
        (P, "ingredients: [aspirin], routes: [oral], proposed: true", draft("aspirin", route="oral")),
        (A, "ingredients: [aspirin], routes: [oral], proposed: true", draft("aspirin", route="topical")),
        (U, "ingredients: [aspirin], proposed: true", draft(Coded())),
        (U, "ingredients: [aspirin], proposed: true", draft("5")),
        (A, "ingredients: [aspirin], proposed: true", draft("no medicine of ours")),
    ],
)
def test_a_draft_counts_as_proposed_and_never_as_taken(expected, test, entry):
    assert expected is proposed(test, entry).truth


def test_no_list_has_to_be_read_to_know_what_is_proposed():
    assert A is proposed("ingredients: [aspirin], proposed: true", lists={"Condition": list_failed()}).truth


def test_an_unidentified_draft_does_not_blur_what_is_taken():
    assert A is proposed("ingredients: [aspirin]", draft(Coded())).truth


def test_a_proposed_medicine_is_told_as_such_without_time_and_route():
    [item] = proposed("ingredients: [aspirin], proposed: true", draft("aspirin", start=days_ago(3))).evidence

    assert (item.label, item.value, item.since, item.at, item.flags) == (
        "Aspirin",
        "proposed in this order",
        None,
        None,
        (),
    )


def test_a_draft_that_nobody_can_identify_is_counted():
    [gap] = proposed("ingredients: [aspirin], proposed: true", draft(Coded())).gaps

    assert (gap.reason, gap.count) == (GapReason.UNIDENTIFIED, 1)


def test_one_that_nobody_can_identify_is_blamed_where_the_chart_blames_any_medicine():
    def told(*allergies, **more):
        found = proposed(BLAMED, draft(Coded()), allergies=allergies, **more)
        return found.truth, [gap.reason for gap in found.gaps]

    assert (U, [GapReason.UNIDENTIFIED]) == told(allergy("aspirin", "fever"))
    assert (A, []) == told(allergy("aspirin", "purpura"))
    assert (U, [GapReason.FAILED]) == told(lists=READ | {"Condition": list_failed()})


# ---------------------------------------------------------------- blame


@pytest.mark.parametrize(
    ("expected", "allergies", "entries"),
    [
        (P, [allergy("aspirin", "fever")], []),
        (P, [allergy("aspirin", "purpura", "fever")], []),
        (A, [allergy("aspirin", "purpura")], []),
        (A, [allergy("aspirin")], []),
        (A, [allergy("clopidogrel", "fever")], []),
        (A, [allergy("dust", "fever")], []),
        (P, [], [problem(Coded(coded("x", "own", "aspirin fever").codings, "fever"))]),
        (A, [], [problem("fever")]),
        (A, [], [problem("aspirin fever")]),
    ],
)
def test_a_medicine_is_blamed_by_name(expected, allergies, entries):
    assert expected is proposed(BLAMED, draft("aspirin"), *entries, allergies=allergies).truth


@pytest.mark.parametrize("how", ["denied", "doubtful"])
def test_a_problem_that_is_not_so_blames_nothing(how):
    named = Coded(coded("x", "own", "aspirin fever").codings, "fever")

    assert P is proposed(BLAMED, draft("aspirin"), problem(named, state="inactive")).truth
    assert A is proposed(BLAMED, draft("aspirin"), problem(named, **{how: True})).truth


def test_another_medicine_of_an_asked_class_is_blamed_too():
    blame = [allergy("clopidogrel", "fever")]

    assert P is proposed(f"classes: [antiplatelet], {BLAMED}", draft("aspirin"), allergies=blame).truth
    assert A is proposed(f"ingredients: [aspirin], {BLAMED}", draft("aspirin"), allergies=blame).truth
    assert A is proposed(f"classes: [antiplatelet], {BLAMED}", draft("prednisolone"), allergies=blame).truth


@pytest.mark.parametrize("name", ["AllergyIntolerance", "Condition"])
def test_without_the_lists_that_could_blame_it_the_answer_is_open(name):
    found = proposed(BLAMED, draft("aspirin"), lists=READ | {name: list_failed()})

    assert U is found.truth
    assert [gap.reason for gap in found.gaps] == [GapReason.FAILED]


def test_without_an_order_nothing_has_to_be_read():
    assert A is proposed(BLAMED, lists={"Condition": list_failed()}).truth


def test_the_order_is_told_first_and_then_what_blames_it():
    named = Coded(coded("x", "own", "aspirin fever").codings, "fever")
    found = proposed(BLAMED, draft("aspirin"), problem(named), allergies=[allergy("aspirin", "fever")])

    assert lines(found) == [
        ("Aspirin", "proposed in this order"),
        ("Aspirin", "recorded reaction, Fever"),
        ("Fever", ""),
    ]


def test_a_restricted_allergy_counts_and_is_marked():
    found = proposed(BLAMED, draft("aspirin"), allergies=[allergy("aspirin", "fever", restricted=True)])

    assert [item.restricted for item in found.evidence] == [False, True]


def test_blame_without_an_order_is_a_fault_of_the_library():
    with pytest.raises(LibraryError, match="write `proposed: true` beside it"):
        library_of({"it": "medication: {blamed_for: [fever]}"})


def test_blame_for_an_unknown_concept_is_a_fault_of_the_library():
    with pytest.raises(LibraryError, match="unknown concept `headache`"):
        library_of({"it": "medication: {proposed: true, blamed_for: [headache]}"})
