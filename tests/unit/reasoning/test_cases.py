from datetime import timedelta
from decimal import Decimal

import pytest

from cds_hooks.chart.record import Coded, Listing, MedicationUse, Observed, Patient, Problem, Quantity
from cds_hooks.model.codes import Coding
from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import Span, When
from cds_hooks.reasoning.case_charts import AT, Given, chart_of
from cds_hooks.reasoning.cases import canaries, check_cases, has_turned
from cds_hooks.reasoning.library import load
from tests.build import small_library, when, write_library

SNOMED, LOINC, RXNORM = (
    "http://snomed.info/sct",
    "http://loinc.org",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
)

GATE_CASES = """\
  - {name: seen, given: [{concept: petechiae, observed: true}], expect: present}
  - {name: denied, given: [{concept: petechiae, observed: false}], expect: absent}
  - {name: silent, given: [], expect: unknown}
"""
DEAD = "person: {deceased: true}"
DEAD_CASES = """\
  - {name: dead, given: [{deceased: true}], expect: present}
  - {name: alive, expect: absent}
"""
FINDING, CRITERION, CAUSE = (
    "mappings/findings/it.cases.yaml",
    "knowledge/criteria/R-IT-01.cases.yaml",
    "knowledge/causes/it.cases.yaml",
)


@pytest.fixture
def checked(tmp_path):
    """Checks a small library with these cases (file name -> its cases)."""

    def check(cases, *, question=check_cases, **rules):
        root = write_library(tmp_path, **rules)
        for name, text in {"mappings/findings/skin-bleeding.cases.yaml": GATE_CASES, **cases}.items():
            (root / name).write_text(f"cases:\n{text}" if text else "cases: []\n", encoding="utf-8")
        return question(load(root), root)

    return check


def an(item):
    """The record of a chart with one entry."""
    return chart_of([item], small_library())


def ago(**span):
    moment = AT - timedelta(**span)
    return When(moment, moment)


# ---------------------------------------------------------------- charts from cases


def test_every_list_of_a_case_counts_as_read_whole():
    lists = chart_of([], small_library()).lists

    assert {Listing.COMPLETE} == {state.state for state in lists.values()}
    assert {"Condition", "Observation", "MedicationStatement", "MedicationRequest"} <= set(lists)


@pytest.mark.parametrize(
    ("expected", "reason", "state"),
    [
        (Listing.FAILED, GapReason.FAILED, "failed"),
        (Listing.INCOMPLETE, GapReason.INCOMPLETE, "incomplete"),
        (Listing.NOT_READ, GapReason.NOT_SUPPLIED, "not-read"),
    ],
)
def test_a_case_may_say_that_a_list_was_not_read(expected, reason, state):
    found = an(Given(list="Condition", state=state)).lists["Condition"]

    assert (expected, reason) == (found.state, found.reason)


def test_a_measured_value_stands_under_the_first_code_of_its_concept():
    given = Given(
        concept="platelet-count",
        value=Decimal("9.9"),
        unit="10*9/L",
        comparator="<",
        low=Decimal(150),
        high=Decimal(450),
        interpretation="L",
        hours_ago=Decimal(3),
    )

    expected = Observed(
        reference="Observation/case-0",
        what=Coded((Coding(LOINC, "777-3"),)),
        value=Quantity(Decimal("9.9"), "10*9/L", "<"),
        at=ago(hours=3),
        interpretation=("L",),
        low=Quantity(Decimal(150), "10*9/L"),
        high=Quantity(Decimal(450), "10*9/L"),
    )

    assert (expected,) == an(given).observed


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (Coded(text="2+"), Given(concept="urine-blood", answer="two-plus")),
        ("CLUMPED", Given(concept="platelet-count", value_text="CLUMPED")),
        (True, Given(concept="petechiae", observed=True)),
        (False, Given(concept="petechiae", observed=False)),
        (None, Given(concept="petechiae")),
    ],
)
def test_a_value_may_be_an_answer_a_text_or_yes_or_no(expected, given):
    (entry,) = an(given).observed

    assert expected == entry.value


