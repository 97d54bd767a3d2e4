"""Sentences of a chart as mentions: which are read, what they become, and how far rules go on them."""

from dataclasses import replace
from functools import cache

import pytest

from cds_hooks.cards.compose import Voice, compose
from cds_hooks.cards.explain import explain
from cds_hooks.chart.record import Coded
from cds_hooks.model.codes import Coding
from cds_hooks.model.results import Gap, GapReason
from cds_hooks.model.truth import Tier, Truth
from cds_hooks.reasoning.caution import firm
from cds_hooks.reasoning.criteria import might_be_emergencies
from cds_hooks.reasoning.entries import sort_entries
from cds_hooks.reasoning.library import load
from cds_hooks.reasoning.narrative import with_narrative
from cds_hooks.service import advise_on
from tests.build import (
    AT,
    amount,
    coded,
    days_ago,
    hours_ago,
    library_of,
    medicine,
    observed,
    platelets,
    problem,
    record,
)

CONTEXT = """\
problems: [fever]
words: {petechiae: ["petechial"]}
results: [laboratory]
or_words: ["or"]
cues:
  - {kind: negation, reach: 3, phrases: ["no"]}
  - {kind: past, reach: 3, phrases: ["history of"]}
  - {kind: family, reach: 3, phrases: ["mother has"]}
  - {kind: uncertain, reach: 3, phrases: ["possible"]}
"""
CHOICES = """\
our-choice: {name: "Our choice", why: "Because no guideline says."}
narrative-only-at-most-same-day: {name: "Text alone: the same day", why: "Sentences are misread."}
"""
FINDINGS = {
    "rash": "sign: {concepts: [petechiae], observed_within: {days: 3}, problem_within: {days: 3}}",
    "rash-ever": "sign: {concepts: [petechiae], observed_within: {days: 3}, past_problems: true}",
    "rash-of-face": ("sign: {concepts: [petechiae], observed_within: {days: 3}, sites: {only: [above-chest]}}"),
    "rash-spreads": "sign: {concepts: [petechiae], observed_within: {days: 3}, more_sites_within: {hours: 24}}",
    "rash-below": "sign: {concepts: [petechiae], observed_within: {days: 3}, sites: {any: [below-chest]}}",
    "fever": "sign: {concepts: [fever], observed_within: {days: 3}, problem_within: {days: 3}}",
    "low-platelets": 'measure: {concept: platelet-count, is: {below: "20", unit: "10*9/L"}}',
    "on-aspirin": "medication: {ingredients: [aspirin]}",
    "ill": "when: {any: [fever, low-platelets]}",
    "scored": "when: {score: {id: danger, at_least: 1}}",
    "not-purpura": "sign: {concepts: [purpura], observed_within: {days: 3}}\nunless: [rash]",
}
SCORE = """\
id: danger
name: "Danger"
items:
  - {name: "Platelets", settle: "platelets", options: [{when: low-platelets, points: 1}]}
risks: [{from: 0, name: "low"}]
citations: [{source: textbook}]
"""
EMERGENCY = "tiers: [{tier: EMERGENCY}]"
CRITERIA = {
    "R-ANY-01": f"when: rash\n{EMERGENCY}",
    "R-ILL-01": f"when: {{all: [rash, ill]}}\n{EMERGENCY}",
    "R-MED-01": f"when: {{all: [rash, on-aspirin]}}\n{EMERGENCY}",
    "R-MIL-01": "when: rash\ntiers: [{tier: ROUTINE, when: fever}, {tier: WITHIN_48H}]",
    "R-EXC-01": 'when: rash\nunless: [{when: fever, note: "explained"}]',
    "R-LAB-01": f"when: low-platelets\nneeds_skin_bleeding: false\n{EMERGENCY}",
    "R-SCO-01": f"when: {{all: [rash, {{score: {{id: danger, at_least: 1}}}}]}}\n{EMERGENCY}",
    "R-SCO-02": f"when: {{all: [rash, scored]}}\n{EMERGENCY}",
}


@cache
def library(choices=CHOICES):
    return library_of(
        FINDINGS,
        criteria=CRITERIA,
        files={
            "mappings/text/context.yaml": CONTEXT,
            "knowledge/choices.yaml": choices,
            "knowledge/scores/danger.yaml": SCORE,
        },
    )


def chart(*entries):
    return with_narrative(sort_entries(record(*entries), library(), AT))


def mentions(*entries, of="petechiae"):
    return chart(*entries).mentions_of([of])


def mention(*entries, of="petechiae"):
    (only,) = mentions(*entries, of=of)
    return only


