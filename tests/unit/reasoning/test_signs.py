import pytest
from msgspec.structs import replace

from cds_hooks.chart.record import Listing, ListRead
from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import Truth
from tests.build import coded, days_ago, finding, hours_ago, list_failed, observed, problem, record, when

P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN

RECENT = "sign: {concepts: [petechiae], observed_within: {days: 3}, problem_within: {days: 14}}"
SILENCE_IS_ABSENCE = f"{RECENT}\nwhen_missing: absent_if_list_read"


def sign(body, *entries, lists=None):
    return finding(body, record(*entries, lists=lists))


def petechiae(*entries, **more):
    return sign(RECENT, *entries, **more)


# ---------------------------------------------------------------- what counts as current


@pytest.mark.parametrize(("expected", "hours"), [(P, 71.9), (U, 72), (U, 100)])
def test_an_observation_older_than_the_window_does_not_count(expected, hours):
    assert expected is petechiae(observed("petechiae", at=hours_ago(hours))).truth


@pytest.mark.parametrize(("expected", "day"), [(P, "2026-03-15"), (U, "2026-03-14")])
def test_an_observation_dated_by_day_counts_to_the_end_of_that_day(expected, day):
    assert expected is petechiae(observed("petechiae", at=when(day))).truth


@pytest.mark.parametrize(("expected", "days"), [(P, 13.9), (U, 14)])
def test_an_active_problem_older_than_its_window_does_not_count(expected, days):
    assert expected is petechiae(problem("petechiae", days_ago(days))).truth


def test_a_problem_without_onset_is_dated_by_its_record():
    assert P is petechiae(problem("petechiae", recorded=days_ago(3))).truth
    assert U is petechiae(problem("petechiae", recorded=days_ago(15))).truth


@pytest.mark.parametrize(
    ("expected", "began", "recorded"), [(P, 10, 3), (P, 13.9, 4.9), (U, 10, 6), (U, 15, 1), (U, 10, None)]
)
def test_a_problem_that_began_in_the_last_weeks_counts_by_its_record_as_well(expected, began, recorded):
    body = "sign: {concepts: [petechiae], problem_within: {days: 5}}"
    entry = problem("petechiae", days_ago(began), recorded=days_ago(recorded) if recorded else None)

    assert expected is sign(body, entry).truth


def test_an_undated_entry_counts_as_current_and_is_flagged():
    found = petechiae(observed("petechiae", undated=True))

    assert P is found.truth
    assert ("undated",) == found.evidence[0].flags


def test_an_undated_problem_counts_as_current():
    assert P is petechiae(problem("petechiae")).truth


@pytest.mark.parametrize(
    "entry",
    [
        problem("petechiae", days_ago(1), state="inactive"),
        problem("petechiae", days_ago(2), ended=days_ago(1)),
        problem("petechiae", days_ago(1), doubtful=True),
    ],
)
def test_a_problem_that_is_not_active_or_not_sure_does_not_count(entry):
    assert U is petechiae(entry).truth


def test_observations_never_count_without_a_window_for_them():
    body = "sign: {concepts: [petechiae], problem_within: {days: 14}}"

    assert U is sign(body, observed("petechiae")).truth
    assert U is sign(body, observed("petechiae", undated=True)).truth


def test_problems_never_count_without_a_window_for_them():
    body = "sign: {concepts: [petechiae], observed_within: {days: 14}}"

    assert U is sign(body, problem("petechiae", days_ago(1))).truth


def test_active_problems_of_any_age_count_where_the_rule_says_so():
    body = "sign: {concepts: [petechiae], any_active_problem: true}"

    assert P is sign(body, problem("petechiae", days_ago(4000))).truth
    assert U is sign(body, problem("petechiae", days_ago(1), state="inactive")).truth


def test_past_problems_count_where_the_rule_says_so():
    body = "sign: {concepts: [petechiae], past_problems: true}"

    assert P is sign(body, problem("petechiae", days_ago(4000), state="inactive")).truth


