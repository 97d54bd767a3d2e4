import pytest

from cds_hooks.chart.record import Coded
from cds_hooks.chart.times import when
from cds_hooks.model.codes import Coding
from tests.unit.chart.charts import MINE, record_of, use_of

ASPIRIN = {"coding": [{"system": "rx", "code": "1191", "display": "aspirin"}], "text": "Aspirin 75 mg"}
CODED = Coded((Coding("rx", "1191", "aspirin"),), "Aspirin 75 mg")
TABLET = {"resourceType": "Medication", "id": "med1", "code": ASPIRIN}


# ---------------------------------------------------------------- which medicine


def test_a_codeable_concept_names_the_medicine():
    assert CODED == use_of("MedicationRequest", medicationCodeableConcept=ASPIRIN).what


def test_r5_names_the_medicine_as_a_concept():
    assert CODED == use_of("MedicationStatement", medication={"concept": ASPIRIN}).what


@pytest.mark.parametrize(
    "reference",
    ["Medication/med1", "https://ehr.example/fhir/Medication/med1", "Medication/med1/_history/2", "urn:uuid:med1"],
)
def test_a_referenced_medicine_is_found(reference: str):
    assert CODED == use_of("MedicationRequest", TABLET, medicationReference={"reference": reference}).what


def test_r5_names_the_medicine_as_a_reference():
    use = use_of("MedicationStatement", TABLET, medication={"reference": {"reference": "Medication/med1"}})

    assert CODED == use.what


def test_a_medicine_is_found_by_the_address_of_its_entry():
    included = {
        "resourceType": "Bundle",
        "entry": [{"fullUrl": "urn:uuid:7", "resource": {**TABLET, "id": "other"}}],
    }

    assert CODED == use_of("MedicationRequest", included, medicationReference={"reference": "urn:uuid:7"}).what


def test_a_contained_medicine_gives_codes_and_ingredients():
    contained = {
        "resourceType": "Medication",
        "id": "a",
        "code": {"text": "Mixture"},
        "ingredient": [{"itemCodeableConcept": ASPIRIN}, {"strength": {}}],
    }
    use = use_of("MedicationRequest", contained=[{"odd": 1}, contained], medicationReference={"reference": "#a"})

    assert (Coded(text="Mixture"), (CODED,)) == (use.what, use.ingredients)


@pytest.mark.parametrize(
    "ingredient",
    [
        {"item": {"concept": ASPIRIN}},
        {"item": {"reference": {"reference": "Medication/med1"}}},
        {"itemReference": {"reference": "Medication/med1"}},
    ],
)
def test_ingredients_are_read_in_every_version(ingredient: dict[str, object]):
    mixture = {"resourceType": "Medication", "id": "mix", "ingredient": [ingredient]}
    use = use_of("MedicationRequest", TABLET, mixture, medicationReference={"reference": "Medication/mix"})

    assert (CODED,) == use.ingredients


def test_a_medicine_that_cannot_be_found_leaves_the_words_beside_the_reference():
    use = use_of("MedicationRequest", medicationReference={"reference": "Medication/gone", "display": "ASA 81"})

    assert Coded(text="ASA 81") == use.what


def test_a_contained_medicine_is_no_entry_of_its_own():
    record = record_of(
        {
            "resourceType": "MedicationRequest",
            "id": "m1",
            "subject": MINE,
            "contained": [
                {"resourceType": "MedicationStatement", "id": "x", "medicationCodeableConcept": ASPIRIN}
            ],
        }
    )

    assert 1 == len(record.medications)


def test_an_allergy_is_no_use_of_a_medicine():
    allergy = {"resourceType": "AllergyIntolerance", "id": "a1", "patient": MINE, "code": ASPIRIN}

    assert () == record_of(allergy).medications


