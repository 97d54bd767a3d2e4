"""Whose entries are read, which are refused, and that one bad entry never costs its neighbour."""

from decimal import Decimal

import pytest

from cds_hooks.chart.reader import read
from cds_hooks.chart.record import Answer, Listing, ListRead, Patient, Quantity, Query
from cds_hooks.chart.times import when
from cds_hooks.model.results import Gap, GapReason
from tests.unit.chart.charts import (
    AT,
    ME,
    MINE,
    TYPES,
    answered,
    body,
    bundle,
    condition,
    entry,
    observation,
    record_of,
)

OTHER = {"reference": "Patient/p2"}


def _patient(**fields: object) -> dict[str, object]:
    return {"resourceType": "Patient", "id": ME, **fields}


# ---------------------------------------------------------------- the person


def test_the_patient_is_read():
    record = record_of(_patient(birthDate="2020-05", gender="female"))

    assert Patient(when("2020-05"), "female") == record.patient


@pytest.mark.parametrize("gender", ["other", "unknown", None])
def test_a_gender_that_is_neither_is_left_open(gender: str | None):
    assert record_of(_patient(gender=gender)).patient.sex == ""


def test_a_birth_date_that_is_only_an_extension_is_unknown():
    assert record_of(_patient(_birthDate={"extension": []})).patient.born is None


@pytest.mark.parametrize(
    "fields",
    [
        {"deceasedBoolean": True},
        {"deceasedBoolean": "true"},
        {"deceasedDateTime": "2026-01"},
        {"deceasedDateTime": "2026-01", "_deceasedDateTime": {"extension": []}},
        {"deceasedBoolean": True, "deceasedDateTime": "unknown"},
    ],
)
def test_death_is_read_in_both_forms(fields: dict[str, object]):
    record = record_of(_patient(**fields))

    assert (True, ()) == (record.patient.deceased, record.gaps)


UNKNOWN_DEATH = {"extension": [{"url": "data-absent-reason", "valueCode": "unknown"}]}


@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        (GapReason.FUTURE, {"deceasedDateTime": "2031-01-01"}),
        (GapReason.CONFLICTING, {"deceasedBoolean": False, "deceasedDateTime": "2026-01-01"}),
        (GapReason.VALUE_UNKNOWN, {"deceasedDateTime": "unknown"}),
        (GapReason.VALUE_UNKNOWN, {"deceasedDateTime": True}),
        (GapReason.VALUE_UNKNOWN, {"deceasedBoolean": "yes"}),
        (GapReason.VALUE_UNKNOWN, {"deceasedBoolean": 1}),
        (GapReason.VALUE_UNKNOWN, {"_deceasedDateTime": UNKNOWN_DEATH}),
        (GapReason.VALUE_UNKNOWN, {"_deceasedBoolean": UNKNOWN_DEATH}),
    ],
)
def test_a_death_that_cannot_be_read_silences_nobody_and_is_a_gap(reason: GapReason, fields: dict[str, object]):
    record = record_of(_patient(**fields))

    assert not record.patient.deceased
    assert (Gap("Whether the patient has died", reason, "Patient/p1"),) == record.gaps


@pytest.mark.parametrize("fields", [{"deceasedBoolean": False}, {"deceasedBoolean": "false"}, {}])
def test_no_death_is_no_gap(fields: dict[str, object]):
    record = record_of(_patient(**fields))

    assert (False, ()) == (record.patient.deceased, record.gaps)


def test_a_patient_without_an_id_was_asked_for_as_this_one():
    record = answered({"Patient": {"resourceType": "Patient", "gender": "male"}})

    assert "male" == record.patient.sex


def test_a_patient_with_the_id_goes_before_one_without():
    record = record_of({"resourceType": "Patient", "gender": "male"}, _patient(gender="female"))

    assert "female" == record.patient.sex


def test_another_patient_is_refused_and_the_list_failed():
    record = answered({"Patient": {"resourceType": "Patient", "id": "p2", "gender": "male"}})

    assert Patient() == record.patient
    assert ListRead(Listing.FAILED, reason=GapReason.OTHER_PATIENT) == record.lists["Patient"]
    assert (Gap("Patient details", GapReason.OTHER_PATIENT),) == record.gaps


