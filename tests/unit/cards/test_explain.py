"""The reasoning about one chart, line by line."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.explain import as_text, explain, trace
from cds_hooks.cards.trace import brief
from cds_hooks.chart.record import Listing, ListRead
from cds_hooks.model.results import GapReason
from cds_hooks.service import advise_on
from tests.build import (
    AT,
    CARD,
    coded,
    hours_ago,
    library_of,
    list_failed,
    medicine,
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
    "young": "person: {age: {below: {years: 18}}}",
    "dead": "person: {deceased: true}",
}
RASH = problem(coded("1001"), hours_ago(5), sites=["leg"])
COUNT = platelets("8", hours_ago(2))


NEEDS_A_COUNT = {"R-A": "when: {all: [skin-bleeding, low]}"}


def told(*entries, criteria=None, causes=None, person=None, lists=None, findings=None, card=CARD):
    files = {"knowledge/library.yaml": card}
    library = library_of(findings or FINDINGS, criteria=criteria, causes=causes, files=files)
    advice = advise_on(record(*entries, person=person, lists=lists), library, AT, Voice())
    return explain(advice.record, advice.assessment, library, advice.cards)


def section(lines, title):
    """The lines below a title."""
    start = next(number for number, line in enumerate(lines) if line.startswith(title))
    below = lines[start + 1 :]
    return [line.strip() for line in below[: below.index("")]]


def test_it_begins_with_what_was_read():
    lines = section(told(RASH, COUNT, medicine("aspirin")), "Read")

    assert lines[0] == "1 problem or visit reason, 1 observation, 1 medicine and 0 visits"


def test_a_list_that_was_not_read_whole_says_how_far_and_why():
    back = ListRead(Listing.INCOMPLETE, AT - timedelta(days=3), GapReason.INCOMPLETE)

    lines = section(told(lists={"Condition": list_failed(), "Observation": back}), "Read")

    assert "Condition: failed (could not be fetched)" in lines
    assert "Observation: incomplete, back to 15 March 2026 (only partly supplied)" in lines


def test_an_entry_is_told_with_its_reference_and_what_it_makes_present():
    lines = section(told(RASH, COUNT), "Findings, by the entry")

    entry = lines.index("Platelet count 8 ×10⁹/L, today 18 March, 10:00 (Observation/777-3)")
    assert "low" in lines[entry + 1]
    assert lines[entry + 1].startswith("present: ")


def test_an_entry_is_told_with_what_it_makes_absent():
    lines = section(told(RASH, platelets("200", hours_ago(2))), "Findings, by the entry")

    entry = lines.index("Platelet count 200 ×10⁹/L, today 18 March, 10:00 (Observation/777-3)")
    assert lines[entry + 1] == "absent: low"


def test_what_nobody_recorded_is_not_known_rather_than_absent():
    lines = told(RASH, criteria={"R-A": "when: {all: [skin-bleeding, fever]}"})

    assert any("fever" in line for line in section(lines, "Findings not known"))


def test_a_met_criterion_names_its_tier_findings_and_source():
    rules = {"R-A": 'when: {all: [skin-bleeding, low]}\nname: "Low and spots"'}

    head, rests, source = section(told(RASH, COUNT, criteria=rules), "Criteria met")

    assert head == "Same day: Low and spots [R-A]"
    assert rests == "because of skin-bleeding; low"
    assert source == "source Textbook 2024"


def test_a_choice_of_ours_is_called_ours():
    rules = {"R-A": "when: skin-bleeding\ntiers: [{tier: SAME_DAY, choice: our-choice}]"}

    assert "our choice: Our choice" in section(told(RASH, criteria=rules), "Criteria met")[0]


def test_a_silent_rule_is_told_as_not_shown():
    lines = told(RASH, criteria={"R-A": "when: skin-bleeding\nstatus: silent"})

    assert section(lines, "Criteria met")[0].endswith("silent, not shown")
    assert "Cards: none" in lines


def test_a_draft_rule_is_not_told():
    assert "Criteria met: none" in told(RASH, criteria={"R-A": "when: skin-bleeding\nstatus: draft"})


def test_an_explanation_that_took_a_criterion_back_is_told():
    rules = {"R-A": "when: skin-bleeding\nunless: [{when: low, choice: our-choice}]"}

    [line] = section(told(RASH, COUNT, criteria=rules), "Criteria taken back")

    assert line == "R-A [R-A], because of low · our choice: Our choice"


def test_an_undecided_criterion_says_what_would_settle_it():
    rules = {"R-A": "when: {all: [skin-bleeding, fever]}"}

    lines = told(RASH, criteria=rules)

    assert section(lines, "Criteria undecided") == ["R-A [R-A]; would settle it: fever"]
    assert section(lines, "Undecided, by") == [
        "1 criterion is undecided, not absent",
        "Whether there was fever: R-A",
    ]
    assert section(lines, "Would settle most") == ["Whether there was fever would settle one urgent criterion"]


def test_without_a_skin_finding_the_criteria_wait_for_it():
    rules = {"R-A": "when: {all: [skin-bleeding, fever]}", "R-B": "when: low\nneeds_skin_bleeding: false"}

    first, *others = section(told(criteria=rules), "Criteria undecided")

    assert first.startswith("1 criteria wait for a skin finding")
    assert others == ["R-B [R-B]; would settle it: low"]


def test_a_cause_says_what_speaks_for_and_against_and_what_was_not_recorded_that_could():
    causes = {"c": "when: skin-bleeding\nsupports: [{finding: low, weight: 3}]\nagainst: [fever]"}
    fever = problem("fever", hours_ago(1))

    quiet = section(told(RASH, COUNT, causes=causes), "Possible causes")
    contradicted = section(told(RASH, COUNT, fever, causes=causes), "Possible causes")

    assert quiet == ["c [c]", "in favour: skin-bleeding; low", "against: not recorded: whether there was fever"]
    assert contradicted == ["c [c]", "in favour: skin-bleeding; low", "against: fever"]


def test_against_a_cause_the_trace_has_the_words_of_the_card():
    causes = {"c": "when: skin-bleeding\nagainst: [fever]"}

    lines = told(RASH, COUNT, causes=causes)

    words = "against: not recorded: whether there was fever"
    assert words in section(lines, "Cards")
    assert words in section(lines, "Possible causes")


def test_gaps_and_cards_are_told_as_the_clinician_reads_them():
    lines = told(RASH, criteria={"R-A": "when: skin-bleeding"}, lists={"Observation": list_failed()})

    assert section(lines, "Gaps") == ["Results and observations: the server could not deliver them"]
    assert section(lines, "Cards")[0] == "WARNING: A summary."
    assert any(line.startswith("Source: Textbook 2024") for line in section(lines, "Cards"))


# ---------------------------------------------------------------- what counts, and what is told on request


def counting(*entries, **rules):
    return section(told(*entries, **rules), "Entries that count")


def test_an_entry_counts_for_what_is_met_only():
    rules = {"R-A": "when: {all: [skin-bleeding, low]}"}
    extra = FINDINGS | {"lowish": 'measure: {concept: platelet-count, is: {below: "150", unit: "10*9/L"}}'}

    lines = counting(RASH, COUNT, criteria=rules, findings=extra)

    entry = lines.index("Platelet count 8 ×10⁹/L, today 18 March, 10:00 (Observation/777-3)")
    assert lines[entry + 1] == "present: low"


def test_of_an_entry_that_counts_for_nothing_some_of_what_it_rules_out_is_told():
    extra = FINDINGS | {
        f"below-{limit}": f'measure: {{concept: platelet-count, is: {{below: "{limit}", unit: "10*9/L"}}}}'
        for limit in (20, 30, 50)
    }

    lines = counting(RASH, platelets("200", hours_ago(2)), criteria=NEEDS_A_COUNT, findings=extra)

    entry = lines.index("Platelet count 200 ×10⁹/L, today 18 March, 10:00 (Observation/777-3)")
    assert lines[entry + 1].startswith("absent: ")
    assert lines[entry + 1].endswith(" and 1 more")


def test_age_and_sex_count_without_an_entry():
    rules = {"R-A": "when: {all: [skin-bleeding, young]}"}

    lines = counting(RASH, criteria=rules, person=patient(born="2016-03-20"))

    assert lines[-2:] == ["From the patient's age and sex, and from lists that were read whole", "present: young"]


def test_in_brief_the_long_parts_are_named_and_not_told():
    library = library_of(FINDINGS, criteria=NEEDS_A_COUNT)
    advice = advise_on(record(RASH, platelets("200", hours_ago(2))), library, AT, Voice())
    whole = trace(advice.record, advice.assessment, library, advice.cards)

    lines = as_text(brief(whole), advice.assessment)

    assert "Criteria not met (1)" in section(lines, "Told with --all")
    assert "Criteria not met" not in lines
    assert [one.title for one in whole if one.folded] == [
        "Criteria undecided",
        "Criteria not met",
        "Causes not listed",
        "Findings, by the entry they rest on",
    ]


def test_what_would_settle_most_undecided_criteria_comes_first_and_the_rest_is_counted():
    criteria = {f"R-{letter}": "when: {all: [skin-bleeding, fever]}" for letter in "ABC"}
    things = {f"thing-{number}": f'sign: {{concepts: [purpura]}}\nsettle: "thing {number}"' for number in range(7)}
    criteria |= {f"R-T{number}": f"when: {{all: [skin-bleeding, thing-{number}]}}" for number in range(7)}

    lines = section(told(RASH, criteria=criteria, findings=FINDINGS | things), "Undecided, by")

    assert lines[:2] == ["10 criteria are undecided, not absent", "Whether there was fever: R-A; R-B and 1 more"]
    assert lines[-1] == "and 2 more things"
    assert len(lines) == 8


def test_it_ends_with_the_version_the_digest_and_the_instant():
    last = told(RASH)[-1]

    assert last.startswith("Knowledge 1.2.3, digest ")
    assert last.endswith("at 2026-03-18T12:00+00:00; not clinically signed off.")


def test_the_dead_are_reasoned_about_but_get_no_card():
    rules = {"criteria": {"R-A": "when: skin-bleeding"}, "card": f"{CARD}silent_when: [dead]\n"}

    assert "Cards: none" not in told(RASH, **rules)
    assert "Cards: none" in told(RASH, **rules, person=patient(deceased=True))


@pytest.mark.parametrize("rules", [{}, {"criteria": {"R-A": "when: skin-bleeding"}}])
def test_no_text_of_the_chart_is_told(rules):
    lines = told(
        problem("petechiae", hours_ago(5), sites=["sentinel place"]),
        problem("sentinel problem"),
        platelets("8 sentinel-unit"),
        medicine("sentinel drug"),
        **rules,
    )

    assert "sentinel" not in "\n".join(lines)


def test_a_restricted_entry_is_told_without_name_value_or_time():
    lines = told(replace(COUNT, restricted=True), RASH)

    said = "\n".join(lines)
    assert "An entry with restricted access counts here and is not shown (Observation/777-3)" in said
    assert "Platelet count 8" not in said
