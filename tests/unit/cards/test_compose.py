"""Which cards an assessment becomes, in what order, and what they never say."""

from dataclasses import replace

import pytest

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.wire import MAX_SUMMARY
from cds_hooks.model.results import GapReason
from cds_hooks.service import advise_on
from tests.build import (
    AT,
    CARD,
    coded,
    days_ago,
    hours_ago,
    library_of,
    list_failed,
    medicine,
    observed,
    patient,
    platelets,
    problem,
    record,
)

FINDINGS = {
    "skin-bleeding": (
        "sign: {concepts: [petechiae, purpura], observed_within: {days: 14}, problem_within: {days: 14}}"
    ),
    "fever": 'sign: {concepts: [fever], problem_within: {days: 7}}\nsettle: "whether there was fever"',
    "low": 'measure: {concept: platelet-count, is: {below: "100", unit: "10*9/L"}}\nsettle: "a platelet count"',
    "aspirin-use": "medication: {ingredients: [aspirin]}",
    "dead": "person: {deceased: true}",
}
SILENT = f"{CARD}silent_when: [dead]\n"
RASH = problem(coded("1001"), hours_ago(5), sites=["leg"])
FEVER = problem("fever", hours_ago(3))
COUNT = platelets("8", hours_ago(2))
ASPIRIN = medicine(coded("3001", "rxnorm"), start=days_ago(30))
SPOTS = "when: skin-bleeding"


def advice(*entries, criteria=None, causes=None, card=CARD, region="", person=None, lists=None):
    library = library_of(FINDINGS, criteria=criteria, causes=causes, files={"knowledge/library.yaml": card})
    return advise_on(record(*entries, person=person, lists=lists), library, AT, Voice(region))


def cards(*entries, **rules):
    return advice(*entries, **rules).cards


def only(*entries, **rules):
    [card] = cards(*entries, **rules)
    return card


def section(card, title):
    """The bullets under a title; empty when the card has no such title."""
    _, _, after = card.detail.partition(f"**{title}**\n")
    return [line[2:] for line in after.partition("\n\n")[0].splitlines()]


def tier(how_soon, **more):
    return "\n".join(
        [f"tiers: [{{tier: {how_soon}}}]", SPOTS, *(f'{key}: "{value}"' for key, value in more.items())]
    )


# ---------------------------------------------------------------- how many cards, and when none


def test_nothing_to_say_is_no_card():
    assert cards(RASH, criteria={"R-A": "when: fever"}, causes={"c": "when: low"}) == ()


@pytest.mark.parametrize("status", ["draft", "silent", "retired"])
def test_a_rule_that_is_not_active_never_speaks(status):
    rules = {"R-A": f"{SPOTS}\nstatus: {status}"}

    assert cards(RASH, criteria=rules, causes={"c": f"{SPOTS}\nstatus: {status}"}) == ()


def test_an_inactive_rule_adds_no_line_to_the_card_of_another():
    [action, causes] = cards(
        RASH,
        criteria={"R-A": SPOTS, "R-B": f'{SPOTS}\nname: "Hidden"\nstatus: silent\nadvice: "hidden"'},
        causes={"c": SPOTS, "d": f'{SPOTS}\nname: "Hidden"\nshort: "hidden"\nsay: "Hidden."\nstatus: silent'},
    )

    said = f"{action.summary} {action.detail} {causes.summary} {causes.detail}".lower()
    assert "hidden" not in said


def test_the_dead_get_no_card():
    rules = {"criteria": {"R-A": tier("EMERGENCY")}, "causes": {"c": SPOTS}, "card": SILENT}

    assert cards(RASH, **rules) != ()
    assert cards(RASH, **rules, person=patient(deceased=True)) == ()


def test_the_dead_get_no_gap_card():
    unread = {"Condition": list_failed()}

    assert cards(criteria={"R-A": SPOTS}, lists=unread, card=SILENT) != ()
    assert cards(person=patient(deceased=True), criteria={"R-A": SPOTS}, lists=unread, card=SILENT) == ()