# ---------------------------------------------------------------- statements


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("active", "current"),
        ("completed", "ended"),
        ("intended", "planned"),
        ("stopped", "ended"),
        ("on-hold", "unknown"),
        ("unknown", "unknown"),
        ("not-taken", "not-taken"),
        ("recorded", "current"),
        ("draft", "unknown"),
        ("banana", "unknown"),
    ],
)
def test_the_status_of_a_statement_gives_the_state(status: str, state: str):
    use = use_of("MedicationStatement", status=status)

    assert ("reported", state) == (use.source, use.state)


@pytest.mark.parametrize(
    ("taken", "state"), [("n", "not-taken"), ("y", "current"), ("unk", "unknown"), ("na", "current")]
)
def test_stu3_says_whether_it_is_taken(taken: str, state: str):
    assert state == use_of("MedicationStatement", status="active", taken=taken).state


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("taking", "current"),
        ("not-taking", "not-taken"),
        ("stopped", "ended"),
        ("on-hold", "unknown"),
        ("?", "current"),
    ],
)
def test_r5_says_whether_it_is_taken(code: str, state: str):
    adherence = {"code": {"coding": [{"code": code}]}}

    assert state == use_of("MedicationStatement", status="recorded", adherence=adherence).state


@pytest.mark.parametrize(
    "kind", ["MedicationStatement", "MedicationRequest", "MedicationAdministration", "MedicationDispense"]
)
def test_what_was_entered_in_error_is_dropped(kind: str):
    resource = {"resourceType": kind, "id": "m1", "subject": MINE, "status": "entered-in-error"}

    assert () == record_of(resource).medications


def test_a_statement_has_start_end_and_date_of_record():
    use = use_of(
        "MedicationStatement",
        status="active",
        effectivePeriod={"start": "2026-01-01", "end": "2027-01-01"},
        dateAsserted="2026-02-01",
    )

    assert (when("2026-01-01"), when("2027-01-01"), when("2026-02-01")) == (use.start, use.end, use.written)


def test_a_current_statement_whose_period_is_over_has_ended():
    assert use_of("MedicationStatement", status="active", effectivePeriod={"end": "2026-03-17"}).state == "ended"


def test_a_current_statement_that_starts_later_is_planned():
    use = use_of("MedicationStatement", status="active", effectiveDateTime="2026-04-01", dateAsserted="2026-03-18")

    assert use.state == "planned"


def test_a_start_without_a_zone_may_be_a_day_off():
    assert use_of("MedicationStatement", status="active", effectiveDateTime="2026-03-19").state == "current"


def test_one_time_of_what_is_over_is_start_and_end():
    use = use_of("MedicationStatement", status="completed", effectiveDateTime="2026-03-01")

    assert when("2026-03-01") == use.start == use.end


def test_routes_of_all_dosages_are_kept():
    use = use_of("MedicationStatement", dosage=[{"route": {"text": "oral"}}, {}, {"route": {"text": "skin"}}])

    assert (Coded(text="oral"), Coded(text="skin")) == use.routes


