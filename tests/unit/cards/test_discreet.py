"""What an entry with restricted access makes of a chart is neither named on a card nor in the trace."""

from dataclasses import replace

import pytest

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.explain import explain
from cds_hooks.service import advise_on
from tests.build import AT, coded, hours_ago, library_of, observed, patient, platelets, problem, record

FINDINGS = {
    "skin-bleeding": "sign: {concepts: [petechiae], observed_within: {days: 14}, problem_within: {days: 14}}",
    "secret": "sign: {concepts: [fever], problem_within: {days: 7}}",
    "low": 'measure: {concept: platelet-count, is: {below: "100", unit: "10*9/L"}}',
}
BUILT = {"secret-low": "when: {all: [secret, low]}"}
SOMEWHERE = {"secret": "sign: {concepts: [fever], problem_within: {days: 7}, sites: {any: [below-chest]}}"}
DENIED = {"secret": "sign: {concepts: [purpura], observed_within: {days: 3}}"}
RESULT = {"secret": 'measure: {concept: inr, is: {above: "5", unit: "{INR}"}}'}
DEMOTION = """\
id: secret-care
name: "Secret care"
say: "secret say"
summary: "A secret summary"
advice: "secret advice"
when: secret
never_when: low
choice: our-choice
status: active
"""
BUNDLE = """\
id: secret-tests
name: "Secret tests"
tag: B1
place: 1
when: {when}
reason: "secret reason"
orders: [{{name: "Blood count"}}]
prompts:
  - {{text: "Secret prompt", when: {when}, status: active, citations: [{{source: textbook}}]}}
  - {{text: "Open prompt", when: R-OPEN-1, status: active, citations: [{{source: textbook}}]}}
status: active
citations: [{{source: textbook}}]
"""
CHOICE = 'our-choice: {name: "Secret choice", why: "Because."}\n'
SECRET_RULE = 'when: secret\nname: "Secret rule"\nsummary: "Secret rule"\nadvice: "Secret rule"'
OPEN_RULE = "when: skin-bleeding"
SECRET_CAUSE = 'name: "Secret cause"\nshort: "secret cause"\nsay: "Secret cause."'

RASH = problem(coded("1001"), hours_ago(5))
SECRET = problem("fever", hours_ago(3), restricted=True)
COUNT = platelets("8", hours_ago(2))


def advice(*entries, findings=None, files=None, **rules):
    files = {"knowledge/choices.yaml": CHOICE} | (files or {})
    library = library_of(FINDINGS | (findings or {}), files=files, **rules)
    chart = replace(record(*entries, person=patient()), patient_id="p")
    return library, advise_on(chart, library, AT, Voice())


def on_cards(*entries, **rules):
    _, found = advice(*entries, **rules)
    assert found.cards
    said = [text for card in found.cards for text in (card.summary, card.detail)]
    offered = [s.label + str(a.resource) for card in found.cards for s in card.suggestions for a in s.actions]
    return "\n".join([*said, *offered])


def in_trace(*entries, **rules):
    library, found = advice(*entries, **rules)
    return "\n".join(explain(found.record, found.assessment, library, found.cards))


# ---------------------------------------------------------------- cards


@pytest.mark.parametrize("expected", [False, True])
def test_a_cause_that_is_listed_only_for_what_a_restricted_entry_says_is_not_named(expected):
    weights = (1, 2) if expected else (2, 1)  # of what is open, and of what is not
    supports = f"supports: [{{finding: low, weight: {weights[0]}}}, {{finding: secret, weight: {weights[1]}}}]"
    cause = f"{SECRET_CAUSE}\nwhen: skin-bleeding\n{supports}\nlist_from: 2"

    said = on_cards(RASH, SECRET, COUNT, causes={"secret-cause": cause})

    assert expected is ("ecret cause" not in said)
    assert "restricted access" in said