def test_a_concept_without_a_code_is_named_by_its_first_text_or_its_name():
    library = small_library()

    (entry,) = chart_of([Given(concept="haemoglobin")], library).observed

    assert Coded(text="haemoglobin") == entry.what


def test_sites_of_a_case_are_those_of_the_entry():
    (entry,) = an(Given(concept="petechiae", sites=("leg", "face"))).observed

    assert (Coded((Coding(SNOMED, "2001"),)), Coded(text="face")) == entry.sites


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (ago(), Given(concept="petechiae")),
        (ago(days=1, hours=6), Given(concept="petechiae", days_ago=Decimal(1), hours_ago=Decimal(6))),
        (ago(minutes=90), Given(concept="petechiae", hours_ago=Decimal("1.5"))),
        (when("2026-03-17"), Given(concept="petechiae", days_ago=Decimal(1), day_only=True)),
        (None, Given(concept="petechiae", undated=True)),
    ],
)
def test_times_are_distances_from_the_fixed_instant(expected, given):
    (entry,) = an(given).observed

    assert expected == entry.at


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (("active", False, False, "problem"), Given(concept="fever", problem="active")),
        (("inactive", False, False, "problem"), Given(concept="fever", problem="inactive")),
        (("active", True, False, "problem"), Given(concept="fever", problem="denied")),
        (("active", False, True, "problem"), Given(concept="fever", problem="doubtful")),
        (("active", False, False, "visit"), Given(concept="fever", visit=True)),
    ],
)
def test_a_problem_has_its_state_and_source(expected, given):
    (problem,) = an(given).problems

    assert expected == (problem.state, problem.denied, problem.doubtful, problem.source)


def test_a_problem_has_onset_and_record():
    given = Given(concept="fever", problem="active", days_ago=Decimal(3), recorded_hours_ago=Decimal(2))

    expected = Problem("Condition/case-0", Coded(text="fever"), "active", onset=ago(days=3), recorded=ago(hours=2))

    assert (expected,) == an(given).problems
    assert () == an(given).observed


def test_a_problem_may_be_undated():
    (problem,) = an(Given(concept="fever", problem="active", undated=True)).problems

    assert (None, None) == (problem.onset, problem.recorded)


def test_a_medicine_has_state_times_route_and_source():
    given = Given(
        medicine="aspirin",
        state="ended",
        started_days_ago=Decimal(9),
        ended_days_ago=Decimal(2),
        route="oral",
        source="ordered",
    )

    expected = MedicationUse(
        reference="MedicationStatement/case-0",
        what=Coded((Coding(RXNORM, "3001"),)),
        source="ordered",
        state="ended",
        start=ago(days=9),
        end=ago(days=2),
        routes=(Coded(text="oral"),),
    )

    assert (expected,) == an(given).medications


def test_a_medicine_is_reported_as_taken_unless_said():
    (use,) = an(Given(medicine="aspirin")).medications

    assert ("reported", "current", None, None, ()) == (use.source, use.state, use.start, use.end, use.routes)


@pytest.mark.parametrize(
    ("expected", "ingredient"),
    [(Coded((Coding(RXNORM, "3003"),)), "prednisolone"), (Coded(text="methylprednisolone"), "methylprednisolone")],
)
def test_a_medicine_is_named_by_a_code_that_says_nothing_of_the_route(expected, ingredient):
    (use,) = an(Given(medicine=ingredient)).medications

    assert expected == use.what


@pytest.mark.parametrize(
    ("expected", "age"),
    [
        ("2021-03-18", Span(years=5)),
        ("2025-12-18", Span(months=3)),
        ("2024-10-18", Span(years=1, months=5)),
        ("2026-02-18", Span(days=28)),
        ("2026-03-04", Span(weeks=2)),
    ],
)
def test_an_age_has_just_been_completed(expected, age):
    assert when(expected) == an(Given(age=age)).patient.born


def test_a_person_has_sex_and_may_have_died():
    given = [Given(sex="female"), Given(deceased=True)]

    assert Patient(sex="female", deceased=True) == chart_of(given, small_library()).patient
    assert Patient() == chart_of([], small_library()).patient


