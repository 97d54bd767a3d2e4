"""Links from cards to our own pages and to publications: where they lead, and when there are none."""

from cds_hooks.cards.compose import Voice
from cds_hooks.service import advise_on
from tests.build import AT, coded, hours_ago, library_of, list_failed, patient, problem, record

BASE = "https://pinpoint.example"
LEAFLET = """\
title: "Spots"
lead: "A page."
emergency: {heading: "Help", lead: "Call {number} if", lines: ["they spread"]}
same_day: {heading: "Today", lead: "See someone if", lines: ["you are pregnant"]}
parts: [{heading: "What", lines: ["They are flat."]}]
"""
FILES = {"knowledge/leaflet.yaml": LEAFLET}
RASH = problem(coded("1001"), hours_ago(5))
SECRET = problem("fever", hours_ago(5), restricted=True)
FINDINGS = {
    "skin-bleeding": "sign: {concepts: [petechiae], problem_within: {days: 14}}",
    "fever": "sign: {concepts: [fever], problem_within: {days: 7}}",
}


def links(*entries, hook="patient-view", base=BASE, files=FILES, lists=None, **rules):
    """(label, address below ours) of each card."""
    library = library_of(FINDINGS, files=files, **rules)
    cards = advise_on(record(*entries, person=patient(), lists=lists), library, AT, Voice("", base), hook).cards
    return [[(link.label, link.url.removeprefix(BASE)) for link in card.links] for card in cards]


ABOUT = ("About this rule", "/knowledge#R-A")
CAUSES = ("About these causes", "/knowledge#causes")
FOR_THE_PATIENT = ("Leaflet for the patient", "/leaflet")
BOOK = ("Textbook 2024", "https://example.org/textbook")


def test_the_action_card_leads_to_the_rule_that_heads_it():
    assert [[ABOUT, BOOK, FOR_THE_PATIENT]] == links(RASH, criteria={"R-A": "when: skin-bleeding"})


def test_the_causes_card_leads_to_the_causes():
    assert [[CAUSES, BOOK, FOR_THE_PATIENT]] == links(RASH, causes={"c": "when: skin-bleeding"})


def test_a_card_of_routine_criteria_leads_to_the_first_of_them():
    routine = {"R-A": "when: skin-bleeding\ntiers: [{tier: ROUTINE}]"}

    assert [[ABOUT, BOOK, FOR_THE_PATIENT]] == links(RASH, criteria=routine)


def test_without_a_public_address_the_publication_is_all_there_is_to_link_to():
    assert [[BOOK]] == links(RASH, criteria={"R-A": "when: skin-bleeding"}, base="")


def test_without_a_leaflet_nothing_leads_to_one():
    assert [[ABOUT, BOOK]] == links(RASH, criteria={"R-A": "when: skin-bleeding"}, files={})


def test_without_a_skin_finding_there_is_nothing_to_hand_out():
    speaking = {"R-A": "when: fever\nneeds_skin_bleeding: false"}

    assert [[ABOUT, BOOK]] == links(problem("fever", hours_ago(5)), criteria=speaking)


def test_while_ordering_there_is_nothing_to_hand_out():
    ordering = {"R-A": "when: skin-bleeding\nhooks: [order-sign]"}

    assert [[ABOUT, BOOK]] == links(RASH, hook="order-sign", criteria=ordering)


def test_a_card_about_what_could_not_be_read_leads_nowhere():
    unread = {"Condition": list_failed()}

    assert [[]] == links(criteria={"R-A": "when: skin-bleeding"}, lists=unread)


def test_a_rule_whose_words_are_hidden_is_not_named_in_a_link():
    hidden = {"R-A": "when: fever"}

    assert [[("About this rule", "/knowledge"), BOOK, FOR_THE_PATIENT]] == links(RASH, SECRET, criteria=hidden)
