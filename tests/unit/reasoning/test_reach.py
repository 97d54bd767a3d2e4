"""Rules that could never speak: without a window, without support, without a chart that fires them."""

import pytest

from cds_hooks.reasoning.library import data_root, load
from cds_hooks.reasoning.reach import citation_counts, faults
from tests.build import library_of, write_library
from tests.end_to_end.charts import library

FINDINGS = {
    "fever": "sign: {concepts: [fever], problem_within: {days: 7}}",
    "ever": "sign: {concepts: [fever], any_active_problem: true}",
    "adult": "person: {age: {from: {years: 18}}}",
    "child": "person: {age: {below: {years: 16}}}",
    "mute": "sign: {concepts: [wordless], observed_within: {days: 7}}",
    "either": "when: {any: [fever, mute]}",
    "low": 'measure: {concept: platelet-count, is: {below: "50", unit: "10*9/L"}}',
}
WORDLESS = 'wordless: {kind: sign, name: "Wordless"}\n'
CASES = {
    "skin-bleeding": "{concept: petechiae, observed: true}",
    "fever": "{concept: fever, problem: active, days_ago: 2}",
    "adult": "{age: {years: 40}}",
    "child": "{age: {years: 4}}",
    "low": '{concept: platelet-count, value: "40", unit: "10*9/L"}',
}


@pytest.fixture
def found(tmp_path):
    """The faults of a small library whose rules have one case each that must fire them."""

    def check(*, criteria=None, causes=None, **fires):
        root = write_library(tmp_path, FINDINGS, criteria=criteria, causes=causes, more_concepts=WORDLESS)
        for name, given in CASES.items():
            path = root / f"mappings/findings/{name}.cases.yaml"
            path.write_text(f"cases:\n  - {{name: it, given: [{given}], expect: present}}\n", encoding="utf-8")
        for kind, rules in (("criteria", criteria or {}), ("causes", causes or {})):
            for rule in rules:
                path = root / f"knowledge/{kind}/{rule}.cases.yaml"
                case = fires.get(rule.replace("-", "_"), "present: [fever]")
                path.write_text(f"cases:\n  - {{name: it, {case}, expect: present}}\n", encoding="utf-8")
        return faults(load(root), root)

    return check


def known(**rules):
    return library_of(FINDINGS, more_concepts=WORDLESS, **rules)


def test_ours_are_all_within_reach():
    assert faults(library(), data_root()) == ()


# ---------------------------------------------------------------- windows


@pytest.mark.parametrize("when", ["ever", "{all: [ever, adult]}"])
def test_a_criterion_without_a_window_is_refused(found, when):
    [fault] = found(criteria={"R-A": f"when: {when}"}, R_A="present: [fever, adult]")

    assert fault.startswith("R-A: nothing it asks for has a window")


@pytest.mark.parametrize("when", ["fever", "low", "{all: [ever, low]}", "either"])
def test_one_window_among_what_it_asks_for_is_enough(found, when):
    assert found(criteria={"R-A": f"when: {when}"}, R_A="present: [fever, low]") == ()


# ---------------------------------------------------------------- support


@pytest.mark.parametrize(
    "when", ["mute", "{all: [fever, mute]}", "{at_least: {count: 2, of: [fever, mute]}}", "{any: [mute]}"]
)
def test_a_cause_that_no_chart_can_hold_is_refused(found, when):
    faults_found = found(causes={"c": f"when: {when}"})

    assert faults_found[0] == (
        "c: no chart can hold what it needs: its concepts have neither code nor text; add them"
    )


@pytest.mark.parametrize(
    "when", ["either", "{none: [mute]}", "{at_least: {count: 1, of: [fever, mute]}}", "{all: [adult, fever]}"]
)
def test_a_cause_that_a_chart_can_hold_is_not(when):
    held = known(causes={"c": f"when: {when}"})

    assert not any("no chart can hold" in fault for fault in faults(held, data_root()))


def test_a_cause_that_can_never_have_enough_support_is_refused(found):
    body = "when: fever\nsupports: [{finding: mute, weight: 3}, {finding: low, weight: 1}]\nlist_from: 2"

    assert "c: what can speak for it weighs 1, less than its list_from; mend one of them" in found(
        causes={"c": body}
    )


# ---------------------------------------------------------------- charts


def test_findings_said_in_a_case_must_come_together_in_a_chart(found):
    rules = {"R-A": "when: {all: [fever, child, low]}"}

    assert found(criteria=rules, R_A="present: [fever, child, low]") == ()


def test_a_rule_whose_findings_never_come_together_is_refused(found):
    [fault] = found(criteria={"R-A": "when: {all: [fever, child, adult]}"}, R_A="present: [fever, child, adult]")

    assert fault.startswith("knowledge/criteria/R-A.cases.yaml: no chart fires it")


def test_a_chart_of_its_own_is_proof_enough(found):
    chart = "given: [{concept: petechiae, observed: true}, {concept: fever, problem: active, days_ago: 1}]"

    assert found(criteria={"R-A": "when: fever"}, R_A=chart) == ()
    assert found(causes={"c": "when: fever"}, c=chart) == ()


def test_a_rule_that_is_not_assessed_need_not_fire(found):
    rules = {"R-A": "when: {all: [fever, child, adult]}\nstatus: draft"}

    assert found(criteria=rules, R_A="present: [fever, child, adult]") == ()


# ---------------------------------------------------------------- publications


def test_a_publication_that_nothing_rests_on_counts_nothing():
    assert citation_counts(library_of())["textbook"] == 0
    assert citation_counts(known(criteria={"R-A": "when: fever"}))["textbook"] == 1


def test_a_publication_counts_once_for_each_rule_prompt_and_leaflet():
    order = (
        'id: o\nname: "O"\ntag: B1\nplace: 1\nwhen: fever\nreason: "Why"\norders: [{name: "Count"}]\n'
        "citations: [{source: textbook}, {source: textbook, at: '2'}]\n"
        'prompts: [{text: "Think", when: fever, citations: [{source: textbook}]}]\n'
    )
    leaflet = (
        'title: "S"\nlead: "L"\nemergency: {heading: "H", lead: "Call {number}", lines: ["x"]}\n'
        'same_day: {heading: "T", lead: "S", lines: ["y"]}\nparts: []\ncitations: [{source: textbook}]\n'
    )
    files = {"knowledge/orders/o.yaml": order, "knowledge/leaflet.yaml": leaflet}

    assert citation_counts(known(files=files))["textbook"] == 3