# ---------------------------------------------------------------- judging findings


def test_sound_cases_have_no_fault(checked):
    report = checked({FINDING: DEAD_CASES}, findings={"it": DEAD})

    assert (5, ()) == (report.judged, report.faults)


def test_a_case_that_comes_out_otherwise_is_a_fault(checked):
    wrong = DEAD_CASES.replace("expect: absent", "expect: unknown")

    faults = checked({FINDING: wrong}, findings={"it": DEAD}).faults

    assert (
        f'{FINDING}: case "alive" expects unknown, is absent',
        f"{FINDING}: no case is absent; write one",
    ) == faults


def test_a_rule_without_cases_is_a_fault(checked):
    report = checked({}, findings={"it": DEAD})

    assert (3, (f"{FINDING}:1: cannot be read; put the file there",)) == (report.judged, report.faults)


def test_a_file_of_cases_that_cannot_be_read_is_a_fault(checked):
    (fault,) = checked({FINDING: "  - {name: x, expect: maybe}\n"}, findings={"it": DEAD}).faults

    assert fault.startswith(f"{FINDING}:2: cases.0.expect: ")


@pytest.mark.parametrize(
    ("named", "given"),
    [
        ("concept `nothing`", "{concept: nothing}"),
        ("concept `nothing`", "{medicine: nothing}"),
        ("concept `nothing`", "{concept: urine-blood, answer: nothing}"),
        ("concept `nothing`", "{medicine: aspirin, route: nothing}"),
        ("concept `nothing`", "{concept: petechiae, sites: [face, nothing]}"),
        ("list `Conditon`", "{list: Conditon, state: failed}"),
        ("state `broken`", "{list: Condition, state: broken}"),
        ("state ``", "{list: Condition}"),
        ("state `failed`", "{medicine: aspirin, state: failed}"),
    ],
)
def test_a_case_that_names_what_does_not_exist_is_a_fault(named, given, checked):
    strange = f"{DEAD_CASES}  - {{name: strange, given: [{given}], expect: absent}}\n"

    faults = checked({FINDING: strange}, findings={"it": DEAD}).faults

    assert (f'{FINDING}: case "strange" names {named}, which the library does not know; mend the id',) == faults


# ---------------------------------------------------------------- what cases must cover


def test_every_truth_needs_a_case(checked):
    faults = checked({FINDING: ""}, findings={"it": "person: {sex: female}"}).faults

    assert (
        tuple(f"{FINDING}: no case is {truth}; write one" for truth in ("present", "absent", "unknown")) == faults
    )


@pytest.mark.parametrize("test", ["deceased: true", "age_unknown: true"])
def test_what_is_always_known_needs_no_unknown_case(test, checked):
    faults = checked({FINDING: ""}, findings={"it": f"person: {{{test}}}"}).faults

    assert f"{FINDING}: no case is unknown; write one" not in faults


def count(value, expect, comparator=""):
    given = f'{{concept: platelet-count, value: "{value}", unit: "10*9/L", comparator: "{comparator}"}}'
    return f'  - {{name: "{comparator}{value}", given: [{given}], expect: {expect}}}\n'


BELOW_10 = 'measure: {concept: platelet-count, is: {below: "10", unit: "10*9/L"}}'
NOTHING = "  - {name: nothing, given: [], expect: unknown}\n"
TRIPLE = count("9.9", "present") + count("10", "absent") + count("10.1", "absent")


def test_a_limit_needs_cases_just_below_at_and_just_above(checked):
    assert () == checked({FINDING: TRIPLE + NOTHING}, findings={"it": BELOW_10}).faults


@pytest.mark.parametrize(
    ("expected", "cases"),
    [
        ("no case at the limit 10; write one with exactly that value", TRIPLE.replace('"10"', '"10.2"')),
        ("no case just below the limit 10; write one", TRIPLE.replace("9.9", "9.4")),
        ("no case just above the limit 10; write one", TRIPLE.replace("10.1", "10.6")),
        ("no case just below the limit 10; write one", TRIPLE.replace("9.9", "9") + count("9.9", "present", "<")),
    ],
)
def test_a_value_away_from_the_limit_does_not_stand_for_it(expected, cases, checked):
    assert (f"{FINDING}: {expected}",) == checked({FINDING: cases + NOTHING}, findings={"it": BELOW_10}).faults