def test_at_most_two_cards_speak_however_much_holds():
    found = cards(
        RASH,
        criteria={f"R-{tier_name}": tier(tier_name) for tier_name in ("EMERGENCY", "SAME_DAY", "ROUTINE")},
        causes={f"c{number}": SPOTS for number in range(9)},
        lists={"Condition": list_failed()},
    )

    assert [card.indicator for card in found] == ["critical", "info"]


# ---------------------------------------------------------------- the action card


@pytest.mark.parametrize(
    ("name", "indicator"),
    [("EMERGENCY", "critical"), ("SAME_DAY", "warning"), ("WITHIN_48H", "warning"), ("ROUTINE", "info")],
)
def test_the_tier_gives_the_indicator(name, indicator):
    assert only(RASH, criteria={"R-A": tier(name)}).indicator == indicator


def test_the_most_urgent_criterion_heads_the_card_and_the_others_follow():
    card = only(
        RASH,
        criteria={
            "R-A": tier("SAME_DAY", name="Second", summary="Not this."),
            "R-B": tier("EMERGENCY", name="First", summary="See now."),
            "R-C": tier("WITHIN_48H", name="Third"),
        },
    )

    assert card.summary == "See now."
    assert section(card, "Meets") == ["First"]
    assert section(card, "Also") == ["Same day: Second", "Within 48 hours: Third"]


def test_among_equally_urgent_criteria_the_group_decides_who_heads():
    card = only(
        RASH,
        criteria={
            "R-A": tier("SAME_DAY", name="Platelets", group="platelets", summary="Platelets."),
            "R-B": tier("SAME_DAY", name="Infection", group="infection", summary="Infection."),
        },
    )

    assert card.summary == "Infection."
    assert section(card, "Meets") == ["Infection", "Platelets"]


def test_a_step_replaces_summary_and_advice():
    steps = (
        "tiers:\n"
        '  - {tier: EMERGENCY, when: fever, summary: "With fever.", advice: "with fever"}\n'
        "  - {tier: SAME_DAY}"
    )
    rules = {"R-A": f"{SPOTS}\n{steps}"}

    hot, cool = (only(RASH, FEVER, criteria=rules), only(RASH, criteria=rules))

    assert (hot.summary, cool.summary) == ("With fever.", "A summary.")
    assert section(hot, "What guidelines advise")[0].startswith("With fever (")
    assert section(cool, "What guidelines advise")[0].startswith("An advice. (")


def test_equal_advice_is_given_once_and_at_most_four_different_ones():
    rules = {f"R-{number}": tier("SAME_DAY", advice=f"advice {number}") for number in range(5)}
    twice = {"R-X": tier("SAME_DAY", advice="advice 0"), "R-Y": tier("SAME_DAY", advice="advice 0")}

    assert len(section(only(RASH, criteria=twice), "What guidelines advise")) == 1
    assert len(section(only(RASH, criteria=rules), "What guidelines advise")) == 4


def test_advice_carries_its_publication_and_says_when_the_threshold_is_ours():
    ours = {"R-A": f"{SPOTS}\ntiers: [{{tier: SAME_DAY, choice: our-choice}}]"}

    [line] = section(only(RASH, criteria=ours), "What guidelines advise")

    assert line == "An advice. ([Textbook 2024](https://example.org/textbook)) · our own threshold"


def test_recorded_names_the_skin_finding_first_and_then_the_newest():
    rules = {"R-A": "when: {all: [skin-bleeding, fever, low]}"}

    assert section(only(RASH, FEVER, COUNT, criteria=rules), "Recorded") == [
        "Petechiae, leg, since today 18 March, 07:00",
        "Platelet count 8 ×10⁹/L, today 18 March, 10:00",
        "Fever, since today 18 March, 09:00, from text",
    ]


