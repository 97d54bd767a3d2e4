"""Which orders a situation asks for: only what is known proposes, only what is recorded excuses."""

from dataclasses import replace
from pathlib import Path

import pytest

from cds_hooks.errors import LibraryError
from cds_hooks.model.truth import Tier, Truth
from cds_hooks.reasoning.assess import assess
from cds_hooks.reasoning.cases import check_cases
from cds_hooks.reasoning.library import load
from cds_hooks.reasoning.lint import reviews_due, unused_findings
from cds_hooks.reasoning.mapping import find
from cds_hooks.reasoning.orders import bundle_truth, due_orders, due_prompts, tier_named
from cds_hooks.reasoning.site import only_reviewed
from tests.build import (
    AT,
    CARD,
    coded,
    days_ago,
    hours_ago,
    library_of,
    observed,
    platelets,
    record,
    write_library,
)

RASH = observed(coded("1001"), True, hours_ago(5))
COUNT = platelets("80", hours_ago(2))
FINDINGS = {
    "low": 'measure: {concept: platelet-count, is: {below: "100", unit: "10*9/L"}}',
    "count-done": (
        "since: {concepts: [platelet-count], after: skin-bleeding, else_within: {days: 3}}\n"
        "when_missing: absent_if_list_read"
    ),
}
CRITERIA = {
    "R-SKIN-01": "when: skin-bleeding",
    "R-LOW-01": "when: low\nneeds_skin_bleeding: false\ntiers: [{tier: ROUTINE}]",
    "R-QUIET-01": "when: skin-bleeding\nstatus: silent",
}
CAUSES = {"a-cause": "when: skin-bleeding"}
WHOLE = {
    "name": '"A bundle"',
    "tag": "B1",
    "place": "1",
    "when": "R-SKIN-01",
    "reason": '"Bleeding into the skin"',
    "orders": '[{name: "Blood count", unless: [{when: count-done}]}]',
    "status": "active",
    "citations": "[{source: textbook}]",
}


def bundle_text(bundle_id, **changes):
    keys = WHOLE | changes
    return "\n".join([f"id: {bundle_id}", *(f"{key}: {value}" for key, value in keys.items() if value)]) + "\n"


def library_with(*, card="", **bundles):
    texts = {name.replace("_", "-"): changes for name, changes in bundles.items()}
    files = {f"knowledge/orders/{name}.yaml": bundle_text(name, **changes) for name, changes in texts.items()}
    if card:
        files["knowledge/library.yaml"] = CARD + card
    return library_of(FINDINGS, criteria=CRITERIA, causes=CAUSES, files=files)


def assessed(library, *entries, **changes):
    findings = find(record(*entries), library, AT)
    assessment = assess(findings, (), library, AT, truth_of=findings.truth_of, scores=lambda: ())
    return replace(assessment, **changes)


def names(library, *entries, head="", **changes):
    return [due.order.name for due in due_orders(assessed(library, *entries, **changes), library, head)]


def fault(**bundles):
    with pytest.raises(LibraryError) as caught:
        library_with(**bundles)
    (only,) = caught.value.faults
    return only


# ---------------------------------------------------------------- when an order is proposed


def test_an_order_is_proposed_in_its_situation():
    assert ["Blood count"] == names(library_with(count={}), RASH)


def test_a_result_since_onset_makes_it_unnecessary():
    assert [] == names(library_with(count={}), RASH, COUNT)


def test_an_older_result_does_not():
    assert ["Blood count"] == names(library_with(count={}), RASH, platelets("80", hours_ago(9)))


def test_without_an_onset_a_result_of_the_last_days_does():
    library = library_with(count={"when": '"R-LOW-01:ROUTINE"'})

    assert [] == names(library, COUNT)
    assert ["Blood count"] == names(library, platelets("80", days_ago(4)))


def test_nothing_is_proposed_while_the_situation_is_unknown():
    assert [] == names(library_with(count={"when": "low"}), RASH)


def test_a_criterion_counts_above_routine_unless_a_tier_is_named():
    plain, tiered = library_with(count={"when": "R-LOW-01"}), library_with(count={"when": '"R-LOW-01:ROUTINE"'})
    old = platelets("80", days_ago(4))

    assert [] == names(plain, old)
    assert ["Blood count"] == names(tiered, old)


