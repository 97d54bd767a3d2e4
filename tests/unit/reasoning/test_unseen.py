"""What was not seen lowers nothing, and a result that cannot be read and might be an emergency is told."""

from dataclasses import replace

import pytest

from cds_hooks.cards.compose import Voice
from cds_hooks.chart.record import Coded, Listing, ListRead
from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import Tier, Truth
from cds_hooks.reasoning.assess import assess
from cds_hooks.reasoning.mapping import find
from cds_hooks.service import advise_on
from tests.build import AT, amount, days_ago, hours_ago, library_of, medicine, observed, platelets, record

P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN

# ---------------------------------------------------------------- results that were not all seen

SEEN = {
    "rash": "sign: {concepts: [petechiae], observed_within: {days: 3}}",
    "fever": 'measure: {concept: temperature, is: {at_least: "38", unit: "Cel"}, within: {hours: 48}}',
    "cool": 'measure: {concept: temperature, is: {below: "38", unit: "Cel"}, within: {hours: 48}}',
    "well": "when: {all: [cool]}",
    "low": 'measure: {concept: platelet-count, is: {below: "10", unit: "10*9/L"}}',
    "clotting": 'measure: {concept: inr, is: {above: "1.2", unit: "{INR}"}}',
    "both": "when: {any: [low, clotting]}",
    "pair": "when: {all: [low, clotting]}",
}
LOWERED = "when: rash\ntiers: [{tier: ROUTINE, when: well}, {tier: EMERGENCY}]"
COOL = observed("temperature", amount("36.8 Cel"), hours_ago(2))
IN_PART = {"Observation": ListRead(Listing.INCOMPLETE, reason=GapReason.FAILED)}


SCORE = """\
id: danger
name: "Danger"
items: [{name: "Platelets", settle: "platelets", options: [{when: low, points: 1}]}]
risks: [{from: 0, name: "low"}]
citations: [{source: textbook}]
"""
CALM = """\
id: calm
name: "It is calm"
say: "it is calm"
summary: "Calm."
advice: "fever makes it urgent"
when: cool
never_when: fever
choice: our-choice
status: active
"""


def seen(body, *entries, lists=None, files=None):
    library = library_of(SEEN, criteria={"R-IT-01": body}, files=files)
    findings = find(record(observed("petechiae"), *entries, lists=lists), library, AT)
    return assess(findings, (), library, AT, truth_of=findings.truth_of, scores=tuple)


def only(assessment):
    (found,) = assessment.criteria
    return found


def test_a_harmless_result_lowers_only_when_no_newer_one_can_be_unread():
    assert Tier.ROUTINE is only(seen(LOWERED, COOL)).tier
    assert Tier.EMERGENCY is only(seen(LOWERED, COOL, lists=IN_PART)).tier


def test_a_harmless_result_excuses_only_when_no_newer_one_can_be_unread():
    excused = "when: rash\nunless: [{when: cool}]"

    assert A is only(seen(excused, COOL)).truth
    assert P is only(seen(excused, COOL, lists=IN_PART)).truth


@pytest.mark.parametrize(
    "other",
    [
        observed("temperature", amount("39 Cel"), hours_ago(2), reference="Observation/hot"),
        observed("temperature", amount("39 furlongs"), hours_ago(1)),
    ],
)
def test_a_harmless_result_lowers_nothing_beside_one_that_may_contradict_it(other):
    assert Tier.EMERGENCY is only(seen(LOWERED, COOL, other)).tier


def test_a_demotion_needs_results_without_a_newer_one_unread():
    files = {"knowledge/demotions/calm.yaml": CALM}

    assert Tier.ROUTINE is only(seen("when: rash", COOL, files=files)).tier
    assert Tier.SAME_DAY is only(seen("when: rash", COOL, lists=IN_PART, files=files)).tier


# ---------------------------------------------------------------- results that cannot be read

ALARM = "when: low\nneeds_skin_bleeding: false\ntiers: [{tier: EMERGENCY}]"
UNREADABLE = [
    (GapReason.UNIT_UNKNOWN, platelets("5 foo")),
    (GapReason.IMPLAUSIBLE, platelets("5000")),
    (GapReason.VALUE_UNKNOWN, observed("platelet count", "see comment")),
    (GapReason.VALUE_UNKNOWN, observed("platelet count", value_missing="masked")),
    (GapReason.VALUE_UNKNOWN, observed("platelet count", interpretation=("LL",))),
]


def gaps_of(body, *entries):
    return [(gap.what, gap.reason, gap.essential) for gap in seen(body, *entries).gaps]


@pytest.mark.parametrize(("reason", "entry"), UNREADABLE)
def test_a_result_that_cannot_be_read_and_might_be_an_emergency_is_essential(reason, entry):
    assert [("Platelet count", reason, True)] == gaps_of(ALARM, entry)
    assert [("Platelet count", reason, True)] == gaps_of(ALARM, platelets("150", hours_ago(30)), entry)


