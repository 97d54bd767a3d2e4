"""Lines become rows by patient: whose they are, what is kept of them, and what is counted."""

import json

import pytest

from cds_hooks.populations.rows import BUNDLE, REQUEST, Bad, Row, Tally
from cds_hooks.populations.scatter import Scatter
from tests.protocol.charts import PATIENT, bundle, petechiae, platelets
from tests.unit.populations.exports import LIBRARY, lines, raw, rows, screen

MEDICATION = {"resourceType": "Medication", "id": "m1", "code": {"text": "Warfarin"}}


@pytest.fixture
def scatter():
    return Scatter(screen())


def only(found):
    [row] = found
    return row


def test_a_line_is_a_row_of_its_patient_without_what_nobody_reads(scatter):
    resource = petechiae(
        text={"div": "<div>Mrs Smith</div>"},
        meta={"lastUpdated": "2026-01-01T00:00:00Z", "profile": ["http://a"]},
        subject={"reference": "Patient/p1", "display": "Mrs Smith"},
        note=[{"text": "Mrs Smith came"}],
    )

    row = only(rows(resource, scatter=scatter))

    assert ("p1", "Condition", "") == (row.patient, row.kind, row.address)
    assert b"Smith" not in row.slim
    assert json.loads(row.slim) == petechiae(meta={"lastUpdated": "2026-01-01T00:00:00Z"})


@pytest.mark.parametrize(
    "address",
    ["Patient/p1", "http://ehr.example/fhir/Patient/p1", "Patient/p1/_history/3", "urn:uuid:p1", "p1"],
)
def test_a_patient_is_known_by_any_reference(address):
    assert "p1" == only(rows(petechiae(subject={"reference": address}))).patient


def test_a_line_without_a_subject_is_nobodys_and_an_allergy_has_a_patient(scatter):
    lost = petechiae()
    del lost["subject"]
    allergy = {"resourceType": "AllergyIntolerance", "id": "a1", "patient": {"reference": "Patient/p2"}}

    assert ["p2"] == [row.patient for row in rows(lost, allergy, scatter=scatter)]


def test_a_medication_is_a_row_of_nobody_in_a_file_of_its_own_and_among_others(scatter):
    both = [row.patient for row in rows(MEDICATION, MEDICATION | {"id": "m2"}, scatter=scatter)]
    together = [row.patient for row in rows(MEDICATION, MEDICATION | {"id": "m2"}, scatter=scatter)]
    again = [row.patient for row in rows(petechiae(), MEDICATION, scatter=scatter)]

    assert ["", ""] == both == together
    assert ["p1", ""] == again
    assert {} == scatter.tally.bad


def test_lines_of_one_type_are_read_together_and_nobodys_are_counted_there_too(scatter):
    rows(petechiae(), scatter=scatter)

    found = rows(petechiae(id="c2"), petechiae(id="c3", subject={"reference": "Group/a"}), scatter=scatter)

    assert ["p1"] == [row.patient for row in found]
    assert {"Condition": 3} == scatter.tally.resources
    assert {Bad.NO_PATIENT.value: 1} == scatter.tally.bad


def test_a_bad_line_costs_only_itself(scatter):
    block = (
        lines(platelets(9)) + b'{"resourceType": "Observation", "id"\n\n[1]\n{"id": "x"}\n' + lines(petechiae())
    )

    found = [row.kind for row in scatter.rows(block)]

    assert ["Observation", "Condition"] == found
    assert {Bad.UNREADABLE.value: 2, Bad.NO_RESOURCE.value: 1} == scatter.tally.bad


def test_types_that_are_not_read_are_counted_and_leave_no_row(scatter):
    claim = {"resourceType": "Claim", "id": "x", "patient": {"reference": "Patient/p1"}}

    assert [] == rows(claim, claim, scatter=scatter)
    assert {"Claim": 2} == scatter.tally.resources
    assert {} == scatter.tally.bad


def test_an_oddly_written_line_stays_whole_and_lets_its_chart_be_assessed(scatter):
    odd = petechiae(subject=["Patient/p1"], code={"text": "Gout"})

    row = only(rows(odd, scatter=scatter))

    assert ("p1", raw(odd), True) == (row.patient, row.slim, row.may_speak)


def test_an_oddly_written_patient_is_still_somebody(scatter):
    assert "p1" == only(rows(PATIENT | {"meta": ["x"]}, scatter=scatter)).patient


def test_text_that_cannot_be_read_lets_the_chart_be_assessed(scatter):
    line = b'{"resourceType":"Condition","subject":{"reference":"Patient/p1"},"clinicalStatus":{"text":"\xff"}}'

    row = only(scatter.rows(line + b"\n"))

    assert ("p1", line, True) == (row.patient, row.slim, row.may_speak)


