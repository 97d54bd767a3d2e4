"""The stories of the sandbox get the cards their authors expect, whenever they are told."""

from datetime import datetime, timedelta, timezone

import pytest

from cds_hooks.model.results import GapReason
from tests.end_to_end.charts import (
    PATIENTS,
    advice_of,
    advice_on,
    cards_of,
    cards_on,
    of_kind,
    resources_of,
    stories,
)
from tests.protocol.charts import AT

EXPECTED = {
    "emergency": {"critical"},
    "urgent": {"warning"},
    "benign": {"info"},
    "silent": {""},
    "dialect": {"critical", "warning", "info"},
}
"""Indicator of the first card by kind of story; "" stands for no card."""

MOMENTS = (AT, datetime(2028, 2, 29, 0, 10, tzinfo=timezone(timedelta(hours=-7))))
"""The second is a leap day just after midnight, in another zone."""


@pytest.mark.parametrize("at", MOMENTS, ids=lambda at: at.isoformat())
@pytest.mark.parametrize("patient", PATIENTS)
def test_the_first_card_is_as_urgent_as_the_story(patient, at):
    story = stories(at)[patient]

    cards = cards_on(story.resources, patient, at=at)

    first = cards[0].indicator if cards else ""
    assert first in EXPECTED[story.kind], f"{story.headline}: {[card.summary for card in cards]}"


@pytest.mark.parametrize("patient", PATIENTS)
def test_only_the_first_card_asks_for_action(patient):
    indicators = [card.indicator for card in cards_of(patient)]

    assert len(indicators) <= 2
    assert indicators[1:] in ([], ["info"])


def test_the_dialects_are_understood_as_what_they_say():
    first = {patient: cards_of(patient)[0].indicator for patient in of_kind("dialect")}

    assert first == {
        "counts-per-microlitre": "warning",
        "dates-without-time": "info",
        "text-only-chart": "critical",
        "thousands-per-microlitre-text-units": "warning",
    }


# ---------------------------------------------------------------- the dead, and other people's entries


def test_a_deceased_patient_gets_no_card_though_the_chart_would_give_some():
    patient = "deceased-petechiae"
    alive = [
        {name: value for name, value in resource.items() if not name.startswith("deceased")}
        for resource in resources_of(patient)
    ]

    assert cards_of(patient) == ()
    assert cards_on(alive, patient) != ()


@pytest.mark.parametrize("how", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-03-01"}])
@pytest.mark.parametrize("patient", of_kind("emergency"))
def test_no_emergency_speaks_of_the_dead(patient, how):
    dead = [one | how if one["resourceType"] == "Patient" else one for one in resources_of(patient)]

    assert cards_on(dead, patient) == ()


def test_the_misfiled_entries_would_speak_if_they_were_hers():
    patient = "misfiled-other-patient"
    hers = [
        resource | {"subject": {"reference": f"Patient/{patient}"}} if "subject" in resource else resource
        for resource in resources_of(patient)
    ]

    assert cards_of(patient) == ()
    assert cards_on(hers, patient)[0].indicator == "critical"


@pytest.mark.parametrize("patient", PATIENTS)
def test_entries_of_another_patient_add_nothing_but_the_note_that_they_were_left_out(patient):
    own = advice_of(patient)
    foreign = [
        resource | {"id": f"foreign-{resource['id']}", "subject": {"reference": "Patient/somebody-else"}}
        for resource in resources_of("sepsis-dic")
        if resource["resourceType"] in {"Condition", "Observation"}
    ]

    mixed = advice_on([*resources_of(patient), *foreign], patient)

    assert [card.summary for card in own.cards] == [card.summary for card in mixed.cards]
    left_out = [without_note(card.detail) for card in mixed.cards]
    assert [without_note(card.detail) for card in own.cards] == left_out
    assert GapReason.OTHER_PATIENT in {gap.reason for gap in mixed.record.gaps}


def without_note(detail):
    """The lines of a card that say something about the patient."""
    about_others = ("belongs to another patient", "**Not seen**")
    return [line for line in detail.splitlines() if line and not any(note in line for note in about_others)]


@pytest.mark.parametrize("patient", of_kind("silent"))
def test_a_silent_story_needs_no_gap_card(patient):
    advice = advice_of(patient)

    assert [gap for gap in advice.assessment.gaps if gap.essential] == []