@pytest.mark.parametrize(("number", "last"), [(7, "and 1 more entry"), (9, "and 3 more entries")])
def test_recorded_has_six_lines_and_counts_the_rest(number, last):
    spots = [
        problem(coded("1001"), hours_ago(hour), reference=f"Condition/{hour}") for hour in range(1, number + 1)
    ]

    lines = section(only(*spots, criteria={"R-A": SPOTS}), "Recorded")

    assert len(lines) == 7
    assert lines[-1] == last


def test_the_source_says_that_nobody_has_signed_off_until_somebody_has():
    rules = {"R-A": SPOTS}

    unsigned = only(RASH, criteria=rules).source
    signed = only(RASH, criteria=rules, card=CARD.replace("signed_off: false", "signed_off: true")).source

    assert unsigned.label == "Textbook 2024 · not clinically signed off"
    assert signed.label == "Textbook 2024"
    assert signed.url == "https://example.org/textbook"


def test_the_topic_is_the_rule_without_punctuation():
    assert only(RASH, criteria={"R-MEN-01": SPOTS}).source.topic.code == "RMEN01"


def test_an_emergency_names_the_number_of_the_region_and_nothing_else_does():
    card = CARD + 'emergency_numbers: {uk: "999"}\n'
    emergency, same_day = {"R-A": tier("EMERGENCY")}, {"R-A": tier("SAME_DAY")}

    assert "999" in only(RASH, criteria=emergency, card=card, region="uk").detail
    assert "999" not in only(RASH, criteria=emergency, card=card, region="us").detail
    assert "999" not in only(RASH, criteria=same_day, card=card, region="uk").detail


def test_every_card_offers_reasons_to_override_it():
    found = cards(RASH, criteria={"R-A": SPOTS}, causes={"c": SPOTS})

    for card in found:
        assert len({reason.code for reason in card.override_reasons}) == len(card.override_reasons) >= 3


# ---------------------------------------------------------------- the causes card


def test_a_routine_criterion_stands_on_the_causes_card_only():
    rules = {"R-A": tier("SAME_DAY"), "R-B": tier("ROUTINE", name="Later", advice="later")}

    action, causes = cards(RASH, criteria=rules)

    assert "Later" not in action.detail
    assert "Later: later ([Textbook 2024]" in causes.detail
    assert (action.indicator, causes.indicator) == ("warning", "info")


def test_a_routine_criterion_alone_heads_an_information_card():
    card = only(RASH, criteria={"R-A": tier("ROUTINE", summary="For the next visit.")})

    assert (card.indicator, card.summary) == ("info", "For the next visit.")
    assert section(card, "Recorded") == ["Petechiae, leg, since today 18 March, 07:00"]


def test_a_cause_never_sets_more_than_an_information_card():
    assert only(RASH, causes={"c": f"{SPOTS}\ntier: EMERGENCY"}).indicator == "info"


def test_causes_are_named_best_supported_first():
    causes = {
        "weak": f'{SPOTS}\nshort: "the weak one"\nsupports: [{{finding: fever, weight: 1}}]',
        "strong": f'{SPOTS}\nshort: "the strong one"\nsupports: [{{finding: low, weight: 3}}]',
    }

    card = only(RASH, FEVER, COUNT, causes=causes)

    assert card.summary == "Possible causes of petechiae: the strong one, the weak one"


def test_the_table_says_what_speaks_for_and_against():
    causes = {"c": f"{SPOTS}\nsupports: [{{finding: aspirin-use, weight: 3}}]\nagainst: [fever, low]"}

    row = only(RASH, ASPIRIN, FEVER, causes=causes).detail.splitlines()[2]

    _, cause, favour, against, _ = (cell.strip() for cell in row.split("|"))
    assert cause == "c"
    assert favour == "Aspirin: reported as taken, since 16 February, 12:00, route not stated"
    assert against == "Fever, since today 18 March, 09:00, from text"


