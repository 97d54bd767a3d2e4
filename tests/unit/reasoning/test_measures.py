from decimal import Decimal

import pytest

from cds_hooks.chart.record import Coded, Listing, ListRead, PatientRecord, Quantity
from cds_hooks.model.results import RESTRICTED, GapReason
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.mapping import find
from tests.build import (
    AT,
    amount,
    days_ago,
    finding,
    findings_of,
    hours_ago,
    library_of,
    list_failed,
    observed,
    patient,
    platelets,
    problem,
    record,
    when,
)

P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN

BELOW_10 = 'measure: {concept: platelet-count, is: {below: "10", unit: "10*9/L"}, within: {hours: 72}}'
ANY_FEVER = 'measure: {concept: temperature, is: {at_least: "38", unit: "Cel"}, pick: any, within: {hours: 48}}'


def below_10(*entries):
    return finding(BELOW_10, record(*entries))


def reasons(found):
    return [gap.reason for gap in found.gaps]


# ---------------------------------------------------------------- the newest value in the window


@pytest.mark.parametrize(
    ("expected", "count"), [(P, "9.9"), (A, "10"), (A, "10.1"), (P, "<5"), (U, "<15"), (A, ">1000")]
)
def test_a_count_is_compared_with_the_limit(expected, count):
    assert expected is below_10(platelets(count)).truth


@pytest.mark.parametrize("count", ["9999 /uL", "9.999 10*3/uL"])
def test_a_count_in_another_unit_is_compared_after_conversion(count):
    assert P is below_10(platelets(count)).truth


@pytest.mark.parametrize("count", ["8", "150", "<50"])
def test_a_finding_bears_the_name_of_its_rule_whatever_it_comes_to(count):
    assert below_10(platelets(count)).id == "it"


def test_no_count_is_unknown():
    assert U is below_10().truth


def test_platelet_count_older_than_the_window_is_unknown():
    older = platelets("9", hours_ago(90), reference="Observation/older")
    found = below_10(older, platelets("8", hours_ago(72), reference="Observation/old"))

    assert U is found.truth
    assert [(GapReason.STALE, "Observation/old")] == [(gap.reason, gap.reference) for gap in found.gaps]


def test_the_newest_value_decides():
    assert A is below_10(platelets("8", hours_ago(20)), platelets("150", hours_ago(2))).truth
    assert P is below_10(platelets("150", hours_ago(20)), platelets("8", hours_ago(2))).truth


def test_of_two_values_of_one_moment_the_one_in_range_counts():
    assert P is below_10(platelets("150", hours_ago(2)), platelets("8", hours_ago(2))).truth


def test_of_two_values_of_one_moment_the_later_issue_corrects_the_earlier():
    wrong = platelets("8", hours_ago(5), issued=hours_ago(4))
    right = platelets("150", hours_ago(5), issued=hours_ago(1))

    assert A is below_10(wrong, right).truth


def test_a_value_dated_by_day_does_not_hide_one_of_that_day_with_a_time():
    day, hour = platelets("200", when("2026-03-17")), platelets("8", when("2026-03-17T15:00Z"))

    assert P is below_10(day, hour).truth


def test_a_value_surely_older_than_another_of_a_long_interval_does_not_count():
    older, newer = platelets("8", hours_ago(40)), platelets("200", hours_ago(30))

    assert A is below_10(older, newer, platelets("200", when("2026-03"))).truth


def test_the_time_of_issue_stands_in_for_a_missing_time():
    assert P is below_10(platelets("8", undated=True, issued=hours_ago(3))).truth


def test_a_number_written_as_text_is_measured():
    assert P is below_10(observed("platelet count", "8 10*9/L")).truth


def test_a_measured_value_is_shown_with_its_entry():
    entry = platelets("8500 /uL", hours_ago(2), preliminary=True, restricted=True)

    (shown,) = below_10(entry).evidence

    assert ("Platelet count", "8500 /uL (8.5 ×10⁹/L)", hours_ago(2)) == (shown.label, shown.value, shown.at)
    assert (("preliminary",), entry.reference) == (shown.flags, shown.reference)
    assert shown.restricted


