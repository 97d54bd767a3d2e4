"""An entry that names a sign and does not tell whether it is there leaves a gap, and is never nothing."""

from dataclasses import replace

import pytest

from cds_hooks.cards.compose import Voice
from cds_hooks.chart.record import Coded
from cds_hooks.model.results import RESTRICTED, GapReason
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.mapping import find
from cds_hooks.service import advise_on
from tests.build import (
    AT,
    amount,
    coded,
    days_ago,
    finding,
    hours_ago,
    library_of,
    observed,
    problem,
    record,
)

P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN
RECENT = "sign: {concepts: [petechiae], observed_within: {days: 3}, problem_within: {days: 14}}"
IF_READ = f"{RECENT}\nwhen_missing: absent_if_list_read"
ON_LEGS = RECENT.replace("petechiae]", "petechiae], sites: {any: [below-chest]}")
UNREAD = observed("petechiae", "as in the picture")
OVER_AND_ACTIVE = problem("petechiae", days_ago(3), state="contradictory", ended=days_ago(1))
NOT_UNDERSTOOD = [("Petechiae", GapReason.VALUE_UNKNOWN)]
CONFLICTING = [("Petechiae", GapReason.CONFLICTING)]


def sign(*entries, body=RECENT):
    found = finding(body, record(*entries))
    return found.truth, [(gap.what, gap.reason) for gap in found.gaps]


# ---------------------------------------------------------------- a value that cannot be read


@pytest.mark.parametrize(
    "entry",
    [
        UNREAD,
        observed("petechiae", amount("1")),
        observed("petechiae", coded("999")),
        observed("petechiae", "doubtful"),
        observed("petechiae", value_missing="unreadable-type"),
        observed("petechiae", value_missing="masked"),
        observed("petechiae", value_missing="error"),
        observed("petechiae", value_missing="kept elsewhere"),
        observed("petechiae", interpretation=("N",)),
        observed("petechiae", "as in the picture", undated=True),
        observed("petechiae", "as in the picture", restricted=True),
    ],
)
@pytest.mark.parametrize("body", [RECENT, IF_READ])
def test_a_sign_whose_value_is_not_understood_is_unknown_with_a_gap(entry, body):
    name = RESTRICTED if entry.restricted else "Petechiae"

    assert (U, [(name, GapReason.VALUE_UNKNOWN)]) == sign(entry, body=body)


@pytest.mark.parametrize(
    "entry",
    [
        observed("petechiae", value_missing="not-performed"),
        observed("petechiae", "not done"),
        observed("petechiae", coded("1002")),
        observed("petechiae", "as in the picture", days_ago(5)),
        observed("skin examination", "as in the picture"),
    ],
)
def test_what_was_not_looked_at_or_is_old_leaves_no_gap(entry):
    assert (U, []) == sign(entry)


def test_a_record_that_is_there_stays_so_beside_a_newer_one_that_is_not_understood():
    before, after = (observed("petechiae", at=hours_ago(h), reference=f"Observation/{h}") for h in (9, 0.5))

    assert (P, NOT_UNDERSTOOD) == sign(before, UNREAD)
    assert (P, []) == sign(after, UNREAD)


def test_a_denial_settles_what_came_before_it_only():
    before, after = (
        observed("petechiae", "absent", hours_ago(hours), reference=f"Observation/{hours}") for hours in (9, 0.5)
    )

    assert (U, NOT_UNDERSTOOD) == sign(before, UNREAD)
    assert (A, []) == sign(after, UNREAD)


def test_it_may_be_elsewhere_than_what_is_read():
    on_face = observed("petechiae", at=hours_ago(9), sites=["face"], reference="Observation/face")

    assert (A, []) == sign(on_face, body=ON_LEGS)
    assert (U, NOT_UNDERSTOOD) == sign(on_face, UNREAD, body=ON_LEGS)


def test_a_bare_nought_denies_as_its_text_does():
    assert (A, []) == sign(observed("petechiae", amount("0"))) == sign(observed("petechiae", "0"))
    assert (U, NOT_UNDERSTOOD) == sign(observed("petechiae", amount("0 cm")))