def test_a_less_urgent_criterion_than_asked_for_does_not_count():
    assert [] == names(library_with(count={"when": '"R-SKIN-01:EMERGENCY"'}), RASH)


def test_a_criterion_that_is_not_shown_proposes_nothing():
    assert [] == names(library_with(count={"when": "R-QUIET-01"}), RASH)


def test_a_listed_cause_may_be_the_situation():
    assert ["Blood count"] == names(library_with(count={"when": '"cause:a-cause"'}), RASH)


def test_an_order_may_narrow_the_situation():
    orders = '[{name: "Blood count"}, {name: "Film", when: low}]'
    library = library_with(count={"orders": orders})

    assert ["Blood count"] == names(library, RASH)
    assert ["Blood count", "Film"] == names(library, RASH, COUNT)


@pytest.mark.parametrize("status", ["draft", "silent", "retired"])
def test_only_active_bundles_propose(status):
    assert [] == names(library_with(count={"status": status}), RASH)


def test_nothing_is_proposed_where_orders_are_forbidden():
    assert [] == names(library_with(count={}), RASH, orders=False)


def test_nothing_is_proposed_before_isolation():
    held = library_with(card="no_samples_during: R-SKIN-01\n", count={"when": "skin-bleeding"})
    free = library_with(card="no_samples_during: R-LOW-01\n", count={"when": "skin-bleeding"})

    assert [] == names(held, RASH)
    assert ["Blood count"] == names(free, RASH)


# ---------------------------------------------------------------- in what order


def test_rank_goes_before_place_and_each_order_stands_once():
    library = library_with(
        first={"place": "2", "orders": '[{name: "A"}, {name: "Z", rank: 2}]'},
        second={"tag": "B2", "orders": '[{name: "B"}, {name: "A", rank: 3}]'},
    )

    assert ["B", "A", "Z"] == names(library, RASH)


def test_the_head_of_the_card_comes_first_and_others_add_only_their_first_rank():
    library = library_with(
        head={"place": "2", "orders": '[{name: "A"}, {name: "B", rank: 2}]'},
        aside={"tag": "B2", "when": '"cause:a-cause"', "orders": '[{name: "C"}, {name: "D", rank: 2}]'},
    )

    assert ["A", "C", "B"] == names(library, RASH, head="R-SKIN-01")


def test_prompts_are_said_in_their_situation_when_active():
    prompts = (
        '[{text: "Said.", when: R-SKIN-01, status: active, citations: [{source: textbook}]}, '
        '{text: "Not read.", when: R-SKIN-01, status: silent}, '
        '{text: "Elsewhere.", when: low, status: active, citations: [{source: textbook}]}]'
    )
    library = library_with(count={"prompts": prompts}, other={"tag": "B2", "prompts": prompts})

    assert ["Said."] == [prompt.text for prompt in due_prompts(assessed(library, RASH), library)]


def test_a_bundle_is_open_while_an_order_of_it_is():
    bundle = library_with(count={"orders": '[{name: "A"}, {name: "B", when: low}]'}).orders["count"]
    said = {"R-SKIN-01": Truth.PRESENT}

    def truth(**known):
        return bundle_truth(bundle, lambda name: (said | known).get(name, Truth.UNKNOWN))

    assert Truth.PRESENT is truth()
    assert Truth.UNKNOWN is truth(**{"R-SKIN-01": Truth.UNKNOWN})
    assert Truth.ABSENT is truth(**{"R-SKIN-01": Truth.ABSENT})


def test_a_cause_is_listed_whatever_its_tier():
    assert Tier.ROUTINE is tier_named("cause:a-cause")
    assert Tier.WITHIN_48H is tier_named("R-SKIN-01")
    assert Tier.EMERGENCY is tier_named("R-SKIN-01:EMERGENCY")