def test_an_absent_finding_shows_the_value_that_made_it_so():
    (shown,) = below_10(platelets("150")).evidence

    assert ("150 ×10⁹/L", ()) == (shown.value, shown.flags)


# ---------------------------------------------------------------- any value in the window


def test_one_value_in_range_is_enough_where_any_counts():
    fever, now = (
        observed("temperature", amount("38 Cel"), hours_ago(30)),
        observed("temperature", amount("36.5 Cel")),
    )

    found = finding(ANY_FEVER, record(now, fever))

    assert P is found.truth
    assert ["38 °C"] == [shown.value for shown in found.evidence]


def test_no_value_in_range_is_absent_where_any_counts():
    cool = [observed("temperature", amount("37.9 Cel"), hours_ago(hours)) for hours in (1, 30)]

    assert A is finding(ANY_FEVER, record(*cool, observed("temperature", amount("39 Cel"), hours_ago(48)))).truth


def test_fahrenheit_reaches_the_limit_exactly():
    assert P is finding(ANY_FEVER, record(observed("temperature", amount("100.4 [degF]")))).truth
    assert A is finding(ANY_FEVER, record(observed("temperature", amount("100.3 [degF]")))).truth


# ---------------------------------------------------------------- values that could not be used


@pytest.mark.parametrize(
    ("expected", "entry"),
    [
        (GapReason.UNIT_UNKNOWN, platelets("8 furlongs")),
        (GapReason.IMPLAUSIBLE, platelets("8000")),
        (GapReason.UNDATED, platelets("8", undated=True)),
        (GapReason.VALUE_UNKNOWN, observed("platelet count", "CLUMPED")),
        (GapReason.VALUE_UNKNOWN, observed("platelet count", Coded(text="clumped"))),
    ],
)
def test_a_value_that_cannot_be_used_is_a_gap(expected, entry):
    found = below_10(entry)

    assert U is found.truth
    assert [expected] == reasons(found)


def test_an_entry_without_a_value_is_no_gap():
    assert [] == reasons(below_10(observed("platelet count", value_missing="not-performed")))


def test_a_newer_value_that_cannot_be_used_takes_away_absence():
    found = below_10(platelets("150", hours_ago(20)), platelets("8 furlongs", hours_ago(2)))

    assert U is found.truth
    assert [GapReason.UNIT_UNKNOWN] == reasons(found)


def test_a_newer_value_that_cannot_be_used_leaves_presence():
    found = below_10(platelets("8", hours_ago(20)), platelets("8 furlongs", hours_ago(2)))

    assert P is found.truth
    assert [GapReason.UNIT_UNKNOWN] == reasons(found)


def test_an_older_value_that_cannot_be_used_does_not_matter():
    found = below_10(platelets("150", hours_ago(2)), platelets("8 furlongs", hours_ago(20)))

    assert A is found.truth
    assert [] == reasons(found)


def test_an_undated_value_beside_a_dated_one_is_a_gap():
    found = below_10(platelets("150", hours_ago(2)), platelets("8", undated=True))

    assert [GapReason.UNDATED] == reasons(found)


# ---------------------------------------------------------------- reference limits


@pytest.mark.parametrize(("expected", "count"), [(P, "151"), (A, "150")])
def test_a_limit_may_be_the_laboratory_own(expected, count):
    body = 'measure: {concept: platelet-count, is: {above: "1", of: upper-limit}}'

    assert expected is finding(body, record(platelets(count, high=amount("150 10*9/L")))).truth


# ---------------------------------------------------------------- limits by age

BY_AGE = """\
measure:
  concept: haemoglobin
  by_age:
    - {age: {from: {months: 1}, below: {years: 5}}, is: {below: "110", unit: "g/L"}}
    - {age: {from: {years: 5}, below: {years: 12}}, is: {below: "115", unit: "g/L"}}
    - {age: {from: {years: 12}}, is: {below: "120", unit: "g/L"}}
"""


