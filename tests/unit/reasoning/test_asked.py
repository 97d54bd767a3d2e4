from cds_hooks.reasoning.asked import asked_at
from cds_hooks.reasoning.assess import assess
from cds_hooks.reasoning.mapping import find
from tests.build import AT, library_of, problem, record

ORDERS = "hooks: [order-select, order-sign]"
RULES = {
    "warm": "sign: {concepts: [fever], any_active_problem: true}",
    "deep": "when: {any: [warm]}",
    "other": "sign: {concepts: [purpura], any_active_problem: true}",
}
LIBRARY = library_of(
    RULES,
    criteria={
        "R-A": f"when: deep\nneeds_skin_bleeding: false\n{ORDERS}",
        "R-B": "when: warm\nneeds_skin_bleeding: false",
    },
    causes={"c": "when: other\nneeds_skin_bleeding: false"},
)


def test_what_a_hook_can_come_to_need_is_followed_to_its_depth():
    assert asked_at(LIBRARY, "order-sign") == {"deep", "warm", "skin-bleeding"}
    assert asked_at(LIBRARY, "patient-view") == {"warm", "other", "skin-bleeding"}


def test_rules_are_asked_at_their_hooks_only():
    def at(hook):
        findings = find(record(problem("fever"), problem("purpura")), LIBRARY, AT)
        assessment = assess(findings, (), LIBRARY, AT, truth_of=findings.truth_of, scores=lambda: (), hook=hook)
        return [match.rule for match in (*assessment.criteria, *assessment.causes)]

    assert at("patient-view") == ["R-B", "c"]
    assert at("problem-list-item-create") == ["R-B", "c"]
    assert at("encounter-discharge") == ["R-B"]
    assert at("order-select") == ["R-A"]