def test_what_could_speak_against_and_is_not_recorded_is_asked_for():
    causes = {"c": f"{SPOTS}\nagainst: [fever, low]"}

    row = only(RASH, causes=causes).detail.splitlines()[2]

    assert row.endswith("| the skin finding itself | not recorded: whether there was fever, a platelet count |")


def test_an_explanation_that_excludes_a_part_of_the_gate_is_still_shown():
    gate = {
        "bruise": "when: {all: [spots, {none: [fever]}]}",
        "spots": "sign: {concepts: [petechiae], observed_within: {days: 14}, problem_within: {days: 14}}",
        "skin-bleeding": "when: {any: [spots, bruise]}",
    }
    library = library_of(FINDINGS | gate, causes={"c": "when: fever"})

    [card] = advise_on(record(RASH, FEVER), library, AT, Voice()).cards

    assert "| c | Fever, since today 18 March, 09:00, from text |" in card.detail


@pytest.mark.parametrize("number", [1, 2, 3, 4, 6, 7, 30])
@pytest.mark.parametrize("length", [1, 20, 40])
def test_the_summary_fits_whatever_the_number_of_causes(number, length):
    causes = {f"c{one:02}": f'{SPOTS}\nshort: "{"x" * length}"' for one in range(number)}

    card = only(RASH, causes=causes)

    assert len(card.summary) <= MAX_SUMMARY
    assert card.summary.startswith("Possible causes of petechiae: x")
    shown = card.summary.count("x" * length)
    assert f"and {min(number, 6) - shown} more" in card.summary or shown == min(number, 6)


def test_a_long_name_of_the_skin_finding_leaves_room_for_no_cause_and_the_count_remains():
    long = f'spots:\n  kind: sign\n  name: "Spots {"of the skin " * 11}"\n  texts: ["spots"]\n'
    gate = {"skin-bleeding": "sign: {concepts: [spots], problem_within: {days: 14}}"}
    library = library_of(gate, causes={"c": SPOTS}, more_concepts=long)

    [card] = advise_on(record(problem("spots", hours_ago(1))), library, AT, Voice()).cards

    assert len(card.summary) <= MAX_SUMMARY
    assert "1 to consider" in card.summary


def test_at_most_six_causes_stand_in_the_table():
    causes = {f"c{number}": SPOTS for number in range(9)}

    rows = [line for line in only(RASH, causes=causes).detail.splitlines() if line.startswith("| c")]

    assert len(rows) == 6


def test_undecided_criteria_are_counted_as_undecided_and_never_as_absent():
    rules = {"R-A": "when: {all: [skin-bleeding, fever]}", "R-B": "when: {all: [skin-bleeding, low]}"}

    card = only(RASH, platelets("200"), criteria=rules, causes={"c": SPOTS})

    assert (
        "1 of 2 urgent criteria could be decided from the chart and none is met; "
        "the other 1 is undecided, not absent."
    ) in card.detail


def test_when_every_criterion_is_decided_nothing_is_called_undecided():
    card = only(RASH, platelets("200"), criteria={"R-A": "when: {all: [skin-bleeding, low]}"}, causes={"c": SPOTS})

    assert "1 of 1 urgent criteria could be decided from the chart and none is met." in card.detail
    assert "undecided" not in card.detail


# ---------------------------------------------------------------- what was not seen


def test_what_would_settle_an_urgent_criterion_is_asked_for():
    rules = {"R-A": "when: {all: [skin-bleeding, fever]}", "R-B": "when: {all: [skin-bleeding, fever]}"}

    card = only(RASH, criteria=rules, causes={"c": SPOTS})

    assert section(card, "Would settle more") == ["Whether there was fever would settle two urgent criteria"]


def test_what_could_only_lower_is_not_asked_for():
    rules = {"R-A": tier("EMERGENCY"), "R-B": "when: {all: [skin-bleeding, fever]}"}

    assert section(only(RASH, criteria=rules), "Would settle more") == []