def by_age(born, haemoglobin="112 g/L"):
    chart = record(observed("haemoglobin", amount(haemoglobin)), person=patient(born))
    return finding(BY_AGE, chart).truth


@pytest.mark.parametrize(
    ("expected", "born"),
    [
        (A, "2021-03-19"),
        (P, "2021-03-18"),
        (P, "2014-03-19"),
        (P, "2014-03-18"),
        (A, "2026-02-18"),
        (A, "2026-02-19"),
    ],
)
def test_the_band_of_the_completed_age_gives_the_range(expected, born):
    assert expected is by_age(born)


def test_the_range_changes_on_the_birthday():
    assert A is by_age("2014-03-19", "117 g/L")
    assert P is by_age("2014-03-18", "117 g/L")


def test_outside_every_band_the_finding_is_absent():
    assert A is by_age("2026-03-01", "50 g/L")


def test_outside_every_band_the_finding_may_be_unknown():
    body = f"{BY_AGE}  outside_bands: unknown\n"
    newborn = record(observed("haemoglobin", amount("50 g/L")), person=patient("2026-03-01"))

    assert U is finding(body, newborn).truth


@pytest.mark.parametrize("born", ["", "2021-03", "2021"])
def test_a_birth_date_that_does_not_tell_the_band_leaves_it_unknown(born):
    assert U is by_age(born)


@pytest.mark.parametrize("born", ["2018-05", "2018"])
def test_a_partial_birth_date_inside_one_band_tells(born):
    assert P is by_age(born)


# ---------------------------------------------------------------- results that are words

BLOOD = "answer: {concepts: [urine-blood], is: [present, two-plus], within: {days: 7}}"


def urine(*entries, body=BLOOD):
    return finding(body, record(*entries))


@pytest.mark.parametrize(
    ("expected", "word"), [(P, "2+"), (P, "positive"), (P, True), (A, "negative"), (A, False)]
)
def test_a_worded_result_is_one_of_those_asked_for_or_not(expected, word):
    assert expected is urine(observed("urine blood", word)).truth


def test_a_result_outside_the_window_is_unknown():
    assert U is urine(observed("urine blood", "2+", days_ago(7))).truth


def test_an_undated_result_is_unknown():
    found = urine(observed("urine blood", "2+", undated=True))

    assert (U, [GapReason.UNDATED]) == (found.truth, reasons(found))


def test_the_newest_word_decides():
    assert A is urine(observed("urine blood", "2+", days_ago(2)), observed("urine blood", "negative")).truth


def test_of_two_words_of_one_day_the_one_asked_for_counts():
    today = when("2026-03-18")

    assert P is urine(observed("urine blood", "negative", today), observed("urine blood", "2+", today)).truth


def test_any_word_in_the_window_counts_where_the_rule_says_so():
    body = "answer: {concepts: [urine-blood], is: [two-plus], pick: any}"

    assert (
        P
        is urine(observed("urine blood", "2+", days_ago(2)), observed("urine blood", "negative"), body=body).truth
    )


def test_a_word_that_is_not_understood_is_a_gap():
    found = urine(observed("urine blood", "turbid"))

    assert U is found.truth
    assert [GapReason.VALUE_UNKNOWN] == reasons(found)


def test_a_word_that_is_not_understood_takes_away_absence():
    assert U is urine(observed("urine blood", "negative", days_ago(1)), observed("urine blood", "turbid")).truth


def test_a_number_is_no_answer_and_no_gap():
    found = urine(observed("urine blood", amount("250 10*9/L")))

    assert U is found.truth
    assert [] == reasons(found)


def test_a_worded_result_is_shown_in_our_words():
    entry = observed("urine blood", "POSITIVE.", hours_ago(2), preliminary=True, restricted=True)

    (shown,) = urine(entry).evidence

    assert ("Blood in urine", "present", hours_ago(2)) == (shown.label, shown.value, shown.at)
    assert ("preliminary",) == shown.flags
    assert shown.restricted


