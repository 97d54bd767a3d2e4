"""Quiet: which calls can be answered at a glance, and what makes each of the others worth reading.

That silent is never said wrongly is the law of tests/generative/test_silent.py.
"""

import json

import pytest

from cds_hooks.chart.queries import queries
from cds_hooks.errors import RequestError
from cds_hooks.reasoning.library import load
from cds_hooks.silent import silent_call
from tests.build import library_of
from tests.protocol.charts import AT, PATIENT, ago, bundle, petechiae, platelets

LIBRARY = load()
SNOMED = "http://snomed.info/sct"
PURPURA = {"coding": [{"system": SNOMED, "code": "271813007", "display": "Petechiae"}]}
HYPERTENSION = {"coding": [{"system": "http://local", "code": "1"}], "text": "Raised blood pressure"}
RASH = {"coding": [{"system": SNOMED, "code": "271807003", "display": "Rash"}], "text": "Rash with petechiae"}
OBSERVATION = {"resourceType": "Observation", "id": "o2", "status": "final", "code": HYPERTENSION}
VISIT = {"resourceType": "Encounter", "id": "e1", "status": "finished", "period": {"start": ago(days=1)}}


def called(*resources, hook="patient-view", left_out=(), changes=None, **prefetch):
    asked = {query.key: query for query in queries(LIBRARY, hook)}
    sent = {key: bundle() for key in asked} | {"patient": PATIENT, "conditions": bundle(*resources)} | prefetch
    context = {"userId": "Practitioner/1", "patientId": "p1", "encounterId": "e1"}
    call = {"hook": hook, "hookInstance": "h1", "context": context} | (changes or {})
    whole = call | {"prefetch": {key: answer for key, answer in sent.items() if key not in left_out}}
    return silent_call(json.dumps(whole).encode(), hook, LIBRARY, AT)


@pytest.mark.parametrize("hook", ["patient-view", "encounter-discharge"])
def test_a_chart_that_was_read_whole_and_names_nothing_is_silent(hook):
    call = called(platelets(250), OBSERVATION | {"valueBoolean": True}, VISIT, hook=hook)

    assert call.hook_instance == "h1"
    assert call.patient_id == "p1"
    assert call.prefetch == {}


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Condition", "id": "c", "code": HYPERTENSION},
        {"resourceType": "Condition", "id": "c"},
        {"resourceType": "Condition", "id": "c", "code": HYPERTENSION | {"concept": {"text": "Gout"}}},
        {"resourceType": "AllergyIntolerance", "id": "a", "code": PURPURA},
        {"resourceType": "MedicationStatement", "id": "m", "medicationCodeableConcept": PURPURA},
        {"resourceType": "Procedure", "id": "p", "code": HYPERTENSION, "category": HYPERTENSION},
        {"resourceType": "Immunization", "id": "i", "vaccineCode": HYPERTENSION},
        {"resourceType": "Immunization", "id": "i"},
        OBSERVATION | {"code": None},
        OBSERVATION | {"code": RASH},
        OBSERVATION | {"valueString": "well"},
        OBSERVATION | {"valueCodeableConcept": HYPERTENSION},
        OBSERVATION | {"component": [{"code": HYPERTENSION, "valueQuantity": {"value": 80}}]},
        VISIT | {"reasonCode": [HYPERTENSION], "reason": [{"value": [HYPERTENSION]}]},
    ],
)
def test_what_no_rule_stands_on_is_passed_over(resource):
    assert called(resource, platelets(250))


@pytest.mark.parametrize(
    "resource",
    [
        petechiae(),
        petechiae(clinicalStatus={"coding": [{"code": "resolved"}]}),
        platelets(8),
        {"resourceType": "Condition", "id": "c", "code": {"text": "rash, petechiae on both legs"}},
        {"resourceType": "Condition", "id": "c", "code": {"concept": PURPURA}},
        {"resourceType": "Condition", "id": "c", "code": PURPURA["coding"][0]},
        {"resourceType": "Procedure", "id": "p", "category": PURPURA},
        {"resourceType": "Immunization", "id": "i", "vaccineCode": PURPURA},
        OBSERVATION | {"code": PURPURA, "valueBoolean": False},
        OBSERVATION | {"valueString": "no petechiae"},
        OBSERVATION | {"valueCodeableConcept": PURPURA},
        OBSERVATION | {"component": [{"code": HYPERTENSION, "valueCodeableConcept": PURPURA}]},
        VISIT | {"reasonCode": [PURPURA]},
        VISIT | {"reason": [{"value": [PURPURA]}]},
        {"resourceType": "Flag", "id": "f", "code": HYPERTENSION},
        {"resourceType": "Condition", "id": "c", "code": RASH},
        OBSERVATION | {"valueCodeableConcept": RASH},
        VISIT | {"reasonCode": [RASH]},
    ],
)
def test_what_could_wake_a_rule_is_read_properly(resource):
    assert called(resource) is None


@pytest.mark.parametrize(
    "difference",
    [
        {"left_out": ["conditions"]},
        {"unknown": bundle()},
        {"conditions": PATIENT},
        {"conditions": bundle(total=3)},
        {"conditions": {"resourceType": "OperationOutcome"}},
        {"hook": "order-sign", "changes": {"context": {"userId": "u", "patientId": "p1"}}},
    ],
)
def test_a_chart_that_was_not_sent_whole_is_read_properly(difference):
    assert called(**difference) is None


def test_what_is_wrong_with_a_call_is_told_as_ever():
    with pytest.raises(RequestError, match="hookInstance"):
        called(changes={"hookInstance": ""})
    with pytest.raises(RequestError, match="hook must be"):
        called(changes={"hook": "order-sign"})


def test_where_a_rule_stands_on_age_alone_every_chart_is_read():
    findings = {"skin-bleeding": "sign: {concepts: [petechiae]}", "old": "person: {age: {from: {years: 65}}}"}
    rule = "when: old\ntiers: [{tier: SAME_DAY}]\nneeds_skin_bleeding: false\n"
    library = library_of(findings=findings, criteria={"R-IT-01": rule})

    assert silent_call(b"{}", "patient-view", library, AT) is None


@pytest.mark.parametrize(
    "difference",
    [
        {"subject": {"reference": "Patient/another"}},
        {"subject": {"display": "Somebody"}},
        {"effectiveDateTime": "2031-02-01"},
        {"effectivePeriod": {"start": "2031-02-01"}},
        {"effectivePeriod": {"end": "2031-02-01"}},
        {"effectiveDateTime": " 2031-02-01"},
        {"effectiveDateTime": f"{AT:%Y-%m-%d}T23:59:00-10:00"},
    ],
)
def test_an_entry_that_may_have_to_be_refused_is_read_properly(difference):
    hers = {"subject": {"reference": "Patient/p1"}, "effectiveDateTime": ago(days=1)}

    assert called(OBSERVATION | hers) is not None
    assert called(OBSERVATION | hers | difference) is None


def test_another_patient_in_place_of_this_one_is_read_properly():
    assert called(patient={**PATIENT, "id": "another"}) is None


def test_a_sign_beside_words_in_one_value_is_read_properly():
    assert called(OBSERVATION | {"valueString": "see", "valueCodeableConcept": PURPURA}) is None


def test_an_entry_of_today_is_no_reason_to_look_further():
    assert called(OBSERVATION | {"effectiveDateTime": f"{AT:%Y-%m-%d}T00:01:00Z"}) is not None