def test_another_patient_beside_this_one_costs_nothing():
    record = record_of(_patient(gender="female"), {"resourceType": "Patient", "id": "p2"})

    assert ("female", Listing.COMPLETE) == (record.patient.sex, record.lists["Patient"].state)


# ---------------------------------------------------------------- whose entries


@pytest.mark.parametrize(
    "subject",
    [
        MINE,
        {"reference": "https://ehr.example/fhir/Patient/p1"},
        {"reference": "Patient/p1/_history/3"},
        {"reference": "urn:uuid:p1"},
        {"reference": "p1"},
        {"reference": " Patient/p1 "},
        {"reference": "Patient/p1", "identifier": {"value": "7"}, "display": "somebody"},
        {"type": "Patient"},
        {},
        "Patient/p1",
        None,
    ],
)
def test_an_entry_of_this_patient_is_read(subject: object):
    assert 1 == len(record_of(condition(subject=subject)).problems)


@pytest.mark.parametrize(
    "subject",
    [
        OTHER,
        {"reference": "https://ehr.example/fhir/Patient/p11"},
        {"reference": "Group/p1"},
        {"reference": "urn:uuid:p2"},
        {"reference": "Patient?identifier=1"},
        "Patient/p2",
    ],
)
def test_an_entry_of_another_patient_is_refused_and_counted(subject: object):
    record = record_of(condition(subject=subject), condition(id="c2", subject=OTHER))

    assert () == record.problems
    assert (Gap("Entry in the problem list", GapReason.OTHER_PATIENT, count=2),) == record.gaps
    assert ListRead(Listing.FAILED, reason=GapReason.OTHER_PATIENT) == record.lists["Condition"]


@pytest.mark.parametrize(
    "subject",
    [
        {"identifier": {"value": "7"}},
        {"display": "somebody"},
        {"identifier": {"value": "7"}, "display": "x"},
        {"reference": "#pat"},
        {"reference": "#"},
        7,
        [7],
        {"reference": 7},
    ],
)
def test_an_entry_of_a_person_who_cannot_be_compared_is_refused_and_counted(subject: object):
    record = record_of(condition(subject=subject))

    assert () == record.problems
    assert (Gap("Entry in the problem list", GapReason.OWNER_UNKNOWN),) == record.gaps
    assert ListRead(Listing.FAILED, reason=GapReason.OWNER_UNKNOWN) == record.lists["Condition"]


# ---------------------------------------------------------------- who is known by an identifier

NUMBER = {"system": "https://hospital.example/mrn", "value": "77"}
KNOWN = {
    "resourceType": "Patient",
    "id": ME,
    "birthDate": "1990-05",
    "identifier": [{"system": "urn:ssn", "value": "1"}, NUMBER],
}


def _same_id(**fields: object) -> dict[str, object]:
    return condition(subject={"reference": "#p1"}, contained=[_patient(**fields)])


def _contained(**fields: object) -> dict[str, object]:
    inside = [{"resourceType": "Basic", "id": "pat"}, 5, {"resourceType": "Patient", "id": "pat", **fields}]
    return condition(subject={"reference": "#pat"}, contained=inside)


@pytest.mark.parametrize(
    "of_this_patient",
    [
        _contained(identifier=[NUMBER]),
        _contained(identifier=NUMBER | {"use": "usual"}),
        _contained(identifier=[{"system": "urn:other", "value": "9"}, NUMBER]),
        _same_id(),
        _same_id(birthDate="1990"),
        _same_id(birthDate="1990-05-05"),
        condition(subject={"identifier": NUMBER}),
    ],
)
def test_an_entry_is_this_patients_by_an_identifier_or_the_id_of_who_is_contained(of_this_patient: object):
    assert 1 == len(record_of(KNOWN, of_this_patient).problems)