@pytest.mark.parametrize(("restricted", "what"), [(False, "Platelet count"), (True, RESTRICTED)])
def test_a_restricted_value_that_cannot_be_read_is_told_without_its_name(restricted, what):
    assert [what] == [gap.what for gap in below_10(platelets("8 foo", restricted=restricted)).gaps]


# ---------------------------------------------------------------- trends

HALVED = """\
trend:
  concept: platelet-count
  change: fall
  by: {above: "50", unit: "%"}
  latest_within: {days: 3}
  baseline_within: {days: 14}
"""
RISEN_BY_20 = """\
trend:
  concept: haemoglobin
  change: rise
  by: {at_least: "20", unit: "g/L"}
  latest_within: {days: 3}
  baseline_within: {days: 14}
"""


def halved(*entries):
    return finding(HALVED, record(*entries)).truth


def risen_by_20(*counts):
    entries = [
        observed("haemoglobin", amount(count), days_ago(days)) for days, count in enumerate(reversed(counts))
    ]
    return finding(RISEN_BY_20, record(*entries)).truth


@pytest.mark.parametrize(
    ("expected", "count"),
    [(P, "99.9"), (A, "100"), (A, "300"), (P, "<50"), (P, "<100"), (U, "<150"), (A, ">100"), (U, ">50")],
)
def test_a_fall_is_more_than_the_given_share(expected, count):
    assert expected is halved(platelets("200", days_ago(5)), platelets(count))


@pytest.mark.parametrize(
    ("expected", "count"), [(P, "120 g/L"), (A, "119.9 g/L"), (A, "80 g/L"), (P, ">120 g/L"), (U, ">110 g/L")]
)
def test_a_rise_may_be_a_distance_in_the_unit_of_the_concept(expected, count):
    assert expected is risen_by_20("100 g/L", count)


def test_the_baseline_of_a_fall_is_the_highest_value_before():
    assert P is halved(platelets("90", days_ago(4)), platelets("200", days_ago(8)), platelets("80"))


def test_the_baseline_of_a_rise_is_the_lowest_value_before():
    assert P is risen_by_20("130 g/L", "100 g/L", "125 g/L")


def test_from_zero_there_is_no_percentage():
    assert A is halved(platelets("0", days_ago(5)), platelets("0"))


def test_units_may_differ_between_baseline_and_newest():
    assert P is halved(platelets("200000 /uL", days_ago(5)), platelets("99"))


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([], id="nothing"),
        pytest.param([platelets("8")], id="no baseline"),
        pytest.param([platelets("200", days_ago(5))], id="no newest value"),
        pytest.param([platelets("200", days_ago(5)), platelets("8", days_ago(3))], id="newest value too old"),
        pytest.param([platelets("200", days_ago(14.1)), platelets("8", hours_ago(1))], id="baseline too old"),
        pytest.param([platelets(">200", days_ago(5)), platelets("8")], id="baseline not exact"),
        pytest.param([platelets("200"), platelets("8")], id="one moment"),
    ],
)
def test_without_a_baseline_and_a_newest_value_a_change_is_unknown(entries):
    assert U is halved(*entries)


def test_an_unknown_change_tells_which_result_could_not_be_read():
    found = finding(HALVED, record(platelets("200", days_ago(5)), platelets("80 furlong")))

    assert ("it", U) == (found.id, found.truth)
    assert [("Platelet count", GapReason.UNIT_UNKNOWN)] == [(gap.what, gap.reason) for gap in found.gaps]


@pytest.mark.parametrize(("entries", "days"), [((), 3), ((platelets("8"),), 14.1)])
def test_an_unknown_change_tells_that_results_were_not_read_back_over_its_window(entries, days):
    def gaps(read_back_to):
        lists = {"Observation": ListRead(Listing.INCOMPLETE, back_to=read_back_to.earliest)}
        found = finding(HALVED, record(*entries, lists=lists))
        assert ("it", U) == (found.id, found.truth)
        return reasons(found)

    assert gaps(days_ago(days)) == []
    assert gaps(days_ago(days - 0.1)) == [GapReason.NOT_SUPPLIED]


