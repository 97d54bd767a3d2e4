import json
import subprocess
import sys

import pytest

from cds_hooks.chart.strict import build, problems
from cds_hooks.errors import CdsError

OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}
FINE = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def _bundle(*resources: object) -> dict[str, object]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def test_importing_strict_does_not_import_the_models():
    code = "import sys, cds_hooks.chart.strict; sys.exit('fhir.resources' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


@pytest.mark.parametrize(
    "resource",
    [
        OUTCOME,
        {
            "resourceType": "ServiceRequest",
            "status": "draft",
            "intent": "proposal",
            "subject": {"reference": "Patient/p"},
        },
        {"resourceType": "Task", "status": "requested", "intent": "proposal", "description": "Platelet count"},
        _bundle(FINE),
    ],
)
def test_what_we_emit_is_built_ready_for_json(resource: dict[str, object]):
    assert resource == json.loads(json.dumps(build(resource)))


def test_what_is_no_fhir_is_not_built():
    with pytest.raises(CdsError, match=r"OperationOutcome\.issue: missing"):
        build({"resourceType": "OperationOutcome", "id": "secret"})


def test_what_is_no_resource_is_not_built():
    with pytest.raises(CdsError, match="unknown_type"):
        build({"resourceType": "Quantity"})


@pytest.mark.parametrize("body", [b"null", b"[]", json.dumps(FINE).encode(), FINE, _bundle(FINE, OUTCOME), [FINE]])
def test_valid_fhir_has_no_problems(body: object):
    assert () == problems(body)


@pytest.mark.parametrize("body", [b"<html>", b'{"a":"\xff"}', b"[" * 5000])
def test_what_is_no_json_is_one_problem(body: bytes):
    assert ("body: not_json",) == problems(body)


def test_each_resource_is_judged_by_itself_and_named_by_type_and_number():
    bad = {"resourceType": "Observation", "status": "final", "foo": 1}

    assert ("Observation[1].code: missing", "Observation[1].foo: extra_forbidden") == problems(_bundle(FINE, bad))


def test_the_bundle_is_judged_without_what_is_in_it():
    body = {"resourceType": "Bundle", "entry": [{"resource": FINE, "foo": 1}, 5]}

    assert {"Bundle[0].entry.0.foo: extra_forbidden", "Bundle[0].entry.1.root: model_validation_format"} <= set(
        problems(body)
    )


def test_a_bundle_whose_entries_are_no_list_is_judged_as_it_is():
    assert ("Bundle[0].entry: list_type",) == problems(
        {"resourceType": "Bundle", "type": "searchset", "entry": {}}
    )


@pytest.mark.parametrize(
    "resource", [{"resourceType": "Foo"}, {"resourceType": "Quantity"}, {"resourceType": [1]}, {}, 5]
)
def test_a_type_that_fhir_does_not_have_is_named_without_repeating_it(resource: object):
    assert ("resource[0].resourceType: unknown_type",) == problems(_bundle(resource))


def test_an_unknown_type_inside_a_resource_is_a_problem_of_that_resource():
    assert ("Observation[0]: unknown_type_inside",) == problems({**FINE, "contained": [{"resourceType": "Foo"}]})


def test_no_line_repeats_a_value_or_a_made_up_name():
    secret = {
        **FINE,
        "issued": "Jane Doe 1",
        "Jane Doe": "Jane Doe",
        "code": {"text": 5, "coding": [{"code": "Jane Doe "}]},
    }

    lines = problems(secret)

    assert lines
    assert "Jane" not in "".join(lines)


@pytest.mark.parametrize(
    ("version", "resource"),
    [
        ("R5", {"status": "recorded", "medication": {"concept": {"text": "x"}}, "subject": {"reference": "a"}}),
        (
            "STU3",
            {
                "status": "active",
                "taken": "y",
                "medicationCodeableConcept": {"text": "x"},
                "subject": {"reference": "a"},
            },
        ),
        ("R4B", {"status": "active", "medicationCodeableConcept": {"text": "x"}, "subject": {"reference": "a"}}),
    ],
)
def test_each_version_is_judged_by_its_own_rules(version: str, resource: dict[str, object]):
    statement = {"resourceType": "MedicationStatement", **resource}

    assert () == problems(statement, version)
    assert problems(statement, "R5" if version != "R5" else "STU3")