@pytest.mark.parametrize(
    ("reason", "of_somebody"),
    [
        (GapReason.OTHER_PATIENT, _contained(identifier=[NUMBER | {"value": "78"}])),
        (GapReason.OTHER_PATIENT, condition(subject={"identifier": NUMBER | {"value": "78"}})),
        (
            GapReason.OTHER_PATIENT,
            _same_id(identifier=[NUMBER | {"value": "78"}]),
        ),
        (GapReason.OWNER_UNKNOWN, _contained(identifier=[{"system": "urn:other", "value": "77"}])),
        (GapReason.OWNER_UNKNOWN, _contained(identifier=[{"system": "urn:ssn"}, {"value": "77"}])),
        (GapReason.OWNER_UNKNOWN, _contained()),
        (GapReason.OWNER_UNKNOWN, _same_id(identifier=[{"system": "urn:other", "value": "77"}])),
        (GapReason.OWNER_UNKNOWN, _same_id(birthDate="1958-01-01")),
        (GapReason.OWNER_UNKNOWN, condition(subject={"identifier": {"value": "77"}})),
    ],
)
def test_an_identifier_compares_only_within_its_system(reason: GapReason, of_somebody: object):
    record = record_of(KNOWN, of_somebody)

    assert () == record.problems
    assert (Gap("Entry in the problem list", reason),) == record.gaps


# ---------------------------------------------------------------- what is refused is missing from its list

FOREIGN = {"subject": OTHER}
AHEAD = {"effectiveDateTime": "2027-01-01"}
NOBODYS = {"subject": {"display": "somebody"}}
REFUSALS = [
    (FOREIGN, GapReason.OTHER_PATIENT),
    (NOBODYS, GapReason.OWNER_UNKNOWN),
    (AHEAD, GapReason.FUTURE),
]


@pytest.mark.parametrize(("refused", "reason"), REFUSALS[1:])
def test_a_refused_entry_that_may_be_the_patients_leaves_the_list_incomplete(
    refused: dict[str, object], reason: GapReason
):
    record = record_of(observation(), observation(id="o2", **refused))

    assert ListRead(Listing.INCOMPLETE, reason=reason) == record.lists["Observation"]


def test_an_entry_of_somebody_else_is_not_missing_from_the_patients_own():
    record = record_of(observation(), observation(id="o2", **FOREIGN))

    assert ListRead(Listing.COMPLETE) == record.lists["Observation"]


@pytest.mark.parametrize(("refused", "reason"), REFUSALS)
def test_a_list_of_refused_entries_only_has_failed(refused: dict[str, object], reason: GapReason):
    record = record_of(observation(**refused))

    assert ListRead(Listing.FAILED, reason=reason) == record.lists["Observation"]


@pytest.mark.parametrize(("refused", "reason"), REFUSALS)
def test_a_list_has_failed_too_when_its_other_queries_found_nothing(refused: dict[str, object], reason: GapReason):
    record = _of_two_queries(bundle(observation(**refused)), bundle())

    assert ListRead(Listing.FAILED, reason=reason) == record.lists["Observation"]


@pytest.mark.parametrize(
    ("refused", "state"),
    [
        (FOREIGN, ListRead(Listing.COMPLETE)),
        (AHEAD, ListRead(Listing.INCOMPLETE, reason=GapReason.FUTURE)),
    ],
)
def test_what_another_query_for_the_list_found_is_usable(refused: dict[str, object], state: ListRead):
    record = _of_two_queries(bundle(observation(**refused)), bundle(observation(id="o2")))

    assert state == record.lists["Observation"]


def test_a_refused_entry_of_another_kind_that_came_along_costs_a_list_nothing():
    record = answered({"Condition": bundle(condition(), observation(**AHEAD)), "Observation": bundle()})

    assert Listing.COMPLETE is record.lists["Condition"].state


def test_of_two_versions_the_refused_one_does_not_count_when_it_is_older():
    old = observation(meta={"lastUpdated": "2026-03-01T10:00:00Z"}, **AHEAD)
    new = observation(meta={"lastUpdated": "2026-03-01T11:00:00Z"})

    assert Listing.COMPLETE is record_of(old, new).lists["Observation"].state


def _of_two_queries(*answers: object):
    queries = [Query(f"k{number}", "", "Observation") for number in range(len(answers))]
    given = {query.key: Answer((body(value),)) for query, value in zip(queries, answers, strict=True)}
    return read(queries, given, ME, AT)


def test_an_entry_says_whose_it_is_under_patient_too():
    assert () == record_of(condition(subject=None, patient=OTHER)).problems


def test_a_subject_may_be_the_address_of_the_patients_entry():
    patients = {"resourceType": "Bundle", "entry": [entry(_patient(), fullUrl="urn:uuid:77")]}
    record = answered({"Patient": patients, "Condition": bundle(condition(subject={"reference": "urn:uuid:77"}))})

    assert 1 == len(record.problems)


# ---------------------------------------------------------------- dates in the future