def test_the_limits_of_every_age_need_their_cases(checked):
    band = '{age: {from: {years: 5}}, is: {below: "10", unit: "10*9/L"}}'
    rule = f"measure: {{concept: platelet-count, by_age: [{band}]}}"
    cases = (TRIPLE + NOTHING).replace("given: [{", "given: [{age: {years: 6}}, {")

    assert () == checked({FINDING: cases}, findings={"it": rule}).faults
    assert 3 == sum("limit 10" in fault for fault in checked({FINDING: NOTHING}, findings={"it": rule}).faults)


def test_the_limit_of_the_laboratory_needs_no_triple(checked):
    rule = 'measure: {concept: platelet-count, is: {below: "1", of: lower-limit}}'

    faults = checked({FINDING: NOTHING}, findings={"it": rule}).faults

    assert not any("limit" in fault for fault in faults)


# ---------------------------------------------------------------- criteria and causes

STEPS = """\
when: it
tiers:
  - {tier: EMERGENCY, when: skin-bleeding}
  - {tier: ROUTINE}
needs_skin_bleeding: false
"""
STEP_CASES = """\
  - {name: both, present: [it, skin-bleeding], expect: present, tier: EMERGENCY}
  - {name: one, present: [it], absent: [skin-bleeding], expect: present, tier: ROUTINE}
  - {name: none, absent: [it], expect: absent}
  - {name: open, expect: unknown}
"""


def criterion_faults(checked, cases, body=STEPS, **more):
    return checked(
        {FINDING: DEAD_CASES, CRITERION: cases}, findings={"it": DEAD}, criteria={"R-IT-01": body}, **more
    )


def test_sound_cases_of_a_criterion_have_no_fault(checked):
    report = criterion_faults(checked, STEP_CASES)

    assert (9, ()) == (report.judged, report.faults)


def test_a_wrong_truth_of_a_criterion_is_a_fault(checked):
    wrong = STEP_CASES + "  - {name: wrong, present: [it], expect: absent}\n"

    assert (f'{CRITERION}: case "wrong" expects absent, is present',) == criterion_faults(checked, wrong).faults


@pytest.mark.parametrize(
    ("is_", "case"),
    [
        ("expects SAME_DAY, is ROUTINE", "{name: wrong, present: [it], expect: present, tier: SAME_DAY}"),
        ("expects SAME_DAY, is no tier", "{name: wrong, absent: [it], expect: absent, tier: SAME_DAY}"),
    ],
)
def test_a_wrong_tier_is_a_fault(is_, case, checked):
    assert (f'{CRITERION}: case "wrong" {is_}',) == criterion_faults(checked, f"{STEP_CASES}  - {case}\n").faults


def test_every_tier_must_be_reached(checked):
    unreached = STEP_CASES.replace(
        "present: [it, skin-bleeding], expect: present, tier: EMERGENCY", "expect: unknown"
    )

    assert (f"{CRITERION}: no case reaches tier step 1 (EMERGENCY); write one",) == criterion_faults(
        checked, unreached
    ).faults


def test_a_case_of_a_criterion_that_names_an_unknown_finding_is_a_fault(checked):
    strange = STEP_CASES + '  - {name: strange, present: [nothing, "score:s:2"], expect: present}\n'

    assert (
        f'{CRITERION}: case "strange" names finding `nothing`, which the library does not know; mend the id',
    ) == criterion_faults(checked, strange).faults


def test_a_criterion_may_be_judged_by_a_chart(checked):
    body = "when: it"
    cases = """\
  - {name: both, given: [{deceased: true}, {concept: petechiae, observed: true}], expect: present}
  - {name: no skin, given: [{deceased: true}, {concept: petechiae, observed: false}], expect: absent}
  - {name: open, given: [{deceased: true}], expect: unknown}
"""

    assert () == criterion_faults(checked, cases, body).faults


