"""The law of what is known beforehand: no finding says anything else than when it is worked out for the chart."""

from dataclasses import replace

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from cds_hooks.chart.record import LIST_WORDS, Listing, ListRead, Visit
from cds_hooks.errors import RequestError
from cds_hooks.model.results import GapReason
from cds_hooks.reasoning.library import load
from cds_hooks.reasoning.mapping import Findings, charted, find
from cds_hooks.service import record_of_file
from tests.build import library_of, list_failed, record, when
from tests.generative import test_laws as small
from tests.generative.test_silent import ASKED, STORIES, answers, call
from tests.protocol.charts import AT
from tests.protocol.conftest import _WITH, filled

LIBRARY = load()
ASKED_AT_OPENING = ASKED["patient-view"]
MORE = {
    "seen": "since: {visit: true, after: rash, else_within: {days: 30}}\nwhen_missing: absent_if_list_read",
    "high-score": "when: {score: {id: s, at_least: 2}}",
}
SCORE = """\
id: s
name: "S"
risks: [{from: 1, name: "low"}]
citations: [{source: textbook}]
items:
  - name: "platelets"
    settle: "a platelet count"
    concept: platelet-count
    within: {hours: 24}
    bands: [{is: {below: "50", unit: "10*9/L"}, points: 2}]
"""
SMALL = library_of(small.RULES | MORE, files={"knowledge/scores/s.yaml": SCORE})
UNREAD = [
    ListRead(Listing.INCOMPLETE, back_to=when("2026-03-01").earliest),
    ListRead(Listing.NOT_READ),
    list_failed(GapReason.NOT_SUPPORTED),
    None,
]


def assert_lawful(chart, library):
    at_once = find(chart, library, AT)
    slowly = Findings(charted(chart, library, AT), {})

    assert {name: slowly[name] for name in library.findings} == dict(at_once)


def with_lists(chart, states):
    """The chart read whole, but for some of its lists; None: the list is not mentioned at all."""
    lists = dict.fromkeys(LIST_WORDS, ListRead(Listing.COMPLETE)) | states
    return replace(chart, lists={name: state for name, state in lists.items() if state is not None})


lists = st.dictionaries(st.sampled_from(sorted(LIST_WORDS)), st.sampled_from(UNREAD), max_size=2)
visits = st.lists(
    small.times.map(lambda start: Visit("Encounter/1", "AMB", start, start, finished=True)), max_size=1
)


@given(small.charts, small.people, lists, visits)
def test_a_finding_of_a_small_library_says_the_same(entries, person, states, visited):
    chart = replace(record(*entries, person=person), visits=tuple(visited))

    assert_lawful(with_lists(chart, states), SMALL)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.patient["id"])
def test_a_finding_of_a_patient_of_the_sandbox_says_the_same(story):
    prefetch = {
        key: filled(
            query, [one for one in story.resources if one["resourceType"] in _WITH.get(key, {query.resource_type})]
        )
        for key, query in ASKED_AT_OPENING.items()
    }
    chart = record_of_file(call(prefetch, "patient-view", story.patient["id"]), LIBRARY, AT)

    assert_lawful(chart, LIBRARY)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(ASKED_AT_OPENING)), answers, max_size=4), lists)
def test_a_finding_of_any_chart_says_the_same(sent, states):
    patient = {"resourceType": "Patient", "id": "p1", "birthDate": "1990-04-02"}
    empty = {key: {"resourceType": "Bundle", "entry": []} for key in ASKED_AT_OPENING} | {"patient": patient}
    try:
        chart = record_of_file(call(empty | sent, "patient-view"), LIBRARY, AT)
    except RequestError:  # half a character somewhere
        reject()

    assert_lawful(with_lists(chart, states), LIBRARY)
