import pytest

from cds_hooks.chart.record import Coded, Quantity
from cds_hooks.model.codes import Coding
from cds_hooks.reasoning.entries import sites_of, sort_entries
from cds_hooks.reasoning.said import answer_of
from tests.build import AT, amount, coded, days_ago, hours_ago, observed, problem, record, small_library


def chart(*entries):
    return sort_entries(record(*entries), small_library(), AT)


def mention(*entries, of="petechiae"):
    (only,) = chart(*entries).mentions_of([of])
    return only


# ---------------------------------------------------------------- sorting


def test_an_entry_stands_under_its_concept():
    count = observed("platelet count", amount("42 10*9/L"))

    assert [count] == chart(count).observed["platelet-count"]


def test_an_entry_that_means_nothing_to_us_is_left_out():
    sorted_chart = chart(observed("shoe size", True), problem("bunion"))  # the charted value

    assert not sorted_chart.observed
    assert not sorted_chart.mentions


def test_a_measured_value_is_not_a_mention():
    assert [] == chart(observed("platelet count", amount("42 10*9/L"))).mentions_of(["platelet-count"])


def test_mentions_of_several_concepts_stand_together():
    sorted_chart = chart(problem("purpura"), observed("petechiae"), problem("fever"))

    assert ["petechiae", "purpura"] == [m.concept for m in sorted_chart.mentions_of(["petechiae", "purpura"])]


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (("present",), True),
        (("absent",), False),
        (("two-plus",), "2+"),
        (("absent",), "Negative."),
        (("present",), Coded(text="positive")),
        ((), "turbid"),
        ((), Coded(text="leg")),
        ((), "petechiae"),
        ((), Quantity(1)),
        ((), None),
    ],
)
def test_a_value_stands_for_answers_only(expected, value):
    assert expected == answer_of(observed("urine blood", value), small_library())


@pytest.mark.parametrize(
    ("expected", "flags"), [(("present",), ("POS",)), (("absent",), ("NEG",)), ((), ("H",)), ((), ())]
)
def test_a_flag_answers_where_there_is_no_value(expected, flags):
    assert expected == answer_of(observed("urine blood", interpretation=flags), small_library())


def test_a_flag_does_not_answer_for_a_value_that_was_not_understood():
    assert () == answer_of(observed("urine blood", "turbid", interpretation=("POS",)), small_library())


def test_a_flag_beside_a_number_is_the_answer():
    found = answer_of(observed("urine blood", amount("24"), interpretation=("POS",)), small_library())

    assert ("present",) == found


# ---------------------------------------------------------------- signs among observations


@pytest.mark.parametrize(
    ("expected", "value"),
    [(True, True), (False, False), (True, "present"), (False, "absent"), (True, "2+"), (True, None)],
)
def test_an_observation_named_after_a_sign_says_whether_it_is_there(expected, value):
    assert expected is mention(observed("petechiae", value)).said


def test_a_negative_flag_denies_a_sign():
    assert not mention(observed("petechiae", interpretation=("NEG",))).said


@pytest.mark.parametrize("value", ["three or four", "doubtful", amount("3 /cm2"), Coded(text="picture")])
def test_a_value_that_does_not_tell_is_no_mention(value):
    assert [] == chart(observed("petechiae", value)).mentions_of(["petechiae"])


def test_a_sign_whose_value_is_missing_for_a_reason_is_no_mention():
    assert [] == chart(observed("petechiae", value_missing="not-performed")).mentions_of(["petechiae"])


def test_a_sign_may_be_the_value_of_any_observation():
    found = mention(observed("skin examination", coded("1001")))

    assert found.said
    assert "coded" == found.certainty


def test_a_sign_worded_in_a_value_is_marked_as_text():
    assert "text" == mention(observed("skin examination", Coded(text="petechiae"))).certainty


def test_a_sign_that_is_both_code_and_value_is_mentioned_once():
    assert mention(observed("petechiae", coded("1001"))).said


