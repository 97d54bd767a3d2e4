"""A chart put together from rows says what the service says of the same chart when it is posted."""

import json
from datetime import timedelta

import pytest

from cds_hooks.cards.wire import response_json, with_uuids
from cds_hooks.chart.queries import queries
from cds_hooks.populations.charts import record_of
from cds_hooks.populations.scatter import Scatter
from cds_hooks.populations.settle import hashed_id, settle
from cds_hooks.populations.spill import name_of
from cds_hooks.populations.telling import digest_of
from tests.build import library_of
from tests.protocol.charts import AT, PATIENT, ago, bundle, petechiae, platelets
from tests.unit.populations.exports import (
    KEY,
    LIBRARY,
    STORIES,
    chart,
    no_medication,
    plan,
    raw,
    rows,
    screen,
    silent,
    speaking,
)
from tests.unit.populations.posting import posted

WARFARIN = {
    "resourceType": "MedicationStatement",
    "id": "s1",
    "status": "active",
    "subject": {"reference": "Patient/p1"},
    "medicationReference": {"reference": "http://ehr.example/Medication/m1"},
    "effectivePeriod": {"start": ago(days=9)},
}


def settled(*resources, medication=None, **changes):
    """The results of charts; Medications that are nobody's are found by their reference."""
    found = rows(*resources)
    shared = {name_of(row.slim): row.slim for row in found if not row.patient}
    return list(settle([row for row in found if row.patient], plan(**changes), medication or shared.get))


def one(*resources, **changes):
    [result] = settled(*resources, **changes)
    return result


def own(patient):
    """The story without what was filed under another patient: in an export that is the other's."""
    return [
        one for one in STORIES[patient] if one.get("subject", {}).get("reference") in {None, f"Patient/{patient}"}
    ]


@pytest.mark.parametrize("patient", STORIES)
def test_every_story_gets_the_cards_that_the_service_gives(patient):
    result = one(*own(patient))

    assert posted(own(patient), patient) == (result.cards_digest, result.cards)


def test_some_stories_have_cards_and_some_have_none():
    assert {True, False} == {bool(one(*own(patient)).cards) for patient in STORIES}


def test_a_result_tells_tier_rules_and_skin():
    result = one(*speaking("p1"))

    assert hashed_id("p1", KEY) == result.patient
    assert "present" == result.skin_bleeding
    assert "EMERGENCY" in {said.tier for said in result.rules if said.speaks} | {result.tier}
    assert result.spoken
    assert result.milliseconds > 0
    assert "p1" not in json.dumps([said.rule for said in result.rules])


def test_a_chart_that_cannot_speak_is_not_assessed():
    result = one(*silent("p1")[:2])

    assert (False, (), "") == (result.assessed, result.cards, result.skin_bleeding)


def test_without_problems_or_observations_in_the_export_every_chart_is_assessed():
    result = one(*silent("p1")[:2], listed=frozenset({"Patient", "Condition"}))

    assert result.assessed
    assert result.cards == ("info",)
    assert "Results and observations: not supplied" in result.gaps


def test_without_both_the_service_has_no_answer_and_the_result_says_so():
    result = one(PATIENT, listed=frozenset({"Patient"}), against=LIBRARY)

    assert not result.answered
    assert result.before == result.before.__class__()


def test_a_list_of_a_file_that_ends_in_the_middle_is_not_whole():
    result = one(*speaking("p1"), cut_short=frozenset({"Condition"}))

    assert "Problem list: only partly supplied" in result.gaps


def test_with_problems_cut_off_every_chart_says_so_also_one_that_came_whole():
    alone = one(*silent("p1"), cut_short=frozenset({"Condition"}))
    whole = one(bundle(*silent("p1")), cut_short=frozenset({"Condition"}))

    assert [(True, ("info",)), (True, ("info",))] == [(each.assessed, each.cards) for each in (alone, whole)]


def test_results_that_were_cut_off_are_complete_back_to_nothing():
    old = [PATIENT, petechiae(), platelets(250, effectiveDateTime=ago(days=60))]

    result = one(*old, cut_short=frozenset({"Observation"}))

    assert "Results and observations: only partly supplied" in result.gaps
    assert not one(*silent("p1"), cut_short=frozenset({"Observation"})).assessed


def test_of_too_many_entries_the_newest_are_read():
    older = [platelets(250, id=f"o{n}", effectiveDateTime=ago(days=n + 1)) for n in range(9)]
    newest = platelets(8, id="low", effectiveDateTime=ago(hours=1))

    result = one(PATIENT, petechiae(), *older, newest, most=3)

    assert result.tier == one(PATIENT, petechiae(), newest).tier != ""


@pytest.mark.parametrize("place", [0, 5, 12])
def test_of_very_many_entries_the_newest_are_read_in_whatever_order_they_come(place):
    some = [platelets(250, id=f"o{n}", effectiveDateTime=ago(days=n + 1)) for n in range(12)]
    some.insert(place, platelets(8, id="low", effectiveDateTime=ago(hours=1)))

    result = one(PATIENT, petechiae(), *some, most=2)

    assert result.tier == one(PATIENT, petechiae(), platelets(8)).tier != ""
    assert "Results and observations: only partly supplied" in result.gaps