def advice(*entries, choices=CHOICES):
    return advise_on(record(*entries), library(choices), AT, Voice())


def match(rule, *entries, choices=CHOICES):
    return next(m for m in advice(*entries, choices=choices).assessment.criteria if m.rule == rule)


def truth(finding, *entries):
    return advice(*entries).assessment.findings[finding].truth


def exam(text, **more):
    return observed("skin examination", text, **more)


# ---------------------------------------------------------------- what is read


def test_a_sign_in_the_value_of_an_observation_is_a_narrative_mention():
    found = mention(exam("Petechiae on the leg.", at=hours_ago(2), preliminary=True, restricted=True))

    assert (found.said, found.source, found.certainty, found.active) == (True, "observed", "narrative", True)
    assert (found.seen, found.began) == (hours_ago(2), hours_ago(2))
    assert found.sites == ("leg",)
    assert found.flags == ("preliminary",)
    assert found.restricted


@pytest.mark.parametrize(
    "text",
    [
        "4 year old girl with petechiae",
        "10 petechiae on the leg",
        "09:30 petechiae seen",
        ">20 petechiae, spreading",
        "< 5 petechiae",
    ],
)
def test_a_sentence_may_begin_with_a_number(text):
    assert mention(exam(text)).said


def test_a_body_site_is_believed_before_the_words():
    assert mention(exam("petechiae on the leg", sites=["face"])).sites == ("face",)


def test_the_words_of_a_value_without_a_known_code_are_read():
    assert mention(exam(Coded((Coding("urn:local", "7"),), "petechial, both sides"))).certainty == "narrative"


def test_an_observation_without_any_time_is_flagged():
    assert mention(exam("petechiae seen", undated=True)).flags == ("undated",)


def test_the_wording_of_a_problem_is_read_where_nothing_else_tells_what_it_is():
    found = mention(problem("petechiae of the leg", days_ago(3), recorded=days_ago(1), provisional=True))

    assert (found.source, found.certainty, found.active) == ("problem", "narrative", True)
    assert (found.seen, found.began) == (days_ago(1), days_ago(3))
    assert found.flags == ("provisional",)


def test_the_reason_of_a_visit_is_read_like_a_problem():
    assert mention(problem("seen for petechiae", source="visit")).source == "visit"


def test_a_problem_without_any_date_is_flagged():
    assert mention(problem("some petechiae")).flags == ("undated",)


@pytest.mark.parametrize("fields", [{"state": "inactive"}, {"ended": days_ago(1)}, {"doubtful": True}])
def test_a_problem_that_is_over_or_doubtful_is_not_active(fields):
    assert not mention(problem("some petechiae", **fields)).active


@pytest.mark.parametrize(
    "entry",
    [
        observed("platelet count", "CLUMPED"),
        observed("platelet count", "45"),
        observed("platelet count", "no petechiae"),
        observed("blood film", "petechiae", categories=("laboratory",)),
        exam("45"),
        exam("absent"),
        exam("negative"),
        exam(amount("3 /cm2")),
        exam(True),
        exam("looks well"),
        exam(Coded(text="petechiae")),
        exam(coded("1001")),
        problem("petechiae"),
        problem("something else"),
    ],
)
def test_results_numbers_answers_and_known_entries_are_not_read_as_sentences(entry):
    before = sort_entries(record(entry), library(), AT)

    assert with_narrative(before) == before


def beside(code, text, display="Purpura"):
    return Coded((Coding("http://snomed.info/sct", code, display),), text)


@pytest.mark.parametrize("of", [problem, exam])
def test_words_beside_a_known_code_are_read_for_the_signs_it_does_not_say(of):
    entry = of(beside("1002", "Purpura with fever and a petechial rash of the leg"))

    assert (mention(entry).certainty, mention(entry).sites) == ("narrative", ("leg",))
    assert [one.certainty for one in mentions(entry, of="purpura")] == ["coded"]
    assert mentions(entry, of="fever") == []


def test_what_words_beside_a_known_code_leave_open_is_counted():
    assert [gap.count for gap in chart(problem(beside("1002", "mother has petechiae"))).set_aside] == [1]


@pytest.mark.parametrize(
    "what", [beside("1002", "Petechiae", "PETECHIAE"), beside("1002", "", "Petechiae"), beside("1002", "of old")]
)
def test_the_name_of_a_known_code_is_no_further_sign(what):
    assert mentions(problem(what)) == []