def test_a_change_that_is_known_is_told_under_its_own_name():
    assert finding(HALVED, record(platelets("200", days_ago(5)), platelets("80"))).id == "it"


def test_counts_dated_by_day_on_two_days_make_a_fall():
    assert P is halved(platelets("200", when("2026-03-17")), platelets("80", when("2026-03-18")))


def test_both_values_of_a_fall_are_shown():
    found = finding(HALVED, record(platelets("200", days_ago(5)), platelets("80")))

    assert ["80 ×10⁹/L", "200 ×10⁹/L"] == [shown.value for shown in found.evidence]


# ---------------------------------------------------------------- since

RASH = "sign: {concepts: [petechiae], observed_within: {days: 14}, problem_within: {days: 14}}"


def since(test, *entries, lists=None):
    library = library_of(
        {"rash": RASH, "it": f"since: {{after: rash, {test}}}\nwhen_missing: absent_if_list_read"}
    )
    return find(record(*entries, lists=lists), library, AT)["it"]


COUNT = "concepts: [platelet-count]"
BOTH = "concepts: [platelet-count, haemoglobin]"
YESTERDAY = observed("petechiae", at=hours_ago(30))


@pytest.mark.parametrize(("expected", "hours"), [(P, 29), (P, 30), (A, 31)])
def test_a_count_after_the_first_record_counts(expected, hours):
    assert expected is since(COUNT, YESTERDAY, platelets("150", hours_ago(hours))).truth


@pytest.mark.parametrize(("expected", "read_back_to"), [(A, 30), (A, 40), (U, 29.9)])
def test_silence_since_the_first_record_tells_when_results_were_read_back_to_it(expected, read_back_to):
    lists = {"Observation": ListRead(Listing.INCOMPLETE, back_to=hours_ago(read_back_to).earliest)}

    found = since(COUNT, YESTERDAY, lists=lists)

    assert ("it", expected) == (found.id, found.truth)
    assert ([] if expected is A else [GapReason.NOT_SUPPLIED]) == reasons(found)


def test_a_sign_seen_again_does_not_move_the_beginning():
    again = observed("petechiae", at=hours_ago(1), reference="Observation/again")

    assert P is since(COUNT, YESTERDAY, again, platelets("150", hours_ago(20))).truth


@pytest.mark.parametrize(("expected", "test"), [(A, BOTH), (P, f"{BOTH}, need: any")])
def test_all_or_any_of_the_concepts_may_be_needed(expected, test):
    assert expected is since(test, YESTERDAY, platelets("150", hours_ago(20))).truth


def test_a_worded_result_counts_as_measured():
    found = since("concepts: [urine-blood]", YESTERDAY, observed("urine blood", "negative"))

    assert P is found.truth
    assert ["absent"] == [shown.value for shown in found.evidence]


def test_a_word_before_the_beginning_does_not_count():
    before = observed("urine blood", "negative", hours_ago(40))

    assert A is since("concepts: [urine-blood]", YESTERDAY, before).truth


def test_a_word_that_is_not_understood_leaves_open_whether_it_was_measured_since():
    unclear = observed("urine blood", "turbid")

    found = since("concepts: [urine-blood]", YESTERDAY, unclear)

    assert U is found.truth
    assert (GapReason.VALUE_UNKNOWN,) == tuple(gap.reason for gap in found.gaps)


@pytest.mark.parametrize(("expected", "test"), [(A, COUNT), (P, f"{COUNT}, same_day_counts: true")])
def test_a_count_of_the_day_by_which_the_sign_is_dated_counts_only_where_the_rule_says_so(expected, test):
    rash = observed("petechiae", at=when("2026-03-17"))

    assert expected is since(test, rash, platelets("150", when("2026-03-17T15:00Z"))).truth


