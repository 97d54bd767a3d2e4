"""One chart, written in four versions of FHIR, is one chart; in a fifth it is said not to be readable."""

from datetime import timedelta

import pytest

from cds_hooks.chart.reader import read
from cds_hooks.chart.record import Answer, Listing
from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import Truth
from cds_hooks.service import advise_on
from tests.dialects import DIALECTS, in_dstu2
from tests.end_to_end.charts import PATIENTS, Voice, advice_on, asked, library, prefetch_of, resources_of
from tests.protocol.charts import AT
from tests.unit.chart.charts import body

ME = "p1"
MINE = {"reference": f"Patient/{ME}"}
SNOMED, LOINC, RXNORM = "http://snomed.info/sct", "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX = "http://hl7.org/fhir/sid/cvx"


def ago(days):
    return (AT - timedelta(days=days)).date().isoformat()


def of(system, code, text=""):
    return {"coding": [{"system": system, "code": code}]} | ({"text": text} if text else {})


def status(code, name):
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{name}", "code": code}]}


def resource(kind, name, **fields):
    whose = "patient" if kind == "Immunization" else "subject"
    return {"resourceType": kind, "id": name, whose: MINE, **fields}


def condition(name, code, clinical="active", verified="confirmed", **fields):
    return resource(
        "Condition",
        name,
        code=code,
        clinicalStatus=status(clinical, "condition-clinical"),
        verificationStatus=status(verified, "condition-ver-status"),
        **fields,
    )


WARFARIN = of(RXNORM, "11289")
CHART = [
    {"resourceType": "Patient", "id": ME, "gender": "female", "birthDate": "1960-05-01"},
    condition("petechiae", of(SNOMED, "271813007"), onsetDateTime=ago(2), recordedDate=ago(1)),
    condition("purpura", of(SNOMED, "423902002"), verified="refuted", recordedDate=ago(1)),
    condition("lupus", of(SNOMED, "55464009"), clinical="resolved", onsetDateTime="2001"),
    resource(
        "Observation",
        "platelets",
        status="final",
        code=of(LOINC, "777-3"),
        effectiveDateTime=ago(1),
        valueQuantity={"value": 18, "unit": "10*9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"},
        interpretation=[status("L", "v3-ObservationInterpretation")],
        note=[{"text": "Repeated."}],
        referenceRange=[{"low": {"value": 150, "unit": "10*9/L"}}],
    ),
    resource(
        "Observation",
        "skin",
        status="final",
        code={"text": "Skin examination"},
        effectiveDateTime=ago(1),
        hasMember=[{"reference": "Observation/size"}, {"reference": "Observation/glass"}],
    ),
    resource(
        "Observation",
        "size",
        status="final",
        code={"text": "Lesion size"},
        effectiveDateTime=ago(1),
        valueQuantity={"value": 4, "unit": "mm"},
    ),
    resource(
        "Observation",
        "glass",
        status="final",
        code={"text": "Glass test"},
        effectiveDateTime=ago(1),
        valueCodeableConcept={"text": "positive"},
    ),
    resource(
        "Encounter",
        "visit",
        status="finished",
        **{"class": {"code": "EMER"}},
        period={"start": ago(1), "end": ago(1)},
        reasonCode=[of(SNOMED, "249366005", "Nosebleed")],
    ),
    resource(
        "MedicationStatement",
        "reported",
        status="active",
        medicationReference={"reference": "#inside"},
        contained=[
            {
                "resourceType": "Medication",
                "id": "inside",
                "ingredient": [{"itemCodeableConcept": of(RXNORM, "1191")}],
            }
        ],
        effectivePeriod={"start": ago(5)},
    ),
    resource("MedicationStatement", "refused", status="not-taken", medicationCodeableConcept=of(RXNORM, "5640")),
    resource(
        "MedicationStatement",
        "over",
        status="completed",
        medicationCodeableConcept=of(RXNORM, "32968"),
        effectivePeriod={"start": "2026-01-01", "end": ago(3)},
    ),
    resource(
        "MedicationRequest",
        "ordered",
        status="active",
        intent="order",
        medicationReference={"reference": "Medication/outside"},
        authoredOn=ago(4),
    ),
    {"resourceType": "Medication", "id": "outside", "code": WARFARIN},
    resource(
        "MedicationAdministration",
        "given",
        status="completed",
        medicationCodeableConcept=of(RXNORM, "5224"),
        effectiveDateTime=ago(6),
    ),
    resource(
        "MedicationAdministration", "skipped", status="not-done", medicationCodeableConcept=of(RXNORM, "5640")
    ),
    resource(
        "MedicationDispense",
        "fetched",
        status="completed",
        medicationCodeableConcept=of(RXNORM, "8640"),
        whenHandedOver=ago(3),
        daysSupply={"value": 30, "unit": "d"},
    ),
    resource(
        "Procedure",
        "blood",
        status="stopped",
        code=of(SNOMED, "5447007"),
        performedDateTime=ago(7),
        category=of(SNOMED, "387713003"),
    ),
    resource("Procedure", "none", status="not-done", code=of(SNOMED, "234319005"), performedDateTime=ago(7)),
    resource("Immunization", "dose", status="completed", vaccineCode=of(CVX, "208"), occurrenceDateTime=ago(9)),
    resource("Immunization", "no", status="not-done", vaccineCode=of(CVX, "03"), occurrenceDateTime=ago(2)),
    resource(
        "DiagnosticReport",
        "film",
        status="preliminary",
        code={"text": "Blood film"},
        effectiveDateTime=ago(1),
        conclusionCode=[of(SNOMED, "302873008")],
    ),
    resource("Flag", "alert", status="active", code=of(SNOMED, "77386006"), period={"start": ago(8)}),
]
OTHERS = ("MedicationAdministration", "MedicationDispense", "DiagnosticReport", "Flag")


