"""The page of all rules: what is in docs is what the code prints, and every rule and every link has its place."""

import re
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from cds_hooks.pages.document import html_body, markdown
from cds_hooks.pages.knowledge import counts, knowledge_page, signed
from cds_hooks.reasoning.library import data_root
from tests.build import library_of
from tests.end_to_end.charts import library

FOLDER = data_root()


@cache
def html():
    return html_body(knowledge_page(library()))


@cache
def anchors():
    return Counter(re.findall(r' id="([^"]+)"', html()))


def test_the_page_in_docs_is_the_one_the_code_prints():
    on_disk = (FOLDER / "docs/knowledge.md").read_text(encoding="utf-8")

    if on_disk != markdown(knowledge_page(library())):
        pytest.fail("docs/knowledge.md is out of date; write it anew: pinpoint docs --write")


def test_every_rule_has_one_place():
    rules = {*library().criteria, *library().causes}
    rules |= {f"finding-{name}" for name in library().findings}
    rules |= {f"score-{name}" for name in library().scores}
    rules |= {f"demotion-{name}" for name in library().demotions}
    rules |= {f"orders-{name}" for name in library().orders}
    rules |= {f"choice-{name}" for name in library().choices}
    rules |= {f"publication-{name}" for name in library().citations}

    assert rules - set(anchors()) == set()
    assert [name for name, times in anchors().items() if times > 1] == []


def test_every_link_of_the_page_leads_somewhere():
    targets = set(re.findall(r'href="#([^"]+)"', html()))

    assert targets - set(anchors()) == set()


def test_links_out_of_the_page_are_https():
    assert [to for to in re.findall(r'href="([^"#][^"]*)"', html()) if not to.startswith("https://")] == []


def test_nothing_on_the_page_runs_or_loads():
    assert re.findall(r"<(?:script|img|iframe|form|link|object|svg)|\son\w+=|javascript:", html()) == []


@pytest.mark.parametrize("rule", library().criteria.values(), ids=lambda rule: rule.id)
def test_a_criterion_shows_its_steps_its_choices_and_its_sources(rule):
    part = html().partition(f'<section id="{rule.id}">')[2].partition("</section>")[0]

    assert part.count("<tr>") >= len(rule.tiers) + 1
    assert all(f'href="#choice-{step.choice}"' in part for step in (*rule.tiers, *rule.unless) if step.choice)
    assert all(f'href="#publication-{cite.source}"' in part for cite in rule.citations)
    assert f"Status: {rule.status}" in part


def test_every_finding_that_charts_seldom_carry_is_listed():
    part = html().partition('<section id="invisible">')[2].partition("</section>")[0]
    hidden = [rule for rule in library().findings.values() if rule.invisible]

    assert hidden
    assert all(f'href="#finding-{rule.id}"' in part for rule in hidden)


def test_what_is_signed_is_counted():
    review = '{by: "Dr A", checked_by: "Dr B", on: "2026-01-01", next: "2027-01-01"}'
    small = library_of(
        criteria={"R-A": f"when: skin-bleeding\nreview: {review}", "R-B": "when: skin-bleeding\nstatus: silent"}
    )
    page = markdown(knowledge_page(small))

    assert (counts(small)["Criteria"]["active"], counts(small)["Criteria"]["silent"]) == (1, 1)
    assert (signed(small)[True], signed(small)[False]) == (1, 2)
    assert "1 of 3 rules are signed by named clinicians." in page
    assert "not clinically signed off" in page


def test_a_site_that_set_something_otherwise_says_so():
    told = markdown(knowledge_page(replace(library_of(), site=("Limit of low: below 140 instead of below 150",))))

    assert "## Set by this site\n\n- Limit of low: below 140 instead of below 150" in told


# ---------------------------------------------------------------- rules of all kinds, in small

