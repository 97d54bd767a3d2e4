"""The law of the glance: what it calls silent comes to no card on the whole way, whatever stands on the chart."""

import json

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.wire import parse_request
from cds_hooks.chart.queries import queries
from cds_hooks.errors import CdsError
from cds_hooks.reasoning.codes import system_uri
from cds_hooks.reasoning.library import load
from cds_hooks.service import advise
from cds_hooks.silent import silent_call
from sandbox.store import load as load_stories
from tests.protocol.charts import AT, ago
from tests.protocol.conftest import _WITH, filled

LIBRARY = load()
HOOKS = ("patient-view", "encounter-discharge")
ASKED = {hook: {query.key: query for query in queries(LIBRARY, hook)} for hook in HOOKS}
CONCEPTS = [one for one in LIBRARY.concepts.values() if one.codes and one.kind != "ingredient"]
STORIES = load_stories(AT).stories


async def nothing(_missing):
    return {}


def cards(body, hook):
    """What the whole way comes to; the error's name where it refuses to answer."""
    running = advise(parse_request(body, hook), nothing, LIBRARY, AT, Voice("uk"))
    try:
        running.send(None)
    except StopIteration as done:
        return done.value.cards
    except CdsError as error:
        return type(error).__name__
    raise AssertionError("It waits for something.")


def call(prefetch, hook, patient="p1"):
    context = {"userId": "Practitioner/1", "patientId": patient, "encounterId": "e1"}
    return json.dumps({"hook": hook, "hookInstance": "h1", "context": context, "prefetch": prefetch}).encode()


def is_lawful(body, hook):
    return silent_call(body, hook, LIBRARY, AT) is None or cards(body, hook) == ()


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.patient["id"])
def test_no_patient_of_the_sandbox_is_called_silent_wrongly(story, hook):
    prefetch = {
        key: filled(
            query, [one for one in story.resources if one["resourceType"] in _WITH.get(key, {query.resource_type})]
        )
        for key, query in ASKED[hook].items()
    }

    assert is_lawful(call(prefetch, hook, story.patient["id"]), hook)


# ---------------------------------------------------------------- any chart

concepts = st.sampled_from(CONCEPTS)
texts = st.one_of(
    st.sampled_from(["petechiae", "no petechiae", "Hypertension", "rash on legs, not blanching", "", "x" * 4100]),
    st.sampled_from(["Rash with petechiae", "10 petechiae", "spreading purpura", "pas de purpura", "mother: ITP"]),
    st.sampled_from(["Any petechiae?", "petichiae", "see the picture", "extensive", "not done", "legs"]),
    concepts.flatmap(lambda one: st.sampled_from(one.texts or ("plain",))),
)


@st.composite
def coded(draw):
    """A CodeableConcept of ours, of nobody, or none."""
    one = draw(concepts)
    code = draw(st.sampled_from(one.codes))
    known = {"system": system_uri(code.system), "code": code.code, "display": draw(texts)}
    codings = draw(
        st.sampled_from([[known], [{"system": "http://local", "code": "x"}], [{**known, "code": "zz"}], []])
    )
    return {"coding": codings, "text": draw(texts)} if draw(st.booleans()) else {"coding": codings}