@pytest.mark.parametrize("others", [(), (platelets("150", hours_ago(30), reference="Observation/o2"),)])
def test_an_undated_result_that_alone_would_be_an_emergency_is_essential(others):
    assert [("Platelet count", GapReason.UNDATED, True)] == gaps_of(ALARM, platelets("5", undated=True), *others)


def test_so_is_an_undated_word_and_only_where_it_is_the_word_that_was_asked_for():
    body = ALARM.replace("low", "blood")
    said = {"blood": "answer: {concepts: [urine-blood], is: [present, two-plus]}"}

    def told(word):
        library = library_of(SEEN | said, criteria={"R-IT-01": body})
        found = find(record(observed("petechiae"), observed("urine blood", word, undated=True)), library, AT)
        gaps = assess(found, (), library, AT, truth_of=found.truth_of, scores=tuple).gaps
        return found["blood"], [(gap.what, gap.reason, gap.essential) for gap in gaps]

    found, gaps = told("2+")
    assert [("Blood in urine", GapReason.UNDATED, True)] == gaps
    assert (U, ["2+"]) == (found.truth, [item.value for item in found.evidence])
    assert [] == told("absent")[1]


def test_a_result_that_is_dated_ahead_goes_before_none():
    ahead = platelets("150", hours_ago(-5), reference="Observation/ahead")

    def low(*entries):
        return find(record(*entries), library_of(SEEN), AT)["low"].truth

    assert P is low(ahead, platelets("5"))
    assert P is low(platelets("150"), replace(ahead, value=amount("5 10*9/L")))
    assert A is low(ahead, platelets("150"))
    assert A is low(ahead)


def test_that_nobody_looked_or_not_yet_takes_no_result_back():
    said = {"blood": "answer: {concepts: [urine-blood], is: [present]}"}

    def told(*entries):
        found = find(record(*entries), library_of(SEEN | said), AT)["blood"]
        return found.truth, found.gaps

    undone = observed("urine blood", "not done", hours_ago(1))
    assert (U, ()) == told(undone)
    assert (U, ()) == told(replace(undone, at=None))
    assert (P, ()) == told(
        undone, observed("urine blood", "present", hours_ago(9), reference="Observation/before")
    )
    assert (A, ()) == told(undone, observed("urine blood", "absent", hours_ago(9), reference="Observation/before"))


def test_an_undated_result_is_shown_where_it_might_decide():
    low, harmless = (
        find(record(platelets(value, undated=True)), library_of(SEEN), AT)["low"] for value in ("5", "150")
    )

    assert [("5 ×10⁹/L", None, ("undated",))] == [(item.value, item.at, item.flags) for item in low.evidence]
    assert () == harmless.evidence
    assert [GapReason.UNDATED] == [gap.reason for gap in low.gaps] == [gap.reason for gap in harmless.gaps]


def test_what_an_undated_result_rests_on_is_told_beside_a_dated_one():
    found = find(
        record(platelets("150"), platelets("5", undated=True, reference="Observation/2")), library_of(SEEN), AT
    )

    assert U is found["low"].truth
    assert ["150 ×10⁹/L", "5 ×10⁹/L"] == [item.value for item in found["low"].evidence]


def test_an_explanation_that_cannot_be_read_either_does_not_hide_it():
    body = f"{ALARM}\nunless: [{{when: clotting}}]"

    assert [("Platelet count", GapReason.UNIT_UNKNOWN, True)] == gaps_of(
        body, platelets("5 foo"), observed("inr", amount("9 foo"))
    )


def test_it_is_looked_for_in_what_a_finding_is_built_from():
    body = ALARM.replace("low", "{all: [both, rash]}")

    assert [("Platelet count", GapReason.UNIT_UNKNOWN, True)] == gaps_of(body, platelets("5 foo"))


def test_it_is_essential_where_it_could_only_raise_the_tier():
    body = "when: rash\ntiers: [{tier: EMERGENCY, when: low}, {tier: ROUTINE}]"

    assert [("Platelet count", GapReason.UNIT_UNKNOWN, True)] == gaps_of(body, platelets("5 foo"))


