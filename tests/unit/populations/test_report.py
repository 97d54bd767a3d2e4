"""What a report says, and what it keeps to itself."""

import json

import pytest

from cds_hooks.pages.document import markdown
from cds_hooks.populations.report import About, bad_share, report, report_json
from cds_hooks.populations.report_page import page, report_html
from cds_hooks.populations.results import Change, RuleCount, Summary
from cds_hooks.populations.rows import Tally
from tests.unit.populations.exports import LIBRARY

RULE = "R-PLT-10"
CAUSE = next(iter(LIBRARY.causes))
TALLY = Tally(
    {"Observation": 9000, "Patient": 1000, "Flag": 3},
    {"names no patient": 12},
    ("Observation",),
    {"observation coded": 8000, "observation text": 500, "observation unmapped": 500},
    {
        ("observation", "http://local", "often"): (400, 400, "Often"),
        ("observation", "http://local", "rare"): (4, 4, "Rare"),
        ("observation", "http://loinc.org", "777-3"): (700, 0, "Platelets"),
    },
)
SUMS = Summary(
    charts=1000,
    patients=1000,
    assessed=120,
    unanswered=2,
    with_card=60,
    patients_with_card=60,
    cards=75,
    tiers={"EMERGENCY": 3, "SAME_DAY": 40, "": 957},
    skin_bleeding={"present": 60, "unknown": 60, "not assessed": 880},
    rules={
        RULE: RuleCount(30, 45, 20, {"EMERGENCY": 3, "SAME_DAY": 27}, {"platelets-below-10": 20}),
        CAUSE: RuleCount(4, 4, 0, {"": 4}),
        "R-MEN-01": RuleCount(0, 0, 25, {}, {"fever": 25}),
    },
    gaps={"Problem list: failed": 50, "Visits: failed": 4},
)


def told(least=10, against="", sums=SUMS, tally=TALLY, instants=("2026-03-02T09:00+00:00",)):
    return report(About(instants, 4, 1_000_000, "knowledge 1", against, least), sums, tally, LIBRARY)


def test_counts_and_rates():
    found = told()

    assert (75, 75.0, 60, None) == (found.cards, found.cards_per_1000, found.with_card, found.unanswered)
    assert ["EMERGENCY", "SAME_DAY", "WITHIN_48H", "ROUTINE", "no criterion"] == [one.name for one in found.tiers]
    assert [None, None, 0, 0, 957] == [one.charts for one in found.tiers]


def test_rules_tell_what_spoke_what_was_unsaid_and_what_would_settle_the_rest():
    by_id = {one.rule: one for one in told().rules}

    assert (30, 30.0, 15, 20) == (
        by_id[RULE].spoke,
        by_id[RULE].per_1000,
        by_id[RULE].present_unsaid,
        by_id[RULE].unknown,
    )
    assert {"EMERGENCY": None, "SAME_DAY": None} == by_id[RULE].tiers
    assert ("cause", None, {}) == (by_id[CAUSE].kind, by_id[CAUSE].spoke, by_id[CAUSE].tiers)
    assert {"fever": 25} == by_id["R-MEN-01"].settle


def test_codes_that_came_seldom_are_only_counted():
    found = told()

    assert ["often"] == [one.code for one in found.unmapped]
    assert 1 == found.rare_codes
    assert (9000, 8500, 500) == (found.coverage[1].entries, found.coverage[1].mapped, found.coverage[1].by_words)


def test_cards_are_hidden_with_the_charts_that_have_them():
    assert told(least=100).cards is None
    assert told(least=100).cards_per_1000 is None


def test_no_small_count_is_in_the_report_and_with_a_limit_of_one_every_count_is():
    hidden = json.dumps(json.loads(report_json(told()))["rules"])

    assert '"EMERGENCY": 3' not in hidden
    assert '"EMERGENCY": 3' in json.dumps(json.loads(report_json(told(least=1)))["rules"])
    assert told(least=1).resources["Flag"] == 3


def test_the_share_of_lines_that_could_not_be_used():
    assert 12 / (12 + 10003) == bad_share(TALLY)
    assert 0 == bad_share(Tally())


# ---------------------------------------------------------------- the page


def test_the_page_is_complete_and_shows_every_part():
    html = report_html(told()).decode()

    assert html.startswith("<!doctype html>")
    for text in (
        "Cards per 1,000 charts: 75.00",
        "under 10",
        "Often",
        "names no patient",
        RULE,
        "R-MEN-01",
        "fever 25",
    ):
        assert text in html
    assert "What changes" not in html


def test_a_series_names_its_ends_and_visits_are_named_so():
    assert "Judged at a to c (3 instants)" in markdown(page(told(instants=("a", "b", "c"))))
    assert "Judged at each start of a visit" in markdown(page(told(instants=())))
    assert "Judged at a with" in markdown(page(told(instants=("a",))))


def test_a_run_without_cards_and_without_bad_lines_says_so():
    text = markdown(page(told(sums=Summary(charts=50, patients=50), tally=Tally())))

    assert "No rule spoke." in text
    assert "Every line could be used." in text
    assert "ends in the middle" not in text


@pytest.mark.parametrize("changed", [True, False])
def test_against_another_library_the_page_tells_what_changes(changed):
    more = {"moved": {" > SAME_DAY": 12, "SAME_DAY > ": 3}, "changes": {RULE: Change(12, 3, 0, 40)}}
    sums = Summary(**{name: getattr(SUMS, name) for name in SUMS.__struct_fields__} | (more if changed else {}))

    text = markdown(page(told(against="knowledge 0", sums=sums)))

    assert ("| no criterion | SAME_DAY | 12 |" in text.replace("\\_", "_")) is changed
    assert (f"| {RULE} | 12 | under 10 | 0 | 40 |" in text) is changed
    assert ("Nothing changes" in text) is not changed