def test_a_chart_is_assessed_also_when_what_could_speak_is_too_old_to_be_read():
    undated = {name: value for name, value in platelets(8).items() if name != "effectiveDateTime"}
    some = [platelets(250, id=f"o{n}", effectiveDateTime=ago(days=n + 1)) for n in range(12)]

    assert one(PATIENT, undated, *some, most=2).assessed
    assert not one(PATIENT, *some, most=2).assessed


def test_what_is_old_at_the_last_instant_is_read_at_one_before():
    some = [platelets(250, id=f"o{n}", effectiveDateTime=ago(hours=n + 1)) for n in range(12)]
    low = platelets(8, id="low", effectiveDateTime=ago(days=5))
    spots = petechiae(recordedDate=ago(days=5))

    before, now = settled(PATIENT, spots, low, *some, most=2, instants=(AT - timedelta(days=4), AT))

    assert before.tier == one(PATIENT, petechiae(), platelets(8)).tier != now.tier


def test_a_medication_is_found_by_its_reference_and_by_what_it_consists_of():
    known = {
        "Medication/m1": raw(
            {
                "resourceType": "Medication",
                "id": "m1",
                "ingredient": [{"itemReference": {"reference": "Medication/m2"}}],
            }
        ),
        "Medication/m2": raw({"resourceType": "Medication", "id": "m2", "code": {"text": "Warfarin"}}),
    }

    record = record_of(chart("p1", rows(PATIENT, WARFARIN), medication=known.get), AT, LIBRARY)

    [use] = record.medications
    assert "Warfarin" in str(use)


def test_a_medication_that_nobody_has_leaves_the_medicine_unnamed():
    contained = WARFARIN | {"id": "s2", "medicationReference": {"reference": "#m"}}
    bare = WARFARIN | {"id": "s3", "medicationReference": None, "medicationCodeableConcept": {"text": "Aspirin"}}
    r5 = {key: value for key, value in WARFARIN.items() if key != "medicationReference"} | {
        "id": "s4",
        "medication": {"reference": {"reference": "Medication/m9"}},
    }
    odd = WARFARIN | {"id": "s5", "medicationReference": {"reference": "Medication/\udcff"}}
    asked = []

    found = rows(PATIENT, WARFARIN, contained, bare, r5)
    broken = rows(odd | {"medicationReference": {"reference": "Medication/m1"}})
    broken = [row.__class__("p1", row.kind, row.slim.replace(b"m1", b"\xff")) for row in broken]
    record = record_of(chart("p1", [*found, *broken], medication=asked.append), AT, LIBRARY)

    assert {"Medication/m1", "Medication/m9"} == set(asked)
    assert 4 == len(record.medications)


def test_an_order_of_something_else_points_to_no_medication():
    order = {"resourceType": "MedicationOrder", "id": "x", "patient": {"reference": "Patient/p1"}}
    asked = []

    record_of(chart("p1", rows(order), medication=asked.append), AT, LIBRARY)

    assert [] == asked


def test_a_chart_that_came_whole_has_read_every_list():
    resources = [{"fullUrl": f"urn:uuid:{n}", "resource": one} for n, one in enumerate(speaking("p1"))]
    found = list(Scatter(screen()).document(raw({"resourceType": "Bundle", "entry": resources})))
    [result] = settle(found, plan(listed=frozenset()), no_medication)

    assert result.answered
    assert not any("not supplied" in gap for gap in result.gaps)
    assert posted(speaking("p1"), "p1")[1] == result.cards


def test_an_explanation_is_made_for_those_who_are_asked_for():
    wanted = hashed_id("p2", KEY)

    results = settled(*speaking("p1"), *speaking("p2"), explained=frozenset({wanted}))

    assert [wanted] == [result.patient for result in results]
    assert "Criteria met" in results[0].explanation


# ---------------------------------------------------------------- requests


def request(hook="patient-view", **prefetch):
    return raw(
        {
            "hook": hook,
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": {"userId": "Practitioner/1", "patientId": "p1"},
            "prefetch": prefetch,
        }
    )


def of_requests(*requests, **changes):
    scatter = Scatter(screen())
    found = [row for one in requests for row in scatter.document(one)]
    return list(settle(found, plan(**changes), no_medication))


def test_a_request_is_answered_with_what_it_brings():
    keys = {query.key: bundle() for query in queries(LIBRARY)}
    full = request(**keys | {"patient": PATIENT, "conditions": bundle(petechiae())})

    [result] = of_requests(full)

    assert result.cards
    assert not any("not supplied" in gap for gap in result.gaps)


def test_requests_that_the_service_would_refuse_have_no_answer():
    results = of_requests(request("some-other-hook"), request(), instants=(AT, AT + timedelta(days=1)))

    assert [False] * 4 == [result.answered for result in results]


# ---------------------------------------------------------------- another library


def test_the_other_library_is_asked_about_the_same_chart():
    silent_one = library_of()

    result = one(*speaking("p1"), against=silent_one)

    assert ("", 0, {}) == (result.before.tier, result.before.cards, result.before.rules)
    assert result.tier


def test_a_patient_who_has_died_has_no_card_and_no_tier():
    result = one(PATIENT | {"deceasedBoolean": True}, *speaking("p1")[1:])

    assert ((), "", {}) == (result.cards, result.tier, result.spoken)


def test_no_cards_have_no_digest_and_the_digest_does_not_depend_on_uuids():
    assert "" == digest_of(())
    assert response_json(with_uuids((), lambda: None))
