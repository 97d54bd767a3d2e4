from datetime import date

import pytest

from cds_hooks.errors import LibraryError
from cds_hooks.reasoning.library import load
from cds_hooks.reasoning.lint import concepts_of, lint, reviews_due, unused_findings
from tests.build import CARD, CITATIONS, library_of, small_library, write_library

DEAD = "person: {deceased: true}"
SPANS = "latest_within: {days: 1}, baseline_within: {days: 9}"
TODAY = date(2026, 3, 18)


def faults(*arguments, **keywords):
    with pytest.raises(LibraryError) as caught:
        library_of(*arguments, **keywords)
    return list(caught.value.faults)


def fault_of(body, **keywords):
    """The one fault of a finding."""
    (fault,) = faults({"it": body}, **keywords)
    return fault


def fault_of_criterion(body):
    (fault,) = faults({"dead": DEAD}, criteria={"R-IT-01": body})
    return fault


def fault_of_cause(body):
    (fault,) = faults({"dead": DEAD}, causes={"a-cause": body})
    return fault


def fault_of_concept(text):
    (fault,) = faults(more_concepts=text)
    return fault


def test_a_sound_library_has_no_fault():
    assert () == lint(small_library(), {})


def test_a_fault_without_a_known_place_names_the_file_it_should_stand_in(tmp_path):
    root = write_library(tmp_path, {"it": f"{DEAD}\nunless: [other]"})
    with pytest.raises(LibraryError) as caught:
        load(root)
    (placed,) = caught.value.faults

    assert placed.startswith("mappings/findings/it.yaml:1: unknown finding `other`")


# ---------------------------------------------------------------- concepts


def test_a_measured_concept_needs_a_plausible_window():
    text = 'ldh: {kind: lab, name: "LDH", unit: "U/L"}\n'

    assert "has a unit but no `plausible` window" in fault_of_concept(text)


def test_a_text_of_signs_needs_a_letter():
    assert "`rash` has a text without a letter" in fault_of_concept(
        'rash: {kind: sign, name: "Rash", texts: ["++"]}\n'
    )


def test_an_answer_may_be_plus_signs_alone():
    assert library_of(more_concepts='two: {kind: answer, name: "++", texts: ["++"]}\n')


@pytest.mark.parametrize("key", ["sites", "hides"])
def test_a_concept_that_another_names_must_exist(key):
    fault = fault_of_concept(f'rash: {{kind: sign, name: "Rash", {key}: [nowhere]}}\n')

    assert "`nowhere`" in fault


def test_the_fault_of_a_concept_has_its_line():
    fault = fault_of_concept('rash: {kind: sign, name: "Rash", sites: [nowhere]}\n')

    assert fault.split(": ")[0].startswith("mappings/concepts/all.yaml:")
    assert fault.split(": ")[0] != "mappings/concepts/all.yaml:1"


# ---------------------------------------------------------------- findings


@pytest.mark.parametrize(("count", "body"), [(0, 'note: "x"'), (2, f"{DEAD}\nwhen: skin-bleeding")])
def test_a_finding_has_exactly_one_test(count, body):
    assert f"has {count}; keep one" in fault_of(body)


@pytest.mark.parametrize(
    "body",
    [
        "sign: {concepts: [nothing]}",
        'measure: {concept: nothing, is: {below: "1"}}',
        "answer: {concepts: [nothing], is: [present]}",
        "answer: {concepts: [urine-blood], is: [nothing]}",
        "medication: {ingredients: [nothing]}",
        "medication: {routes: [nothing]}",
        f'trend: {{concept: nothing, change: fall, by: {{above: "1"}}, {SPANS}}}',
        "since: {concepts: [nothing], after: skin-bleeding}",
    ],
)
def test_every_concept_of_a_finding_must_exist(body):
    expected = (
        "mappings/findings/it.yaml:1: unknown concept `nothing`; write it in mappings/concepts or mend the id"
    )

    assert expected == fault_of(body)