@pytest.mark.parametrize("when", ["R-SECRET-1", "secret", '"cause:secret-cause"'])
def test_what_to_think_of_before_ordering_does_not_name_it_either(when):
    rules = {
        "criteria": {"R-SECRET-1": SECRET_RULE, "R-OPEN-1": OPEN_RULE},
        "causes": {"secret-cause": f"{SECRET_CAUSE}\nwhen: secret"},
        "files": {"knowledge/orders/secret-tests.yaml": BUNDLE.format(when=when)},
    }

    said = on_cards(RASH, SECRET, **rules)

    assert "Blood count" in said
    assert "Open prompt" in said
    assert "Something to think of before ordering stands with an entry with restricted access" in said
    assert "ecret" not in said.replace("R-SECRET", "")


def test_an_order_that_rests_on_open_entries_keeps_its_reason():
    files = {"knowledge/orders/secret-tests.yaml": BUNDLE.format(when="R-OPEN-1")}

    assert "secret reason" in on_cards(RASH, SECRET, criteria={"R-OPEN-1": OPEN_RULE}, files=files)


# ---------------------------------------------------------------- the trace


def test_the_trace_names_no_finding_that_a_restricted_entry_makes_present():
    said = in_trace(RASH, SECRET, COUNT, findings=BUILT)

    assert "An entry with restricted access counts here and is not shown (Condition/fever)" in said
    assert "secret" not in said
    assert "present: skin-bleeding" in said


def test_the_trace_names_no_finding_that_a_restricted_entry_makes_absent():
    denied = observed("purpura", "absent", hours_ago(2), restricted=True)

    assert "secret" not in in_trace(RASH, denied, findings=DENIED)


@pytest.mark.parametrize(
    ("entry", "finding"),
    [(SECRET, SOMEWHERE), (observed("inr", "unclear", hours_ago(1), restricted=True), RESULT)],
)
def test_the_trace_names_no_finding_that_a_restricted_entry_leaves_open(entry, finding):
    said = in_trace(RASH, entry, findings=finding)

    assert ": An entry with restricted access" in said
    assert "secret" not in said


def test_the_trace_names_what_an_open_entry_says_as_well_but_not_beside_the_restricted_one():
    lines = in_trace(RASH, replace(RASH, reference="Condition/2", restricted=True)).splitlines()

    hidden = next(number for number, line in enumerate(lines) if line.endswith("(Condition/2)"))
    assert not lines[hidden + 1].startswith("      ")
    assert "      present: skin-bleeding" in lines


def test_the_trace_names_no_rule_that_rests_on_a_restricted_entry():
    rules = {
        "criteria": {"R-SECRET-1": f"{SECRET_RULE}\ntiers: [{{tier: SAME_DAY, choice: our-choice}}]"},
        "causes": {"secret-cause": f"{SECRET_CAUSE}\nwhen: secret"},
    }

    said = in_trace(RASH, SECRET, **rules)

    assert "Same day: A criterion that rests on an entry with restricted access [restricted-entry]" in said
    assert "A cause that an entry with restricted access names [restricted-entry]" in said
    assert "ecret" not in said


def test_the_trace_names_no_situation_that_a_restricted_entry_tells():
    rules = {
        "criteria": {"R-OPEN-1": OPEN_RULE},
        "files": {"knowledge/demotions/secret-care.yaml": DEMOTION},
    }

    assert "Secret care" in in_trace(RASH, replace(SECRET, restricted=False), **rules)
    assert "ecret" not in in_trace(RASH, SECRET, **rules)


def test_the_trace_names_no_excuse_that_a_restricted_entry_gives():
    excused = f"{OPEN_RULE}\nunless: [{{when: secret, choice: our-choice}}]"

    said = in_trace(RASH, SECRET, criteria={"R-OPEN-1": excused})

    assert "R-OPEN-1 [R-OPEN-1], because of An entry with restricted access" in said
    assert "ecret" not in said