@pytest.mark.parametrize(
    "resource",
    [
        observation(effectiveDateTime="2026-03-20"),
        observation(issued="2026-03-20"),
        condition(recordedDate="2026-03-20"),
        condition(onsetDateTime="2026-03-20"),
        {"resourceType": "MedicationRequest", "id": "m1", "status": "active", "authoredOn": "2026-03-20"},
        {"resourceType": "MedicationAdministration", "status": "completed", "effectiveDateTime": "2026-03-20"},
        {"resourceType": "Encounter", "status": "finished", "period": {"start": "2026-03-20"}},
    ],
)
def test_an_entry_from_the_future_is_dropped_and_counted(resource: dict[str, object]):
    record = record_of(resource)

    assert ((), (), (), ()) == (record.observed, record.problems, record.medications, record.visits)
    assert [(GapReason.FUTURE, 1)] == [(gap.reason, gap.count) for gap in record.gaps]


def test_an_entry_less_than_a_day_ahead_is_read():
    assert 1 == len(record_of(observation(effectiveDateTime="2026-03-19T11:59:00Z")).observed)


def test_a_planned_medicine_may_start_in_the_future():
    resource = {"resourceType": "MedicationRequest", "status": "draft", "intent": "order"}
    record = record_of(
        {**resource, "dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": {"start": "2026-05-01"}}}}]}
    )

    assert 1 == len(record.medications)


def test_an_appointment_is_no_visit_yet_and_no_gap():
    record = record_of({"resourceType": "Encounter", "status": "planned", "period": {"start": "2026-05-01"}})

    assert ((), ()) == (record.visits, record.gaps)


# ---------------------------------------------------------------- one entry never costs its neighbour


@pytest.mark.parametrize(
    "bad",
    [
        b'{"resource":{"resourceType":"Observation","id":"\xff"}}',
        b'{"resource":5}',
        b"5",
        b'{"resource":{"id":"x"}}',
        b'{"resource":{"resourceType":"Observation","id":"x","code":true}}',
        b'{"resource":{"resourceType":"Observation","id":"x","subject":true,"status":"final"}}',
    ],
)
def test_an_unreadable_entry_is_counted_and_its_neighbour_read(bad: bytes):
    raw = b'{"resourceType":"Bundle","entry":[' + bad + b"," + body(entry(observation())) + b"]}"
    record = read([Query("k", "", "Observation")], {"k": Answer((raw,))}, ME, AT)

    assert 1 == len(record.observed)
    assert (Gap("Result or observation", GapReason.UNREADABLE),) == record.gaps
    assert ListRead(Listing.INCOMPLETE, reason=GapReason.UNREADABLE) == record.lists["Observation"]


def test_an_unreadable_element_of_a_bare_list_is_counted():
    record = answered({"Condition": [5, condition()]})

    assert (1, (Gap("Entry in the problem list", GapReason.UNREADABLE),)) == (len(record.problems), record.gaps)


def test_a_list_of_which_nothing_could_be_read_failed():
    assert Listing.FAILED is answered({"Condition": [5]}).lists["Condition"].state


def test_an_unreadable_entry_of_a_type_without_words_is_another_entry():
    record = read([Query("k", "", "CarePlan")], {"k": Answer((body(bundle(5)),))}, ME, AT)

    assert (Gap("Entry of another kind", GapReason.UNREADABLE),) == record.gaps


@pytest.mark.parametrize(
    "odd",
    [
        {"code": "Petechiae"},
        {"code": [{"text": "Petechiae"}, {"text": "other"}]},
        {"code": {"text": "Petechiae", "coding": [None, 5.5, {"code": None}, {}]}},
        {"code": {"text": "Petechiae", "coding": None}},
        {"code": {"text": "Petechiae"}, "category": 5, "effectiveDateTime": {"x": 1}, "meta": []},
        {"code": {"text": "Petechiae"}, "id": 17},
        {"code": {"text": "Petechiae"}, "referenceRange": [{"low": {"value": "?"}}], "issued": True},
        {"code": {"text": "Petechiae"}, "bodySite": [], "interpretation": [{"coding": "x"}], "component": {}},
    ],
)
def test_an_odd_field_costs_only_itself(odd: dict[str, object]):
    record = record_of(observation(**odd))

    assert ("Petechiae", ()) == (record.observed[0].what.text, record.gaps)