@pytest.mark.parametrize("text", ["Chronic thrombocytopenic purpura", "ITP purpura, petechiae"])
def test_a_sign_within_the_name_of_a_diagnosis_is_not_one_that_was_seen(text):
    itp = Coded((Coding("http://hl7.org/fhir/sid/icd-10-cm", "D69.3"),), text)
    found = with_narrative(sort_entries(record(problem(itp)), load(), AT))

    assert found.mentions_of(["purpura", "thrombocytopenic-purpura-finding"]) == []
    assert bool(found.mentions_of(["petechiae"])) is ("petechiae" in text)


def test_words_that_every_finding_reads_like_the_code_are_not_told_twice():
    what = Coded((Coding("http://snomed.info/sct", "423902002"),), "Purpura, palpable purpura, purpuric rash")
    found = with_narrative(sort_entries(record(problem(what)), load(), AT))

    assert found.mentions_of(["purpuric-rash"]) == []
    assert found.mentions_of(["palpable-purpura"])


def headed(name, value, **more):
    return observed(name, value, at=hours_ago(2), **more)


HISTORY = Coded((Coding("http://loinc.org", "10157-6"),))


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (headed("Family history:", "Mother: ITP with petechiae"), "somebody else's illness"),
        (headed(HISTORY, "petechiae"), "somebody else's illness"),
        (headed("Family history", coded("271813007")), "somebody else's illness"),
        (headed("Petechiae", True, panel=HISTORY), "somebody else's illness"),
        (headed("Advice given", "Come back with purpura"), "what is only feared, asked or taught"),
        (headed("Differential diagnosis", "petechiae"), "what is only feared, asked or taught"),
        (headed("Past medical history", "no petechiae"), "whose wording leaves them open"),
    ],
)
def test_what_stands_under_a_heading_that_is_not_about_now_is_set_aside(entry, why):
    found = with_narrative(sort_entries(record(entry), load(), AT))

    assert found.mentions_of(["petechiae", "purpura"]) == []
    assert [(gap.what.endswith(why), gap.reference) for gap in found.set_aside] == [(True, entry.reference)]


@pytest.mark.parametrize("value", ["Petechiae", coded("271813007"), "Rash was petechial"])
def test_what_stands_under_a_heading_of_the_past_is_past(value):
    found = with_narrative(sort_entries(record(headed("Past medical history", value)), load(), AT))

    assert [(one.flags, one.active) for one in found.mentions_of(["petechiae"])] == [(("in the past",), False)]


@pytest.mark.parametrize("value", [None, True, amount("3"), "Asthma", Coded(text="Asthma")])
def test_a_heading_above_nothing_of_ours_says_nothing(value):
    found = with_narrative(sort_entries(record(headed("Past medical history", value)), load(), AT))

    assert (dict(found.mentions), found.set_aside) == ({}, ())


def test_a_library_without_phrases_reads_no_sentence():
    before = sort_entries(record(exam("petechiae")), library_of(), AT)

    assert with_narrative(before) is before


# ---------------------------------------------------------------- what it becomes


def test_a_denial_is_an_explicit_negative():
    assert not mention(exam("no petechiae")).said
    assert truth("rash", exam("no petechiae")) is Truth.ABSENT


def test_a_denial_in_a_sentence_does_not_end_what_was_charted_by_name():
    assert truth("rash", observed("petechiae", at=hours_ago(5)), exam("no petechiae")) is Truth.PRESENT


def test_a_later_sentence_ends_what_an_earlier_one_said():
    said = exam("petechiae seen", at=hours_ago(5), reference="Observation/1")
    denied = exam("no petechiae", at=hours_ago(2), reference="Observation/2")

    assert truth("rash", said) is Truth.PRESENT
    assert truth("rash", said, denied) is Truth.ABSENT


def test_what_is_over_counts_where_the_past_does():
    found = mention(exam("history of petechiae"))

    assert (found.source, found.active, found.began) == ("problem", False, None)
    assert found.flags == ("in the past",)
    assert truth("rash", exam("history of petechiae")) is not Truth.PRESENT
    assert truth("rash-ever", exam("history of petechiae")) is Truth.PRESENT


def test_a_suspicion_is_said_to_be_one():
    assert mention(exam("possible petechiae")).flags == ("possible",)
    assert mention(exam("possible history of petechiae")).flags == ("in the past", "possible")


def test_a_refuted_problem_denies_what_it_names():
    assert not mention(problem("petechiae of the leg", denied=True)).said


def test_a_refuted_denial_says_nothing_and_is_counted():
    found = chart(problem("no petechiae", denied=True))

    assert not found.mentions
    assert [(gap.reason, gap.count) for gap in found.set_aside] == [(GapReason.SET_ASIDE, 1)]