def test_text_in_other_scripts_is_no_oddity(scatter):
    line = json.dumps(petechiae(code={"text": "Überweisung"}), ensure_ascii=False).encode()

    assert not only(scatter.rows(line)).may_speak
    assert [False, False] == [row.may_speak for row in scatter.rows(line + b"\n" + raw(PATIENT))]


@pytest.mark.parametrize("reference", [b"true", b'{"reference":"\xff"}'], ids=["no reference", "no UTF-8"])
def test_a_line_of_which_nobody_can_tell_whose_it_is_is_nobodys(scatter, reference):
    assert [] == list(scatter.rows(b'{"resourceType":"Condition","id":"c","subject":' + reference + b"}\n"))
    assert {Bad.NO_PATIENT.value: 1} == scatter.tally.bad


def test_a_bundle_gives_the_rows_of_each_patient_and_says_that_the_charts_came_whole(scatter):
    entries = [
        {"fullUrl": "urn:uuid:1", "resource": PATIENT},
        {"fullUrl": "urn:uuid:2", "resource": petechiae(subject={"reference": "urn:uuid:1"})},
        {"fullUrl": "urn:uuid:3", "resource": MEDICATION},
        {"resource": petechiae(id="c2", subject={"reference": "Patient/p2"})},
        {"resource": {"resourceType": "Organization", "id": "o"}},
        {"resource": [1]},
        {"resource": "x"},
        {"search": {"mode": "match"}},
    ]

    found = list(scatter.document(raw({"resourceType": "Bundle", "entry": entries})))

    assert {"p1", "p2"} == {row.patient for row in found if row.kind == BUNDLE}
    assert [("p1", "urn:uuid:3"), ("p2", "urn:uuid:3")] == [
        (row.patient, row.address) for row in found if row.kind == "Medication"
    ]
    assert ["p1", "p2"] == [row.patient for row in found if row.kind == "Condition"]
    assert {Bad.NO_RESOURCE.value: 3} == scatter.tally.bad


def test_a_bundle_of_medications_only_is_nobodys(scatter):
    row = only(scatter.document(raw(bundle(MEDICATION))))

    assert ("", "Medication") == (row.patient, row.kind)


def test_what_is_no_bundle_although_it_says_so_is_counted(scatter):
    assert [] == list(scatter.document(b'{"resourceType": "Bundle", "entry": 5}'))
    assert {Bad.UNREADABLE.value: 1} == scatter.tally.bad


def test_a_request_is_one_row_of_the_patient_it_is_about(scatter):
    request = raw({"hookInstance": "x", "hook": "patient-view", "context": {"patientId": "p1"}})

    assert Row("p1", REQUEST, request, "", may_speak=True) == only(scatter.document(request))


@pytest.mark.parametrize("context", [{}, 5])
def test_a_request_about_nobody_is_counted(scatter, context):
    assert [] == list(scatter.document(raw({"hookInstance": "x", "context": context})))
    assert {Bad.NO_PATIENT.value: 1} == scatter.tally.bad


# ---------------------------------------------------------------- what is counted


def test_codes_are_counted_as_the_coverage_command_counts_them(scatter):
    unknown = {"coding": [{"system": "http://local", "code": "77", "display": "Something"}]}
    statement = {
        "resourceType": "MedicationStatement",
        "id": "s1",
        "status": "active",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"text": "Warfarin"},
    }
    rows(platelets(9), platelets(8, id="o2"), scatter=scatter)
    rows(petechiae(code=unknown), MEDICATION, statement, scatter=scatter)

    tally = scatter.counted(LIBRARY)

    assert {"observation coded": 2, "condition unmapped": 1, "medication text": 2} == tally.entries
    assert (2, 0, "") == tally.codes["observation", "http://loinc.org", "777-3"]
    assert (1, 1, "Something") == tally.codes["condition", "http://local", "77"]
    assert tally == scatter.counted(LIBRARY)  # nothing is counted twice


def test_tallies_add_up():
    one = Tally({"Patient": 1}, {"x": 1}, ("Patient",), {"a": 1}, {("k", "s", "c"): (1, 1, "")})
    two = Tally({"Patient": 2, "Flag": 1}, {}, ("Flag",), {"a": 2}, {("k", "s", "c"): (2, 0, "Name")})

    one.add(two)

    assert (
        Tally(
            {"Patient": 3, "Flag": 1}, {"x": 1}, ("Flag", "Patient"), {"a": 3}, {("k", "s", "c"): (3, 1, "Name")}
        )
        == one
    )
