"""Asking a terminology server about medicines: what leaves, what comes back, and what a failure means."""

import asyncio
import json

import httpx2
import pytest
import respx

from cds_hooks.chart.record import Coded
from cds_hooks.chart.terminology import KEPT_S, MOST_KEPT, REST_S, TOTAL_S, Terminology
from cds_hooks.model.codes import Coding
from cds_hooks.reasoning.codes import SYSTEMS
from cds_hooks.reasoning.medicines import identify
from cds_hooks.settings import parse_base
from cds_hooks.transport import Client
from tests.build import coded, medicine, problem, record, small_library

pytestmark = pytest.mark.anyio

BASE = "https://terms.example/fhir"
LOOKUP = f"{BASE}/CodeSystem/$lookup"
TRANSLATE = f"{BASE}/ConceptMap/$translate"
RXNORM = SYSTEMS["rxnorm"]
TABLET = coded("777", "rxnorm", "Words that stay here")
LOCAL = coded("L1", "urn:oid:1.2.3")


def prop(code, **value):
    return {"name": "property", "part": [{"name": "code", "valueCode": code}, {"name": "value", **value}]}


def match(how, code="3001", key="equivalence", **concept):
    coding = {"system": RXNORM, "code": code} | concept
    return {"name": "match", "part": [{"name": key, "valueCode": how}, {"name": "concept", "valueCoding": coding}]}


def said(*parameters):
    return {"json": {"resourceType": "Parameters", "parameter": [{"name": "result"}, *parameters]}}


ASPIRIN = said(prop("has_ingredient", valueCode="3001"))


@pytest.fixture
def server():
    with respx.mock(assert_all_called=False) as mock:
        yield mock


@pytest.fixture(scope="module")
def client():
    client = Client()  # once: making one takes longer than a test
    yield client
    asyncio.run(client.close())


@pytest.fixture
def terminology(client):
    return Terminology(parse_base(BASE), client, small_library())


async def ingredients(terminology, *what):
    chart = await terminology.complete(record(*(medicine(one) for one in what)))
    return [item.ingredient.id for item in identify(chart, small_library()).taken]


async def forget(terminology):
    """As if a day had gone by."""
    terminology._kept = {key: (when - KEPT_S, found) for key, (when, found) in terminology._kept.items()}


# ---------------------------------------------------------------- what is asked


async def test_only_code_and_system_leave(terminology, server):
    route = server.get(url__startswith=LOOKUP).respond(200, **ASPIRIN)

    await ingredients(terminology, TABLET)

    url = route.calls[0].request.url
    assert ("777", RXNORM) == (url.params["code"], url.params["system"])
    assert {"code", "system", "property"} == {*url.params}
    assert "authorization" not in route.calls[0].request.headers


@pytest.mark.parametrize(
    "what",
    [
        coded("3001", "rxnorm"),
        Coded((Coding("rxnorm", "777"), Coding("rxnorm", "3001"))),
        Coded(text="some tablets"),
        coded("777", "a name and no address"),
        coded("taken by John at night", "urn:oid:1.2.3"),
        coded("", "urn:oid:1.2.3"),
    ],
)
async def test_what_is_known_or_could_be_words_is_not_asked(terminology, server, what):
    route = server.route().respond(200, **ASPIRIN)

    await ingredients(terminology, what)

    assert not route.called


async def test_a_chart_without_medicines_comes_back_as_it_is(terminology):
    chart = record(problem("petechiae"))

    assert chart is await terminology.complete(chart)


async def test_a_code_is_asked_once_for_all_charts_of_a_day(terminology, server):
    route = server.get(url__startswith=LOOKUP).respond(200, **ASPIRIN)

    first = await ingredients(terminology, TABLET, TABLET)
    again = await ingredients(terminology, TABLET)
    assert (["aspirin"] * 2, ["aspirin"], 1) == (first, again, route.call_count)

    await forget(terminology)
    assert (["aspirin"], 2) == (await ingredients(terminology, TABLET), route.call_count)


async def test_what_is_kept_does_not_grow_for_ever(terminology, server):
    server.get(url__startswith=LOOKUP).respond(200, **ASPIRIN)
    terminology._kept = {("urn:x", str(number)): (1e12, ()) for number in range(MOST_KEPT + 1)}

    assert ["aspirin"] == await ingredients(terminology, TABLET)
    assert 1 == len(terminology._kept)


# ---------------------------------------------------------------- what comes back


