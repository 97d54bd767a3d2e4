"""What the service makes of prefetch: full, partial, failed, cut off, foreign, broken."""

from itertools import chain, combinations

import httpx2
import pytest
import respx

from tests.protocol.charts import FHIR, bundle, failed, petechiae, platelets

SHORT = {"fhirServer": FHIR}
TOKEN = {"fhirAuthorization": {"access_token": "secret", "token_type": "Bearer"}}


def keys_of(asked, *resource_types):
    return [key for key, query in asked.items() if query.resource_type in resource_types]


def without(chart, keys):
    return {key: value for key, value in chart.items() if key not in keys}


def replaced(chart, keys, value):
    return chart | dict.fromkeys(keys, value)


def test_a_full_prefetch_speaks(said, chart):
    assert said(chart)[0]["indicator"] == "critical"


def test_every_part_of_the_keys_gives_an_answer(call, chart):
    for sent in chain.from_iterable(combinations(chart, size) for size in (0, 1, 2, len(chart) - 1)):
        assert call({key: chart[key] for key in sent}).status_code in {200, 412}


def test_exactly_the_missing_keys_are_fetched(said, chart, asked):
    missing = keys_of(asked, "Condition", "Encounter")
    with respx.mock(base_url=FHIR) as fhir:
        fhir.get("/Condition").respond(200, json=chart["conditions"])
        fhir.get("/Encounter").respond(200, json=bundle())

        cards = said(without(chart, missing), **SHORT)

        assert fhir.calls.call_count == len(missing)
    assert cards == said(chart)


def test_prefetch_and_fetch_say_the_same(said, chart, asked):
    with respx.mock(base_url=FHIR, assert_all_called=False) as fhir:
        fhir.get("/Patient/p1").respond(200, json=chart["patient"])
        for key, query in asked.items():
            fhir.get(f"/{query.resource_type}").respond(200, json=chart[key])

        fetched = said(None, **SHORT)

    assert fetched == said(chart)


@pytest.mark.parametrize("nothing", [None, bundle(), {"resourceType": "Bundle", "type": "searchset", "total": 0}])
def test_asked_and_nothing_found_is_not_asked_again(said, chart, asked, nothing):
    medicines = keys_of(asked, "MedicationRequest", "MedicationStatement")

    with respx.mock():
        cards = said(replaced(chart, medicines, nothing), **SHORT)

    assert cards == said(chart)


def test_asked_and_failed_is_not_asked_again_and_not_read_as_nothing(said, chart, asked):
    medicines = keys_of(asked, "MedicationRequest", "MedicationStatement")

    with respx.mock():
        cards = said(replaced(chart, medicines, failed()), **SHORT)

    assert cards[0]["indicator"] == "critical"
    assert cards != said(chart)


def test_a_remark_beside_the_entries_takes_nothing_away(said, chart):
    remark = {"resource": failed("informational", "information"), "search": {"mode": "outcome"}}
    entries = chart["conditions"]["entry"]

    assert said(chart | {"conditions": bundle() | {"entry": [*entries, remark]}}) == said(chart)


def next_link(page=2):
    return [{"relation": "next", "url": f"{FHIR}/Condition?page={page}"}]


def test_a_page_that_is_missing_is_fetched_with_the_token(said, chart):
    first = bundle(link=next_link())
    with respx.mock(base_url=FHIR) as fhir:
        fhir.get("/Condition?page=2").respond(200, json=chart["conditions"])

        cards = said(chart | {"conditions": first}, **SHORT, **TOKEN)

        assert fhir.calls[0].request.headers["authorization"] == "Bearer secret"
    assert cards == said(chart)


def test_a_page_that_cannot_be_had_is_told(said, chart):
    cut_off = chart["conditions"] | {"link": next_link()}

    cards = said(chart | {"conditions": cut_off})

    assert cards[0]["indicator"] == "critical"
    assert cards != said(chart)


def test_nothing_to_read_is_a_failed_precondition(call):
    assert call(None).status_code == 412
    assert call({}).status_code == 412


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_a_server_that_gives_nothing_is_a_failed_precondition(call, status):
    with respx.mock(base_url=FHIR, assert_all_called=False) as fhir:
        fhir.get(url__startswith=FHIR).respond(status)

        response = call(None, **SHORT)

    assert response.status_code == 412
    assert response.json()["resourceType"] == "OperationOutcome"


def test_a_server_that_cannot_be_reached_is_a_failed_precondition(call):
    with respx.mock(base_url=FHIR) as fhir:
        fhir.get(url__startswith=FHIR).mock(side_effect=httpx2.ConnectError)

        assert call(None, **SHORT).status_code == 412


def test_half_of_the_essential_data_is_enough_to_answer(call, chart, asked):
    response = call(replaced(chart, keys_of(asked, "Condition"), failed()))

    assert response.status_code == 200
    assert len(response.json()["cards"]) >= 1


def test_a_key_nobody_asked_for_is_read_for_presence_only(call, chart, asked):
    """PFD-9: our policy; the specification only says that clients do not send such keys."""
    conditions = keys_of(asked, "Condition")
    told = without(chart, conditions) | {"item1": chart["conditions"]}

    assert call(told).json()["cards"][0]["indicator"] == "critical"
    with respx.mock(base_url=FHIR) as fhir:
        fhir.get("/Condition").respond(200, json=bundle())

        call(told, **SHORT)

        assert fhir.calls.call_count == len(conditions)


def test_entries_of_another_patient_do_not_count(said, chart):
    someone_else = {"subject": {"reference": "Patient/p2"}}
    foreign = {"conditions": bundle(petechiae(**someone_else))}
    nobody = {"conditions": bundle()}

    cards = said(chart | foreign)

    assert [card["summary"] for card in said(chart | nobody)] == [card["summary"] for card in cards]
    assert [card["summary"] for card in said(chart)] != [card["summary"] for card in cards]


@pytest.mark.parametrize(
    "broken",
    [
        {"resourceType": "Condition", "id": "x", "code": "petechiae", "subject": 5},
        {"resourceType": "Nonsense"},
        {},
        None,
        {"resourceType": "Observation", "status": ["final"], "valueQuantity": {"value": "many"}},
    ],
)
def test_one_broken_entry_does_not_cost_its_neighbours(said, chart, broken):
    entries = [{"resource": broken}, *chart["conditions"]["entry"]]

    cards = said(chart | {"conditions": bundle() | {"entry": entries}})

    assert cards[0]["indicator"] == "critical"


def test_a_single_resource_is_taken_where_a_bundle_was_asked_for(said, chart):
    assert said(chart | {"conditions": petechiae()})[0]["indicator"] == "critical"


@pytest.mark.parametrize("value", [[], "text", 5, True, [petechiae()], {"resourceType": 5}, {"entry": {"a": 1}}])
def test_a_value_that_is_no_resource_is_no_fault_of_ours(call, chart, value):
    assert call(chart | {"conditions": value}).status_code in {200, 412}


def test_versions_of_fhir_may_be_mixed(call, chart, asked):
    of_r5 = {"resourceType": "MedicationStatement", "id": "m", "status": "recorded", "medication": {"concept": {}}}
    of_dstu2 = {"resourceType": "MedicationOrder", "id": "m", "status": "active"}
    medicines = keys_of(asked, "MedicationStatement")

    assert call(replaced(chart, medicines, bundle(of_r5, of_dstu2))).status_code == 200


def test_observations_by_code_and_by_category_are_counted_once(said, chart, asked):
    twice = replaced(chart, keys_of(asked, "Observation"), bundle(platelets(8)))

    assert said(twice) == said(chart)