def test_numbers_are_exact_in_odd_resources_too():
    (only,) = record_of(observation(category="x", valueQuantity={"value": 0.1})).observed

    assert Quantity(Decimal("0.1")) == only.value


@pytest.mark.parametrize("number", [b"1e999999999999999999", b"9" * 5000])
def test_a_monstrous_number_costs_at_most_its_entry(number: bytes):
    bad = b'{"resource":{"resourceType":"Observation","category":5,"valueQuantity":{"value":' + number + b"}}}"
    raw = b'{"resourceType":"Bundle","entry":[' + bad + b"," + body(entry(observation())) + b"]}"
    record = read([Query("k", "", "Observation")], {"k": Answer((raw,))}, ME, AT)

    assert "Observation/o1" in [one.reference for one in record.observed]


# ---------------------------------------------------------------- doubles and names


def test_a_resource_under_two_keys_counts_once():
    record = answered(
        {"Observation": bundle(observation()), "Condition": bundle(observation())}, loose=(observation(),)
    )

    assert 1 == len(record.observed)


@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_versions_the_newer_counts(turn: int):
    old = observation(meta={"lastUpdated": "2026-03-01T10:00:00Z"}, valueBoolean=False)
    new = observation(meta={"lastUpdated": "2026-03-01T11:00:00Z"}, valueBoolean=True)

    assert [True] == [one.value for one in record_of(*(old, new)[::turn]).observed]


def test_a_resource_without_an_id_is_named_by_its_address():
    nameless = entry(observation(id=None), fullUrl="urn:uuid:5")
    record = answered({"Observation": {"resourceType": "Bundle", "entry": [nameless, nameless]}})

    assert ["urn:uuid:5"] == [one.reference for one in record.observed]


def test_a_resource_without_id_and_address_is_named_by_its_type():
    assert ["Observation"] == [one.reference for one in record_of(observation(id=None)).observed]


# ---------------------------------------------------------------- versions and other types


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({"resourceType": "MedicationOrder", "status": "active"}, "Prescribed medicine"),
        (condition(dateRecorded="2026-01-01"), "Entry in the problem list"),
        (observation(comments="x"), "Result or observation"),
        ({"resourceType": "MedicationStatement", "wasNotTaken": True}, "Reported medicine"),
        ({"resourceType": "MedicationAdministration", "wasNotGiven": False}, "Administered medicine"),
    ],
)
def test_an_entry_of_dstu2_is_a_gap_and_never_silence(resource: dict[str, object], words: str):
    record = record_of(resource)

    assert ((), (), ()) == (record.observed, record.problems, record.medications)
    assert (Gap(words, GapReason.UNSUPPORTED_VERSION),) == record.gaps


def test_a_list_in_dstu2_failed():
    record = record_of(condition(dateRecorded="2026-01-01"))

    assert ListRead(Listing.FAILED, reason=GapReason.UNSUPPORTED_VERSION) == record.lists["Condition"]


@pytest.mark.parametrize(
    "kind", ["FamilyMemberHistory", "AllergyIntolerance", "Immunization", "Procedure", "Provenance"]
)
def test_other_types_are_passed_over(kind: str):
    record = answered({"Condition": bundle({"resourceType": kind, "id": "x", "code": {"text": "Petechiae"}})})

    assert ((), (), (), ()) == (record.observed, record.problems, record.medications, record.gaps)
    assert Listing.COMPLETE is record.lists["Condition"].state


# ---------------------------------------------------------------- what an answer says of itself


def test_what_a_server_says_of_its_whole_answer_is_no_empty_list():
    issues = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
    answers = {kind: bundle() for kind in TYPES} | {"Condition": bundle(issues=issues)}

    assert answered(answers).lists["Condition"].state is Listing.FAILED


def test_a_type_that_is_written_oddly_is_no_empty_list():
    answers = {kind: bundle() for kind in TYPES} | {"Condition": bundle({"resourceType": "condition", "id": "c1"})}

    assert answered(answers).lists["Condition"].state is Listing.FAILED


def test_a_type_that_is_not_read_costs_nothing():
    answers = {kind: bundle() for kind in TYPES} | {"Condition": bundle({"resourceType": "Basic", "id": "b1"})}

    assert answered(answers).lists["Condition"].state is Listing.COMPLETE
