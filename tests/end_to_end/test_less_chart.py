"""Less of a chart never turns an emergency into silence that looks like reassurance."""

from datetime import timedelta

import msgspec
import pytest

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.explain import explain
from cds_hooks.chart.reader import read
from cds_hooks.chart.record import Answer
from cds_hooks.errors import DataUnavailable
from cds_hooks.model.results import GapReason
from cds_hooks.service import advise_on, answer
from tests.end_to_end.charts import (
    PATIENTS,
    advice_of,
    advice_on,
    asked,
    cards_on,
    library,
    of_kind,
    prefetch_of,
    resources_of,
)
from tests.protocol.charts import AT

OPEN = ("**Would settle more**", "**Not seen**", "are undecided, not absent")
"""What a card says when it could not decide everything."""


@pytest.mark.parametrize("patient", of_kind("emergency"))
def test_without_any_one_entry_it_rests_on_the_emergency_stands_or_something_is_left_open(patient):
    for reference in rested_on(advice_of(patient)):
        rest = [one for one in resources_of(patient) if f"{one['resourceType']}/{one['id']}" != reference]

        assert stands_or_is_open(advice_on(rest, patient)), reference


@pytest.mark.parametrize("patient", of_kind("emergency"))
def test_without_the_patient_resource_the_emergency_stands_or_something_is_left_open(patient):
    nameless = [one for one in resources_of(patient) if one["resourceType"] != "Patient"]

    assert stands_or_is_open(advice_on(nameless, patient))


@pytest.mark.parametrize("patient", of_kind("emergency"))
def test_without_any_one_list_the_emergency_stands_or_something_is_left_open(patient):
    chart = resources_of(patient)
    for key, sent in prefetch_of(chart).items():
        if sent.get("entry"):
            assert stands_or_is_open(advice_on(chart, patient, without={key})), key


@pytest.mark.parametrize("missing", ["Condition", "Observation"])
@pytest.mark.parametrize("patient", of_kind("emergency"))
def test_an_essential_list_that_failed_is_named_on_a_card(patient, missing):
    advice = failing(patient, {missing})

    assert advice.cards
    assert any("the server could not deliver them" in card.detail for card in advice.cards)


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_chart_of_which_nothing_essential_came_is_no_answer(patient):
    advice = failing(patient, {"Condition", "Observation"})
    if advice.cards and advice.cards[0].indicator != "info":
        return  # what came by itself speaks for itself

    with pytest.raises(DataUnavailable):
        answer(advice.record, library(), AT, Voice())


@pytest.mark.parametrize("patient", of_kind("emergency"))
def test_the_same_chart_a_year_later_is_no_emergency(patient):
    later = cards_on(resources_of(patient), patient, at=AT + timedelta(days=365))

    assert "critical" not in {card.indicator for card in later}


def rested_on(advice):
    """References of the entries behind every criterion that fired."""
    assessment = advice.assessment
    fired = [match for match in assessment.criteria if match.tier is not None]
    names = {name for match in fired for name in match.relied_on if name in assessment.findings}
    references = {item.reference for name in names for item in assessment.findings[name].evidence}
    assert len(references) >= 2
    return sorted(references)


def stands_or_is_open(advice):
    """A critical card, a card that says what is open, or, where all is silent, a trace that does."""
    if advice.cards:
        first = advice.cards[0]
        return first.indicator == "critical" or any(words in first.detail for words in OPEN)
    trace = explain(advice.record, advice.assessment, library(), advice.cards)
    return "Criteria undecided: none" not in trace


def failing(patient, types):
    """What is made of a chart when the lists of these types could not be delivered."""
    sent = prefetch_of(resources_of(patient))
    answers = {
        query.key: Answer(failed=GapReason.FAILED)
        if query.resource_type in types
        else Answer((msgspec.json.encode(sent[query.key]),))
        for query in asked()
    }
    return advise_on(read(asked(), answers, patient, AT), library(), AT, Voice())