EVERYTHING = {
    "knowledge/scores/s.yaml": """\
id: s
name: "Score S"
when: skin-bleeding
unless: fever
items:
  - {name: "fever", settle: "a temperature", options: [{when: fever, points: 1}]}
  - name: "count"
    settle: "a count"
    concept: platelet-count
    bands: [{is: {below: "50", unit: "10*9/L"}, points: 2}]
  - {name: "judged", settle: "a judgement", judged_up_to: 2}
risks: [{from: 0, name: "low"}]
citations: [{source: textbook}]
note: "A note."
""",
    "knowledge/demotions/d.yaml": """\
id: d
name: "Assessed"
say: "assessed"
summary: "Assessed."
advice: "new spots"
when: fever
never_when: low
criteria: [R-A]
groups: [platelets]
causes: [c]
orders: false
choice: our-choice
status: active
""",
    "knowledge/demotions/e.yaml": """\
id: e
name: "Told"
say: "told"
summary: "Told."
advice: "new spots"
when: fever
never_when: low
status: active
citations: [{source: textbook}]
""",
    "knowledge/orders/o.yaml": """\
id: o
name: "Tests"
tag: B1
place: 1
when: R-A
reason: "Why"
orders:
  - {name: "Count", when: fever, unless: [{when: low}], note: "A note."}
  - {name: "Review", resource: Task}
prompts: [{text: "Think first", when: fever, status: active, citations: [{source: textbook}]}]
status: active
citations: [{source: textbook}]
""",
}


def test_rules_of_every_kind_say_all_they_hold():
    small = library_of(
        {
            "fever": "sign: {concepts: [fever], problem_within: {days: 7}}\ninvisible: 'Seldom coded.'",
            "low": (
                'measure: {concept: platelet-count, is: {below: "50", unit: "10*9/L"}, '
                'guard: {min: "40", max: "60"}}'
            ),
            "fall": (
                'trend: {concept: platelet-count, change: fall, by: {above: "50", unit: "%"}, '
                "latest_within: {days: 3}, baseline_within: {days: 30}}\nunless: [fever]"
            ),
            "both": "when: {all: [fever, low]}\nunless: [fall]",
        },
        criteria={
            "R-A": (
                "when: both\nunless: [{when: fall, choice: our-choice, note: 'A note.'}]\n"
                "tiers: [{tier: EMERGENCY, when: fever, choice: our-choice, note: 'First.'}, {tier: SAME_DAY}]\n"
                "needs_skin_bleeding: false\nnote: 'About it.'"
            )
        },
        causes={"c": "when: skin-bleeding\nsupports: [{finding: fever, weight: 2}]\nagainst: [low]\nlist_from: 2"},
        files=EVERYTHING,
    )
    page = markdown(knowledge_page(small))

    for told in (
        "R-A. Speaks without a skin finding.",
        "Present when: both",
        "| 1 | emergency | fever (First.) |",
        "| 2 | same day | otherwise |",
        "| fall | Our choice | A note. |",
        "Note: About it.",
        "| c | skin-bleeding; what speaks for it weighs 2 or more | fever (2) | low |",
        "For: skin-bleeding",
        "Not when: fever",
        "| count | 2: below 50 ×10⁹/L | 12 hours | a count |",
        "0 to 2, a clinician's judgement",
        "Lowers R-A, group platelets, cause c to routine.",
        "No orders are proposed meanwhile.",
        "Lowers every criterion to routine.",
        "| Count | 1 | fever | low | as text | A note. |",
        "| Review (task) | 1 |",
        "- Think first (active; Textbook 2024 (original))",
        "| low | Platelet count | below 50 ×10⁹/L | latest, 7 days | 40 to 60 |",
        "| fall | Platelet count | Platelet count: fall of above 50 %;",
        "| both | fever and low; taken back by fall |",
        "| fever | Seldom coded. | [R-A](#r-a) |",
        "| Our choice | Because no guideline says. | [R-A](#r-a), [Assessed](#assessed) |",
    ):
        assert told in page, told