def test_the_gate_counts_as_present_unless_a_case_says_otherwise(checked):
    cases = """\
  - {name: gate not said, present: [it], expect: present}
  - {name: gate absent, present: [it], absent: [skin-bleeding], expect: absent}
  - {name: open, expect: unknown}
"""

    assert () == criterion_faults(checked, cases, "when: it").faults


def test_a_cause_is_judged_like_a_criterion(checked):
    cases = """\
  - {name: listed, present: [it], expect: present, tier: ROUTINE}
  - {name: not listed, absent: [it], expect: absent}
  - {name: open, expect: unknown}
"""

    report = checked({FINDING: DEAD_CASES, CAUSE: cases}, findings={"it": DEAD}, causes={"it": "when: it"})

    assert () == report.faults


# ---------------------------------------------------------------- canaries


def turned(library, root=None):
    """Ids of the rules whose canaries read otherwise than they must."""
    return tuple(canary.rule.id for canary in canaries(library, root) if has_turned(canary, library))


def test_no_canary_has_turned_while_rules_say_what_they_must(checked):
    assert () == criterion_faults(checked, STEP_CASES, question=turned)


@pytest.mark.parametrize(
    "case", ["{name: silent, absent: [it], expect: present}", "{name: loud, present: [it], expect: absent}"]
)
def test_a_rule_that_falls_silent_or_fires_by_itself_has_turned(checked, case):
    assert ("R-IT-01",) == criterion_faults(checked, f"  - {case}\n{STEP_CASES}", question=turned)


@pytest.mark.parametrize("status", ["draft", "silent", "retired"])
def test_a_criterion_that_is_not_active_is_no_canary(status, checked):
    silent = "  - {name: silent, absent: [it], expect: present}\n" + STEP_CASES

    assert () == criterion_faults(checked, silent, f"{STEPS}status: {status}\n", question=turned)


def test_a_chart_is_a_better_canary_than_findings(checked):
    cases = """\
  - {name: said, present: [it], expect: present}
  - {name: charted, given: [{deceased: true}, {concept: petechiae, observed: true}], expect: present}
  - {name: absent, absent: [it], expect: absent}
  - {name: open, expect: unknown}
"""

    def names(library, root):
        return [
            case.name for canary in canaries(library, root) if canary.rule.id == "R-IT-01" for case in canary.cases
        ]

    assert criterion_faults(checked, cases, "when: it", question=names) == ["charted", "absent"]


def test_a_rule_without_its_cases_counts_as_turned(checked):
    found = checked({}, question=turned, findings={"it": DEAD})

    assert "it" in found


NARRATIVE = """\
our-choice: {name: "Our choice", why: "Because no guideline says."}
narrative-only-at-most-same-day: {name: "Text alone: the same day", why: "Sentences are misread."}
"""


def test_a_chart_of_a_criterion_is_judged_as_a_real_one_so_that_sentences_alone_do_not_make_an_emergency(tmp_path):
    root = write_library(tmp_path, criteria={"R-IT-01": "when: skin-bleeding\ntiers: [{tier: EMERGENCY}]"})
    (root / "knowledge/choices.yaml").write_text(NARRATIVE, encoding="utf-8")
    (root / "mappings/text").mkdir()
    (root / "mappings/text/context.yaml").write_text(
        'cues: [{kind: negation, reach: 3, phrases: ["no"]}]\n', encoding="utf-8"
    )
    (root / "mappings/findings/skin-bleeding.cases.yaml").write_text(f"cases:\n{GATE_CASES}", encoding="utf-8")
    said = '{concept: skin-exam, value_text: "petechiae seen", hours_ago: 1}'
    case = f"  - {{name: said, given: [{said}], expect: present, tier: EMERGENCY}}\n"
    (root / CRITERION).write_text(f"cases:\n{case}", encoding="utf-8")

    faults = check_cases(load(root), root).faults

    assert f'{CRITERION}: case "said" expects EMERGENCY, is SAME_DAY' in faults
