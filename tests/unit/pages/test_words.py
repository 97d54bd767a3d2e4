"""Rules in words: what each operator, limit, window and test of a finding reads like."""

from decimal import Decimal

import pytest

from cds_hooks.model.citations import Review
from cds_hooks.model.codes import Limits
from cds_hooks.model.truth import AtLeast, Counted, Span
from cds_hooks.pages.document import Inline, Link
from cds_hooks.pages.readings import reading
from cds_hooks.pages.words import ages, anchor, expression, limits, review, sources, span
from tests.build import library_of

FINDINGS = {
    "fever": "sign: {concepts: [fever], problem_within: {days: 7}}",
    "low": 'measure: {concept: platelet-count, is: {below: "100", unit: "10*9/L"}, within: {hours: 72}}',
    "adult": "person: {age: {from: {years: 18}}}",
}
SCORE = """\
id: s
name: "Score S"
items:
  - {name: "fever", settle: "a temperature", options: [{when: fever, points: 1}]}
risks: [{from: 0, name: "low"}]
citations: [{source: textbook}]
"""


def library(**more):
    return library_of(FINDINGS | more, files={"knowledge/scores/s.yaml": SCORE})


def text(inline: Inline):
    return "".join(part.text if isinstance(part, Link) else part for part in inline)


def told(body, **more):
    known = library(it=body, **more)
    return text(reading(known.findings["it"], known))


@pytest.mark.parametrize(
    ("expected", "body"),
    [
        ("fever", "when: fever"),
        ("fever and low", "when: {all: [fever, low]}"),
        ("fever or (low and adult)", "when: {any: [fever, {all: [low, adult]}]}"),
        ("fever and none of (low, adult)", "when: {all: [fever, {none: [low, adult]}]}"),
        ("at least 2 of (fever, low, adult)", "when: {at_least: {count: 2, of: [fever, low, adult]}}"),
        ("Score S of 1 or more", "when: {score: {id: s, at_least: 1}}"),
    ],
)
def test_expressions_in_words(expected, body):
    assert expected == told(body)


def test_a_name_in_an_expression_leads_to_its_place():
    known = library()

    assert (Link("fever", "#finding-fever"),) == expression("fever", known)
    assert Link("fever", "#finding-fever") in expression(AtLeast(Counted(1, ("fever",))), known)


def test_orders_name_criteria_and_causes():
    known = library_of(FINDINGS, criteria={"R-A": "when: fever"}, causes={"c": "when: fever"})

    assert (Link("R-A", "#R-A"),) == expression("R-A", known)
    assert (Link("R-A as EMERGENCY", "#R-A"),) == expression("R-A:EMERGENCY", known)
    assert (Link("cause listed: c", "#c"),) == expression("cause:c", known)
    assert (Link("cause listed: cause:gone", "#gone"),) == expression("cause:gone", known)


@pytest.mark.parametrize(("kind", "expected"), [("criterion", "x"), ("cause", "x"), ("finding", "finding-x")])
def test_criteria_and_causes_have_their_bare_id_as_anchor(kind, expected):
    assert expected == anchor(kind, "x")


@pytest.mark.parametrize(
    ("expected", "length"),
    [
        ("72 hours", Span(hours=72)),
        ("1 day", Span(days=1)),
        ("2 years 6 months", Span(years=2, months=6)),
        ("0 days", Span()),
    ],
)
def test_lengths_of_time(expected, length):
    assert expected == span(length)


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        ("below 10 ×10⁹/L", Limits(below=Decimal(10), unit="10*9/L")),
        (
            "at least 3 and at most 7 × the laboratory's upper limit",
            Limits(at_least=Decimal(3), at_most=Decimal(7), of="upper-limit"),
        ),
        ("above 30 %", Limits(above=Decimal(30), unit="%")),
        ("at least 6 over the laboratory's upper limit", Limits(at_least=Decimal(6), of="over-upper-limit")),
        ("below 1 × the laboratory's lower limit", Limits(below=Decimal(1), of="lower-limit")),
    ],
)
def test_limits(expected, given):
    assert expected == limits(given, library().concepts["platelet-count"])


def test_a_limit_without_a_unit_to_show_is_a_bare_number():
    assert "above 5" == limits(Limits(above=Decimal(5), unit="{INR}"), library().concepts["inr"])
    assert "above 5 g/L" == limits(Limits(above=Decimal(5), unit="g/L"), None)


