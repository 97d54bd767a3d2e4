"""The screen lets every entry through that could make a rule speak, and spares what cannot."""

import pytest

from cds_hooks.populations import screen as module
from cds_hooks.populations.scatter import Scatter
from cds_hooks.populations.screen import Screen
from tests.build import library_of
from tests.protocol.charts import AT, ago, petechiae, platelets
from tests.unit.populations.exports import LIBRARY, rows, screen

BLOOD_PRESSURE = {"resourceType": "Observation", "id": "b", "status": "final"} | {
    "subject": {"reference": "Patient/p1"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
}

VISIT = {"resourceType": "Encounter", "id": "e", "status": "finished", "subject": {"reference": "Patient/p1"}}


def speaks(resource, *, since=AT, libraries=()):
    [row] = rows(resource, scatter=Scatter(screen(*libraries, since=since)))
    return row.may_speak


@pytest.mark.parametrize(
    "resource",
    [
        petechiae(),
        petechiae(code={"text": "purpuric rash"}),
        petechiae(code={"text": "came with a few petechiae on both legs"}),
        platelets(8),
        BLOOD_PRESSURE | {"code": {"text": "Examination"}, "valueString": "petechiae on the legs"},
        BLOOD_PRESSURE | {"valueCodeableConcept": {"text": "petechiae"}},
        BLOOD_PRESSURE | {"component": [{"code": {"text": "petechiae"}, "valueBoolean": True}]},
        {
            "resourceType": "Encounter",
            "id": "e",
            "status": "finished",
            "subject": {"reference": "Patient/p1"},
            "reasonCode": [{"text": "petechiae"}],
        },
        {"resourceType": "Flag", "id": "f", "subject": {"reference": "Patient/p1"}, "code": {"text": "petechiae"}},
    ],
    ids=lambda resource: resource["resourceType"],
)
def test_what_names_or_measures_what_a_rule_asks_for_may_speak(resource):
    assert speaks(resource)


@pytest.mark.parametrize(
    "resource",
    [
        petechiae(code={"text": "Gout"}),
        BLOOD_PRESSURE | {"component": [{"code": {"text": "Systolic"}, "valueQuantity": {"value": 120}}]},
        BLOOD_PRESSURE | {"valueString": "well"},
        {"resourceType": "Procedure", "id": "x", "subject": {"reference": "Patient/p1"}, "status": "completed"},
        {"resourceType": "Patient", "id": "p1"},
        {"resourceType": "MedicationStatement", "id": "x", "subject": {"reference": "Patient/p1"}},
    ],
    ids=lambda resource: resource["resourceType"],
)
def test_what_no_rule_asks_for_does_not(resource):
    assert not speaks(resource)


def test_an_old_count_does_not_speak_and_an_undated_one_may():
    undated = platelets(8)
    del undated["effectiveDateTime"]

    assert not speaks(platelets(8, effectiveDateTime=ago(days=60)))
    assert not speaks(undated | {"issued": ago(days=60)})
    assert speaks(platelets(8, effectiveDateTime=ago(days=60)), since=None)
    assert speaks(platelets(8, effectiveDateTime="soon"))
    assert speaks(undated)
    assert speaks(undated | {"issued": ago(days=60), "effectivePeriod": {"start": ago(days=1)}})
    assert speaks(undated | {"issued": ago(days=60), "effectiveInstant": ago(days=1)})


@pytest.mark.parametrize(
    "resource",
    [
        petechiae(code={"text": "Gout"}, dateRecorded="2020-01-01"),
        BLOOD_PRESSURE | {"comments": "DSTU2"},
        petechiae(code=True),
        BLOOD_PRESSURE | {"component": "odd", "code": {"text": "a"}},
    ],
    ids=["another version", "another version of results", "a code that is none", "components that are none"],
)
def test_an_entry_that_is_a_gap_of_an_essential_list_may_speak_unless_it_only_loses_parts(resource):
    assert speaks(resource) is (resource.get("component") is None)


def test_what_was_found_out_is_found_out_once_and_forgotten_when_it_is_too_much(monkeypatch):
    monkeypatch.setattr(module, "_WAYS", 2)
    one = screen()
    texts = ["Gout", "petechiae", "Asthma", "petechiae", "Gout"]
    found = [rows(petechiae(code={"text": text}), scatter=Scatter(one))[0].may_speak for text in texts]

    assert [False, True, False, True, False] == found


@pytest.mark.parametrize(
    ("dated", "may_speak"),
    [
        ({"effectiveDateTime": "2031-01-01"}, True),
        ({"effectiveDateTime": ago(days=60), "issued": "2031-01-01T00:00:00Z"}, True),
        ({"effectiveDateTime": None, "effectiveInstant": "2031-01-01T00:00:00Z"}, True),
        ({"effectiveDateTime": None, "effectivePeriod": {"start": ago(days=60), "end": "2031"}}, True),
        ({"effectiveDateTime": "2026-03-02T08:00:00Z"}, False),
        ({"effectiveDateTime": "2026-03-02T08:00:00-05:00"}, True),
        ({"effectiveDateTime": "soon"}, False),
    ],
)
def test_a_result_dated_ahead_leaves_its_list_open_and_so_may_speak(dated, may_speak):
    assert speaks(BLOOD_PRESSURE | dated) is may_speak


@pytest.mark.parametrize("member", ["recordedDate", "assertedDate", "onsetDateTime"])
def test_a_problem_dated_ahead_may_speak_and_a_visit_does_not(member):
    assert speaks(petechiae(code={"text": "Gout"}) | {member: "2031-01-01"})
    assert speaks(petechiae(code={"text": "Gout"}, onsetPeriod={"start": "2031-01-01"}))
    assert not speaks(VISIT | {"period": {"start": "2031-01-01"}})


# ---------------------------------------------------------------- values, and rules for any chart


RULES = {
    "bound-to-the-laboratory": (
        'measure: {concept: platelet-count, is: {below: "1", of: lower-limit}, within: {days: 7}}'
    ),
    "rash": "sign: {concepts: [petechiae], observed_within: {days: 14}, any_active_problem: true}",
    "low": 'measure: {concept: platelet-count, is: {below: "10", unit: "10*9/L"}, within: {days: 7}}',
    "adult": "person: {age: {from: {years: 18}}}",
    "falling": (
        'trend: {concept: haemoglobin, change: fall, by: {at_least: "20", unit: "%"}, latest_within: {days: 3}, '
        "baseline_within: {days: 30}}"
    ),
}


def test_a_value_outside_every_range_that_is_asked_for_does_not_speak():
    assert not speaks(platelets(250))
    assert speaks(platelets(250, valueQuantity={"value": 250, "unit": "furlong"}))
    assert speaks(platelets(250, valueQuantity={"value": 250, "comparator": "<", "unit": "10*9/L"}))
    assert speaks(platelets(250, valueQuantity=None, valueString="see text"))
    assert speaks(platelets(250, valueQuantity={"value": ["many"]}))
    assert speaks(platelets(9, status="entered-in-error"))


@pytest.mark.parametrize("most", [1, 100])
def test_a_number_that_wakes_nothing_is_looked_at_once_and_others_still_speak(monkeypatch, most):
    monkeypatch.setattr(module, "_WAYS", most)
    scatter = Scatter(screen())
    numbers = [250, 250, 260, 250, 8, 250, 8]
    found = [rows(platelets(number), scatter=scatter)[0].may_speak for number in numbers]

    assert [False, False, False, False, True, False, True] == found


def test_the_same_number_in_a_part_is_looked_at_each_time():
    part = {"code": platelets(8)["code"], "valueQuantity": {"value": 250, "unit": "10*9/L"}}
    scatter = Scatter(screen())
    found = [
        rows(
            BLOOD_PRESSURE | {"component": [part | {"valueQuantity": {"value": value, "unit": "10*9/L"}}]},
            scatter=scatter,
        )
        for value in (250, 8)
    ]

    assert [False, True] == [row.may_speak for [row] in found]


def test_what_a_trend_asks_for_speaks_with_any_value():
    fall = "when: falling\nneeds_skin_bleeding: false"
    library = library_of(RULES, criteria={"R-AD-01": fall})
    haemoglobin = platelets(140, code={"text": "haemoglobin"}, valueQuantity={"value": 140, "unit": "g/L"})

    assert speaks(haemoglobin, libraries=(library,))


def test_with_a_rule_that_can_speak_on_any_chart_every_chart_is_assessed():
    library = library_of(RULES, criteria={"R-AD-01": "when: adult\nneeds_skin_bleeding: false"})

    assert Screen([library], AT, AT).is_open
    assert speaks(petechiae(code={"text": "Gout"}), libraries=(library,))
    assert not Screen([LIBRARY], AT, AT).is_open