# ---------------------------------------------------------------- what a library must keep to


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"when": "nothing"}, "unknown finding or criterion `nothing`"),
        ({"when": '"cause:nothing"'}, "unknown cause `cause:nothing`"),
        ({"when": "{score: {id: nothing, at_least: 1}}"}, "unknown score `nothing`"),
        ({"when": '"R-SKIN-01:SOON"'}, "asks for no tier of ours"),
        ({"orders": "[]"}, "has no orders"),
        ({"orders": f'[{{name: "{"x" * 81}"}}]'}, "name has 81 characters"),
        (
            {"orders": '[{name: "A", codes: [{system: ours, code: "1", display: "A"}]}]'},
            "of the unknown system `ours`",
        ),
        (
            {"orders": '[{name: "A", codes: [{system: loinc, code: "1", display: "A", status: input-only}]}]'},
            "code 1 may not be sent out",
        ),
        ({"citations": "[{source: nothing}]"}, "unknown citation `nothing`"),
        ({"citations": "[]"}, "has no citation"),
        ({"prompts": '[{text: "A.", when: low, status: active}]'}, 'prompt "A." has no citation'),
    ],
)
def test_a_fault_of_a_bundle_names_the_file_and_the_thing(changes, words):
    found = fault(count=changes)

    assert found.startswith("knowledge/orders/count.yaml:1: ")
    assert words in found


def test_a_draft_needs_no_citation():
    assert library_with(count={"citations": "[]", "status": "draft"})


def test_a_bundle_may_name_a_score():
    score = 'id: points\nname: "Points"\nitems: []\nrisks: []\ncitations: [{source: textbook}]\n'
    text = bundle_text("count", when="{score: {id: points, at_least: 1}}")

    files = {"knowledge/scores/points.yaml": score, "knowledge/orders/count.yaml": text}

    assert library_of(FINDINGS, criteria=CRITERIA, files=files)


def test_an_unsigned_bundle_is_silent_where_only_signed_rules_speak():
    signed = '{by: "A", checked_by: "B", on: "2026-01-01", next: "2027-01-01"}'
    library = only_reviewed(library_with(count={}, other={"tag": "B2", "review": signed}))

    assert {"count": "silent", "other": "active"} == {name: b.status for name, b in library.orders.items()}


def test_one_name_has_one_meaning():
    other = '[{name: "Blood count", codes: [{system: loinc, code: "1", display: "A"}]}]'

    assert "`Blood count` has other codes" in fault(count={}, other={"tag": "B2", "orders": other})


def test_a_tag_belongs_to_one_bundle():
    assert "tag `B1` is that of `count`" in fault(count={}, other={})


def test_causes_name_tests_that_exist():
    with pytest.raises(LibraryError, match=r"a-cause\.yaml:1: no order bundle has the tag `B9`"):
        library_of(causes={"a-cause": "when: skin-bleeding\ntests: [B9]"})


def test_the_criterion_that_holds_samples_back_must_exist():
    with pytest.raises(LibraryError, match="no_samples_during names the unknown criterion `R-NO-01`"):
        library_with(card="no_samples_during: R-NO-01\n", count={})


def test_findings_of_bundles_are_used_and_their_reviews_are_due():
    signed = '{by: "A", checked_by: "B", on: "2025-01-01", next: "2025-06-01"}'
    library = library_with(count={"review": signed, "when": "low"})

    assert () == unused_findings(library)
    assert any(line.startswith("count: its review is overdue") for line in reviews_due(library, AT.date()))


# ---------------------------------------------------------------- their cases


def cases_report(tmp_path: Path, cases: str):
    root = write_library(tmp_path, FINDINGS, criteria=CRITERIA, causes=CAUSES)
    folder = root / "knowledge/orders"
    folder.mkdir()
    (folder / "count.yaml").write_text(bundle_text("count"))
    (folder / "count.cases.yaml").write_text(f"cases:\n{cases}")
    report = check_cases(load(root), root)
    return [line for line in report.faults if line.startswith("knowledge/orders/count.cases.yaml")]


GOOD = """\
  - {name: "met", present: [R-SKIN-01], expect: present, orders: ["Blood count"]}
  - {name: "done", present: [R-SKIN-01, count-done], expect: absent, orders: []}
  - {name: "not known", expect: unknown}
"""


def test_cases_prove_what_is_proposed(tmp_path):
    chart = '  - {name: "chart", given: [{concept: petechiae, observed: true, hours_ago: 5}], expect: present}\n'

    assert [] == cases_report(tmp_path, GOOD + chart)


def test_a_case_that_is_wrong_names_what_is_proposed(tmp_path):
    wrong = '  - {name: "wrong", present: [R-SKIN-01], expect: absent, orders: ["Film"]}\n'
    first, second = cases_report(tmp_path, GOOD + wrong)

    assert first.endswith('case "wrong" expects absent, is present')
    assert second.endswith('case "wrong" expects the orders Film; proposed: Blood count')