@pytest.mark.parametrize(
    "body",
    [
        f"{DEAD}\nunless: [nothing]",
        "since: {concepts: [platelet-count], after: nothing}",
        "when: {any: [skin-bleeding, {none: [nothing]}]}",
    ],
)
def test_every_finding_that_another_asks_for_must_exist(body):
    expected = "mappings/findings/it.yaml:1: unknown finding `nothing`; write mappings/findings/nothing.yaml"

    assert fault_of(body).startswith(expected)


def test_every_score_that_is_asked_for_must_exist():
    expected = (
        "mappings/findings/it.yaml:1: unknown score `nothing`; write knowledge/scores/nothing.yaml or mend the id"
    )

    assert expected == fault_of("when: {score: {id: nothing, at_least: 2}}")


@pytest.mark.parametrize(
    ("named", "body"),
    [
        ("region `tail`", "sign: {concepts: [petechiae], sites: {any: [tail]}}"),
        ("region `tail`", "sign: {concepts: [petechiae], sites: {only: [tail]}}"),
        ("class `tonic`", "medication: {classes: [tonic]}"),
        ("mechanism `XX`", "medication: {mechanisms: [XX]}"),
    ],
)
def test_a_group_to_which_no_concept_belongs_is_a_fault(named, body):
    assert f"no concept belongs to the {named}" in fault_of(body)


def test_known_groups_are_no_fault():
    assert library_of(
        {
            "where": "sign: {concepts: [petechiae], sites: {any: [above-chest], only: [periorbital]}}",
            "what": "medication: {classes: [steroid], mechanisms: [PF]}",
        }
    )


@pytest.mark.parametrize(
    ("expected", "limits"),
    [
        ("unit `g/L` is not the concept's `10*9/L`", 'is: {below: "10", unit: "g/L"}'),
        ("unit `` is not the concept's `10*9/L`", 'is: {below: "10"}'),
        ("a range needs one of above, at_least, below, at_most", 'is: {unit: "10*9/L"}'),
        ("a range needs one of above, at_least, below, at_most", "is: {of: upper-limit}"),
        ("measure needs `is` or `by_age`", "pick: any"),
        (
            "unit `g/L` is not the concept's `10*9/L`",
            'by_age: [{age: {from: {years: 1}}, is: {below: "10", unit: "g/L"}}]',
        ),
    ],
)
def test_a_range_must_be_bounded_and_in_the_unit_of_the_concept(expected, limits):
    assert expected in fault_of(f"measure: {{concept: platelet-count, {limits}}}")


@pytest.mark.parametrize("bound", ["above", "at_least", "below", "at_most"])
def test_one_bound_is_enough(bound):
    assert library_of({"it": f'measure: {{concept: platelet-count, is: {{{bound}: "1", of: lower-limit}}}}'})


GUARD = 'guard: {min: "8", max: "12"}'


@pytest.mark.parametrize(
    ("expected", "limits"),
    [
        ("a guard needs an `is` with one bound", 'is: {at_least: "9", below: "10", unit: "10*9/L"}'),
        (
            "a guard needs an `is` with one bound",
            'by_age: [{age: {from: {years: 1}}, is: {below: "10", unit: "10*9/L"}}]',
        ),
        ("our own bound 7.9 lies outside its guard", 'is: {below: "7.9", unit: "10*9/L"}'),
        ("our own bound 12.1 lies outside its guard", 'is: {below: "12.1", unit: "10*9/L"}'),
    ],
)
def test_a_guard_is_for_one_bound_that_lies_inside_it(expected, limits):
    assert expected in fault_of(f"measure: {{concept: platelet-count, {limits}, {GUARD}}}")


@pytest.mark.parametrize("bound", ["8", "10", "12"])
def test_a_bound_inside_its_guard_is_no_fault(bound):
    limits = f'is: {{below: "{bound}", unit: "10*9/L"}}'

    assert library_of({"it": f"measure: {{concept: platelet-count, {limits}, {GUARD}}}"})