def test_the_reason_of_a_visit_counts_as_an_observation():
    visit = {"source": "visit", "state": "unstated"}

    assert P is petechiae(problem("petechiae", recorded=hours_ago(71), **visit)).truth
    assert U is petechiae(problem("petechiae", recorded=hours_ago(73), **visit)).truth


def test_any_of_the_concepts_is_enough():
    body = "sign: {concepts: [petechiae, purpura], observed_within: {days: 3}}"

    assert P is sign(body, observed("purpura")).truth


def test_a_sign_that_is_the_value_of_an_examination_counts():
    assert P is petechiae(observed("skin examination", coded("1001"))).truth


# ---------------------------------------------------------------- denial


def test_an_explicit_negative_makes_a_sign_absent():
    found = petechiae(observed("petechiae", value=False))

    assert A is found.truth
    assert "recorded as absent" == found.evidence[0].value


def test_a_negative_newer_than_the_positive_ends_it():
    assert (
        A is petechiae(observed("petechiae", at=hours_ago(5)), observed("petechiae", "absent", hours_ago(2))).truth
    )


def test_a_positive_newer_than_the_negative_counts():
    assert (
        P is petechiae(observed("petechiae", "absent", hours_ago(5)), observed("petechiae", at=hours_ago(2))).truth
    )


def test_a_negative_of_one_sign_does_not_end_another():
    body = "sign: {concepts: [petechiae, purpura], observed_within: {days: 3}}"

    assert (
        P is sign(body, observed("petechiae", at=hours_ago(2)), observed("purpura", "absent", hours_ago(1))).truth
    )


def test_a_negative_of_the_same_day_keeps_the_positive():
    today = when("2026-03-18")

    assert P is petechiae(observed("petechiae", at=today), observed("petechiae", "absent", today)).truth
    assert P is petechiae(observed("petechiae", at=today), observed("petechiae", "absent", hours_ago(1))).truth


def test_a_negative_of_the_next_day_ends_a_positive_dated_by_day():
    yesterday = observed("petechiae", at=when("2026-03-17"))

    assert A is petechiae(yesterday, observed("petechiae", "absent", when("2026-03-18"))).truth


def test_a_negative_outside_the_window_says_nothing():
    assert U is petechiae(observed("petechiae", "absent", hours_ago(80))).truth


def test_a_negative_that_may_be_older_in_another_zone_does_not_end_a_positive():
    positive, negative = hours_ago(9), hours_ago(2)

    for zoneless in ({positive}, {negative}):
        at, until = (replace(time, zone_assumed=time in zoneless) for time in (positive, negative))
        assert P is petechiae(observed("petechiae", at=at), observed("petechiae", "absent", until)).truth


def test_an_undated_negative_does_not_end_a_positive():
    assert P is petechiae(observed("petechiae"), observed("petechiae", "absent", undated=True)).truth


def test_a_negative_does_not_end_an_undated_positive():
    assert P is petechiae(observed("petechiae", undated=True), observed("petechiae", "absent", hours_ago(1))).truth


def test_a_refuted_problem_is_an_explicit_negative():
    assert A is petechiae(problem("petechiae", days_ago(1), denied=True)).truth


def test_a_negative_ends_an_active_problem_recorded_before_it():
    entries = (problem("petechiae", days_ago(2)), observed("petechiae", "absent", hours_ago(1)))

    assert A is petechiae(*entries).truth


# ---------------------------------------------------------------- silence


def test_silence_is_unknown():
    assert U is petechiae().truth


def test_silence_is_absence_only_where_the_rule_says_so():
    assert A is sign(SILENCE_IS_ABSENCE).truth


@pytest.mark.parametrize(
    ("name", "shown"), [("Condition", "Problem list"), ("Observation", "Results and observations")]
)
@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (GapReason.FAILED, list_failed()),
        (GapReason.TIMED_OUT, list_failed(GapReason.TIMED_OUT)),
        (GapReason.NOT_SUPPLIED, ListRead(Listing.NOT_READ)),
        (GapReason.INCOMPLETE, ListRead(Listing.INCOMPLETE, reason=GapReason.INCOMPLETE)),
    ],
)
def test_silence_of_a_list_that_was_not_read_whole_is_unknown(name, shown, reason, state):
    found = sign(SILENCE_IS_ABSENCE, lists={name: state})

    assert U is found.truth
    assert [(shown, reason)] == [(gap.what, gap.reason) for gap in found.gaps]


