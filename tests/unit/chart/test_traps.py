"""The twenty traps of real EHR data, each met by a chart of our own making and the knowledge we ship.

What is asserted is what a finding says in the end: a trap is sprung when a card would be wrong.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from starlette.testclient import TestClient

from cds_hooks.app import Deployment, assemble
from cds_hooks.cards.compose import Voice
from cds_hooks.cards.wire import parse_request
from cds_hooks.chart.queries import queries
from cds_hooks.chart.reader import read
from cds_hooks.chart.record import Answer
from cds_hooks.errors import DataUnavailable
from cds_hooks.model.results import Finding, GapReason
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.library import load
from cds_hooks.service import SERVICES, Advice, advise, advise_on, answer, list_gaps
from cds_hooks.settings import Settings

AT = datetime(2026, 3, 18, 12, 0, tzinfo=UTC)
ME = "p1"
MINE = {"reference": f"Patient/{ME}"}
PATH = "/cds-services/petechiae-patient-view"
SNOMED, LOINC, RXNORM = "http://snomed.info/sct", "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC, UCUM = "http://www.whocc.no/atc", "http://unitsofmeasure.org"
MEDICINES = ("MedicationStatement", "MedicationRequest")

Json = Any  # what an EHR sends, however odd


@cache
def library():
    return load()


@cache
def asked():
    return queries(library())


def ago(**span: float) -> str:
    return (AT - timedelta(**span)).isoformat()


def code(system: str, value: str, text: str = "") -> Json:
    return {"coding": [{"system": system, "code": value}]} | ({"text": text} if text else {})


def resource(kind: str, name: str = "r1", **fields: Json) -> Json:
    return {"resourceType": kind, "id": name, "subject": MINE, **fields}


def person(**fields: Json) -> Json:
    return {"resourceType": "Patient", "id": ME, **fields}


def observation(what: Json, name: str = "o1", **fields: Json) -> Json:
    given = {"status": "final", "effectiveDateTime": ago(hours=5)} | fields
    return resource("Observation", name, code=what, **given)


def platelets(value: Json, name: str = "o1", unit: str = "10*9/L", **fields: Json) -> Json:
    quantity = {"value": value, "unit": unit}
    return observation(code(LOINC, "777-3"), name, **{"valueQuantity": quantity} | fields)


def condition(what: Json, name: str = "c1", **fields: Json) -> Json:
    given = {"clinicalStatus": {"coding": [{"code": "active"}]}, "onsetDateTime": ago(days=1)} | fields
    return resource("Condition", name, code=what, **given)


PETECHIAE = code(SNOMED, "271813007")
ASPIRIN = code(RXNORM, "1191")


def statement(medicine: Json = ASPIRIN, name: str = "m1", **fields: Json) -> Json:
    given = {"status": "active", "medicationCodeableConcept": medicine} | fields
    return resource("MedicationStatement", name, **given)


def request(medicine: Json = ASPIRIN, name: str = "m2", **fields: Json) -> Json:
    given = {"status": "active", "intent": "order", "authoredOn": ago(days=5)} | fields
    return resource("MedicationRequest", name, **{"medicationCodeableConcept": medicine} | given)


def searchset(*resources: Json, **more: Json) -> Json:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": one} for one in resources],
    } | more


def prefetch(*resources: Json, **instead: Json) -> dict[str, Json]:
    """The chart as answers to every key; `instead` replaces the value of a key, with None for null."""
    filled: dict[str, Json] = {}
    for query in asked():
        wanted = {query.resource_type} | ({"Medication"} if query.resource_type in MEDICINES else set())
        found = [one for one in resources if one["resourceType"] in wanted]
        filled[query.key] = searchset(*found) if "?" in query.template else (found[0] if found else None)
    return filled | instead


def advice(*resources: Json, loose: tuple[Json, ...] = (), **instead: Json) -> Advice:
    answers = {
        key: Answer((json.dumps(value).encode(),)) for key, value in prefetch(*resources, **instead).items()
    }
    record = read(asked(), answers, ME, AT, [json.dumps(value).encode() for value in loose])
    return advise_on(record, library(), AT, Voice())


def finding(name: str, *resources: Json, **instead: Json) -> Finding:
    return advice(*resources, **instead).assessment.findings[name]


def truth(name: str, *resources: Json, **instead: Json) -> str:
    return finding(name, *resources, **instead).truth.value


# ---------------------------------------------------------------- 1 to 6: medicines

NOT_SUPPORTED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-supported"}]}


def test_trap_01_a_server_without_medication_statements_is_no_error():
    with_aspirin = advice(request(), medicationStatements=NOT_SUPPORTED)
    without = advice(medicationStatements=NOT_SUPPORTED)

    assert Truth.PRESENT is with_aspirin.assessment.findings["aspirin-use"].truth
    assert Truth.ABSENT is without.assessment.findings["aspirin-use"].truth
    assert [] == [gap.what for gap in list_gaps(without.record, AT)]


@pytest.mark.parametrize(
    "fields", [{"intent": "plan"}, {"reportedBoolean": True}, {"intent": "plan", "reportedBoolean": True}]
)
def test_trap_02_what_patients_report_may_be_a_request(fields):
    (evidence,) = finding("aspirin-use", request(**fields)).evidence

    assert "reported as taken" == evidence.value


def test_trap_02_an_order_is_told_apart_from_a_report():
    (evidence,) = finding("aspirin-use", request(reportedBoolean=False)).evidence

    assert "prescribed" == evidence.value


CONTAINED = {"resourceType": "Medication", "id": "m", "ingredient": [{"itemCodeableConcept": {"text": "Aspirin"}}]}
ELSEWHERE = {"resourceType": "Medication", "id": "elsewhere", "code": ASPIRIN}


@pytest.mark.parametrize(
    ("fields", "certainty"),
    [
        ({"medicationReference": {"reference": "Medication/gone", "display": "Aspirin 75 mg tablet"}}, "text"),
        ({"medicationReference": {"reference": "#m"}, "contained": [CONTAINED]}, "text"),
        ({"medicationReference": {"reference": "Medication/elsewhere"}}, "coded"),
        ({"medicationReference": {"reference": "https://ehr.example/fhir/Medication/elsewhere"}}, "coded"),
        ({"medicationReference": {"reference": "Medication/elsewhere/_history/3"}}, "coded"),
    ],
)
def test_trap_03_a_medicine_behind_a_reference_is_found_or_read_by_its_words(fields, certainty):
    order = resource("MedicationRequest", status="active", intent="order", authoredOn=ago(days=5), **fields)

    (evidence,) = finding("aspirin-use", order, ELSEWHERE).evidence

    assert certainty == evidence.certainty


def test_trap_03_a_medicine_that_cannot_be_found_is_counted_and_never_absent():
    order = resource(
        "MedicationRequest", status="active", intent="order", medicationReference={"reference": "#no"}
    )

    found = finding("aspirin-use", order)

    assert (Truth.UNKNOWN, GapReason.UNIDENTIFIED) == (found.truth, found.gaps[0].reason)


def test_trap_04_any_of_many_codes_names_the_medicine():
    many = {
        "coding": [
            {"system": "urn:oid:2.16.840.1.113883.6.253", "code": "5678"},
            {"system": "http://hl7.org/fhir/sid/ndc", "code": "0000-0000-00"},
            {"system": "urn:oid:2.16.840.1.113883.6.88", "code": "1191"},
            {"system": "urn:oid:1.2.3.4", "code": "ASP81"},
        ]
    }

    assert "present" == truth("aspirin-use", request(many))


def test_trap_04_an_atc_code_counts_by_its_group():
    assert "present" == truth("aspirin-use", request(code(ATC, "B01AC06")))


def test_trap_04_a_combination_counts_for_each_ingredient():
    combination = request(code(RXNORM, "259081", "aspirin / dipyridamole"))

    labels = {item.label for item in finding("antithrombotic-use", combination).evidence}

    assert {"Aspirin", "Dipyridamole"} <= labels


PREDNISOLONE = code(RXNORM, "8638")
LOCAL_ROUTE = {"system": "urn:oid:1.2.840.114350.1.13", "code": "15"}


@pytest.mark.parametrize(
    ("route", "systemic", "topical", "unknown"),
    [
        ({"text": "oral"}, "present", "absent", "absent"),
        ({"text": "topical"}, "absent", "present", "absent"),
        ({"coding": [LOCAL_ROUTE, {"system": SNOMED, "code": "26643006"}]}, "present", "absent", "absent"),
        ({"coding": [LOCAL_ROUTE]}, "unknown", "unknown", "present"),
        (None, "unknown", "unknown", "present"),
    ],
)
def test_trap_05_the_route_decides_and_no_route_is_said(route, systemic, topical, unknown):
    dosage = [{"route": route}] if route else [{"text": "daily"}]
    taken = statement(PREDNISOLONE, dosage=dosage, effectivePeriod={"start": ago(days=60)})

    found = advice(taken).assessment.findings

    assert (systemic, topical, unknown) == tuple(
        found[name].truth.value
        for name in ("steroid-systemic-use", "steroid-topical-use", "steroid-route-unknown")
    )


@pytest.mark.parametrize(
    ("medicine", "expected"),
    [
        (statement(), "present"),
        (statement(status="not-taken"), "absent"),
        (statement(status="entered-in-error"), "absent"),
        (statement(status="on-hold"), "unknown"),
        (statement(status="unknown"), "unknown"),
        (statement(status="intended"), "absent"),
        (statement(status="stopped", effectivePeriod={"end": ago(days=9)}), "present"),
        (statement(status="stopped", effectivePeriod={"end": ago(days=11)}), "absent"),
        (statement(effectivePeriod={"start": ago(days=400), "end": ago(days=300)}), "absent"),
        (request(status="draft"), "absent"),
        (request(status="cancelled"), "absent"),
        (request(status="completed", authoredOn=ago(days=300)), "absent"),
        (request(status="stopped", authoredOn=ago(days=3)), "present"),
        (request(doNotPerform=True), "absent"),
        (request(dosageInstruction=[{"asNeededBoolean": True}]), "present"),
        (
            request(dosageInstruction=[{"timing": {"repeat": {"boundsPeriod": {"end": ago(days=40)}}}}]),
            "absent",
        ),
    ],
)
def test_trap_06_the_status_says_whether_a_medicine_is_taken(medicine, expected):
    assert expected == truth("aspirin-use", medicine)


# ---------------------------------------------------------------- 7 to 9: skin findings

VISIT = resource(
    "Encounter",
    "e1",
    status="in-progress",
    **{"class": {"code": "EMER"}},
    period={"start": ago(hours=4)},
    reasonCode=[PETECHIAE],
)


@pytest.mark.parametrize(
    "entry",
    [
        condition(PETECHIAE),
        condition(code("http://hl7.org/fhir/sid/icd-10-cm", "R23.3")),
        condition({"text": "Petechial rash"}),
        condition({"coding": [{"system": "urn:local", "code": "1", "display": "Petechiae"}]}),
        condition(PETECHIAE, category=[{"coding": [{"code": "encounter-diagnosis"}]}]),
        condition(PETECHIAE, category=[{"coding": [{"code": "health-concern"}]}]),
        observation(PETECHIAE, valueBoolean=True),
        observation(PETECHIAE, valueCodeableConcept=code(SNOMED, "52101004")),
        observation({"text": "Skin"}, valueCodeableConcept=PETECHIAE),
        observation({"text": "Skin"}, component=[{"code": PETECHIAE, "valueBoolean": True}]),
        VISIT,
    ],
)
def test_trap_07_petechiae_are_found_wherever_a_chart_keeps_them(entry):
    assert "present" == truth("rash-petechiae", entry)


@pytest.mark.parametrize(
    "entry",
    [
        observation({"text": "Skin"}, valueBoolean=True, note=[{"text": "Petechiae."}]),
        condition(code(SNOMED, "55464009"), note=[{"text": "Petechiae on both legs."}]),
        condition(code(SNOMED, "55464009"), text={"status": "generated", "div": "<div>Petechiae</div>"}),
        condition(code(SNOMED, "271807003")),
        condition(code("http://hl7.org/fhir/sid/icd-10-cm", "R21")),
    ],
)
def test_trap_07_notes_and_an_unspecified_rash_are_never_petechiae(entry):
    assert "present" != truth("rash-petechiae", entry)
    assert "present" != truth("skin-bleeding", entry)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (observation(PETECHIAE, valueBoolean=False), "absent"),
        (observation(PETECHIAE, valueCodeableConcept=code(SNOMED, "2667000")), "absent"),
        (observation(PETECHIAE, valueString="None seen"), "absent"),
        (observation(PETECHIAE, dataAbsentReason={"coding": [{"code": "not-performed"}]}), "unknown"),
        (observation(PETECHIAE, status="entered-in-error", valueBoolean=True), "unknown"),
        (condition(PETECHIAE, verificationStatus={"coding": [{"code": "refuted"}]}), "absent"),
        (condition(PETECHIAE, verificationStatus={"coding": [{"code": "entered-in-error"}]}), "unknown"),
        (condition(PETECHIAE, verificationStatus={"coding": [{"code": "differential"}]}), "unknown"),
        (condition(PETECHIAE, clinicalStatus={"coding": [{"code": "resolved"}]}), "unknown"),
        (condition(PETECHIAE, abatementDateTime=ago(hours=2)), "unknown"),
    ],
)
def test_trap_08_what_is_denied_doubted_or_over_is_not_present(entry, expected):
    assert expected == truth("rash-petechiae", entry)


@pytest.mark.parametrize(
    "category",
    [
        None,
        [{"coding": [{"system": "urn:oid:1.2.3", "code": "flowsheet"}]}],
        [{"text": "Nursing"}, {"coding": [{"code": "exam"}]}],
        "exam",
    ],
)
def test_trap_09_the_category_of_an_entry_does_not_matter(category):
    fields = {} if category is None else {"category": category}

    assert "present" == truth("rash-petechiae", observation(PETECHIAE, valueBoolean=True, **fields))
    assert "present" == truth("platelets-below-10", platelets(8, **fields))


# ---------------------------------------------------------------- 10 to 13: results


@pytest.mark.parametrize(
    "what",
    [
        *(code(LOINC, number) for number in ("777-3", "26515-7", "778-1", "49497-1", "13056-7", "26516-5")),
        {"text": "Platelet count"},
        {"coding": [{"system": "urn:oid:1.2.3", "code": "PLT", "display": "Platelets"}]},
    ],
)
def test_trap_10_platelets_have_many_codes_and_sometimes_none(what):
    assert "present" == truth("platelets-below-10", {**platelets(8), "code": what})


@pytest.mark.parametrize(
    ("fields", "below_10", "reason"),
    [
        ({"valueQuantity": {"value": 8, "unit": "K/uL"}}, "present", None),
        ({"valueQuantity": {"value": 8000, "unit": "/uL"}}, "present", None),
        ({"valueQuantity": {"value": 8, "unit": "x10E3/mcL"}}, "present", None),
        ({"valueQuantity": {"value": 5, "comparator": "<", "unit": "10*9/L"}}, "present", None),
        ({"valueQuantity": {"value": "<5", "unit": "10*9/L"}}, "present", None),
        ({"valueQuantity": {"value": 1000, "comparator": ">", "unit": "10*9/L"}}, "absent", None),
        ({"valueQuantity": {"value": 50, "comparator": "<", "unit": "10*9/L"}}, "unknown", None),
        ({"valueString": "8 10*9/L"}, "present", None),
        ({"valueQuantity": {"value": 8}}, "unknown", GapReason.UNIT_UNKNOWN),
        ({"valueString": "8"}, "unknown", GapReason.UNIT_UNKNOWN),
        ({"valueQuantity": {"value": 8, "unit": "parsec"}}, "unknown", GapReason.UNIT_UNKNOWN),
        ({"valueQuantity": {"value": 80000, "unit": "10*9/L"}}, "unknown", GapReason.IMPLAUSIBLE),
        ({"valueString": "CLUMPED"}, "unknown", GapReason.VALUE_UNKNOWN),  # nobody has the number
        ({"dataAbsentReason": {"coding": [{"code": "masked"}]}}, "unknown", GapReason.VALUE_UNKNOWN),
        ({"dataAbsentReason": {"coding": [{"code": "not-performed"}]}}, "unknown", None),
        ({"interpretation": [{"coding": [{"code": "LL"}]}]}, "unknown", GapReason.VALUE_UNKNOWN),
    ],
)
def test_trap_11_a_number_counts_only_with_a_unit_we_know(fields, below_10, reason):
    found = finding("platelets-below-10", observation(code(LOINC, "777-3"), **fields))

    assert (below_10, reason) == (found.truth.value, found.gaps[0].reason if found.gaps else None)


def test_trap_11_clumped_platelets_are_a_finding_of_their_own():
    assert "present" == truth("platelet-clumping", observation(code(LOINC, "777-3"), valueString="CLUMPED"))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([platelets(8, status="preliminary")], "present"),
        ([platelets(8, status="cancelled")], "unknown"),
        ([platelets(8, status="entered-in-error")], "unknown"),
        ([platelets(8, "a"), platelets(80, "b", effectiveDateTime=ago(hours=1))], "absent"),
        ([platelets(80, "a"), platelets(8, "b", effectiveDateTime=ago(hours=1))], "present"),
        (
            [
                platelets(8, "a", issued=ago(hours=4), status="final"),
                platelets(80, "b", issued=ago(hours=2), status="corrected"),
            ],
            "absent",
        ),
        ([platelets(8, effectiveDateTime=ago(days=4))], "unknown"),
    ],
)
def test_trap_12_the_newest_result_counts_and_a_correction_replaces(entries, expected):
    assert expected == truth("platelets-below-10", *entries)


def test_trap_12_a_preliminary_result_is_said_to_be_one():
    (evidence,) = finding("platelets-below-10", platelets(8, status="preliminary")).evidence

    assert ("preliminary",) == evidence.flags


@pytest.mark.parametrize("number", ["8310-5", "8331-1", "8328-7", "8333-7"])
@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (37.9, "Cel", "absent"),
        (38, "degC", "present"),
        (100.4, "[degF]", "present"),
        (100.3, "degF", "absent"),
        (38.5, "K", "unknown"),
    ],
)
def test_trap_13_a_temperature_is_read_by_every_route_and_in_both_scales(number, value, unit, expected):
    measured = observation(code(LOINC, number), valueQuantity={"value": value, "unit": unit})

    assert expected == truth("temperature-38-or-over", measured)


# ---------------------------------------------------------------- 14 to 17: how it is sent


@pytest.mark.parametrize(
    ("onset", "expected"),
    [
        ("2026-03-17", "present"),
        ("2026-03-17T08:00:00", "present"),
        ("2026-03-17T08:00", "present"),
        ("2026-03-04", "present"),
        ("2026-03-03", "unknown"),
        ("2026-03", "present"),
        ("2026", "present"),
        ("2025", "unknown"),
        ("not a date", "present"),
    ],
)
def test_trap_14_a_date_is_as_long_as_it_is_written_and_the_safer_reading_counts(onset, expected):
    assert expected == truth("rash-petechiae", condition(PETECHIAE, onsetDateTime=onset))


def test_trap_14_what_is_dated_in_the_future_is_left_out_and_said():
    record = advice(condition(PETECHIAE, onsetDateTime="2027-01-01")).record

    assert ((), [GapReason.FUTURE]) == (record.problems, [gap.reason for gap in record.gaps])


ENTRY = condition(PETECHIAE)
REMARK = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}


@pytest.mark.parametrize(
    "value",
    [
        ENTRY,
        [ENTRY],
        searchset(ENTRY),
        {**searchset(ENTRY), "type": "collection"},
        {**searchset(ENTRY), "total": 1},
        {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1", "resource": ENTRY}]},
        {
            "resourceType": "Bundle",
            "entry": [{"resource": ENTRY, "search": {"mode": "match"}}, {"resource": REMARK}],
        },
    ],
)
def test_trap_15_every_shape_of_an_answer_is_read(value):
    assert "present" == truth("rash-petechiae", conditions=value)


@pytest.mark.parametrize(
    "value", [None, {"resourceType": "Bundle"}, {"resourceType": "Bundle", "total": 0}, searchset()]
)
def test_trap_15_nothing_is_an_answer_and_a_failure_is_not(value):
    nothing = advice(conditions=value)
    failed = advice(conditions={"resourceType": "OperationOutcome", "issue": [{"code": "exception"}]})

    assert [] == [*list_gaps(nothing.record, AT)]
    assert ["Problem list"] == [gap.what for gap in list_gaps(failed.record, AT)]


def test_trap_15_entries_under_unknown_keys_are_read_for_presence_only():
    sent = advice(loose=(searchset(ENTRY, platelets(8)),))

    assert Truth.PRESENT is sent.assessment.findings["rash-petechiae"].truth


def test_trap_15_a_chart_of_which_nothing_essential_came_gets_no_answer():
    record = read(asked(), {"patient": Answer((json.dumps(person()).encode(),))}, ME, AT)

    with pytest.raises(DataUnavailable):
        answer(record, library(), AT, Voice())


EXTENSION = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason"}]}


def test_trap_16_an_extension_in_place_of_a_value_costs_only_that_value():
    born = person(_birthDate=EXTENSION, gender="male")
    rash = condition(PETECHIAE, recorder=EXTENSION, _recordedDate=EXTENSION, severity=EXTENSION)
    order = request(requester=EXTENSION, encounter={"reference": None}, _priority=EXTENSION)
    empty = observation(PETECHIAE, "o2", _valueBoolean=EXTENSION)

    found = advice(born, rash, order, empty)

    assert found.record.patient.born is None
    assert (Truth.PRESENT, Truth.PRESENT) == (
        found.assessment.findings["rash-petechiae"].truth,
        found.assessment.findings["aspirin-use"].truth,
    )
    assert ("unreadable-type",) == tuple(entry.value_missing for entry in found.record.observed)


def test_trap_17_only_searches_that_every_server_knows_are_asked():
    for query in asked():
        path, _, parameters = query.template.partition("?")
        names = [part.split("=")[0] for part in parameters.split("&") if part]

        assert len(names) == len(set(names)), query.key
        assert set(names) <= {"patient", "code", "category", "_count", "_sort", "_include"}, query.key
        assert not ("code" in names and path == "Condition"), query.key
        assert "_count=200" in parameters or not parameters, query.key


def test_trap_17_a_list_that_was_cut_off_is_complete_only_as_far_back_as_it_reaches():
    page = searchset(
        observation(code(LOINC, "718-7"), "a", effectiveDateTime=ago(hours=1)),
        observation(code(LOINC, "718-7"), "b", effectiveDateTime=ago(hours=30)),
        link=[{"relation": "next", "url": "https://ehr.example/fhir/Observation?page=2"}],
    )

    cut = advice(observationsByCategory=page)

    assert "Results and observations" in [gap.what for gap in list_gaps(cut.record, AT)]
    assert Truth.UNKNOWN is cut.assessment.findings["new-lesions"].truth


# ---------------------------------------------------------------- 18 and 19: how we are called


def called(**more: Json) -> bytes:
    body = {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "PractitionerRole/7", "patientId": ME},
        "prefetch": prefetch(person(birthDate="1980-01-01"), ENTRY, platelets(8)),
    }
    return json.dumps(body | more).encode()


@pytest.fixture(scope="module")
def client():
    async def cards(call, fetch_missing):
        return (await advise(call, fetch_missing, library(), AT, Voice())).cards

    templates = {query.key: query.template for query in asked()}
    deployment = Deployment(
        settings=Settings(profile="sandbox"),
        services=tuple((service, templates) for service in SERVICES),
        answer=cards,
        version={"software": "0", "knowledge": "0", "digest": "0"},
    )
    return TestClient(assemble(deployment), follow_redirects=False)


def test_trap_18_a_hook_that_fires_for_other_reasons_or_again_gets_the_same_cards(client):
    trigger = {"com.epic.cdshooks.request.bpa-trigger-action": "23"}

    calls = (called(), called(), called(extension=trigger))
    said = [re.sub(r'"uuid":"[^"]*"', "", post(client, call).text) for call in calls]

    assert "critical" in said[0]
    assert said[0] == said[1] == said[2]
    assert ME == parse_request(called(extension=trigger)).patient_id


def post(client, body, path=PATH, **headers):
    return client.post(path, content=body, headers={"content-type": "application/json"} | headers)


@pytest.mark.parametrize("path", [f"{PATH}/", PATH.upper(), f"/{PATH}", "/cds-services/Petechiae-patient-view"])
def test_trap_19_only_the_exact_address_is_answered_and_none_redirects(client, path):
    assert 404 == post(client, called(), path).status_code


def test_trap_19_nothing_of_an_answer_comes_from_the_host_header(client):
    known = client.get("/cds-services")
    forged = client.get("/cds-services", headers={"host": "evil.example", "x-forwarded-host": "evil.example"})

    assert known.json() == forged.json()
    assert "evil.example" not in post(client, called(), host="evil.example").text


# ---------------------------------------------------------------- 20: whom it is about


@pytest.mark.parametrize(
    ("born", "adult", "child"),
    [
        ("2008-03-18", "present", "absent"),
        ("2008-03-19", "absent", "present"),
        ("2008-03", "unknown", "unknown"),
        ("2008", "unknown", "unknown"),
        ("1960", "present", "absent"),
        (None, "unknown", "unknown"),
    ],
)
def test_trap_20_a_partial_birth_date_leaves_the_age_open_only_where_it_matters(born, adult, child):
    found = advice(person(**({"birthDate": born} if born else {}))).assessment.findings

    assert (adult, child) == (found["age-18-or-over"].truth.value, found["age-under-18"].truth.value)


def test_trap_20_without_a_birth_date_neither_the_childs_nor_the_adults_rule_is_lost():
    chart = (ENTRY, observation(code(LOINC, "8310-5"), valueQuantity={"value": 39.2, "unit": "Cel"}))

    fired = {match.rule for match in advice(*chart).assessment.criteria if match.truth is Truth.PRESENT}

    assert fired
    assert "present" == truth("age-not-recorded", *chart)


@pytest.mark.parametrize("death", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-03-01"}])
def test_trap_20_nobody_is_told_about_the_dead(death):
    assert advice(person(), ENTRY, platelets(8)).cards
    assert () == advice(person(**death), ENTRY, platelets(8)).cards


# ---------------------------------------------------------------- statement and request

WARFARIN = code(RXNORM, "11289")


@pytest.mark.parametrize(("medicine", "name"), [(ASPIRIN, "aspirin-use"), (WARFARIN, "anticoagulant-use")])
def test_a_statement_and_the_same_request_are_one_finding(medicine, name):
    since = {"start": ago(days=5)}
    stated = statement(medicine, effectivePeriod=since)
    ordered = request(medicine)

    one, other, both = (finding(name, *chart) for chart in ([stated], [ordered], [stated, ordered]))

    assert {Truth.PRESENT} == {one.truth, other.truth, both.truth}
    assert [1, 1, 1] == [len(found.evidence) for found in (one, other, both)]
    assert one.evidence[0].label == other.evidence[0].label == both.evidence[0].label


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (statement(), "reported as taken"),
        (request(), "prescribed"),
        (
            resource(
                "MedicationAdministration",
                status="completed",
                medicationCodeableConcept=ASPIRIN,
                effectiveDateTime=ago(hours=3),
            ),
            "given",
        ),
        (
            resource(
                "MedicationDispense",
                status="completed",
                medicationCodeableConcept=ASPIRIN,
                whenHandedOver=ago(days=3),
                daysSupply={"value": 30},
            ),
            "dispensed",
        ),
    ],
)
def test_who_says_that_a_medicine_is_taken_is_kept(entry, words):
    (evidence,) = advice(loose=(entry,)).assessment.findings["aspirin-use"].evidence

    assert words == evidence.value


def test_every_trap_has_its_test():
    numbers = {int(number) for name in globals() for number in re.findall(r"^test_trap_(\d\d)_", name)}

    assert set(range(1, 21)) == numbers