def test_what_was_set_aside_is_counted_by_kind_and_entry():
    relative, long = exam("mother has petechiae"), exam("a" * 5000, reference="Observation/2")

    found = chart(relative, long, problem("mother has fever"))

    somebody_else = "Mentions in narrative text of somebody else's illness"
    assert sorted((gap.reference, gap.what, gap.count) for gap in found.set_aside) == [
        ("Condition/mother-has-fever", somebody_else, 1),
        ("Observation/2", "Narrative text beyond its first 4,000 characters", 1),
        ("Observation/skin-examination", somebody_else, 1),
    ]
    assert not any(gap.essential for gap in found.set_aside)


# ---------------------------------------------------------------- how far rules go on it


def test_narrative_alone_asks_for_the_same_day_at_most():
    found = match("R-ANY-01", exam("petechiae seen"))

    assert (found.tier, found.capped) == (Tier.SAME_DAY, True)
    assert found.choice == "narrative-only-at-most-same-day"


@pytest.mark.parametrize("danger", [problem("fever", hours_ago(3)), platelets("9")])
def test_a_coded_or_measured_danger_sign_keeps_the_tier(danger):
    found = match("R-ILL-01", exam("petechiae seen"), danger)

    assert (found.tier, found.capped) == (Tier.EMERGENCY, False)


def test_narrative_danger_is_no_coded_danger():
    assert match("R-ILL-01", exam("petechiae and fever seen")).capped


def test_what_is_held_down_may_be_an_emergency_by_a_result_that_cannot_be_read():
    seen = advice(exam("petechiae and fever seen"), platelets("9 furlongs")).assessment
    held = next(match for match in seen.criteria if match.rule == "R-ILL-01")

    truth_of = seen.findings.truth_of
    firmly = firm(seen.findings, truth_of)
    gaps = might_be_emergencies([held], seen.findings, library(), truth_of, Truth.PRESENT, firmly=firmly)

    assert held.capped
    assert [(gap.reason, gap.essential) for gap in gaps] == [(GapReason.UNIT_UNKNOWN, True)]


def test_a_medicine_is_no_danger_sign():
    assert match("R-MED-01", exam("petechiae seen"), medicine("aspirin")).capped


@pytest.mark.parametrize("rule", ["R-SCO-01", "R-SCO-02"])
def test_a_score_counts_as_measured(rule):
    assert match(rule, exam("petechiae seen"), platelets("9")).tier is Tier.EMERGENCY


def test_a_coded_sign_is_not_held_down():
    assert match("R-ANY-01", observed("petechiae"), exam("petechiae seen")).tier is Tier.EMERGENCY
    assert match("R-LAB-01", platelets("9")).tier is Tier.EMERGENCY


def test_without_the_choice_nothing_is_held_down():
    plain = CHOICES.splitlines()[0] + "\n"

    assert match("R-ANY-01", exam("petechiae seen"), choices=plain).tier is Tier.EMERGENCY


def test_narrative_excuses_nothing():
    rash, fever = observed("petechiae"), problem("fever", hours_ago(3))

    assert match("R-EXC-01", rash, fever).truth is Truth.ABSENT
    assert match("R-EXC-01", rash, exam("fever today")).truth is Truth.PRESENT


def test_narrative_lowers_nothing():
    rash, fever = observed("petechiae"), problem("fever", hours_ago(3))

    assert match("R-MIL-01", rash, fever).tier is Tier.ROUTINE
    assert match("R-MIL-01", rash, exam("fever today")).tier is Tier.WITHIN_48H


DEMOTION = """\
id: it
name: "It is explained"
say: "it is explained"
summary: "Explained."
advice: "low platelets make it urgent"
when: fever
never_when: low-platelets
choice: our-choice
status: active
"""


def test_narrative_demotes_nothing():
    files = {"mappings/text/context.yaml": CONTEXT, "knowledge/demotions/it.yaml": DEMOTION}
    rules = {name: FINDINGS[name] for name in ("rash", "fever", "low-platelets")}
    with_demotion = library_of(rules, criteria={"R-IT-01": f"when: rash\n{EMERGENCY}"}, files=files)

    def tier(entry):
        chart = record(observed("petechiae"), platelets("250"), entry)
        return advise_on(chart, with_demotion, AT, Voice()).assessment.criteria[0].tier

    assert tier(problem("fever", hours_ago(3))) is Tier.ROUTINE
    assert tier(exam("fever today")) is Tier.EMERGENCY