numbers = st.sampled_from([1, 8, 12.5, 37, 39.4, 99, 151, 250, 1e9])
units = st.sampled_from(["10*9/L", "10*3/uL", "Cel", "g/dL", "1", "%", "odd"])
values = st.one_of(
    st.builds(lambda number, unit: {"valueQuantity": {"value": number, "code": unit}}, numbers, units),
    coded().map(lambda concept: {"valueCodeableConcept": concept}),
    texts.map(lambda text: {"valueString": text}),
    st.sampled_from([{}, {"valueBoolean": True}, {"valueInteger": 3}, {"valueQuantity": {"value": "<5"}}]),
    st.sampled_from([{"valueBoolean": "true"}, {"valueBoolean": "perhaps"}, {"valueDateTime": "2026-03-01"}]),
)
times = st.sampled_from([ago(hours=3), ago(hours=-3), ago(days=3), ago(days=400), "2030-01-01", "", "soon"])
oddities = st.sampled_from(
    [{}] * 12
    + [
        {"subject": {"reference": "Patient/p1"}},
        {"subject": {"reference": "Patient/other"}},
        {"subject": {"display": "Somebody"}},
        {"recordedDate": "2031-02-01"},
        {"subject": "p1"},
        {"comments": "DSTU2"},
        {"code": "petechiae"},
        {"status": "entered-in-error"},
        {"id": None},
        {"subject": {"reference": "#pat"}, "contained": [{"resourceType": "Patient", "id": "pat"}]},
        {"subject": {"identifier": {"system": "urn:mrn", "value": "1"}}},
        {"subject": 7},
        {"effectiveDateTime": None},
        {"issued": "\ud800"},
        {"note": [{"text": "\ud800"}]},
    ]
)


@st.composite
def observations(draw):
    part = {"code": draw(coded())} | draw(values)
    whole = {"code": draw(coded())} | draw(values)
    return (
        {"resourceType": "Observation", "status": "final", "effectiveDateTime": draw(times)}
        | whole
        | ({"component": [part]} if draw(st.booleans()) else {})
    )


states = st.sampled_from(
    [
        {},
        {"clinicalStatus": {"coding": [{"code": "active"}]}},
        {"clinicalStatus": {"coding": [{"code": "active"}]}, "abatementDateTime": ago(days=1)},
    ]
)
conditions = st.builds(
    lambda code, time, state: {"resourceType": "Condition", "code": code, "recordedDate": time} | state,
    coded(),
    times,
    states,
)
visits = st.builds(
    lambda code, time: {
        "resourceType": "Encounter", "status": "finished", "reasonCode": [code], "period": {"start": time}
    },
    coded(),
    times,
)  # fmt: skip
procedures = st.builds(
    lambda code, time: {
        "resourceType": "Procedure", "status": "completed", "code": code, "performedDateTime": time
    },
    coded(),
    times,
)  # fmt: skip
others = st.sampled_from(
    [
        {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]},
        {"resourceType": "Flag", "status": "active", "code": {"text": "petechiae"}},
        {"resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": "MMR"}},
        {"resourceType": "Bundle", "entry": []},
        {"resourceType": "Basic", "id": "b"},
    ]
)
resources = st.builds(
    lambda resource, number, oddity: {"id": f"r{number}"} | resource | oddity,
    st.one_of(observations(), conditions, visits, procedures, others),
    st.integers(0, 5),
    oddities,
)
bundles = st.builds(
    lambda entries, more: {"resourceType": "Bundle", "entry": [{"resource": one} for one in entries]} | more,
    st.lists(resources, max_size=3),
    st.sampled_from(
        [{}] * 6 + [{"total": 9}, {"link": [{"relation": "next", "url": "http://x"}]}, {"total": "9"}]
    ),
)
answers = st.one_of(bundles, bundles, bundles, st.none(), resources)


@settings(max_examples=400, deadline=None)
@given(st.data(), st.sampled_from(HOOKS))
def test_no_chart_at_all_is_called_silent_wrongly(data, hook):
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "birthDate": data.draw(st.sampled_from(["1990", "2026-02-20"])),
        "deceasedBoolean": data.draw(st.sampled_from([None, "true", "perhaps"])),
    }
    full = {key: {"resourceType": "Bundle", "entry": []} for key in ASKED[hook]} | {"patient": patient}
    keys = st.sampled_from([*ASKED[hook], "unknown"])
    sent = full | data.draw(st.dictionaries(keys, answers, max_size=4))
    for key in data.draw(st.lists(st.sampled_from(sorted(full)), max_size=1)):
        sent = {name: answer for name, answer in sent.items() if name != key or data.draw(st.booleans())}

    body = call(sent, hook)
    event("silent" if silent_call(body, hook, LIBRARY, AT) else "not silent")
    assert is_lawful(body, hook)