@pytest.mark.parametrize("by", ['{above: "50", unit: "g/L"}', '{unit: "%"}', '{above: "50"}'])
def test_a_trend_needs_a_bound_in_percent_or_in_the_unit_of_the_concept(by):
    fault = fault_of(f"trend: {{concept: platelet-count, change: fall, by: {by}, {SPANS}}}")

    assert "`by` needs a bound, in % or in 10*9/L" in fault


@pytest.mark.parametrize("unit", ["%", "10*9/L"])
def test_a_trend_in_percent_or_in_the_unit_of_the_concept_is_no_fault(unit):
    by = f'{{above: "50", unit: "{unit}"}}'

    assert library_of({"it": f"trend: {{concept: platelet-count, change: fall, by: {by}, {SPANS}}}"})


def test_every_citation_of_a_finding_must_exist():
    assert "unknown citation `hearsay`" in fault_of(f"{DEAD}\ncitations: [{{source: hearsay}}]")


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ({"a": "when: a"}, {"a"}),
        ({"a": "when: b", "b": "when: {none: [a]}"}, {"a"}),
        ({"a": f"{DEAD}\nunless: [b]", "b": "since: {concepts: [platelet-count], after: a}"}, {"a"}),
        ({"a": "when: b", "b": "when: c", "c": "when: {any: [b, skin-bleeding]}"}, {"b"}),
    ],
)
def test_findings_built_from_themselves_are_a_fault(rules, named):
    found = faults(rules)

    assert named == {fault.split("`")[1] for fault in found}
    assert all(fault.endswith("is built from itself; break the circle") for fault in found)


def test_a_finding_that_two_others_ask_for_is_no_circle():
    assert library_of({"a": "when: {all: [b, c]}", "b": "when: d", "c": "when: d", "d": DEAD})


# ---------------------------------------------------------------- criteria


@pytest.mark.parametrize(
    "body",
    [
        "when: nothing",
        "when: {all: [dead, {any: [nothing]}]}",
        "when: dead\nunless: [{when: nothing}]",
        "when: dead\ntiers: [{tier: ROUTINE, when: nothing}]",
    ],
)
def test_every_finding_of_a_criterion_must_exist(body):
    expected = "knowledge/criteria/R-IT-01.yaml:1: unknown finding `nothing`; write mappings/findings/nothing.yaml"

    assert fault_of_criterion(body).startswith(expected)


@pytest.mark.parametrize(
    ("expected", "body"),
    [
        ("unknown citation `hearsay`", "when: dead\ncitations: [{source: hearsay}]"),
        ("has no citation", "when: dead\ncitations: []"),
        ("has no citation", "when: dead\nstatus: silent\ncitations: []"),
        ("unknown group `weather`; use one of infection, platelets", "when: dead\ngroup: weather"),
        ("has no tier", "when: dead\ntiers: []"),
        ("unknown choice `mood`", "when: dead\nunless: [{when: dead, choice: mood}]"),
        ("unknown choice `mood`", "when: dead\ntiers: [{tier: ROUTINE, choice: mood}]"),
        ("summary has 140 characters, at most 139 fit", f'when: dead\nsummary: "{"x" * 140}"'),
        (
            "summary has 140 characters, at most 139 fit",
            f'when: dead\ntiers: [{{tier: ROUTINE, summary: "{"x" * 140}"}}]',
        ),
    ],
)
def test_a_criterion_is_cited_placed_and_worded(expected, body):
    assert expected in fault_of_criterion(body)


def test_a_draft_may_wait_for_its_citation():
    assert library_of({"dead": DEAD}, criteria={"R-IT-01": "when: dead\nstatus: draft\ncitations: []"})


def test_a_summary_of_139_characters_and_a_known_choice_are_no_fault():
    body = f'when: dead\nsummary: "{"x" * 139}"\nunless: [{{when: dead, choice: our-choice}}]'

    assert library_of({"dead": DEAD}, criteria={"R-IT-01": body})


# ---------------------------------------------------------------- causes


