import pytest

from cds_hooks.model.results import Gap, GapReason, ScoreRange
from cds_hooks.model.truth import Tier, Truth
from cds_hooks.reasoning.assess import assess, assess_cause
from cds_hooks.reasoning.criteria import assess_criterion
from cds_hooks.reasoning.mapping import find
from tests.build import AT, library_of, observed, platelets, record, truths

P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN

DEAD = "person: {deceased: true}"
NAMES = ("rash", "fever", "trauma", "ill", "old", "drug")
RULES = dict.fromkeys(NAMES, DEAD)


def criterion(body):
    return library_of(RULES, criteria={"R-IT-01": body}).criteria["R-IT-01"]


def match(body, present=(), absent=(), gate=P):
    known = truths(present, absent)
    return assess_criterion(criterion(body), lambda name: known.get(name, U), gate)


def cause(body, present=(), absent=(), gate=P):
    known = truths(present, absent)
    rule = library_of(RULES, causes={"it": body}).causes["it"]
    return assess_cause(rule, lambda name: known.get(name, U), gate)


# ---------------------------------------------------------------- criteria

FEVER_AND_RASH = "when: {all: [rash, fever]}"


def test_a_criterion_is_present_with_its_tier_and_what_it_rests_on():
    found = match(FEVER_AND_RASH, present=["rash", "fever"])

    assert (P, Tier.SAME_DAY, 0) == (found.truth, found.tier, found.step)
    assert ("rash", "fever") == found.relied_on


def test_a_criterion_that_is_not_met_has_no_tier():
    found = match(FEVER_AND_RASH, present=["rash"], absent=["fever"])

    assert (A, None, -1) == (found.truth, found.tier, found.step)
    assert () == found.would_settle


def test_an_unknown_criterion_tells_what_would_settle_it():
    found = match(FEVER_AND_RASH, present=["rash"])

    assert U is found.truth
    assert ("fever",) == found.would_settle


@pytest.mark.parametrize("gate", [A, U])
def test_without_skin_bleeding_the_gate_is_the_answer(gate):
    found = match(FEVER_AND_RASH, present=["rash", "fever"], gate=gate)

    assert gate is found.truth
    assert found.tier is None


@pytest.mark.parametrize("gate", [A, U])
def test_a_criterion_that_needs_no_skin_bleeding_speaks_without_it(gate):
    assert P is match(f"{FEVER_AND_RASH}\nneeds_skin_bleeding: false", present=["rash", "fever"], gate=gate).truth


# ---------------------------------------------------------------- explanations

EXCUSED = "when: rash\nunless: [{when: {all: [trauma, old]}, choice: our-choice}, {when: drug}]"


def test_a_recorded_explanation_takes_a_criterion_back():
    found = match(EXCUSED, present=["rash", "trauma", "old"])

    assert A is found.truth
    assert ("trauma", "old") == found.excused_by
    assert "our-choice" == found.choice


def test_the_second_explanation_counts_as_well():
    assert ("drug",) == match(EXCUSED, present=["rash", "drug"]).excused_by


def test_an_unknown_explanation_excuses_nothing_but_would_settle():
    found = match(EXCUSED, present=["rash", "trauma"])

    assert P is found.truth
    assert ("old", "drug") == found.would_settle


def test_an_explanation_that_is_ruled_out_is_not_asked_for():
    assert () == match(EXCUSED, present=["rash"], absent=["trauma", "drug"]).would_settle


def test_an_explanation_of_a_criterion_that_is_not_met_is_not_told():
    assert () == match(EXCUSED, present=["drug"], absent=["rash"]).excused_by


# ---------------------------------------------------------------- tiers

STEPS = """\
when: rash
tiers:
  - {tier: EMERGENCY, when: ill, choice: our-choice}
  - {tier: WITHIN_48H, when: {none: [old]}}
"""


def test_the_first_step_that_is_present_gives_the_tier():
    found = match(STEPS, present=["rash", "ill"], absent=["old"])

    assert (Tier.EMERGENCY, 0, "our-choice") == (found.tier, found.step, found.choice)
    assert ("rash", "ill") == found.relied_on
    assert () == found.would_settle


def test_a_later_step_leaves_the_unknown_one_above_it_open():
    found = match(STEPS, present=["rash"], absent=["old"])

    assert (P, Tier.WITHIN_48H, 1, "") == (found.truth, found.tier, found.step, found.choice)
    assert ("ill",) == found.would_settle


def test_without_a_tier_a_criterion_is_unknown_while_a_step_is():
    found = match(STEPS, present=["rash", "old"])

    assert (U, None) == (found.truth, found.tier)
    assert ("ill",) == found.would_settle


def test_without_any_tier_a_criterion_is_absent():
    assert A is match(STEPS, present=["rash", "old"], absent=["ill"]).truth


def test_a_step_without_a_condition_always_applies():
    body = "when: rash\ntiers: [{tier: EMERGENCY, when: ill}, {tier: ROUTINE}]"

    assert (Tier.ROUTINE, 1) == (match(body, ["rash"], ["ill"]).tier, match(body, ["rash"], ["ill"]).step)


# ---------------------------------------------------------------- causes

CAUSE = "when: rash"
WEIGHED = """\
when: rash
supports: [{finding: drug, weight: 3}, {finding: old, weight: 1}]
against: [ill, fever]
"""


@pytest.mark.parametrize(("expected", "present", "absent"), [(P, ["rash"], []), (A, [], ["rash"]), (U, [], [])])
def test_a_cause_is_listed_when_what_it_needs_is_present(expected, present, absent):
    assert expected is cause(CAUSE, present, absent).truth