def record_of(chart):
    """The record of the chart, with what we do not ask for under keys of its own."""
    answers = {key: Answer((body(value),)) for key, value in prefetch_of(chart).items()}
    loose = [body(one) for one in chart if one["resourceType"] in OTHERS]
    return read(asked(), answers, ME, AT, loose)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_chart_with_everything_in_it_is_the_same_record_in_every_dialect(dialect):
    assert record_of(CHART) == record_of([DIALECTS[dialect](one) for one in CHART])


def test_the_chart_with_everything_in_it_says_what_it_should():
    advice = advise_on(record_of(CHART), library(), AT, Voice())
    present = {name for name, finding in advice.assessment.findings.items() if finding.truth is Truth.PRESENT}

    assert {
        "rash-petechiae",
        "rash-purpura",
        "platelets-10-to-19",
        "epistaxis",
        "aspirin-use",
        "vitamin-k-antagonist-use",
        "heparin-exposure",
        "transfusion-5-to-12-days",
        "recent-surgery",
        "covid-vaccine-5-to-30-days",
        "steroid-any-route",
    } <= present
    assert present.isdisjoint({"mmr-vaccine-42-days", "asplenia-recorded", "nsaid-use", "rash-blanching"})
    assert advice.cards


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("patient", PATIENTS)
def test_one_chart_in_every_dialect_gives_the_same_findings_and_cards(patient, dialect):
    chart = resources_of(patient)

    before, after = advice_on(chart, patient), advice_on([DIALECTS[dialect](one) for one in chart], patient)

    assert before.record == after.record
    assert dict(before.assessment.findings) == dict(after.assessment.findings)
    assert before.cards == after.cards


@pytest.mark.parametrize("dialect", ["R5", "STU3"])
def test_the_dialects_do_differ(dialect):
    assert 10 <= sum(DIALECTS[dialect](one) != one for one in CHART)


def test_dstu2_is_a_gap_and_never_silence():
    record = record_of([in_dstu2(one) for one in CHART])

    read_all_the_same = (*record.observed, *record.problems, *record.medications, *record.events)
    # These are written alike in DSTU2 and STU3.
    assert {"Encounter", "MedicationDispense", "DiagnosticReport", "Flag"} == {
        entry.reference.split("/")[0] for entry in read_all_the_same
    }
    assert {GapReason.UNSUPPORTED_VERSION} == {gap.reason for gap in record.gaps}
    assert {"Result or observation", "Entry in the problem list", "Procedure", "Vaccination"} <= {
        gap.what for gap in record.gaps
    }


def test_a_chart_in_dstu2_alone_is_said_to_be_unreadable_on_a_card():
    advice = advise_on(record_of([in_dstu2(one) for one in CHART[:5]]), library(), AT, Voice())

    assert {Listing.FAILED} == {advice.record.lists[name].state for name in ("Condition", "Observation")}
    assert "written in a FHIR version that is not supported" in str(advice.cards)
