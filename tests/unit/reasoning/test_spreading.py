"""A rash spreads when a later examination finds it at more sites."""

from __future__ import annotations

import pytest

from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.mapping import find
from tests.build import AT, hours_ago, library_of, list_failed, observed, problem, record, when

WHOLE = 'everywhere: {kind: site, name: "whole body", parts: [generalised], texts: ["everywhere"]}\n'
RULE = """\
sign:
  concepts: [petechiae, purpura]
  observed_within: {hours: 48}
  more_sites_within: {hours: 24}
when_missing: absent_if_list_read"""


@pytest.fixture(scope="module")
def library():
    return library_of({"it": RULE}, more_concepts=WHOLE)


@pytest.fixture
def truth(library):
    return lambda *entries, **lists: find(record(*entries, lists=lists), library, AT)["it"].truth


def seen(hours: float, *sites: str, what: str = "petechiae"):
    return observed(what, value=True, at=hours_ago(hours), sites=sites)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ((seen(8, "leg"), seen(2, "leg", "face")), Truth.PRESENT),
        ((seen(2, "leg", "face"), seen(8, "leg")), Truth.PRESENT),
        ((seen(8, "leg"), seen(2, "leg"), seen(2, "face")), Truth.PRESENT),
        ((seen(8, "leg"), seen(2, "leg", "face", what="purpura")), Truth.PRESENT),
        ((seen(8, "leg", "face"), seen(2, "everywhere")), Truth.PRESENT),
        ((seen(8, "everywhere"), seen(2, "leg", "everywhere", "face")), Truth.PRESENT),
        ((seen(8, "everywhere"), seen(2, "everywhere")), Truth.ABSENT),
        ((seen(8, "leg"), seen(2, "face")), Truth.ABSENT),
        ((seen(8, "leg", "face"), seen(2, "leg")), Truth.ABSENT),
        ((seen(26, "leg"), seen(2, "leg", "face")), Truth.PRESENT),
        ((seen(26.1, "leg"), seen(2, "leg", "face")), Truth.ABSENT),
        ((seen(2.5, "leg"), seen(2, "leg", "face")), Truth.PRESENT),
        ((seen(2.4, "leg"), seen(2, "leg", "face")), Truth.ABSENT),
        ((seen(8), seen(2, "leg", "face")), Truth.ABSENT),
    ],
)
def test_more_sites_in_a_later_examination_mean_that_it_spreads(truth, entries, expected):
    assert expected is truth(*entries)


def test_two_days_without_a_time_may_lie_within_the_span(truth):
    first = observed("petechiae", value=True, at=when("2026-03-17"), sites=["leg"])
    second = observed("petechiae", value=True, at=when("2026-03-18"), sites=["leg", "face"])

    assert Truth.PRESENT is truth(first, second)


def test_one_day_without_a_time_has_no_order(truth):
    first = observed("petechiae", value=True, at=when("2026-03-18"), sites=["leg"])

    assert Truth.ABSENT is truth(first, seen(2, "leg", "face"))


def test_a_problem_is_no_examination(truth):
    assert Truth.ABSENT is truth(
        problem("petechiae", hours_ago(8), sites=["leg"]), seen(2, "leg", "face"), seen(1, "leg")
    )


def test_without_the_results_nobody_knows(truth):
    assert Truth.UNKNOWN is truth(seen(2, "leg"), Observation=list_failed())
