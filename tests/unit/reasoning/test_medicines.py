from dataclasses import replace

import pytest

from cds_hooks.chart.record import Coded, Listing, ListRead
from cds_hooks.model.codes import Coding
from cds_hooks.model.results import RESTRICTED, Gap, GapReason
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.mapping import find
from cds_hooks.reasoning.medicines import identify, medicines_were_read
from tests.build import (
    AT,
    coded,
    days_ago,
    finding,
    hours_ago,
    library_of,
    list_failed,
    medicine,
    record,
    small_library,
    when,
)

P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN
DONE, FAILED, NOT_READ = ListRead(Listing.COMPLETE), list_failed(), ListRead(Listing.NOT_READ)
NOT_KEPT = list_failed(GapReason.NOT_SUPPORTED)

PRODUCTS = """\
rxnorm,9001,aspirin,oral
rxnorm,9001,clopidogrel,oral
rxnorm,9002,prednisolone,topical
dmd,9003,aspirin,oral
"""


def use(test, *entries, lists=None):
    body = f"medication: {{{test}}}\nwhen_missing: absent_if_list_read"
    return finding(body, record(*entries, lists=lists))


def aspirin(*entries, **more):
    return use("ingredients: [aspirin]", *entries, **more)


def ingredients(*entries, library=None):
    found = identify(record(*entries), library or small_library())
    return [(item.ingredient.id, item.route, item.certainty) for item in found.taken]


# ---------------------------------------------------------------- which ingredient


@pytest.mark.parametrize(
    ("expected", "what"),
    [
        (("aspirin", "", "coded"), coded("3001", "rxnorm")),
        (("aspirin", "", "coded"), coded("B01AC06", "urn:oid:2.16.840.1.113883.6.73")),
        (("prednisolone", "oral", "coded"), coded("H02AB06", "atc")),
        (("prednisolone", "topical", "coded"), coded("D07AA03", "atc")),
        (("aspirin", "", "text"), Coded(text="Aspirin 75 mg tablets")),
        (("aspirin", "", "text"), coded("x", "own", display="ASPIRIN")),
        (("methylprednisolone", "", "text"), Coded(text="methylprednisolone 40 mg injection")),
    ],
)
def test_an_ingredient_is_known_by_code_or_by_name(expected, what):
    assert [expected] == ingredients(medicine(what))


def test_every_ingredient_of_a_combination_product_counts():
    found = ingredients(medicine(coded("9001", "rxnorm")), library=library_of(products=PRODUCTS))

    assert [("aspirin", "oral", "coded"), ("clopidogrel", "oral", "coded")] == found


def test_every_name_in_a_text_counts():
    assert ["aspirin", "clopidogrel"] == [name for name, _, _ in ingredients(medicine("aspirin / clopidogrel"))]


@pytest.mark.parametrize("system", ["dmd", "https://dmd.nhs.uk", "http://snomed.info/sct"])
def test_a_british_product_code_is_known_under_both_of_its_systems(system):
    found = ingredients(medicine(coded("9003", system)), library=library_of(products=PRODUCTS))

    assert [("aspirin", "oral", "coded")] == found


def test_a_code_beats_the_name_beside_it():
    what = Coded((Coding("rxnorm", "3001"),), "clopidogrel")

    assert [("aspirin", "", "coded")] == ingredients(medicine(what))


def test_the_ingredients_of_the_medication_count_beside_its_code():
    mixture = medicine(Coded(text="mixture"), ingredients=(coded("3001", "rxnorm"), coded("3002", "rxnorm")))

    assert ["aspirin", "clopidogrel"] == [name for name, _, _ in ingredients(mixture)]


def test_a_denied_text_does_not_name_the_medicine():
    assert [] == ingredients(medicine("card: Prednisolone ALLERGY"))


def test_a_code_that_stands_for_a_sign_is_no_ingredient():
    assert [] == ingredients(medicine(coded("1001", display="petechiae")))


# ---------------------------------------------------------------- by which route


def test_the_charted_route_beats_what_the_code_implies():
    assert [("prednisolone", "topical", "coded")] == ingredients(
        medicine(coded("H02AB06", "atc"), route="topical")
    )


