"""Laws of population runs: what is left out of a row is never seen, and a chart that is spared has no card."""

import json
from copy import deepcopy

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cds_hooks.chart.decoding import UNREADABLE_JSON, body
from cds_hooks.errors import DataUnavailable, RequestError
from cds_hooks.populations.charts import record_of
from cds_hooks.populations.rows import Row
from cds_hooks.populations.scatter import Scatter
from cds_hooks.populations.settle import settle
from cds_hooks.populations.telling import digest_of
from cds_hooks.service import answer, record_of_file
from tests.protocol.charts import AT
from tests.unit.chart.test_reader_laws import _RESOURCES
from tests.unit.populations.exports import LIBRARY, STORIES, VOICE, chart, no_medication, plan, raw, screen

SCREEN = screen()
PARTS = [one for story in STORIES.values() for one in story]
VALUES = st.sampled_from(
    ["", "x", "Petechiae", 5, None, True, [], {}, "2026-03-01", "2031-01-01", ["a"], {"text": "purpura"}]
)


@st.composite
def damaged(draw):
    """A resource of a story with a few of its members gone or replaced, at any depth."""
    resource = deepcopy(draw(st.sampled_from(PARTS)))
    for _ in range(draw(st.integers(0, 3))):
        _damage(draw, resource)
    return resource | {"subject": {"reference": "Patient/p1"}} if "subject" in resource else resource


def _damage(draw, value):
    while isinstance(value, dict | list) and value:
        key = draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        if draw(st.booleans()) or not isinstance(value[key], dict | list):
            if key != "resourceType":
                value[key] = deepcopy(draw(VALUES))
            return
        value = value[key]


def scattered(resources):
    scatter = Scatter(SCREEN)
    return [row for one in resources for row in scatter.rows(raw(one) + b"\n")]


def owned(resource):
    return resource | (
        {"id": "p1"} if resource["resourceType"] == "Patient" else {"subject": {"reference": "Patient/p1"}}
    )


@given(st.one_of(damaged(), _RESOURCES).map(owned))
@settings(max_examples=400)
def test_the_record_of_a_slim_row_is_that_of_the_line(resource):
    rows = scattered([resource])
    whole = [Row(row.patient, row.kind, raw(resource)) for row in rows]

    assert record_of(chart("p1", whole), AT, LIBRARY) == record_of(chart("p1", rows), AT, LIBRARY)


@given(st.lists(st.one_of(damaged(), _RESOURCES).map(owned), max_size=6))
@settings(max_examples=200)
def test_a_chart_that_is_spared_has_no_card(resources):
    rows = [row for row in scattered(resources) if row.patient == "p1" and not row.may_speak]
    asked = [msgspec.structs.replace(row, may_speak=True) for row in rows]

    assert [] == [card for result in settle(asked, plan(), no_medication) for card in result.cards]


NUMBER = {"system": "urn:numbers", "value": "1"}
PERSON = {"resourceType": "Patient", "id": "p1", "birthDate": "1960-01-01", "identifier": [NUMBER]}
OUTCOMES = [
    {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "forbidden"}]}
    for severity in ("error", "information")
]
NAMED = st.sampled_from(
    [
        {"reference": "Patient/p1"},
        {"reference": "Patient/p1/_history/2"},
        {"reference": "#p1"},
        {"reference": "#p"},
        {"reference": "Group/g1"},
        {"identifier": NUMBER},
        {"identifier": NUMBER | {"value": "2"}},
        {"identifier": {"value": "1"}},
        {"display": "J."},
        {},
    ]
)
INSIDE = [
    {"resourceType": "Patient", "id": "p1"},
    {"resourceType": "Patient", "id": "p", "identifier": [NUMBER]},
]


@st.composite
def named(draw):
    """A resource that names its patient in some way, or an error in its place."""
    resource = draw(st.one_of(damaged(), _RESOURCES, st.sampled_from(OUTCOMES)))
    if resource["resourceType"] in {"Patient", "OperationOutcome"}:
        return resource | ({"id": "p1"} if resource["resourceType"] == "Patient" else {})
    return resource | {"subject": draw(NAMED), "contained": INSIDE}


@given(st.lists(named(), max_size=4))
@settings(max_examples=200)
def test_a_bundle_of_one_patient_has_the_cards_that_the_service_gives_it(resources):
    document = raw({"resourceType": "Bundle", "entry": [{"resource": one} for one in (PERSON, *resources)]})
    rows = list(Scatter(SCREEN).document(document))
    assume({"p1", ""} >= {row.patient for row in rows})  # of a Bundle with another patient there are two charts

    try:
        cards = answer(record_of_file(document, LIBRARY, AT), LIBRARY, AT, VOICE).cards
    except (DataUnavailable, RequestError):
        return
    [result] = settle(rows, plan(), no_medication)

    assert digest_of(cards) == result.cards_digest


@given(st.one_of(damaged(), _RESOURCES).map(owned))
@settings(max_examples=200)
def test_a_line_becomes_a_row_or_a_count(resource):
    scatter = Scatter(SCREEN)
    rows = list(scatter.rows(raw(resource) + b"\n"))

    assert rows or scatter.tally.bad or resource["resourceType"] not in {one["resourceType"] for one in PARTS}
    for row in rows:
        assert _reads(row.slim) == _reads(raw(resource))


def _reads(line):
    try:
        read = body(line)
    except UNREADABLE_JSON:
        return None
    return json.loads(msgspec.json.encode(read)) if isinstance(read, msgspec.Struct) else read