@pytest.mark.parametrize(
    "body",
    ["when: nothing", "when: dead\nsupports: [{finding: nothing, weight: 1}]", "when: dead\nagainst: [nothing]"],
)
def test_every_finding_of_a_cause_must_exist(body):
    assert fault_of_cause(body).startswith("knowledge/causes/a-cause.yaml:1: unknown finding `nothing`")


@pytest.mark.parametrize(
    ("expected", "body"),
    [
        ("unknown citation `hearsay`", "when: dead\ncitations: [{source: hearsay}]"),
        ("has no citation", "when: dead\ncitations: []"),
        ("short has 41 characters, at most 40 fit", f'when: dead\nshort: "{"x" * 41}"'),
    ],
)
def test_a_cause_is_cited_and_short(expected, body):
    assert expected in fault_of_cause(body)


# ---------------------------------------------------------------- scores


def score_text(items, rest=""):
    return {"knowledge/scores/s.yaml": f'id: s\nname: "S"\nrisks: []\n{rest}items:\n  - {items}\n'}


SETTLED = 'name: "N", settle: "x"'


@pytest.mark.parametrize(
    ("expected", "item", "rest"),
    [
        ("has no citation", f"{{{SETTLED}, judged_up_to: 1}}", ""),
        ("unknown citation `hearsay`", f"{{{SETTLED}, judged_up_to: 1}}", "citations: [{source: hearsay}]\n"),
        ("unknown finding `nothing`", f"{{{SETTLED}, judged_up_to: 1}}", "when: nothing\n"),
        ("unknown finding `nothing`", f"{{{SETTLED}, options: [{{when: nothing, points: 1}}]}}", ""),
        (
            "item `N` reads the unknown concept `nothing`",
            f'{{{SETTLED}, concept: nothing, bands: [{{is: {{above: "1"}}, points: 1}}]}}',
            "",
        ),
        ("item `N` needs exactly one of bands, options, judged_up_to", f"{{{SETTLED}}}", ""),
        (
            "item `N` has `scales` without `bands`; write its own bands too",
            f"{{{SETTLED}, judged_up_to: 1, scales: [{{when: skin-bleeding, settle: x, bands: []}}]}}",
            "",
        ),
        (
            "item `N` needs exactly one of bands, options, judged_up_to",
            f"{{{SETTLED}, judged_up_to: 1, options: [{{when: skin-bleeding, points: 1}}]}}",
            "",
        ),
    ],
)
def test_a_score_is_cited_and_its_items_are_whole(expected, item, rest):
    cited = (
        rest if "citations" in rest or "no citation" in expected else f"citations: [{{source: textbook}}]\n{rest}"
    )

    (fault,) = faults(files=score_text(item, cited))

    assert fault.startswith("knowledge/scores/s.yaml:1: ")
    assert expected in fault


CITED = "citations: [{source: textbook}]\n"
OPTION = f"{{{SETTLED}, options: [{{when: dead, points: 1}}]}}"


def test_a_known_score_may_be_asked_for():
    assert library_of({"dead": DEAD, "it": "when: {score: {id: s, at_least: 1}}"}, files=score_text(OPTION, CITED))


def test_a_finding_built_from_itself_by_way_of_a_score_is_a_fault():
    (fault,) = faults({"dead": "when: {score: {id: s, at_least: 1}}"}, files=score_text(OPTION, CITED))

    assert "mappings/findings/dead.yaml:1: `dead` is built from itself; break the circle" == fault


# ---------------------------------------------------------------- card and citations


def test_what_makes_the_service_silent_must_be_a_finding():
    card = f"{CARD}silent_when: [nothing]\n"

    (fault,) = faults(files={"knowledge/library.yaml": card})

    assert fault.startswith("knowledge/library.yaml:1: unknown finding `nothing`")


def test_the_gate_must_be_a_finding():
    card = CARD.replace("gate: skin-bleeding", "gate: nothing")

    assert ["knowledge/library.yaml:1: unknown gate `nothing`; write the id of a finding"] == faults(
        files={"knowledge/library.yaml": card}
    )


