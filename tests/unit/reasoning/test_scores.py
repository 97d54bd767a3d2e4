import pytest

from cds_hooks.chart.record import Listing, ListRead
from cds_hooks.model.results import GapReason, ScoreRange
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.mapping import find
from cds_hooks.reasoning.scores import measured_by, reaches, risk_of
from tests.build import AT, amount, hours_ago, library_of, observed, platelets, record

P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN

RULES = {
    "rash": "sign: {concepts: [petechiae], observed_within: {days: 3}}",
    "bruise": "sign: {concepts: [purpura], observed_within: {days: 3}}",
    "fever": "sign: {concepts: [fever], observed_within: {days: 3}}",
}
HEAD = """\
id: s
name: "S"
risks: [{from: 1, name: "low"}, {from: 3, name: "high"}]
citations: [{source: textbook}]
"""
COUNT = """\
  - name: "platelets"
    settle: "a platelet count"
    concept: platelet-count
    within: {hours: 24}
    bands:
      - {is: {below: "50", unit: "10*9/L"}, points: 2}
      - {is: {at_least: "50", below: "100", unit: "10*9/L"}, points: 1}
"""
SKIN = """\
  - name: "skin"
    settle: "a skin finding"
    options: [{when: rash, points: 2}, {when: bruise, points: 1}]
"""
JUDGED = """\
  - {name: "other cause", settle: "a judgement", judged_up_to: 2}
"""


def library(*items, rest=""):
    return library_of(RULES, files={"knowledge/scores/s.yaml": f"{HEAD}{rest}items:\n{''.join(items)}"})


def total(items, *entries, rest=""):
    return find(record(*entries), library(*items, rest=rest), AT).score("s")


def span(items, *entries):
    found = total(items, *entries)
    return (found.low, found.high)


# ---------------------------------------------------------------- items


@pytest.mark.parametrize(
    ("expected", "count"),
    [
        ((2, 2), "49.9"),
        ((1, 1), "50"),
        ((1, 1), "99.9"),
        ((0, 0), "100"),
        ((2, 2), "<50"),
        ((0, 2), "<80"),
        ((0, 0), ">400"),
    ],
)
def test_a_value_gives_the_points_of_its_band(expected, count):
    assert expected == span([COUNT], platelets(count))


@pytest.mark.parametrize("entries", [(), (platelets("40", hours_ago(24)),), (platelets("40 furlongs"),)])
def test_a_value_that_is_missing_never_counts_as_none(entries):
    found = total([COUNT], *entries)

    assert (0, 2) == (found.low, found.high)
    assert ("platelets",) == found.missing


def test_a_value_is_rounded_as_the_score_was_made():
    rounded = COUNT.replace("    bands:", '    round_to: "1"\n    bands:')

    assert (2, 2) == span([COUNT], platelets("49.5"))
    assert (1, 1) == span([rounded], platelets("49.5"))
    assert (2, 2) == span([rounded], platelets("49.4"))


def test_the_middle_of_a_step_counts_upwards_and_not_to_the_even_one():
    rounded = COUNT.replace("    bands:", '    round_to: "2"\n    bands:')

    assert (1, 1) == span([rounded], platelets("49"))


@pytest.mark.parametrize(
    ("expected", "count"), [((2, 2), "48.7"), ((1, 1), "48.75"), ((1, 1), "98.7"), ((0, 0), "98.75")]
)
def test_a_value_is_rounded_to_the_step_of_the_score_and_its_middle_upwards(expected, count):
    rounded = COUNT.replace("    bands:", '    round_to: "2.5"\n    bands:')

    assert expected == span([rounded], platelets(count))


def test_a_band_may_be_given_by_the_laboratory_limit():
    item = COUNT.replace('{below: "50", unit: "10*9/L"}', '{below: "1", of: lower-limit}')

    assert (2, 2) == span([item], platelets("140", low=amount("150 10*9/L")))


@pytest.mark.parametrize(
    ("expected", "entries"),
    [
        ((2, 2), (observed("petechiae"), observed("purpura"))),
        ((1, 1), (observed("petechiae", value=False), observed("purpura"))),
        ((1, 2), (observed("purpura"),)),
        ((0, 0), (observed("petechiae", value=False), observed("purpura", value=False))),
        ((0, 1), (observed("petechiae", value=False),)),
        ((0, 2), ()),
    ],
)
def test_the_first_present_option_gives_the_points(expected, entries):
    assert expected == span([SKIN], *entries)


def test_what_is_settled_is_not_asked_for():
    found = total([COUNT, SKIN, SCALED.replace("platelets", "scaled")], platelets("150"), observed("petechiae"))
    bruised = total([SCALED], platelets("60"), observed("purpura"))

    assert (("scaled",), ("which scale",)) == (found.missing, found.settles)
    assert ((), ()) == (bruised.missing, bruised.settles)


def test_a_judgement_stays_open():
    found = total([JUDGED])

    assert (0, 2) == (found.low, found.high)
    assert ("other cause",) == found.missing


def test_items_add_up():
    assert (4, 6) == span([COUNT, SKIN, JUDGED], platelets("8"), observed("petechiae"))


