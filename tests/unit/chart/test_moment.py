"""What a hook brings besides the chart, and allergies."""

import pytest

from cds_hooks.chart.reader import read
from cds_hooks.chart.record import Answer, Coded, Query
from cds_hooks.model.codes import Coding
from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import When
from tests.unit.chart.charts import AT, ME, MINE, body, bundle, condition

ASPIRIN = {"coding": [{"system": "rxnorm", "code": "1191"}]}


def request(**fields):
    return {"resourceType": "MedicationRequest", "id": "d1", "status": "draft", "subject": MINE, **fields}


def brought(*resources, **chart):
    """The record of an empty chart, or one with these values by resource type, and what the hook brings."""
    queries = tuple(Query(kind, "", kind) for kind in chart)
    answers = {kind: Answer((body(value),)) for kind, value in chart.items()}
    return read(queries, answers, ME, AT, context={"any": body(bundle(*resources))})


@pytest.mark.parametrize("status", ["draft", "active", "unknown", "on-hold", ""])
def test_a_draft_is_a_proposed_medicine_whatever_its_status_says(status):
    [use] = brought(request(status=status, medicationCodeableConcept=ASPIRIN)).medications

    assert (use.drafted, use.source, use.state) == (True, "proposed", "planned")
    assert use.what.codings == (Coding("rxnorm", "1191"),)


@pytest.mark.parametrize("status", ["cancelled", "stopped", "completed", "ended", "entered-in-error"])
def test_an_order_that_ends_a_medicine_proposes_none(status):
    assert brought(request(status=status, medicationCodeableConcept=ASPIRIN)).medications == ()


def test_an_order_not_to_give_a_medicine_proposes_none():
    assert brought(request(doNotPerform=True, medicationCodeableConcept=ASPIRIN)).medications == ()


def test_a_draft_without_a_medicine_proposes_nothing_yet():
    assert brought(request(category={"text": "community"}, intent=None)).medications == ()


def test_a_draft_whose_medicine_cannot_be_read_stands_as_one_that_nobody_can_identify():
    record = brought(request(medicationCodeableConcept=[[]]))

    [use] = record.medications
    assert (use.drafted, use.what) == (True, Coded())
    assert GapReason.UNREADABLE in {gap.reason for gap in record.gaps}


def test_a_draft_may_start_in_the_future():
    [use] = brought(request(medicationCodeableConcept=ASPIRIN, authoredOn="2027-01-01")).medications

    assert use.drafted


def test_a_draft_of_another_patient_is_a_gap():
    record = brought(request(subject={"reference": "Patient/p2"}, medicationCodeableConcept=ASPIRIN))

    assert record.medications == ()
    assert [gap.reason for gap in record.gaps] == [GapReason.OTHER_PATIENT]


def test_a_draft_that_names_nobody_who_could_be_compared_is_of_the_patient_whose_chart_is_open():
    draft = request(subject={"display": "somebody"}, medicationCodeableConcept=ASPIRIN)

    record = brought(draft)

    assert ([True], ()) == ([use.drafted for use in record.medications], record.gaps)


def test_a_draft_may_point_to_a_medication_of_the_chart():
    medication = {"resourceType": "Medication", "id": "m", "code": ASPIRIN}
    draft = request(medicationReference={"reference": "Medication/m"})

    [use] = brought(draft, MedicationRequest=bundle(medication)).medications

    assert use.what.codings == (Coding("rxnorm", "1191"),)


def test_a_draft_that_the_chart_holds_as_well_is_no_medicine_that_is_taken():
    draft = request(medicationCodeableConcept=ASPIRIN)

    uses = brought(draft, MedicationRequest=bundle(draft)).medications

    assert sorted((use.drafted, use.state) for use in uses) == [(False, "planned"), (True, "planned")]


def test_other_kinds_among_the_drafts_are_passed_over():
    observation = {"resourceType": "Observation", "id": "o", "status": "final", "subject": MINE, "code": ASPIRIN}
    record = brought({"resourceType": "ServiceRequest", "id": "s", "subject": MINE}, observation)

    assert (record.medications, record.observed, record.problems) == ((), (), ())


def test_a_new_problem_without_status_and_date_is_active_from_now():
    [problem] = brought(condition(code={"text": "petechiae"}, category="problem-list-item")).problems

    assert (problem.state, problem.recorded) == ("active", When(AT, AT))


def test_a_new_problem_keeps_the_date_and_status_that_it_has():
    status = {"coding": [{"code": "inactive"}]}
    [problem] = brought(condition(code={"text": "x"}, clinicalStatus=status, onsetDateTime="2020")).problems

    assert (problem.state, problem.recorded) == ("inactive", None)


def test_a_new_problem_in_error_is_none():
    in_error = {"coding": [{"code": "entered-in-error"}]}

    assert brought(condition(code={"text": "x"}, verificationStatus=in_error)).problems == ()


# ---------------------------------------------------------------- allergies


def allergies(**fields):
    resource = {"resourceType": "AllergyIntolerance", "id": "a", "patient": MINE} | fields
    return brought(AllergyIntolerance=bundle(resource)).intolerances


def test_an_allergy_says_to_what_and_how_it_showed():
    [one] = allergies(
        code={"text": "Quinine"},
        reaction=[{"substance": {"text": "tonic water"}, "manifestation": [{"text": "Thrombocytopenia"}]}],
        recordedDate="2020-01-01T00:00:00Z",
        meta={"security": [{"code": "R"}]},
    )

    assert one.reference == "AllergyIntolerance/a"
    assert one.substances == (Coded(text="Quinine"), Coded(text="tonic water"))
    assert one.reactions == (Coded(text="Thrombocytopenia"),)
    assert one.recorded.earliest.year == 2020
    assert one.restricted


def test_r5_puts_a_reference_around_the_manifestation():
    [one] = allergies(reaction=[{"manifestation": [{"concept": {"text": "Thrombocytopenia"}}]}])

    assert one.reactions == (Coded(text="Thrombocytopenia"),)


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ({}, True),
        ({"clinicalStatus": {"coding": [{"code": "active"}]}}, True),
        ({"clinicalStatus": "active"}, True),
        ({"clinicalStatus": {"coding": [{"code": "inactive"}]}}, False),
        ({"clinicalStatus": {"coding": [{"code": "resolved"}]}}, False),
        ({"verificationStatus": {"coding": [{"code": "unconfirmed"}]}}, True),
        ({"verificationStatus": {"coding": [{"code": "refuted"}]}}, False),
        ({"verificationStatus": {"coding": [{"code": "entered-in-error"}]}}, False),
        ({"clinicalStatus": {"coding": [{"code": "entered-in-error"}]}}, False),
    ],
)
def test_only_an_allergy_that_still_holds_is_kept(fields, holds):
    assert bool(allergies(code={"text": "Quinine"}, **fields)) is holds