def test_a_count_of_the_next_day_counts_after_a_sign_dated_by_day():
    rash = observed("petechiae", at=when("2026-03-17"))

    assert P is since(COUNT, rash, platelets("150", when("2026-03-18"))).truth


def test_a_problem_dated_by_day_begins_at_the_end_of_its_day():
    rash = problem("petechiae", when("2026-03-17"))

    assert A is since(COUNT, rash, platelets("150", when("2026-03-17T15:00Z"))).truth


@pytest.mark.parametrize(
    "entries", [(), (observed("petechiae", undated=True),), (observed("petechiae", value=False),)]
)
def test_without_a_beginning_it_is_unknown(entries):
    assert U is since(COUNT, *entries, platelets("150")).truth


@pytest.mark.parametrize("state", [list_failed(), ListRead(Listing.INCOMPLETE, reason=GapReason.FAILED)])
def test_silence_about_results_that_were_not_read_whole_is_unknown(state):
    found = since(COUNT, YESTERDAY, lists={"Observation": state})

    assert U is found.truth
    assert [("Results and observations", GapReason.FAILED)] == [(gap.what, gap.reason) for gap in found.gaps]


def test_silence_is_unknown_unless_the_rule_says_otherwise():
    rules = {"rash": RASH, "it": f"since: {{after: rash, {COUNT}}}"}

    found = findings_of(rules, YESTERDAY)["it"]

    assert U is found.truth
    assert () == found.gaps


def test_a_number_beyond_reckoning_is_a_gap_and_no_failure():
    found = below_10(observed("platelet count", Quantity(Decimal("9e999999"), "/uL")))

    assert [GapReason.IMPLAUSIBLE] == reasons(found)


# ---------------------------------------------------------------- results that were not read whole


def results_read(state, back_to=None):
    return {"Observation": ListRead(state, back_to, None if state is Listing.COMPLETE else GapReason.FAILED)}


def in_part(body, *entries, back_to=None):
    return finding(body, record(*entries, lists=results_read(Listing.INCOMPLETE, back_to)))


LIST_GAP = [("Results and observations", GapReason.FAILED)]


def told(found):
    return [(gap.what, gap.reason) for gap in found.gaps]


@pytest.mark.parametrize("state", [Listing.INCOMPLETE, Listing.FAILED, Listing.NOT_READ])
def test_a_harmless_value_says_nothing_while_a_newer_one_may_be_unread(state):
    found = finding(BELOW_10, record(platelets("150"), lists=results_read(state)))

    assert U is found.truth
    assert LIST_GAP == told(found)


def test_a_list_of_which_nothing_is_known_was_not_read():
    found = finding(BELOW_10, PatientRecord(patient(), observed=(platelets("150"),)))

    assert [("Results and observations", GapReason.NOT_SUPPLIED)] == told(found)
    assert U is found.truth


def test_a_dangerous_value_counts_although_others_may_be_unread():
    found = in_part(BELOW_10, platelets("8"))

    assert P is found.truth
    assert LIST_GAP == told(found)


@pytest.mark.parametrize(("expected", "hours"), [(A, 2), (A, 1), (U, 0.5)])
def test_a_list_that_is_whole_back_to_the_newest_value_is_enough(expected, hours):
    assert expected is in_part(BELOW_10, platelets("150", hours_ago(1)), back_to=hours_ago(hours).earliest).truth


@pytest.mark.parametrize(("expected", "hours"), [(A, 48), (U, 47)])
def test_where_any_value_counts_the_list_must_be_whole_back_to_the_window(expected, hours):
    cool = observed("temperature", amount("37 Cel"), hours_ago(1))

    assert expected is in_part(ANY_FEVER, cool, back_to=hours_ago(hours).earliest).truth


@pytest.mark.parametrize(("expected", "back_to"), [(U, None), (A, hours_ago(1).earliest)])
def test_a_harmless_word_says_nothing_while_a_newer_one_may_be_unread(expected, back_to):
    found = in_part(BLOOD, observed("urine blood", "negative", hours_ago(1)), back_to=back_to)

    assert expected is found.truth
    assert ([] if back_to else LIST_GAP) == told(found)