# ---------------------------------------------------------------- whom it is for


@pytest.mark.parametrize(
    ("expected", "entries"), [(P, (observed("fever"),)), (A, (observed("fever", value=False),)), (U, ())]
)
def test_a_score_says_whether_it_is_for_this_patient(expected, entries):
    assert expected is total([COUNT], *entries, rest="when: fever\n").applies


@pytest.mark.parametrize(
    ("expected", "entries"),
    [
        (A, (observed("fever", value=True),)),
        (P, (observed("fever", value=False),)),
        (P, ()),
    ],
)
def test_whom_a_score_is_not_for_must_be_recorded(expected, entries):
    assert expected is total([COUNT], *entries, rest="unless: fever\n").applies


def test_a_score_for_everybody_applies():
    assert P is total([COUNT]).applies


# ---------------------------------------------------------------- reaching a limit


@pytest.mark.parametrize(
    ("expected", "applies", "low", "high"),
    [
        (P, P, 2, 4),
        (U, P, 1, 2),
        (A, P, 0, 1),
        (U, U, 2, 4),
        (U, U, 1, 2),
        (A, U, 0, 1),
        (A, A, 2, 4),
    ],
)
def test_a_limit_is_reached_at_the_lowest_total_and_missed_at_the_highest(expected, applies, low, high):
    assert expected is reaches(ScoreRange("s", applies, low, high), 2)


@pytest.mark.parametrize(("expected", "points"), [("", 0), ("low", 1), ("low", 2), ("high", 3), ("high", 9)])
def test_a_total_has_the_name_of_its_risk(expected, points):
    assert expected == risk_of(library(COUNT).scores["s"], points)


def test_the_concepts_a_score_measures_are_told():
    assert ("platelet-count",) == measured_by(library(COUNT, SKIN, JUDGED).scores["s"])


def test_a_score_is_worked_out_once_and_told():
    findings = find(record(), library(COUNT), AT)

    assert () == findings.worked_out_scores
    assert findings.score("s") is findings.score("s")
    assert (findings.score("s"),) == findings.worked_out_scores


# ---------------------------------------------------------------- other bands that may hold

OTHER = """\
    scales:
      - when: rash
        unless: bruise
        settle: "which scale"
        bands: [{is: {at_least: "50", unit: "10*9/L"}, points: 3}]
"""
SCALED = COUNT + OTHER


@pytest.mark.parametrize(
    ("expected", "entries"),
    [
        ((1, 1), ()),
        ((1, 1), (observed("petechiae", value=False),)),
        ((1, 3), (observed("petechiae"),)),
        ((1, 1), (observed("petechiae"), observed("purpura"))),
    ],
)
def test_other_bands_widen_an_item_while_what_they_are_for_is_present_and_nothing_excludes_them(expected, entries):
    assert expected == span([SCALED], platelets("60"), *entries)


def test_an_item_that_only_its_scale_leaves_open_is_settled_by_the_scale():
    found = total([SCALED], platelets("60"), observed("petechiae"))

    assert (("platelets",), ("which scale",)) == (found.missing, found.settles)


def test_other_bands_may_be_given_by_the_laboratory_limit():
    item = COUNT + OTHER.replace('{at_least: "50", unit: "10*9/L"}', '{below: "1", of: lower-limit}')

    assert (1, 3) == span([item], platelets("60", low=amount("150 10*9/L")), observed("petechiae"))


def test_an_item_without_a_value_is_settled_by_the_value():
    assert ("a platelet count",) == total([SCALED], observed("petechiae")).settles


def test_bands_that_give_the_same_points_leave_nothing_open():
    found = total([SCALED], platelets("40"), observed("petechiae"))

    assert ((0, 2), ("which scale",)) == ((found.low, found.high), found.settles)


# ---------------------------------------------------------------- values that were not all seen


def test_a_value_gives_its_points_at_least_while_a_newer_one_may_be_unread():
    unread = {"Observation": ListRead(Listing.INCOMPLETE, reason=GapReason.FAILED)}

    found = find(record(platelets("60"), lists=unread), library(COUNT), AT).score("s")

    assert ((1, 2), ("platelets",)) == ((found.low, found.high), found.missing)


@pytest.mark.parametrize(("expected", "read_back_to"), [((0, 0), 6), ((0, 0), 5), ((0, 2), 4)])
def test_a_value_is_the_newest_when_results_were_read_back_to_it(expected, read_back_to):
    lists = {"Observation": ListRead(Listing.INCOMPLETE, back_to=hours_ago(read_back_to).earliest)}

    found = find(record(platelets("150", hours_ago(5)), lists=lists), library(COUNT), AT).score("s")

    assert expected == (found.low, found.high)


def test_a_value_gives_its_points_at_least_while_a_newer_one_cannot_be_used():
    assert (0, 2) == span([COUNT], platelets("150", hours_ago(5)), platelets("8 furlongs", hours_ago(1)))


def test_of_values_of_one_moment_the_one_with_the_most_points_counts():
    assert (2, 2) == span([COUNT], platelets("150", hours_ago(5)), platelets("40", hours_ago(5)))