def test_beside_an_emergency_nothing_is_asked_even_of_a_criterion_that_could_rise():
    rising = "when: skin-bleeding\ntiers: [{tier: EMERGENCY, when: fever}, {tier: SAME_DAY}]"

    assert section(only(RASH, criteria={"R-A": tier("EMERGENCY"), "R-B": rising}), "Would settle more") == []
    assert section(only(RASH, criteria={"R-B": rising}), "Would settle more") != []


def test_an_unread_essential_list_makes_a_card_when_nothing_else_does():
    card = only(criteria={"R-A": SPOTS}, lists={"Condition": list_failed(GapReason.TIMED_OUT)})

    assert card.indicator == "info"
    assert card.summary == "Problem list could not be read: urgent causes not checked"
    assert section(card, "Not seen") == ["Problem list: the server did not answer in time"]


def test_a_gap_card_names_the_skin_finding_when_it_was_read():
    card = only(RASH, criteria={"R-A": "when: fever"}, lists={"Observation": list_failed()})

    assert card.summary.startswith("Petechiae recorded, but results and observations could not be read")


@pytest.mark.parametrize("name", ["MedicationStatement", "MedicationRequest", "Encounter", "Procedure", "Patient"])
def test_a_list_that_is_not_essential_makes_no_card_by_itself(name):
    assert cards(criteria={"R-A": SPOTS}, lists={name: list_failed()}) == ()


def test_a_gap_is_a_line_where_something_else_speaks():
    lists = {"Observation": list_failed(GapReason.NOT_PERMITTED)}

    for rules in ({"criteria": {"R-A": SPOTS}}, {"causes": {"c": SPOTS}}):
        card = only(RASH, **rules, lists=lists)

        assert section(card, "Not seen") == ["Results and observations: no permission to read them"]


def test_a_gap_card_fits_with_every_list_unread():
    names = ("Condition", "Observation", "Patient", "MedicationStatement", "MedicationRequest", "Encounter")

    card = only(RASH, criteria={"R-A": "when: fever"}, lists=dict.fromkeys(names, list_failed()))

    assert len(card.summary) <= MAX_SUMMARY
    assert len(section(card, "Not seen")) == len(names)


@pytest.mark.parametrize(
    ("public_url", "page"), [("", ""), ("https://us.example", "https://us.example/knowledge")]
)
def test_a_gap_card_rests_on_no_publication_and_comes_from_us(public_url, page):
    library = library_of(FINDINGS, criteria={"R-A": SPOTS})
    [card] = advise_on(record(lists={"Condition": list_failed()}), library, AT, Voice("", public_url)).cards

    assert card.source.label == "Pinpoint, on what it could not read · not clinically signed off"
    assert card.source.url == page
    assert card.source.topic.code == "unreadablechart"


def test_a_gap_card_needs_no_criterion_that_is_assessed():
    rules = {"R-A": f"{SPOTS}\nstatus: draft"}

    assert only(criteria=rules, lists={"Condition": list_failed()}).indicator == "info"


# ---------------------------------------------------------------- what never comes out


def test_no_text_of_the_chart_comes_out():
    said = [
        problem("petechiae", hours_ago(5), sites=["leg", "sentinel place"]),
        observed("sentinel examination", "sentinel finding"),
        observed("platelet count", "sentinel value"),
        problem("sentinel problem", hours_ago(1)),
        medicine("sentinel drug"),
    ]

    found = cards(*said, criteria={"R-A": SPOTS}, causes={"c": SPOTS})

    assert found
    assert "sentinel" not in "".join(card.summary + card.detail for card in found)


def test_a_restricted_entry_is_counted_and_not_shown():
    hidden = replace(RASH, restricted=True)

    action, causes = cards(hidden, criteria={"R-A": SPOTS}, causes={"c": SPOTS})

    assert section(action, "Recorded") == ["An entry with restricted access counts here and is not shown"]
    assert causes.summary == "Possible causes of bleeding into the skin: c"
    assert "etechiae" not in action.detail + causes.detail