def test_narrative_takes_no_coded_entry_back():
    purpura = observed("purpura", at=hours_ago(4))

    assert truth("not-purpura", purpura, observed("petechiae")) is Truth.ABSENT
    assert truth("not-purpura", purpura, exam("petechiae seen")) is Truth.PRESENT


def test_a_sentence_tells_where_it_is_and_never_that_it_is_nowhere_else():
    on_face = exam("petechiae on the face")

    assert truth("rash-of-face", on_face) is Truth.UNKNOWN
    assert truth("rash-of-face", exam("petechiae on the leg")) is Truth.ABSENT
    assert truth("rash-below", exam("petechiae on the leg")) is Truth.PRESENT
    assert truth("rash-of-face", observed("petechiae", sites=["face"])) is Truth.PRESENT


def test_two_sentences_do_not_show_that_a_rash_spreads():
    first = exam("petechiae on the leg", at=hours_ago(9), reference="Observation/1")
    later = exam("petechiae on the leg, face", at=hours_ago(1), reference="Observation/2")

    assert truth("rash-spreads", first, later) is not Truth.PRESENT


# ---------------------------------------------------------------- what is said


SECRET = "seen by granny Smith-Jones"


def test_cards_and_trace_say_that_it_comes_from_text_and_never_echo_it():
    found = advice(exam(f"petechiae {SECRET}"))
    trace = explain(found.record, found.assessment, library(), found.cards)
    card = found.cards[0]

    assert card.indicator == "warning"
    assert "in narrative text only" in card.summary
    assert "from narrative text" in card.detail
    assert "from narrative text only: please confirm" in card.detail
    assert "granny" not in "\n".join([*trace, card.summary, card.detail])


def test_what_was_set_aside_is_told_by_the_trace():
    found = advice(exam("mother has petechiae"))
    trace = explain(found.record, found.assessment, library(), found.cards)

    assert found.cards == ()
    assert any("somebody else's illness: set aside" in line for line in trace)


def test_a_card_tells_what_was_set_aside_only_when_nothing_else_was_unseen():
    rash, aside = observed("petechiae"), exam("mother has fever")
    found = advice(rash, aside).assessment
    more = replace(found, gaps=(*found.gaps, Gap("Visits", GapReason.TIMED_OUT)))

    (alone, *_) = compose(found, library(), Voice())
    (beside, *_) = compose(more, library(), Voice())

    assert "set aside" in alone.detail
    assert "set aside" not in beside.detail
    assert "Visits" in beside.detail


def test_a_criterion_with_a_long_name_has_a_summary_that_fits():
    named = replace(library().criteria["R-ANY-01"], name="x" * 120)
    longer = replace(library(), criteria={**library().criteria, "R-ANY-01": named})
    found = advice(exam("petechiae seen")).assessment
    first = next(m for m in found.criteria if m.rule == "R-ANY-01")

    (card, *_) = compose(replace(found, criteria=(first,)), longer, Voice())

    assert card.summary == "A reason for urgent referral stands in narrative text only: please confirm today"


# ---------------------------------------------------------------- observations whose name is a sentence


@pytest.mark.parametrize(
    ("expected", "name", "value"),
    [
        (True, "Skin of leg: petechiae", None),
        (True, "Skin of leg: petechiae", True),
        (True, "Any petechiae?", True),
        (True, "Are there any petechiae?", "present"),
        (False, "Any petechiae?", False),
        (False, "Any petechiae?", "absent"),
    ],
)
def test_an_unknown_name_is_read_and_the_value_says_whether_it_is_there(expected, name, value):
    (mention,) = mentions(observed(name, value))

    assert (mention.concept, mention.said, mention.certainty) == ("petechiae", expected, "narrative")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Platelets in a child with petechiae", amount("250")),
        ("Any petechiae?", "see the picture"),
        ("Mother has petechiae", True),
        ("No petechiae", False),
        ("Rash on leg", True),
        ("Legs without rash, no petechiae", True),
        ("Skin inspected for petechiae", True),
        ("Skin inspected for petechiae", False),
        ("Skin assessment for petechiae and purpura", None),
        ("Education about petechiae given", False),
        ("Family taught to watch for petechiae", "yes"),
        ("New petechiae since last shift?", False),
        ("Petechiae photographed", False),
    ],
)
def test_a_name_tells_nothing_without_a_plain_yes_or_no(name, value):
    assert [] == mentions(observed(name, value))


def test_the_value_of_such_an_observation_is_read_before_its_name():
    (mention,) = mentions(observed("Any petechiae at all?", "no petechiae, as before"))

    assert not mention.said


def test_results_are_not_read_by_name_either():
    assert [] == mentions(observed("Smear with petechiae", True, categories=("laboratory",)))