def cut_off(days):
    return ListRead(Listing.INCOMPLETE, back_to=days_ago(days).earliest, reason=GapReason.INCOMPLETE)


@pytest.mark.parametrize(("name", "days"), [("Observation", 3), ("Condition", 14)])
def test_a_list_that_reaches_back_over_the_window_is_silent_about_it(name, days):
    assert A is sign(SILENCE_IS_ABSENCE, lists={name: cut_off(days)}).truth


@pytest.mark.parametrize(("name", "days"), [("Observation", 2.9), ("Condition", 13.9)])
def test_a_list_that_was_cut_off_inside_the_window_leaves_silence_unknown(name, days):
    assert U is sign(SILENCE_IS_ABSENCE, lists={name: cut_off(days)}).truth


@pytest.mark.parametrize("test", ["any_active_problem: true", "problem_within: {days: 9}, past_problems: true"])
def test_problems_of_any_age_need_the_whole_list(test):
    body = f"sign: {{concepts: [petechiae], {test}}}\nwhen_missing: absent_if_list_read"

    assert U is sign(body, lists={"Condition": cut_off(4000)}).truth
    assert A is sign(body).truth


# ---------------------------------------------------------------- new and chronic


NEW = (
    "sign: {concepts: [petechiae], observed_within: {days: 14}, any_active_problem: true, new_within: {hours: 72}}"
)
CHRONIC = (
    "sign: {concepts: [petechiae], observed_within: {days: 14}, any_active_problem: true, older_than: {days: 42}}"
)


@pytest.mark.parametrize(("expected", "hours"), [(P, 71), (A, 72)])
def test_a_sign_is_new_while_its_first_record_is_recent(expected, hours):
    assert expected is sign(NEW, observed("petechiae", at=hours_ago(hours))).truth


def test_a_sign_seen_again_is_not_new():
    again = observed("petechiae", at=hours_ago(1), reference="Observation/again")

    assert A is sign(NEW, observed("petechiae", at=days_ago(6)), again).truth


def test_a_sign_seen_in_an_earlier_episode_is_new_again():
    assert P is sign(NEW, observed("petechiae", at=days_ago(60)), observed("petechiae", at=hours_ago(1))).truth


@pytest.mark.parametrize(
    "seen", [observed("petechiae", at=hours_ago(1)), problem("petechiae", hours_ago(1), source="visit")]
)
def test_an_old_problem_does_not_date_what_is_seen_today(seen):
    old = problem("petechiae", days_ago(400), reference="Condition/old")

    assert P is sign(NEW, old, seen).truth
    assert U is sign(CHRONIC, old, seen).truth


def test_an_old_problem_does_not_date_a_new_one():
    new = problem("petechiae", hours_ago(1), reference="Condition/new")

    assert P is sign(NEW, problem("petechiae", days_ago(400)), new).truth


def test_an_old_problem_leaves_open_when_what_was_seen_on_an_unknown_day_began():
    entries = (problem("petechiae", days_ago(400)), observed("petechiae", undated=True))

    assert U is sign(NEW, *entries).truth
    assert U is sign(CHRONIC, *entries).truth


@pytest.mark.parametrize(("chronic", "days"), [(P, 82), (U, 84)])
def test_an_old_problem_dates_what_the_record_shows_to_have_stayed(chronic, days):
    seen = [observed("petechiae", at=days_ago(n), reference=f"Observation/{n}") for n in (1, 41)]
    old = problem("petechiae", days_ago(days))

    assert chronic is sign(CHRONIC, old, *seen).truth
    assert A is sign(NEW, old, *seen).truth


def test_a_problem_written_down_today_with_an_early_onset_dates_what_is_seen_today():
    told_today = problem("petechiae", days_ago(400), recorded=hours_ago(2))

    assert A is sign(NEW, told_today, observed("petechiae", at=hours_ago(1))).truth
    assert P is sign(CHRONIC, told_today, observed("petechiae", at=hours_ago(1))).truth


