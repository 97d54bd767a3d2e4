"""What a search finds, refuses, sorts, pages and includes."""

from datetime import datetime
from typing import Any

import pytest

from sandbox.search import LARGEST_PAGE, SearchError, search
from sandbox.store import Store, Story, gather

LOINC = "http://loinc.org"


def observation(name: str, code: str, at: str | None, **more: Any) -> dict[str, Any]:
    dated = {"effectiveDateTime": at} if at else {}
    coded = {"coding": [{"system": LOINC, "code": code}, {"code": f"local-{code}"}]}
    category = [{"coding": [{"system": "urn:category", "code": "laboratory"}]}]
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": coded,
        "category": category,
        **dated,
    } | more


def story(patient_id: str, *resources: dict[str, Any]) -> Story:
    patient = {"resourceType": "Patient", "id": patient_id, "gender": "female", "birthDate": "1990-05-01"}
    stamp = {"meta": {"lastUpdated": "2026-03-01T08:00:00Z"}}
    filed = tuple({**stamp, **one} for one in (patient, *resources))
    return Story(id=patient_id, kind="silent", headline="A story", patient=filed[0], resources=filed)


@pytest.fixture(scope="module")
def store(at: datetime) -> Store:
    anna = story(
        "anna",
        observation("old", "777-3", "2026-02-01T08:00:00Z"),
        observation("new", "777-3", "2026-03-01T08:00:00+00:00"),
        observation("undated", "718-7", None),
        observation("amended", "718-7", "2026-02-15", status="amended"),
        {
            "resourceType": "MedicationStatement",
            "id": "drug-by-reference",
            "status": "active",
            "medicationReference": {"reference": "Medication/drug"},
            "effectivePeriod": {"start": "2026-01-01"},
        },
        {
            "resourceType": "MedicationStatement",
            "id": "same-drug-again",
            "status": "completed",
            "medicationReference": {"reference": "Medication/drug"},
            "effectivePeriod": {"start": "2025-01-01", "end": "2025-02-01"},
        },
        {"resourceType": "Medication", "id": "drug", "code": {"coding": [{"system": "urn:drugs", "code": "a"}]}},
        {
            "resourceType": "Encounter",
            "id": "visit",
            "status": "finished",
            "class": {"system": "urn:c", "code": "AMB"},
        },
    )
    return gather(at, [anna, story("bert", observation("berts", "777-3", "2026-03-01"))])


def ids(store: Store, resource_type: str, *asked: tuple[str, str]) -> list[str]:
    return [one["id"] for one in search(store, resource_type, asked).matches]


def test_without_parameters_everything_of_the_type_is_found(store: Store):
    assert ["anna", "bert"] == ids(store, "Patient")


@pytest.mark.parametrize("name", ["patient", "subject"])
@pytest.mark.parametrize("value", ["bert", "Patient/bert", "https://ehr.example/fhir/Patient/bert"])
def test_a_patient_is_named_by_id_or_reference(store: Store, name: str, value: str):
    assert ["berts"] == ids(store, "Observation", (name, value))


def test_an_unknown_patient_has_no_entries(store: Store):
    assert [] == ids(store, "Observation", ("patient", "nobody"))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("777-3", ["old", "new"]),
        (f"{LOINC}|777-3", ["old", "new"]),
        (f"{LOINC}|", ["old", "new", "undated", "amended"]),
        ("|local-718-7", ["undated", "amended"]),
        ("|777-3", []),
        ("urn:other|777-3", []),
        (f"nothing,{LOINC}|718-7,{LOINC}|777-3", ["old", "new", "undated", "amended"]),
    ],
)
def test_tokens_match_by_code_system_or_both(store: Store, code: str, found: list[str]):
    assert found == ids(store, "Observation", ("patient", "anna"), ("code", code))


@pytest.mark.parametrize("value", ["amended", "http://hl7.org/fhir/observation-status|amended"])
def test_a_plain_code_matches_with_and_without_the_system_fhir_gives_it(store: Store, value: str):
    assert ["amended"] == ids(store, "Observation", ("status", value))


def test_a_coding_alone_is_a_token_too(store: Store):
    assert ["visit"] == ids(store, "Encounter", ("class", "urn:c|AMB"))


def test_category_is_read_through_its_list(store: Store):
    assert 5 == len(ids(store, "Observation", ("category", "laboratory")))