# ---------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("active", "current"),
        ("on-hold", "unknown"),
        ("cancelled", "not-taken"),
        ("completed", "ended"),
        ("ended", "ended"),
        ("stopped", "ended"),
        ("unknown", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_status_of_a_request_gives_the_state(status: str | None, state: str):
    use = use_of("MedicationRequest", status=status, intent="order")

    assert ("ordered", state) == (use.source, use.state)


@pytest.mark.parametrize(
    "fields", [{"intent": "proposal"}, {"intent": "option"}, {"intent": "order", "status": "draft"}]
)
def test_a_proposal_and_a_draft_are_planned(fields: dict[str, object]):
    use = use_of("MedicationRequest", **{"status": "active", **fields})

    assert ("proposed", "planned") == (use.source, use.state)


@pytest.mark.parametrize(
    "fields",
    [
        {"intent": "plan"},
        {"intent": "order", "reportedBoolean": True},
        {"intent": "order", "reported": True},
        {"intent": "order", "reportedReference": {"reference": "Patient/p1"}},
    ],
)
def test_a_plan_or_a_report_is_what_the_patient_takes(fields: dict[str, object]):
    use = use_of("MedicationRequest", status="active", **fields)

    assert ("reported", "current") == (use.source, use.state)


def test_a_plan_that_is_no_report_stays_ordered():
    assert use_of("MedicationRequest", intent="plan", reportedBoolean=False).source == "ordered"


def test_what_must_not_be_given_is_not_taken():
    assert use_of("MedicationRequest", status="active", doNotPerform=True).state == "not-taken"


def test_a_request_runs_from_the_first_to_the_last_bound():
    use = use_of(
        "MedicationRequest",
        status="active",
        authoredOn="2026-01-01",
        dosageInstruction=[
            {"timing": {"repeat": {"boundsPeriod": {"start": "2026-01-05", "end": "2026-02-01"}}}},
            {"timing": {"repeat": {"boundsPeriod": {"start": "2026-02-01", "end": "2026-03-01"}}}},
            {"timing": {}},
        ],
    )

    assert (when("2026-01-05"), when("2026-03-01"), when("2026-01-01"), "ended") == (
        use.start,
        use.end,
        use.written,
        use.state,
    )


def test_one_dosage_without_an_end_leaves_a_request_open():
    dosages = [
        {"timing": {"repeat": {"boundsPeriod": {"start": "2026-01-05", "end": "2026-02-01"}}}},
        {"timing": {"repeat": {"boundsPeriod": {"start": "2026-02-01"}}}},
    ]

    assert use_of("MedicationRequest", status="active", dosageInstruction=dosages).end is None


def test_without_bounds_the_validity_of_the_prescription_ends_it():
    use = use_of("MedicationRequest", status="active", dispenseRequest={"validityPeriod": {"end": "2026-03-01"}})

    assert (when("2026-03-01"), "ended") == (use.end, use.state)


def test_r5_bounds_a_request_as_a_whole():
    assert when("2026-01-05") == use_of("MedicationRequest", effectiveDosePeriod={"start": "2026-01-05"}).start


# ---------------------------------------------------------------- administrations and dispenses


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"status": "completed"}, "ended"),
        ({"status": "in-progress"}, "current"),
        ({"status": "not-done"}, "not-taken"),
        ({"status": "completed", "notGiven": True}, "not-taken"),
        ({"status": "on-hold"}, "unknown"),
        ({"status": "stopped"}, "ended"),
        ({}, "unknown"),
    ],
)
def test_the_status_of_an_administration_gives_the_state(fields: dict[str, object], state: str):
    use = use_of("MedicationAdministration", **fields)

    assert ("administered", state) == (use.source, use.state)


@pytest.mark.parametrize("field", ["effectiveDateTime", "occurenceDateTime"])
def test_a_completed_administration_was_at_its_time(field: str):
    use = use_of(
        "MedicationAdministration", status="completed", dosage={"route": {"text": "oral"}}, **{field: "2026-03-01"}
    )

    assert (when("2026-03-01"), (Coded(text="oral"),)) == (use.end, use.routes)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"status": "completed"}, "unknown"),
        ({"status": "completed", "daysSupply": {"value": 30}}, "unknown"),
        ({"status": "completed", "whenHandedOver": "2026-03-01", "daysSupply": {"value": 30}}, "current"),
        ({"status": "completed", "whenHandedOver": "2026-01-01", "daysSupply": {"value": 30}}, "ended"),
        ({"status": "completed", "whenHandedOver": "2026-01-01", "daysSupply": {"value": 99999}}, "unknown"),
        ({"status": "preparation"}, "planned"),
        ({"status": "declined"}, "not-taken"),
        ({"status": "stopped"}, "ended"),
    ],
)
def test_a_supply_is_taken_until_it_is_used_up(fields: dict[str, object], state: str):
    use = use_of("MedicationDispense", **fields)

    assert ("dispensed", state) == (use.source, use.state)