@pytest.mark.parametrize(
    "parameter",
    [
        prop("has_ingredient", valueCode="3001"),
        prop("ingredient", valueString="3001"),
        prop("has_precise_ingredient", valueCoding={"system": RXNORM, "code": "3001"}),
        prop("has_ingredients", valueCoding={"code": "3001"}),
        prop("has_ingredient", valueCoding={"system": SYSTEMS["atc"], "code": "B01AC06"}),
    ],
)
async def test_a_property_that_names_an_ingredient_is_read(terminology, server, parameter):
    server.get(url__startswith=LOOKUP).respond(200, **said(prop("TTY", valueCode="SCD"), parameter))

    assert ["aspirin"] == await ingredients(terminology, TABLET)


@pytest.mark.parametrize(
    "parameter",
    [
        prop("has_tradename", valueCode="3001"),
        prop("has_ingredient"),
        {"name": "property"},
        {"name": "designation", "part": prop("has_ingredient", valueCode="3001")["part"]},
    ],
)
async def test_other_properties_name_no_ingredient(terminology, server, parameter):
    server.get(url__startswith=LOOKUP).respond(200, **said(parameter))

    assert [] == await ingredients(terminology, TABLET)


async def test_a_combination_has_all_its_ingredients(terminology, server):
    both = said(prop("has_ingredient", valueCode="3001"), prop("has_ingredient", valueCode="3002"))
    server.get(url__startswith=LOOKUP).respond(200, **both)

    assert ["aspirin", "clopidogrel"] == await ingredients(terminology, TABLET)


@pytest.mark.parametrize(
    ("found", "parameter"),
    [
        (["aspirin"], match("equivalent")),
        (["aspirin"], match("wider")),
        (["aspirin"], match("source-is-narrower-than-target", key="relationship")),
        (["aspirin"], match("equal", system="")),
        ([], match("narrower")),
        ([], match("inexact")),
        ([], match("equivalent", code="")),
        ([], {"name": "match", "part": [{"name": "equivalence", "valueCode": "equal"}]}),
        ([], {"name": "message", "valueString": "nothing found"}),
    ],
)
async def test_other_codes_are_translated_to_what_is_as_wide_or_wider(terminology, server, found, parameter):
    route = server.get(url__startswith=TRANSLATE).respond(200, **said(parameter))

    assert found == await ingredients(terminology, LOCAL)
    assert RXNORM == route.calls[0].request.url.params["targetsystem"]


# ---------------------------------------------------------------- what a failure means


@pytest.mark.parametrize("status", [400, 404, 501])
async def test_a_code_the_server_does_not_know_is_not_asked_again(terminology, server, status):
    route = server.get(url__startswith=LOOKUP).respond(status)

    assert [] == await ingredients(terminology, TABLET)
    assert [] == await ingredients(terminology, TABLET)
    assert 1 == route.call_count


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 500},
        {"status_code": 401},
        {"status_code": 200, "text": "<html>sign in</html>"},
        {"status_code": 200, "text": '{"parameter": 7}'},
    ],
)
async def test_a_server_that_fails_is_left_alone_for_a_while_and_nothing_is_lost(terminology, server, answer):
    route = server.route().respond(**answer)
    named = Coded(TABLET.codings, "aspirin")

    assert ["aspirin"] == await ingredients(terminology, named)
    await ingredients(terminology, TABLET, LOCAL)
    assert 1 == route.call_count

    terminology._resting_until -= REST_S
    await ingredients(terminology, TABLET)
    assert 2 == route.call_count


async def test_a_slow_server_costs_a_third_of_a_second_and_no_more(terminology, server):
    async def slowly(_request):
        await asyncio.sleep(60)

    server.route().mock(side_effect=slowly)
    many = [coded(f"7{number}", "rxnorm") for number in range(20)]
    started = asyncio.get_running_loop().time()

    assert [] == await ingredients(terminology, *many)
    assert asyncio.get_running_loop().time() - started < TOTAL_S + 0.5


async def test_answers_that_came_in_time_count_beside_those_that_did_not(terminology, server):
    async def one_of_two(request):
        await asyncio.sleep(60 if request.url.params["code"] == "778" else 0)
        return httpx2.Response(200, content=json.dumps(ASPIRIN["json"]))

    server.get(url__startswith=LOOKUP).mock(side_effect=one_of_two)

    assert ["aspirin"] == await ingredients(terminology, TABLET, coded("778", "rxnorm"))