@pytest.mark.parametrize(
    ("expected", "old", "new"),
    [
        ("`textbook` needs an https url", "https://", "http://"),
        ("label of `textbook` is longer than 60 characters", "Textbook 2024", "x" * 61),
    ],
)
def test_a_citation_has_a_safe_address_and_a_short_label(expected, old, new):
    (fault,) = faults(files={"knowledge/citations.yaml": CITATIONS.replace(old, new)})

    assert fault.startswith("knowledge/citations.yaml:1: ")
    assert expected in fault


# ---------------------------------------------------------------- questions about a library


@pytest.mark.parametrize(
    ("expected", "body"),
    [
        (("petechiae",), "sign: {concepts: [petechiae]}"),
        (("platelet-count",), 'measure: {concept: platelet-count, is: {below: "1", unit: "10*9/L"}}'),
        (("urine-blood", "present"), "answer: {concepts: [urine-blood], is: [present]}"),
        (("aspirin", "oral"), "medication: {ingredients: [aspirin], routes: [oral]}"),
        (
            ("platelet-count",),
            f'trend: {{concept: platelet-count, change: fall, by: {{above: "5", unit: "%"}}, {SPANS}}}',
        ),
        (("platelet-count",), "since: {concepts: [platelet-count], after: skin-bleeding}"),
        ((), DEAD),
    ],
)
def test_the_concepts_of_a_finding_are_those_it_reads(expected, body):
    assert expected == concepts_of(library_of({"it": body}).findings["it"])


def test_findings_that_nothing_asks_for_are_told():
    rules = dict.fromkeys(("in-criterion", "in-cause", "in-finding", "in-score", "in-nothing"), DEAD)
    rules["built"] = "when: in-finding"
    option = f"{{{SETTLED}, options: [{{when: in-score, points: 1}}]}}"

    library = library_of(
        rules,
        criteria={"R-IT-01": "when: in-criterion"},
        causes={"a-cause": "when: in-cause"},
        files=score_text(option, "citations: [{source: textbook}]\n"),
    )

    assert ("built", "in-nothing") == unused_findings(library)


def signed(by="A. Author", checked_by="B. Checker", following="2027-03-18"):
    review = f'{{by: "{by}", checked_by: "{checked_by}", on: "2026-03-18", next: "{following}"}}'
    return library_of({"it": f"{DEAD}\nreview: {review}"})


@pytest.mark.parametrize(
    ("expected", "library"),
    [
        ((), signed()),
        ((), signed(following="2026-03-18")),
        ((), signed(following="2028-03-31")),
        (
            ("it: its review is overdue; have it reviewed or set `review: pending`",),
            signed(following="2026-03-17"),
        ),
        (
            ("it: its next review lies more than 24 months ahead; bring it nearer",),
            signed(following="2028-04-01"),
        ),
        (
            ("it: was checked by its own author; another clinician must sign",),
            signed(by="A. Author", checked_by="A. Author"),
        ),
    ],
)
def test_reviews_are_by_two_people_and_in_time(expected, library):
    assert expected == reviews_due(library, TODAY)


def test_a_pending_review_is_not_due():
    library = library_of({"dead": DEAD}, criteria={"R-IT-01": "when: dead"}, causes={"a-cause": "when: dead"})

    assert () == reviews_due(library, TODAY)


# ---------------------------------------------------------------- demotions


@pytest.mark.parametrize(
    ("expected", "rest"),
    [
        ("rests on nothing", ""),
        ("summary has 140 characters", f'summary: "{"s" * 140}"\ncitations: [{{source: textbook, at: "1"}}]'),
    ],
)
def test_a_demotion_rests_on_something_and_its_summary_fits(expected, rest):
    summary = "" if "summary" in rest else 'summary: "Short"\n'
    body = (
        f'id: quiet\nname: "Quiet"\nsay: "quiet"\nadvice: "none"\nwhen: dead\nnever_when: dead\n{summary}{rest}\n'
    )

    found = faults({"dead": DEAD}, files={"knowledge/demotions/quiet.yaml": body})

    assert any(expected in fault for fault in found)