def test_an_observation_keeps_its_time_and_flags():
    found = mention(observed("petechiae", at=hours_ago(3), preliminary=True, restricted=True))

    assert hours_ago(3) == found.seen == found.began
    assert ("preliminary",) == found.flags
    assert found.restricted


def test_the_time_of_issue_stands_in_for_a_missing_time():
    found = mention(observed("petechiae", undated=True, issued=hours_ago(2)))

    assert hours_ago(2) == found.seen
    assert () == found.flags


def test_an_observation_without_any_time_is_flagged():
    found = mention(observed("petechiae", undated=True, preliminary=True))

    assert found.seen is None
    assert ("preliminary", "undated") == found.flags


# ---------------------------------------------------------------- problems


def test_a_problem_keeps_onset_and_record_apart():
    found = mention(problem("petechiae", days_ago(3), recorded=days_ago(1)))

    assert (days_ago(1), days_ago(3)) == (found.seen, found.began)
    assert () == found.flags


def test_a_problem_with_one_date_has_it_for_both():
    assert days_ago(3) == mention(problem("petechiae", days_ago(3))).seen
    assert days_ago(1) == mention(problem("petechiae", recorded=days_ago(1))).began


def test_a_problem_without_a_date_is_flagged():
    assert ("undated",) == mention(problem("petechiae")).flags


def test_a_refuted_problem_says_that_it_is_not_so():
    assert not mention(problem("petechiae", denied=True)).said


@pytest.mark.parametrize(
    ("expected", "entry"),
    [
        (True, problem("petechiae")),
        (True, problem("petechiae", state="unstated")),
        (False, problem("petechiae", state="inactive")),
        (False, problem("petechiae", ended=days_ago(1))),
        (False, problem("petechiae", doubtful=True)),
    ],
)
def test_a_problem_is_active_unless_ended_or_doubtful(expected, entry):
    assert expected is mention(entry).active


@pytest.mark.parametrize(
    ("active", "words"),
    [([True], "Petechiae"), ([False], "History of petechiae"), ([], "Family history of petechiae")],
)
def test_the_words_beside_a_code_tell_that_it_is_over_or_a_relatives(active, words):
    entry = problem(Coded((Coding("snomed", "1001"),), words))

    assert active == [found.active for found in chart(entry).mentions_of(["petechiae"])]


def test_the_reason_of_a_visit_keeps_its_source():
    assert "visit" == mention(problem("petechiae", source="visit")).source


# ---------------------------------------------------------------- sites


def sites(*coded_sites, text="", implied=()):
    return sites_of(coded_sites, text, implied, small_library())


@pytest.mark.parametrize(
    ("expected", "site"),
    [
        (("leg",), coded("2001")),
        (("leg",), Coded(text="Lower leg.")),
        (("leg",), Coded(text="skin of the left lower leg")),
        (("face", "leg"), Coded(text="face and leg")),
        (("leg",), Coded((Coding("own", "x", "Entire leg"),))),
        ((), Coded(text="elsewhere")),
        ((), coded("1001")),
    ],
)
def test_a_body_site_is_known_by_code_or_by_the_words_in_its_text(expected, site):
    assert expected == sites(site)


def test_the_words_of_the_entry_count_only_where_no_site_is_recorded():
    assert ("leg",) == sites(text="purpura on the leg")
    assert ("face",) == sites(Coded(text="face"), text="purpura on the leg")


def test_a_sign_may_imply_its_site():
    assert ("face", "eyelid") == sites(Coded(text="face"), implied=("eyelid",))
    assert ("eyelid",) == mention(problem("purpura of eyelid"), of="eyelid-purpura").sites


def test_a_site_named_twice_counts_once():
    assert ("leg",) == sites(coded("2001"), Coded(text="leg"))


def test_the_sites_of_an_observation_are_kept():
    assert ("leg", "face") == mention(observed("petechiae", sites=["leg", "face"])).sites