def test_a_value_that_is_a_place_says_that_it_is_there():
    on_leg = finding(ON_LEGS, record(observed("petechiae", "lower leg")))

    assert on_leg.truth is P
    assert on_leg.evidence[0].sites == ("leg",)
    assert finding(ON_LEGS, record(observed("petechiae", coded("2001")))).truth is P


def test_a_sentence_that_names_the_sign_is_no_gap():
    context = "cues: [{kind: negation, phrases: [no]}]\n"
    library = library_of({"it": RECENT}, files={"mappings/text/context.yaml": context})
    told = find(record(observed("petechiae", "some petechiae in the picture")), library, AT)["it"]
    untold = find(record(observed("petechiae", "as in the picture")), library, AT)["it"]

    assert (told.truth, told.gaps) == (P, ())
    assert (untold.truth, len(untold.gaps)) == (U, 1)


# ---------------------------------------------------------------- active and over


def test_a_problem_that_is_active_and_over_is_unknown_and_conflicting():
    assert (U, CONFLICTING) == sign(OVER_AND_ACTIVE)
    assert (U, CONFLICTING) == sign(OVER_AND_ACTIVE, body=IF_READ)


def test_so_is_one_that_is_told_in_a_sentence_unless_it_tells_of_the_past():
    context = "cues: [{kind: negation, phrases: [no]}, {kind: past, phrases: [former]}]\n"
    library = library_of({"it": RECENT}, files={"mappings/text/context.yaml": context})

    def told(text):
        return find(record(replace(OVER_AND_ACTIVE, what=Coded(text=text))), library, AT)["it"].gaps

    assert [GapReason.CONFLICTING] == [gap.reason for gap in told("some petechiae on both shins")]
    assert () == told("former petechiae on both shins") == told("no petechiae on both shins")


def test_an_old_entry_without_an_id_is_not_told_by_another_without_one():
    undone = observed("petechiae", "absent", hours_ago(5), reference="Observation")

    assert (U, NOT_UNDERSTOOD) == sign(undone, replace(UNREAD, reference="Observation"))


def test_it_is_a_problem_of_the_past_for_certain():
    assert P is sign(OVER_AND_ACTIVE, body="sign: {concepts: [petechiae], past_problems: true}")[0]


def test_one_that_would_not_count_were_it_active_is_no_gap():
    assert (U, []) == sign(problem("petechiae", days_ago(30), state="contradictory", ended=days_ago(1)))
    assert (U, []) == sign(problem("petechiae", days_ago(3), state="contradictory", doubtful=True))


# ---------------------------------------------------------------- what is said of it


@pytest.mark.parametrize(
    ("entry", "phrase"),
    [
        (UNREAD, "Petechiae: its value was not understood"),
        (OVER_AND_ACTIVE, "Petechiae: entries contradict each other"),
    ],
)
def test_skin_bleeding_that_cannot_be_read_is_told_where_all_else_is_silent(entry, phrase):
    gate = {"skin-bleeding": RECENT}
    library = library_of(gate, criteria={"R-IT-01": "when: skin-bleeding"})

    (card,) = advise_on(record(entry), library, AT, Voice()).cards

    assert card.summary == "Petechiae could not be read: urgent causes not checked"
    assert card.indicator == "info"
    assert phrase in card.detail


def test_what_no_rule_behind_the_gate_could_speak_of_is_not_told():
    library = library_of({"skin-bleeding": RECENT, "it": RECENT.replace("petechiae", "fever")})

    assert () == advise_on(record(observed("fever", "as in the picture")), library, AT, Voice()).cards


def test_an_emergency_behind_the_gate_names_what_opens_the_gate():
    findings = {"skin-bleeding": RECENT, "hot": RECENT.replace("petechiae", "fever")}
    library = library_of(findings, criteria={"R-IT-01": "when: hot\ntiers: [{tier: EMERGENCY}]"})

    advice = advise_on(record(UNREAD, observed("fever", "as in the picture")), library, AT, Voice())

    assert ["Fever", "Petechiae"] == sorted(gap.what for gap in advice.assessment.gaps if gap.essential)