def test_a_word_that_was_asked_for_counts_although_others_may_be_unread():
    assert P is in_part(BLOOD, observed("urine blood", "2+")).truth


@pytest.mark.parametrize(
    ("expected", "back_to"), [(U, None), (U, days_ago(4).earliest), (A, days_ago(15).earliest)]
)
def test_no_fall_is_known_only_when_the_time_of_the_baseline_was_read_whole(expected, back_to):
    found = in_part(HALVED, platelets("200", days_ago(4)), platelets("190", hours_ago(1)), back_to=back_to)

    assert expected is found.truth
    assert ([] if expected is A else LIST_GAP) == told(found)


def test_a_fall_that_was_read_counts_although_others_may_be_unread():
    assert P is in_part(HALVED, platelets("200", days_ago(4)), platelets("80")).truth


def test_a_newer_value_that_cannot_be_used_leaves_it_open_whether_there_was_no_fall():
    entries = platelets("200", days_ago(4)), platelets("190", hours_ago(9)), platelets("8 furlongs", hours_ago(1))

    found = finding(HALVED, record(*entries))

    assert U is found.truth
    assert [GapReason.UNIT_UNKNOWN] == reasons(found)


# ---------------------------------------------------------------- values that could not be used, and doubles


@pytest.mark.parametrize(("expected", "hours"), [(U, 40), (A, 48)])
def test_where_any_value_counts_one_that_cannot_be_used_leaves_it_open_in_the_whole_window(expected, hours):
    cool = observed("temperature", amount("37 Cel"), hours_ago(1))
    unclear = observed("temperature", amount("39 furlongs"), hours_ago(hours))

    found = finding(ANY_FEVER, record(cool, unclear))

    assert expected is found.truth
    assert ([GapReason.UNIT_UNKNOWN] if expected is U else []) == reasons(found)


def test_a_value_before_the_window_that_cannot_be_used_is_no_gap():
    assert [] == reasons(below_10(platelets("8 furlongs", hours_ago(72))))


def test_of_two_values_of_one_moment_the_issue_decides_only_where_both_have_one():
    issued, never = platelets("150", hours_ago(5), issued=hours_ago(1)), platelets("8", hours_ago(5))

    assert P is below_10(issued, never).truth


def test_a_value_of_the_last_issue_counts_beside_one_without():
    entries = (
        platelets("8", hours_ago(5), issued=hours_ago(4)),
        platelets("150", hours_ago(5), issued=hours_ago(1)),
        platelets("160", hours_ago(5)),
    )

    assert A is below_10(*entries).truth


def test_that_values_of_one_moment_contradict_each_other_is_a_gap():
    found = below_10(platelets("150", hours_ago(2)), platelets("8", hours_ago(2)))

    assert P is found.truth
    assert [("Platelet count", GapReason.CONFLICTING)] == told(found)


def test_values_of_one_moment_that_agree_are_no_gap():
    assert [] == reasons(below_10(platelets("9", hours_ago(2)), platelets("8", hours_ago(2))))


def test_that_words_of_one_moment_contradict_each_other_is_a_gap():
    today = when("2026-03-18")
    found = urine(observed("urine blood", "negative", today), observed("urine blood", "2+", today))

    assert [("Blood in urine", GapReason.CONFLICTING)] == told(found)


def test_a_word_that_is_not_understood_matters_only_where_it_may_be_the_newest():
    entries = observed("urine blood", "negative", hours_ago(1)), observed("urine blood", "turbid", days_ago(2))

    assert A is urine(*entries).truth


def test_where_any_word_counts_one_that_is_not_understood_leaves_it_open():
    body = "answer: {concepts: [urine-blood], is: [two-plus], pick: any}"
    entries = observed("urine blood", "negative", hours_ago(1)), observed("urine blood", "turbid", days_ago(2))

    assert U is urine(*entries, body=body).truth
