"""A call at a glance: plain calls are taken in, whatever is odd is left to the reader."""

import json

import pytest

from cds_hooks.chart.glance import glance, plain_resources

CALL = {"hook": "patient-view", "hookInstance": "h", "context": {"patientId": "p1", "userId": "u"}}
PATIENT = {"resourceType": "Patient", "id": "p1"}
LISTED = [
    {"resourceType": "Observation", "id": "o", "code": {"text": "x"}},
    {"resourceType": "Condition", "id": "c"},
    {"resourceType": "Encounter", "id": "e"},
    {"resourceType": "MedicationStatement", "id": "s"},
    {"resourceType": "MedicationRequest", "id": "r"},
    {"resourceType": "Medication", "id": "m"},
    {"resourceType": "Procedure", "id": "p"},
    {"resourceType": "Immunization", "id": "i"},
    {"resourceType": "AllergyIntolerance", "id": "a"},
    PATIENT,
]


def seen(*resources, entry=None, **bundle):
    entries = [{"resource": one} | (entry or {}) for one in resources]
    answer = {"resourceType": "Bundle", "entry": entries} | bundle
    return glance(json.dumps(CALL | {"prefetch": {"key": answer}}).encode())


def test_every_type_that_is_asked_for_is_plain():
    call = seen(*LISTED, total=len(LISTED), link=[{"relation": "self"}], entry={"search": {"mode": "match"}})

    assert [type(one).__name__ for one in plain_resources(call.prefetch["key"])] == [
        one["resourceType"] for one in LISTED
    ]


def test_the_patient_may_stand_alone_and_null_is_an_answer():
    call = glance(json.dumps(CALL | {"prefetch": {"one": PATIENT, "none": None}}).encode())

    assert [len(plain_resources(call.prefetch[key])) for key in ("one", "none")] == [1, 0]


def test_the_envelope_is_the_call_without_its_prefetch():
    sent = CALL | {"fhirServer": "https://x"}

    call = glance(json.dumps(sent | {"prefetch": {}, "unknown": 1}).encode())

    assert json.loads(call.envelope) == sent


@pytest.mark.parametrize("more", [{"total": 2}, {"link": [{"relation": "next"}]}])
def test_an_answer_of_which_more_exists_is_not_whole(more):
    assert plain_resources(seen(LISTED[0], **more).prefetch["key"]) is None


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "OperationOutcome", "issue": []},
        {"resourceType": "Bundle", "entry": []},
        {"resourceType": "Basic", "id": "b"},
        {"resourceType": "Condition"},
        {"resourceType": "Condition", "id": 5},
        {"resourceType": "Condition", "id": "c", "code": "petechiae"},
        {"resourceType": "Condition", "id": "c", "subject": "Patient/p1"},
        {"resourceType": "Condition", "id": "c", "dateRecorded": "2020"},
        {"resourceType": "Observation", "id": "o", "comments": "DSTU2"},
        {"resourceType": "Observation", "id": "o", "valueQuantity": {"value": "<5"}},
        {"resourceType": "MedicationStatement", "id": "m", "wasNotTaken": False},
        {"resourceType": "MedicationRequest", "id": "m", "medicationReference": "Medication/1"},
        {"resourceType": "Procedure", "id": "p", "notPerformed": True},
        {"resourceType": "Immunization", "id": "i", "wasNotGiven": False},
        {"resourceType": "Observation", "id": "o", "note": [{"text": "\ud83d"}]},
    ],
)
def test_what_is_odd_is_left_to_the_reader(resource):
    assert seen(resource) is None


@pytest.mark.parametrize("mode", ["include", "outcome", ""])
def test_what_is_no_match_is_left_to_the_reader(mode):
    assert seen(LISTED[0], entry={"search": {"mode": mode}}) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"prefetch": {"a": [1]}}', b'{"prefetch": {}, "note": "\xff"}', b"{" * 5000, b'{"hook": "x"}'],
)
def test_what_is_no_plain_call_is_left_to_the_reader(body):
    assert glance(body) is None


def test_letters_beyond_ascii_are_plain():
    assert seen(LISTED[0] | {"note": [{"text": "Überweisung"}]}) is not None


def test_letters_written_out_are_no_escapes_of_half_a_character():
    body = json.dumps(CALL | {"prefetch": {}, "note": "ü"}, ensure_ascii=False).encode()

    assert glance(body) is not None


@pytest.mark.parametrize(
    ("kind", "time"),
    [
        ("Observation", {"effectiveDateTime": "{}"}),
        ("Observation", {"effectiveInstant": "{}T08:00:00Z"}),
        ("Observation", {"effectivePeriod": {"start": "2026-01-01", "end": "{}"}}),
        ("Observation", {"issued": "{}T08:00:00Z"}),
        ("Condition", {"onsetDateTime": "{}"}),
        ("Condition", {"onsetPeriod": {"start": "{}"}}),
        ("Condition", {"recordedDate": "{}"}),
        ("Condition", {"assertedDate": "{}"}),
        ("Encounter", {"period": {"start": "{}"}}),
        ("Encounter", {"actualPeriod": {"end": "{}"}}),
        ("MedicationStatement", {"effectiveDateTime": "{}"}),
        ("MedicationStatement", {"effectivePeriod": {"end": "{}"}}),
        ("MedicationStatement", {"dateAsserted": "{}"}),
        ("MedicationRequest", {"authoredOn": "{}"}),
        ("Procedure", {"performedDateTime": "{}"}),
        ("Procedure", {"performedPeriod": {"end": "{}"}}),
        ("Procedure", {"occurrenceDateTime": "{}"}),
        ("Procedure", {"occurrencePeriod": {"end": "{}"}}),
        ("Immunization", {"occurrenceDateTime": "{}"}),
        ("Immunization", {"date": "{}"}),
        ("AllergyIntolerance", {"onsetDateTime": "{}"}),
        ("AllergyIntolerance", {"recordedDate": "{}"}),
        ("AllergyIntolerance", {"assertedDate": "{}"}),
    ],
)
def test_an_entry_is_plain_until_the_day_it_is_dated_by_has_begun(kind, time):
    def is_plain(day):
        written = json.loads(json.dumps(time).replace("{}", day))
        (one,) = plain_resources(seen({"resourceType": kind, "id": "x"} | written).prefetch["key"])
        return one.is_plainly_of("Patient/p1", "2026-03-18")

    days = ("2026-03-17", "2026-03-18", "2026-03-19", "soon", " ")

    assert [is_plain(day) for day in days] == [True, True, False, False, False]


@pytest.mark.parametrize("kind", ["Observation", "Medication", "Patient"])
def test_an_entry_of_another_patient_is_not_plain(kind):
    (own,) = plain_resources(seen({"resourceType": kind, "id": "p1"}).prefetch["key"])
    (other,) = plain_resources(
        seen({"resourceType": kind, "id": "p2", "subject": {"reference": "Patient/p2"}}).prefetch["key"]
    )

    assert own.is_plainly_of("Patient/p1", "2026-03-18")
    assert not other.is_plainly_of("Patient/p1", "2026-03-18")