def test_a_diagnosis_stays_what_it_is_when_it_is_named_again():
    body = NEW.replace("petechiae", "fever")  # a problem in the small library, as a diagnosis is

    assert A is sign(body, problem("fever", days_ago(400)), observed("fever", at=hours_ago(1))).truth


def test_an_old_problem_dates_a_sign_that_is_no_longer_seen():
    old = problem("petechiae", days_ago(400))

    assert A is sign(NEW, old, observed("petechiae", at=days_ago(20))).truth
    assert P is sign(CHRONIC, old, observed("petechiae", at=days_ago(20))).truth


def test_a_sign_whose_beginning_is_not_known_may_be_new():
    assert U is sign(NEW, observed("petechiae", undated=True)).truth


@pytest.mark.parametrize(("expected", "days"), [(P, 42), (A, 41)])
def test_a_sign_is_chronic_when_its_first_record_is_old(expected, days):
    assert expected is sign(CHRONIC, problem("petechiae", days_ago(days))).truth


def test_a_problem_dated_by_year_is_chronic_only_when_all_of_it_is_old():
    assert P is sign(CHRONIC, problem("petechiae", when("2025"))).truth
    assert A is sign(CHRONIC, problem("petechiae", when("2026"))).truth


def test_the_first_record_is_kept_as_the_beginning():
    found = petechiae(observed("petechiae", at=days_ago(2)), problem("petechiae", days_ago(3)))

    assert days_ago(3).earliest == found.since


def test_an_old_problem_that_is_not_current_does_not_date_a_sign_seen_today():
    found = petechiae(observed("petechiae", at=hours_ago(1)), problem("petechiae", days_ago(700)))

    assert hours_ago(1).earliest == found.since


def test_an_observation_of_the_episode_dates_a_sign_seen_again_today():
    again = observed("petechiae", at=hours_ago(1), reference="Observation/again")

    assert days_ago(6).earliest == petechiae(observed("petechiae", at=days_ago(6)), again).since


def test_a_sign_without_a_date_has_no_beginning():
    assert petechiae(observed("petechiae", undated=True)).since is None


# ---------------------------------------------------------------- where


def where(test, *entries):
    body = f"sign: {{concepts: [petechiae, eyelid-purpura], observed_within: {{days: 3}}, sites: {{{test}}}}}"
    return sign(body, *entries).truth


ONLY_ABOVE, ANY_BELOW = "only: [above-chest]", "any: [below-chest]"


@pytest.mark.parametrize("test", [ONLY_ABOVE, ANY_BELOW])
def test_without_a_recorded_site_the_finding_is_unknown(test):
    assert U is where(test, observed("petechiae"))


@pytest.mark.parametrize(
    ("expected", "test", "sites"),
    [
        (P, ONLY_ABOVE, ["face"]),
        (A, ONLY_ABOVE, ["face", "leg"]),
        (P, ANY_BELOW, ["face", "leg"]),
        (A, ANY_BELOW, ["face"]),
        (P, "any: [periorbital], only: [above-chest]", ["face", "eyelid"]),
        (A, "any: [periorbital], only: [above-chest]", ["face"]),
    ],
)
def test_any_wants_one_site_in_the_regions_and_only_wants_all(expected, test, sites):
    assert expected is where(test, observed("petechiae", sites=sites))


def test_sites_of_all_current_entries_count_together():
    assert A is where(ONLY_ABOVE, observed("petechiae", sites=["face"]), observed("petechiae", sites=["leg"]))


def test_the_site_of_an_entry_that_is_no_longer_current_does_not_count():
    old = observed("petechiae", at=days_ago(9), sites=["leg"])

    assert P is where(ONLY_ABOVE, observed("petechiae", sites=["face"]), old)