def test_repeated_parameters_must_all_hold(store: Store):
    assert ["old"] == ids(store, "Observation", ("date", "ge2026-02-01"), ("date", "lt2026-02-02"))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("2026-02-01", ["old"]),
        ("eq2026-02", ["old", "amended"]),
        ("ne2026-02", ["new"]),
        ("gt2026-02-15", ["new"]),
        ("ge2026-02-15", ["new", "amended"]),
        ("le2026-02-01", ["old"]),
        ("lt2026-02-01T08:00:00Z", []),
        ("2026-02-01,2026-02-15", ["old", "amended"]),
    ],
)
def test_dates_compare_by_prefix_and_precision(store: Store, wanted: str, found: list[str]):
    assert found == ids(store, "Observation", ("patient", "anna"), ("date", wanted))


def test_a_running_period_reaches_into_the_future(store: Store):
    assert ["drug-by-reference"] == ids(store, "MedicationStatement", ("effective", "ge2026-02-01"))


def test_last_updated_can_be_asked_for(store: Store):
    assert 2 == len(ids(store, "Patient", ("_lastUpdated", "ge2026-03-01")))
    assert [] == ids(store, "Patient", ("_lastUpdated", "gt2026-03-01"))


def test_ids_can_be_asked_for(store: Store):
    assert ["old", "berts"] == ids(store, "Observation", ("_id", "old,berts,none"))


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("date", ["old", "amended", "new", "undated"]),
        ("-date", ["new", "amended", "old", "undated"]),
        ("code,-date", ["amended", "undated", "new", "old"]),
        ("-_id", ["undated", "old", "new", "amended"]),
        ("_lastUpdated", ["old", "new", "undated", "amended"]),
    ],
)
def test_matches_are_sorted_and_the_undated_come_last(store: Store, order: str, found: list[str]):
    assert found == ids(store, "Observation", ("patient", "anna"), ("_sort", order))


def test_pages_follow_each_other_without_gap_or_repeat(store: Store):
    first = search(store, "Observation", [("_count", "2")])
    second = search(store, "Observation", [("_count", "2"), ("_offset", str(first.next_offset))])
    last = search(store, "Observation", [("_count", "2"), ("_offset", str(second.next_offset))])

    everything = [*first.matches, *second.matches, *last.matches]
    assert ids(store, "Observation") == [one["id"] for one in everything]
    assert [5, 5, 5] == [page.total for page in (first, second, last)]
    assert last.next_offset is None


def test_count_zero_gives_the_total_alone(store: Store):
    page = search(store, "Observation", [("_count", "0")])

    assert (5, (), None) == (page.total, page.matches, page.next_offset)


def test_a_page_is_never_larger_than_the_largest(at: datetime):
    crowd = [observation(f"o{number}", "777-3", None) for number in range(LARGEST_PAGE + 1)]

    page = search(gather(at, [story("anna", *crowd)]), "Observation", [("_count", "100000")])

    assert (LARGEST_PAGE, LARGEST_PAGE) == (len(page.matches), page.next_offset)


def test_medications_come_along_once_for_the_matches_of_the_page(store: Store):
    page = search(store, "MedicationStatement", [("_include", "MedicationStatement:medication")])

    assert ["drug"] == [one["id"] for one in page.included]
    assert 2 == page.total


def test_nothing_comes_along_unasked(store: Store):
    assert () == search(store, "MedicationStatement", []).included


def test_a_type_no_chart_holds_is_empty(store: Store):
    assert 0 == search(store, "Immunization", [("patient", "anna")]).total


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("colour", "red", 'parameter "colour" is not known for Observation; known are _count'),
        ("code:in", "http://x", 'parameter "code:in" is not known'),
        ("code", "", 'parameter "code" has no value'),
        ("date", "yesterday", 'parameter "date" needs a date like'),
        ("date", "ap2026", 'parameter "date" needs a date like'),
        ("date", "ge2026-13-40", 'parameter "date" needs a date like'),
        ("date", "ge9999-12-31", 'parameter "date" needs a date like'),
        ("date", "20260302", 'parameter "date" needs a date like'),
        ("_count", "1" * 5000, "_count needs a whole number"),
        ("_sort", "colour", '_sort cannot use "colour"'),
        ("_sort", "patient", '_sort cannot use "patient"'),
        ("_count", "-1", "_count needs a whole number"),
        ("_count", "many", "_count needs a whole number"),
        ("_include", "Observation:patient", '_include "Observation:patient" is not offered for Observation'),
        ("_include", "MedicationStatement:medication", "is not offered for Observation"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(store: Store, name: str, value: str, message: str):
    with pytest.raises(SearchError, match=message):
        search(store, "Observation", [(name, value)])


def test_a_bad_date_is_refused_even_when_there_is_nothing_to_compare(store: Store):
    with pytest.raises(SearchError):
        search(store, "Immunization", [("date", "yesterday")])