def test_a_route_we_do_not_know_leaves_what_the_code_implies():
    assert [("prednisolone", "oral", "coded")] == ingredients(medicine(coded("H02AB06", "atc"), route="leg"))


@pytest.mark.parametrize("codes", [("9002", "3003"), ("3003", "9002")])
def test_a_code_without_a_route_does_not_hide_the_route_of_another(codes):
    what = Coded(tuple(Coding("rxnorm", code) for code in codes))

    assert [("prednisolone", "topical", "coded")] == ingredients(
        medicine(what), library=library_of(products=PRODUCTS)
    )


def test_each_ingredient_of_a_product_has_a_route_of_its_own():
    products = "rxnorm,9004,aspirin,oral\nrxnorm,9004,prednisolone,topical\n"
    found = ingredients(medicine(coded("9004", "rxnorm")), library=library_of(products=products))

    assert [("aspirin", "oral", "coded"), ("prednisolone", "topical", "coded")] == found


def test_the_route_of_a_product_beats_that_of_a_group():
    what = Coded((Coding("atc", "H02AB06"), Coding("rxnorm", "9002")))

    assert [("prednisolone", "topical", "coded")] == ingredients(
        medicine(what), library=library_of(products=PRODUCTS)
    )


@pytest.mark.parametrize("codes", [("H02AB06", "D07AA03"), ("D07AA03", "H02AB06")])
def test_codes_that_disagree_about_the_route_leave_it_unstated(codes):
    what = Coded(tuple(Coding("atc", code) for code in codes))

    assert [("prednisolone", "", "coded")] == ingredients(medicine(what))


def test_a_longer_code_of_another_system_does_not_take_the_route_of_its_beginning():
    concept = """\
cream:
  kind: ingredient
  name: "Cream"
  codes:
    - {system: rxnorm, code: "77", display: "cream", route: topical}
    - {system: rxnorm, code: "771", display: "tablet"}
"""

    assert [("cream", "", "coded")] == ingredients(
        medicine(coded("771", "rxnorm")), library=library_of(more_concepts=concept)
    )


# ---------------------------------------------------------------- whether it counts


@pytest.mark.parametrize(
    "test",
    ["ingredients: [aspirin]", "classes: [antiplatelet]", "mechanisms: [PF]", "classes: [steroid, antiplatelet]"],
)
def test_a_medicine_is_asked_for_by_ingredient_class_or_mechanism(test):
    assert P is use(test, medicine("aspirin")).truth


@pytest.mark.parametrize("test", ["ingredients: [clopidogrel]", "classes: [steroid]", "routes: [oral]"])
def test_another_medicine_does_not_count(test):
    assert A is use(test, medicine("aspirin")).truth


@pytest.mark.parametrize("state", ["not-taken", "planned"])
def test_a_medicine_that_is_not_taken_or_only_planned_does_not_count(state):
    assert A is aspirin(medicine("aspirin", state)).truth


def test_a_medicine_whose_state_is_not_known_leaves_it_unknown():
    found = aspirin(medicine("aspirin", "unknown"))

    assert U is found.truth
    assert [("Aspirin", GapReason.VALUE_UNKNOWN)] == [(gap.what, gap.reason) for gap in found.gaps]


def test_a_medicine_whose_state_is_not_known_stays_unknown_whatever_its_dates():
    assert U is aspirin(medicine("aspirin", "unknown", start=days_ago(400), end=days_ago(300))).truth
    assert U is aspirin(medicine("aspirin", "unknown", written=days_ago(2), end=days_ago(1))).truth


@pytest.mark.parametrize(("expected", "days"), [(P, 9.9), (A, 10), (A, 30)])
def test_a_medicine_that_ended_counts_for_as_long_as_its_ingredient_says(expected, days):
    assert expected is aspirin(medicine("aspirin", "ended", end=days_ago(days))).truth


@pytest.mark.parametrize(("expected", "days"), [(P, 2), (A, 3)])
def test_the_rule_may_say_how_long_an_ended_medicine_counts(expected, days):
    ended = medicine("aspirin", "ended", end=days_ago(days))

    assert expected is use("ingredients: [aspirin], ended_within: {days: 3}", ended).truth


def test_an_ended_medicine_without_an_offset_no_longer_counts():
    assert A is use("ingredients: [clopidogrel]", medicine("clopidogrel", "ended", end=hours_ago(1))).truth