@pytest.mark.parametrize("sites", [(), ("elsewhere",), ("face", "elsewhere")])
@pytest.mark.parametrize(
    ("expected", "test", "placed"),
    [(U, ONLY_ABOVE, "face"), (A, ONLY_ABOVE, "leg"), (U, ANY_BELOW, "face"), (P, ANY_BELOW, "leg")],
)
def test_an_entry_that_may_lie_anywhere_leaves_open_what_it_could_change(expected, test, placed, sites):
    anywhere = observed("petechiae", sites=sites, reference="Observation/anywhere")

    assert expected is where(test, observed("petechiae", sites=[placed]), anywhere)


def test_a_problem_at_an_unknown_site_leaves_open_where_the_rash_is():
    assert U is where(
        ONLY_ABOVE,
        observed("petechiae", sites=["face"], at=hours_ago(1)),
        problem("petechiae", hours_ago(1), source="visit"),
    )


def test_an_entry_that_may_lie_anywhere_changes_nothing_when_it_is_no_longer_current():
    old = observed("petechiae", at=days_ago(9), reference="Observation/old")

    assert P is where(ONLY_ABOVE, observed("petechiae", sites=["face"]), old)
    assert A is where(ANY_BELOW, observed("petechiae", sites=["face"]), old)


def test_one_entry_that_names_two_signs_lies_where_either_says():
    both = [observed(what, reference="Observation/1") for what in ("petechiae", "purpura of eyelid")]

    assert P is where(ONLY_ABOVE, *both)


def test_a_site_that_the_code_implies_counts():
    assert P is where("any: [periorbital]", observed("purpura of eyelid"))


# ---------------------------------------------------------------- evidence


def test_entries_are_shown_newest_first_and_undated_last():
    entries = [
        observed("petechiae", undated=True, reference="Observation/undated"),
        observed("petechiae", at=hours_ago(9), reference="Observation/old"),
        observed("petechiae", at=hours_ago(1), reference="Observation/new"),
    ]

    shown = [evidence.reference for evidence in petechiae(*entries).evidence]

    assert ["Observation/new", "Observation/old", "Observation/undated"] == shown


def test_an_observation_is_shown_with_its_time_and_sites_in_our_words():
    entry = observed("PETECHIAL RASH.", at=hours_ago(2), sites=["lower leg"], restricted=True)

    (shown,) = petechiae(entry).evidence

    assert ("Petechiae", "", hours_ago(2), None) == (shown.label, shown.value, shown.at, shown.since)
    assert (("leg",), "text") == (shown.sites, shown.certainty)
    assert shown.restricted


def test_a_problem_is_shown_with_its_onset():
    (shown,) = petechiae(problem("petechiae", days_ago(3), recorded=days_ago(1))).evidence

    assert (days_ago(3), days_ago(3)) == (shown.at, shown.since)


def test_a_negative_at_one_place_leaves_the_sign_at_another():
    legs = observed("petechiae", at=hours_ago(5), sites=("leg",))
    face = observed("petechiae", "absent", hours_ago(2), sites=("face",))

    assert P is petechiae(legs, face).truth


@pytest.mark.parametrize(
    ("expected", "denied", "said"),
    [
        (A, ("leg",), ("leg",)),
        (A, ("leg", "face"), ("leg",)),
        (A, (), ("leg",)),
        (A, (), ()),
        (P, ("leg",), ("leg", "face")),
        (P, ("leg",), ()),
    ],
)
def test_a_negative_ends_a_sign_all_of_whose_places_it_names(expected, denied, said):
    seen = observed("petechiae", at=hours_ago(5), sites=said)
    gone = observed("petechiae", "absent", hours_ago(2), sites=denied)

    assert expected is petechiae(seen, gone).truth


# ---------------------------------------------------------------- contradictions


@pytest.mark.parametrize(("expected", "hours"), [(A, 1), (P, 2), (P, 3), (P, -5)])
def test_a_denial_of_the_same_moment_or_dated_ahead_ends_nothing(expected, hours):
    there = observed("petechiae", at=hours_ago(2), reference="Observation/there")
    denied = observed("petechiae", "absent", hours_ago(hours), reference="Observation/denied")

    assert expected is petechiae(there, denied).truth


def test_a_denial_that_is_dated_ahead_alone_leaves_it_open():
    assert U is petechiae(observed("petechiae", "absent", hours_ago(-5))).truth