def test_an_unknown_cause_tells_what_would_settle_it():
    assert ("rash",) == cause(CAUSE).would_settle


@pytest.mark.parametrize("gate", [A, U])
def test_without_skin_bleeding_a_cause_is_not_listed(gate):
    assert gate is cause(CAUSE, ["rash"], gate=gate).truth
    assert P is cause(f"{CAUSE}\nneeds_skin_bleeding: false", ["rash"], gate=gate).truth


def test_a_cause_tells_what_speaks_for_and_against_it():
    found = cause(WEIGHED, ["rash", "drug", "old", "ill"])

    assert (("drug", "old"), ("ill",), ("rash",)) == (found.in_favour, found.against, found.relied_on)
    assert (2, Tier.ROUTINE) == (found.support, found.tier)


def test_what_is_unknown_would_settle_and_what_is_absent_does_not_count():
    found = cause(WEIGHED, ["rash", "drug"], ["fever"])

    assert (3, ("old",)) == (found.support, found.would_settle)


@pytest.mark.parametrize(
    ("expected", "present", "absent"),
    [
        (P, ["drug"], ["old"]),
        (P, ["drug", "old"], []),
        (U, ["old"], []),
        (U, [], []),
        (A, ["old"], ["drug"]),
        (A, [], ["drug"]),
    ],
)
def test_a_cause_may_need_a_least_weight_of_support(expected, present, absent):
    found = cause(f"{WEIGHED}list_from: 3", ["rash", *present], absent)

    assert expected is found.truth


def test_support_that_could_reach_the_least_weight_would_settle():
    assert ("drug",) == cause(f"{WEIGHED}list_from: 3", ["rash", "old"]).would_settle
    assert () == cause(f"{WEIGHED}list_from: 3", ["rash", "old"], ["drug"]).would_settle


# ---------------------------------------------------------------- the whole assessment

CHART = (observed("petechiae"), platelets("8"))
FINDINGS = {
    "rash": "sign: {concepts: [petechiae], observed_within: {days: 3}}",
    "bruise": "sign: {concepts: [purpura], observed_within: {days: 3}}",
    "low": 'measure: {concept: platelet-count, is: {below: "10", unit: "10*9/L"}}',
}


def assessed(criteria=None, causes=None, entries=CHART, **more):
    library = library_of(FINDINGS, criteria=criteria, causes=causes)
    findings = find(record(*entries), library, AT)
    return assess(findings, (), library, AT, truth_of=findings.truth_of, scores=tuple, **more)


def test_an_assessment_names_library_and_time():
    found = assessed()

    assert (AT, "1.2.3") == (found.at, found.library_version)
    assert 64 == len(found.library_digest)


def test_an_assessment_carries_the_gaps_and_scores_it_is_given():
    library = library_of(FINDINGS)
    findings = find(record(), library, AT)
    gap, score = Gap("Observation", GapReason.FAILED), ScoreRange("s", P, 0, 2)

    found = assess(findings, [gap], library, AT, truth_of=findings.truth_of, scores=lambda: (score,))

    assert ((gap,), (score,)) == (found.gaps, found.scores)


@pytest.mark.parametrize(
    ("expected", "entries"), [(P, CHART), (U, ()), (A, (observed("petechiae", value=False),))]
)
def test_an_assessment_tells_whether_there_is_skin_bleeding(expected, entries):
    assert expected is assessed(entries=entries).skin_bleeding


@pytest.mark.parametrize(("expected", "entries"), [(U, (platelets("8"),)), (P, CHART)])
def test_without_skin_bleeding_no_cause_of_it_is_listed(expected, entries):
    (found,) = assessed(causes={"it": "when: low"}, entries=entries).causes

    assert expected is found.truth


def test_an_assessment_tells_at_which_moment_it_was_asked_for():
    assert assessed().hook == "patient-view"
    assert assessed(hook="order-sign").hook == "order-sign"


def test_no_card_is_shown_for_a_patient_who_has_died():
    assert assessed().speaks
    assert not assessed(deceased=True).speaks


@pytest.mark.parametrize(("expected", "status"), [(1, "active"), (1, "silent"), (0, "draft"), (0, "retired")])
def test_drafts_and_retired_rules_are_not_assessed(expected, status):
    body = {"R-IT-01": f"when: rash\nstatus: {status}"}

    assert expected == len(assessed(criteria=body).criteria)
    assert expected == len(assessed(causes=body).causes)


def test_criteria_stand_by_tier_then_group_then_id():
    criteria = {
        "R-C": "when: rash\ntiers: [{tier: ROUTINE}]",
        "R-A": "when: bruise\ntiers: [{tier: EMERGENCY}]",
        "R-D": "when: low\ngroup: platelets",
        "R-B": "when: low",
        "R-E": "when: low\ngroup: infection",
        "R-F": "when: low\ntiers: [{tier: EMERGENCY}]",
    }

    assert ["R-F", "R-B", "R-E", "R-D", "R-C", "R-A"] == [found.rule for found in assessed(criteria).criteria]


def test_causes_stand_by_tier_then_support_then_id():
    causes = {
        "c": "when: rash",
        "b": "when: rash",
        "a": "when: bruise\ntier: EMERGENCY",
        "d": "when: rash\nsupports: [{finding: low, weight: 1}]",
        "e": "when: rash\ntier: SAME_DAY",
    }

    assert ["e", "d", "b", "c", "a"] == [found.rule for found in assessed(causes=causes).causes]


def test_findings_are_those_of_the_chart():
    assert P is assessed().findings["rash"].truth