def test_a_current_medicine_whose_end_has_passed_counts_as_ended():
    assert A is aspirin(medicine("aspirin", end=days_ago(30))).truth
    assert P is aspirin(medicine("aspirin", end=days_ago(5))).truth


def test_a_current_medicine_that_ends_later_is_taken():
    (shown,) = aspirin(medicine("aspirin", end=days_ago(-3))).evidence

    assert "ended" not in shown.flags
    assert shown.at is None


def test_a_medicine_that_ends_at_this_moment_has_ended():
    (shown,) = aspirin(medicine("aspirin", end=days_ago(0))).evidence

    assert "ended" in shown.flags


def test_a_medicine_that_ends_today_still_counts():
    assert P is use("ingredients: [clopidogrel]", medicine("clopidogrel", "ended", end=when("2026-03-18"))).truth


@pytest.mark.parametrize(("expected", "days"), [(P, 5), (A, 30)])
def test_an_ended_medicine_without_an_end_is_dated_by_when_it_was_written(expected, days):
    assert expected is aspirin(medicine("aspirin", "ended", written=days_ago(days))).truth
    assert expected is aspirin(medicine("aspirin", "ended", start=days_ago(days))).truth


def test_an_ended_medicine_without_any_date_leaves_it_unknown():
    assert U is aspirin(medicine("aspirin", "ended")).truth


# ---------------------------------------------------------------- routes and starts of a rule

ORAL_STEROID = "classes: [steroid], routes: [oral]"


@pytest.mark.parametrize(("expected", "route"), [(P, "oral"), (A, "topical"), (U, "")])
def test_a_route_that_is_not_stated_leaves_it_unknown(expected, route):
    assert expected is use(ORAL_STEROID, medicine("prednisolone", route=route)).truth


@pytest.mark.parametrize(("restricted", "what"), [(False, "Prednisolone"), (True, RESTRICTED)])
def test_what_is_not_stated_of_a_restricted_medicine_is_told_without_its_name(restricted, what):
    entry = medicine("prednisolone", restricted=restricted)

    assert use(ORAL_STEROID, entry).gaps == (
        Gap(what, GapReason.VALUE_UNKNOWN, "MedicationStatement/prednisolone"),
    )


def test_one_medicine_by_the_asked_route_is_enough():
    entries = (medicine("prednisolone"), medicine("prednisolone", route="oral", reference="MedicationStatement/2"))

    found = use(ORAL_STEROID, *entries)

    assert P is found.truth
    assert ["MedicationStatement/2"] == [shown.reference for shown in found.evidence]


@pytest.mark.parametrize(
    ("expected", "test", "start"),
    [
        (P, "started_within: {days: 14}", days_ago(13)),
        (A, "started_within: {days: 14}", days_ago(14)),
        (P, "started_before: {days: 14}", days_ago(14)),
        (A, "started_before: {days: 14}", days_ago(13)),
        (P, "started_within: {days: 90}, started_before: {days: 14}", days_ago(30)),
        (A, "started_before: {days: 14}", when("2026-03-04")),
        (P, "started_before: {days: 14}", when("2026-03-03")),
        (U, "started_within: {days: 14}", None),
        (U, "started_before: {days: 14}", None),
    ],
)
def test_the_start_may_have_to_lie_in_a_window(expected, test, start):
    assert expected is use(f"ingredients: [aspirin], {test}", medicine("aspirin", start=start)).truth


def test_the_date_of_writing_stands_in_for_a_missing_start():
    written = medicine("aspirin", written=days_ago(3), source="ordered")

    assert P is use("ingredients: [aspirin], started_within: {days: 14}", written).truth


# ---------------------------------------------------------------- silence


def test_silence_of_both_lists_is_absence():
    assert A is aspirin().truth


def test_silence_is_unknown_unless_the_rule_says_otherwise():
    found = finding("medication: {ingredients: [aspirin]}", record())

    assert U is found.truth
    assert () == found.gaps