@pytest.mark.parametrize(
    ("expected", "lower", "upper"),
    [
        ("18 years and over", Span(years=18), None),
        ("under 16 years", Span(), Span(years=16)),
        ("5 years to under 12 years", Span(years=5), Span(years=12)),
    ],
)
def test_ages(expected, lower, upper):
    assert expected == ages(lower, upper)


READINGS = {
    "sign: {concepts: [petechiae], observed_within: {days: 3}}": "Petechiae; observed within 3 days",
    """
sign:
  concepts: [petechiae, purpura]
  any_active_problem: true
  past_problems: true
  new_within: {days: 3}
""": "Petechiae, Purpura; active problem of any age; past problems too; first recorded within 3 days",
    """
sign:
  concepts: [petechiae]
  problem_within: {days: 1}
  older_than: {days: 42}
  sites: {any: [above-chest], only: [below-chest]}
""": """
Petechiae; active problem begun within 1 day; first recorded more than 42 days ago;
some site in above-chest or every site in below-chest
""",
    "sign: {concepts: [purpura], more_sites_within: {hours: 24}}": """
Purpura; more sites at a later record within 24 hours
""",
    """
measure: {concept: platelet-count, is: {below: "10", unit: "10*9/L"}, within: {hours: 72}}
unless: [fever]
""": "Platelet count below 10 ×10⁹/L; latest value within 72 hours; taken back by fever",
    """
measure:
  concept: platelet-count
  pick: any
  by_age:
    - {age: {below: {years: 5}}, is: {below: "10", unit: "10*9/L"}}
    - {age: {from: {years: 5}}, is: {below: "20", unit: "10*9/L"}}
""": """
Platelet count under 5 years: below 10 ×10⁹/L; 5 years and over: below 20 ×10⁹/L; any value within 7 days
""",
    "answer: {concepts: [urine-blood], is: [present, two-plus]}": """
Blood in urine; says present, 2+; latest within 7 days
""",
    "answer: {concepts: [urine-blood], is: [], within: {days: 2}, pick: any}": """
Blood in urine; any result; any within 2 days
""",
    """
medication: {ingredients: [aspirin], classes: [antiplatelet]}
when_missing: absent_if_list_read
""": """
taken; Aspirin, class antiplatelet; counts for each medicine's own time after its end;
absent when the lists were read whole without it
""",
    """
medication:
  mechanisms: [PF]
  routes: [topical]
  ended_within: {days: 7}
  started_within: {days: 3}
  started_before: {days: 1}
""": """
taken; mechanism PF; route topical; counts for 7 days after its end; begun within 3 days; begun at least 1 day ago
""",
    "medication: {proposed: true, blamed_for: [purpura]}": """
being ordered now; any known medicine; blamed in the chart for Purpura
""",
    """
trend:
  concept: platelet-count
  change: fall
  by: {above: "50", unit: "%"}
  latest_within: {days: 3}
  baseline_within: {days: 30}
""": "Platelet count: fall of above 50 %; latest within 3 days, baseline within 30 days before it",
    """
since:
  after: fever
  concepts: [platelet-count, haemoglobin]
  same_day_counts: true
  else_within: {days: 3}
""": """
all of Platelet count, Haemoglobin measured since the start of fever; the same day counts;
while the start is not known: within 3 days
""",
    "since: {after: fever, visit: true}": "a finished visit since the start of fever",
    "person: {age: {below: {years: 16}}}": "age under 16 years",
    "person: {age_unknown: true}": "no date of birth recorded",
    "person: {sex: female}": "female",
    "person: {deceased: true}": "has died",
}
"""Rule -> what it reads like; folded texts have their lines put together."""


@pytest.mark.parametrize(("body", "expected"), READINGS.items())
def test_how_a_finding_is_read(body, expected):
    assert " ".join(expected.split()) == told(body.strip())


def test_sources_say_what_was_really_read():
    known = library(it="when: fever\ncitations: [{source: textbook, at: 'page 3'}]")

    assert "Textbook 2024, page 3 (original)" == text(sources(known.findings["it"].citations, known))
    assert "none" == text(sources((), known))


def test_review_names_both_people_or_says_that_nobody_looked():
    assert "not reviewed" == review("pending")
    assert "signed by A and B on 2026-01-01, next 2027-01-01" == review(
        Review("A", "B", "2026-01-01", "2027-01-01")
    )
