"""What a report says, and what it keeps to itself."""

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    skin_bleeding={"present": 60, "unknown": 58, "not assessed": 882},
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
    assert [None, 40, 0, 0, None] == [one.charts for one in found.tiers]  # 17 have a card and no criterion


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


COUNT = st.integers(0, 40)
CELLS = ("EMERGENCY", "SAME_DAY", "WITHIN_48H", "ROUTINE", "cause", "silent", "unanswered", "spared")
SEEN = slice(0, 6)


@st.composite
def sums(draw):
    """Charts by what came of them, and by what is known of the skin where they were assessed."""
    cells = [draw(COUNT) for _ in CELLS]
    seen = sum(cells[SEEN])
    present = draw(st.integers(0, seen))
    absent = draw(st.integers(0, seen - present))
    skin = {"present": present, "absent": absent, "unknown": seen - present - absent}
    total = Summary(
        charts=sum(cells),
        patients=sum(cells),
        assessed=sum(cells[:7]),
        unanswered=cells[6],
        with_card=sum(cells[:5]),
        patients_with_card=sum(cells[:5]),
        cards=sum(cells[:5]),
        tiers=dict(zip(CELLS, cells[:4], strict=False)) | {"": sum(cells[4:])},
        skin_bleeding=skin | {"not assessed": sum(cells[6:])},
    )
    return total, [*cells, *skin.values()]


def equations(found):
    """What a reader of the report knows: which cells add up to each number that is told."""
    names = (*CELLS, "present", "absent", "unknown")
    told = [
        (found.charts, CELLS),
        (found.patients, CELLS),
        (found.assessed, CELLS[:7]),
        (found.unanswered, CELLS[6:7]),
        (found.with_card, CELLS[:5]),
        (found.patients_with_card, CELLS[:5]),
        (found.cards, CELLS[:5]),
    ]
    told += [(one.charts, CELLS[4:] if one.name == "no criterion" else (one.name,)) for one in found.tiers]
    told += [(one.charts, CELLS[6:] if one.name == "not assessed" else (one.name,)) for one in found.skin_bleeding]
    known = [[name in cells for name in names] for count, cells in told if count is not None]
    same = [1] * 6 + [0, 0] + [-1] * 3  # the skin of all that were seen
    return [same, *known]


def rank(rows):
    """How many of these equations say something new."""
    left, found = [[Fraction(number) for number in row] for row in rows], 0
    for column in range(len(left[0])):
        pivot = next((row for row in left if row[column]), None)
        if pivot:
            left.remove(pivot)
            found += 1
            left = [[n - p * row[column] / pivot[column] for n, p in zip(row, pivot, strict=True)] for row in left]
    return found


@given(sums(), st.integers(2, 12))
def test_no_small_count_of_charts_follows_from_all_that_is_told(drawn, least):
    total, cells = drawn
    known = equations(told(least, sums=total, tally=Tally()))
    says = rank(known)

    for number, count in enumerate(cells):
        if 0 < count < least:
            assert rank([*known, [place == number for place in range(len(cells))]]) > says


def test_a_card_without_a_criterion_does_not_follow():
    total = Summary(60, 60, 40, 0, 23, 23, 23, {"SAME_DAY": 22, "": 38}, {"present": 40, "not assessed": 20})

    found = told(sums=total)

    assert (60, 40, 23) == (found.charts, found.assessed, found.with_card)
    assert {"EMERGENCY": 0, "SAME_DAY": None, "WITHIN_48H": 0, "ROUTINE": 0, "no criterion": None} == {
        one.name: one.charts for one in found.tiers
    }


def test_who_had_few_other_cards_does_not_follow():
    total = Summary(60, 60, 40, 0, 23, 20, 25, {"SAME_DAY": 23, "": 37}, {"present": 40, "not assessed": 20})

    assert (23, None, None) == (
        told(sums=total).with_card,
        told(sums=total).patients_with_card,
        told(sums=total).cards,
    )


def test_the_few_without_a_rule_or_a_gap_do_not_follow():
    rules = {RULE: RuleCount(58, 58, 115, {"SAME_DAY": 58}, {"fever": 110})}
    parts = {name: getattr(SUMS, name) for name in SUMS.__struct_fields__} | {
        "rules": rules,
        "gaps": {"Visits: failed": 119, "Problem list: failed": 120},
        "changes": {RULE: Change(50, 0, 0, 0)},
    }

    found = told(sums=Summary(**parts))

    [rule] = found.rules
    assert (None, {}, None, {"fever": 110}) == (rule.spoke, rule.tiers, rule.unknown, rule.settle)
    assert [("Problem list: failed", 120), ("Visits: failed", None)] == [
        (one.name, one.charts) for one in found.gaps
    ]
    assert [None] == [one.gained for one in found.changes]


def test_the_few_entries_about_nothing_and_the_few_medicines_of_one_type_do_not_follow():
    tally = Tally(
        {"Observation": 63, "MedicationRequest": 400, "MedicationStatement": 3, "Medication": 50},
        entries={"observation coded": 62, "medication coded": 453},
    )

    found = told(tally=tally)

    assert {"Observation": 63, "MedicationRequest": 400, "MedicationStatement": None, "Medication": None} == (
        found.resources
    )
    assert [(453, 453, 0), (None, None, 0), (0, 0, 0)] == [
        (one.entries, one.mapped, one.by_words) for one in found.coverage
    ]


def test_the_share_of_lines_that_could_not_be_used():
    assert 12 / (12 + 10003) == bad_share(TALLY)
    assert 0 == bad_share(Tally())


# ---------------------------------------------------------------- the page


def test_the_page_is_complete_and_shows_every_part():
    html = report_html(told()).decode()

    assert html.startswith("<!doctype html>")
    for text in (
        "Cards per 1,000 charts: 75.00",
        "hidden",
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
    assert (f"| {RULE} | 12 | hidden | 0 | 40 |" in text) is changed
    assert ("Nothing changes" in text) is not changed