@pytest.mark.parametrize(
    ("expected", "lists"),
    [
        (True, {"MedicationStatement": DONE, "MedicationRequest": DONE}),
        (True, {"MedicationStatement": NOT_KEPT, "MedicationRequest": DONE}),
        (True, {"MedicationStatement": DONE, "MedicationRequest": NOT_KEPT}),
        (False, {"MedicationStatement": NOT_KEPT, "MedicationRequest": NOT_KEPT}),
        (False, {"MedicationStatement": FAILED, "MedicationRequest": DONE}),
        (False, {"MedicationStatement": DONE}),
        (False, {}),
    ],
)
def test_medicines_were_read_when_every_list_the_server_keeps_is_whole(expected, lists):
    assert expected is medicines_were_read(lists)


@pytest.mark.parametrize(
    ("expected", "lists"),
    [
        (GapReason.FAILED, {"MedicationStatement": FAILED}),
        (GapReason.NOT_SUPPLIED, {"MedicationRequest": NOT_READ}),
    ],
)
def test_silence_of_a_list_that_was_not_read_is_unknown(expected, lists):
    found = aspirin(lists=lists)

    assert U is found.truth
    assert [("medication list", expected)] == [(gap.what, gap.reason) for gap in found.gaps]


def test_a_chart_without_any_list_of_medicines_leaves_them_unknown():
    found = finding("medication: {ingredients: [aspirin]}", replace(record(), lists={}))

    assert U is found.truth
    assert [("medication list", GapReason.NOT_SUPPLIED)] == [(gap.what, gap.reason) for gap in found.gaps]


def test_a_list_that_was_not_read_does_not_hide_a_medicine_that_could_not_be_identified():
    found = aspirin(medicine(coded("x", "own")), lists={"MedicationRequest": FAILED})

    assert [GapReason.UNIDENTIFIED, GapReason.FAILED] == [gap.reason for gap in found.gaps]


@pytest.mark.parametrize("nameless", [Coded(), Coded(text="  "), coded("x", "own")])
def test_a_medicine_that_cannot_be_identified_is_never_read_as_not_taken(nameless):
    found = aspirin(medicine(nameless), medicine(nameless))

    assert U is found.truth
    assert [("medication", GapReason.UNIDENTIFIED, 2)] == [(gap.what, gap.reason, gap.count) for gap in found.gaps]


def test_a_medicine_with_a_name_that_is_none_of_ours_is_identified():
    assert A is aspirin(medicine("paracetamol")).truth


# ---------------------------------------------------------------- evidence


def test_each_ingredient_is_shown_once_current_before_ended():
    entries = (
        medicine("aspirin", "ended", end=days_ago(2), reference="MedicationStatement/1"),
        medicine("aspirin", start=days_ago(1), reference="MedicationStatement/3"),
        medicine("aspirin", reference="MedicationStatement/2"),
        medicine("clopidogrel", reference="MedicationStatement/4"),
    )

    shown = {evidence.label: evidence.reference for evidence in use("classes: [antiplatelet]", *entries).evidence}

    assert {"Aspirin": "MedicationStatement/2", "Clopidogrel": "MedicationStatement/4"} == shown


def test_a_current_medicine_is_shown_with_its_start_and_source():
    entry = medicine("aspirin", start=days_ago(9), source="ordered", route="oral", restricted=True)

    (shown,) = aspirin(entry).evidence

    assert ("Aspirin", "prescribed", None, days_ago(9)) == (shown.label, shown.value, shown.at, shown.since)
    assert ((), "text") == (shown.flags, shown.certainty)
    assert shown.restricted


def test_an_ended_medicine_is_shown_with_its_end():
    (shown,) = aspirin(medicine(coded("3001", "rxnorm"), "ended", written=days_ago(9), end=days_ago(2))).evidence

    assert (days_ago(2), days_ago(9)) == (shown.at, shown.since)
    assert (("ended", "route not stated"), "coded") == (shown.flags, shown.certainty)


@pytest.mark.parametrize(
    ("expected", "source"),
    [
        ("reported as taken", "reported"),
        ("given", "administered"),
        ("dispensed", "dispensed"),
        ("proposed in this order", "proposed"),
    ],
)
def test_the_source_of_a_medicine_is_shown_in_our_words(expected, source):
    assert [expected] == [shown.value for shown in aspirin(medicine("aspirin", source=source)).evidence]


def test_medicines_are_identified_once_for_a_chart():
    findings = find(record(medicine("aspirin")), small_library(), AT)

    assert findings.medicines is findings.medicines