@pytest.mark.parametrize(
    ("body", "entry"),
    [
        pytest.param(ALARM, platelets("5 foo", days_ago(30)), id="too old to count"),
        pytest.param(ALARM, platelets("5"), id="readable"),
        pytest.param(ALARM, platelets("150", undated=True), id="harmless and undated"),
        pytest.param(ALARM.replace("EMERGENCY", "SAME_DAY"), platelets("5 foo"), id="no emergency"),
        pytest.param(f"{ALARM}\nstatus: silent", platelets("5 foo"), id="not active"),
        pytest.param(ALARM.replace("low", "{all: [low, clotting]}"), platelets("5 foo"), id="more is unknown"),
        pytest.param(ALARM.replace("low", "pair"), platelets("5 foo"), id="more is unknown within"),
        pytest.param(ALARM.replace("low", "{any: [low, rash]}"), platelets("5 foo"), id="met without it"),
        pytest.param(
            "when: low\nneeds_skin_bleeding: false\ntiers: [{tier: EMERGENCY, when: fever}, {tier: SAME_DAY}]",
            platelets("5 foo"),
            id="no emergency even so",
        ),
    ],
)
def test_a_result_that_decides_no_emergency_by_itself_is_not_essential(body, entry):
    assert [] == gaps_of(body, entry)


def test_every_criterion_is_looked_at():
    entries = (observed("petechiae"), platelets("5 foo"), observed("inr", amount("9 foo")))
    criteria = {"R-IT-01": ALARM, "R-IT-02": ALARM.replace("low", "clotting"), "R-IT-03": "when: rash"}
    library = library_of(SEEN, criteria=criteria)
    findings = find(record(*entries), library, AT)

    found = assess(findings, (), library, AT, truth_of=findings.truth_of, scores=tuple)

    assert ["Platelet count", "INR"] == [gap.what for gap in found.gaps]


def test_of_a_score_nothing_is_supposed():
    body = ALARM.replace("low", "{score: {id: danger, at_least: 1}}")

    found = seen(body, platelets("5 foo"), files={"knowledge/scores/danger.yaml": SCORE})

    assert U is only(found).truth
    assert () == found.gaps


def test_silence_about_such_a_result_is_broken_by_a_gap_card():
    library = library_of(SEEN, criteria={"R-IT-01": ALARM})

    (card,) = advise_on(record(platelets("5 foo")), library, AT, Voice()).cards

    assert card.summary == "Platelet count could not be read: urgent causes not checked"
    assert card.indicator == "info"
    assert "Platelet count: its unit is missing or unknown" in card.detail


# ---------------------------------------------------------------- orders that nobody can identify

ORDERS = "hooks: [order-sign]\nneeds_skin_bleeding: false\ntiers: [{tier: SAME_DAY}]"
ASKED = SEEN | {
    "thinner": "medication: {ingredients: [aspirin], proposed: true}",
    "culprit": "medication: {proposed: true, blamed_for: [fever]}",
}
UNNAMED = replace(medicine(Coded(), "planned", source="proposed"), drafted=True)
ALLERGIES = {"AllergyIntolerance": ListRead(Listing.COMPLETE)}


def ordered(when, *entries, status="active"):
    body = f"when: {when}\nstatus: {status}\n{ORDERS}"
    library = library_of(ASKED, criteria={"R-IT-01": body})
    chart = record(*entries, lists=ALLERGIES)
    return [card.summary for card in advise_on(chart, library, AT, Voice(), "order-sign").cards]


@pytest.mark.parametrize("entry", [platelets("5"), platelets("5 foo"), platelets("5", undated=True)])
def test_an_order_that_nobody_can_identify_is_told_where_it_could_matter(entry):
    (summary,) = ordered("{all: [thinner, low]}", UNNAMED, entry)

    assert summary.startswith("Proposed medication")
    assert summary.endswith("could not be read: this order not checked")


def test_a_result_that_cannot_be_read_is_told_where_the_order_could_matter():
    aspirin = replace(medicine("aspirin", "planned", source="proposed"), drafted=True)

    assert ["Platelet count could not be read: this order not checked"] == ordered(
        "{all: [thinner, low]}", aspirin, platelets("5 foo")
    )


@pytest.mark.parametrize(
    ("when", "entries"),
    [
        ("{all: [thinner, low]}", (UNNAMED, platelets("150"))),
        ("{all: [thinner, low]}", (UNNAMED,)),
        ("culprit", (UNNAMED, platelets("5"))),
        ("{all: [thinner, low]}", (platelets("5"),)),
        ("{all: [thinner, low]}", (observed("petechiae", "see picture"), UNNAMED)),
    ],
)
def test_where_it_could_not_matter_nothing_is_said(when, entries):
    assert [] == ordered(when, *entries)


def test_a_rule_that_does_not_speak_says_no_gap_either():
    assert [] == ordered("{all: [thinner, low]}", UNNAMED, platelets("5"), status="silent")


def test_a_medicine_on_the_chart_that_nobody_can_identify_makes_no_card_by_itself():
    library = library_of(
        SEEN | {"thinner": "medication: {ingredients: [aspirin]}"},
        criteria={
            "R-IT-01": "when: {all: [thinner, low]}\nneeds_skin_bleeding: false\ntiers: [{tier: EMERGENCY}]"
        },
    )

    assert () == advise_on(record(medicine(Coded()), platelets("5")), library, AT, Voice()).cards
