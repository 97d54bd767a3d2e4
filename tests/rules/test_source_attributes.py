"""The thirteen source attributes of every rule: all there, and what is used is what the findings really read."""

from dataclasses import fields
from functools import cache

import pytest

from cds_hooks.cards.offers import SERVICES
from cds_hooks.chart.record import Patient
from cds_hooks.model.findings import Person
from cds_hooks.pages.attributes import source_attributes
from tests.build import library_of
from tests.end_to_end.charts import library

THIRTEEN = [
    "bibliographicCitation",
    "developer",
    "fundingSource",
    "releaseAndRevisionDates",
    "race",
    "ethnicity",
    "language",
    "sexualOrientation",
    "genderIdentity",
    "sex",
    "dateOfBirth",
    "socialDeterminantsOfHealth",
    "healthStatusAssessments",
]
USES = THIRTEEN[4:]
HOOKS = [service.hook for service in SERVICES]


@cache
def told(hook):
    return source_attributes(library(), hook)


def by_id(hook="patient-view"):
    return {rule["id"]: rule["attributes"] for rule in told(hook)["rules"]}


def used(attributes):
    return {name for name in USES if attributes[name]["used"]}


@pytest.mark.parametrize("hook", HOOKS)
def test_every_rule_and_the_service_have_all_thirteen(hook):
    everything = [told(hook)["attributes"], *(rule["attributes"] for rule in told(hook)["rules"])]

    assert all(list(attributes) == THIRTEEN for attributes in everything)


@pytest.mark.parametrize("hook", HOOKS)
def test_no_attribute_is_empty(hook):
    for rule in told(hook)["rules"]:
        assert rule["attributes"]["bibliographicCitation"], rule["id"]
        assert rule["attributes"]["developer"]
        assert rule["attributes"]["fundingSource"]
        assert rule["attributes"]["releaseAndRevisionDates"] == {
            "release": library().card.date,
            "revision": "not reviewed",
        }
        assert all(set(rule["attributes"][name]) == {"used", "by"} for name in USES)
        assert all(rule["attributes"][name]["used"] == bool(rule["attributes"][name]["by"]) for name in USES)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_assessed_rule_of_the_hook_is_listed_and_no_other(hook):
    criteria = {rule.id for rule in library().criteria.values() if hook in rule.hooks}
    causes = {rule.id for rule in library().causes.values() if hook in rule.hooks}
    drafts = {rule.id for rule in library().criteria.values() if rule.status in ("draft", "retired")}

    listed = {rule["id"] for rule in told(hook)["rules"]}

    assert (criteria | causes) - drafts <= listed
    assert listed - criteria - causes == {*library().demotions, *library().orders}


def test_the_service_uses_what_one_of_its_rules_uses():
    of_rules = set().union(*(used(attributes) for attributes in by_id().values()))

    assert of_rules <= used(told("patient-view")["attributes"])


def test_nothing_of_race_language_or_identity_is_used():
    unused = {"race", "ethnicity", "language", "sexualOrientation", "genderIdentity"}

    assert unused & used(told("patient-view")["attributes"]) == set()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("R-CAN-01", {"dateOfBirth"}),
        ("R-PREG-02", {"healthStatusAssessments"}),
        ("R-STR-01", {"socialDeterminantsOfHealth"}),
        ("scurvy", {"socialDeterminantsOfHealth"}),
    ],
)
def test_what_a_rule_reads_is_declared(rule, expected):
    assert expected <= used(by_id()[rule])


def test_a_rule_of_platelets_alone_declares_nothing_of_the_person():
    assert used(by_id()["R-PLT-150"]) <= {"dateOfBirth", "healthStatusAssessments"}


def test_what_could_be_asked_of_a_person_is_what_is_declared():
    """A new property of the patient needs its attribute here before a rule may use it."""
    assert {field.name for field in fields(Patient)} == {"born", "sex", "deceased"}
    assert {field.name for field in fields(Person)} == {"age", "age_unknown", "sex", "deceased"}


# ---------------------------------------------------------------- how it is worked out

SCORE = """\
id: s
name: "Score S"
items:
  - {name: "fever", settle: "a temperature", options: [{when: female, points: 1}]}
  - name: "count"
    settle: "a count"
    concept: platelet-count
    bands: [{is: {below: "50", unit: "10*9/L"}, points: 2}]
risks: [{from: 0, name: "low"}]
citations: [{source: textbook}]
"""
FILES = {
    "knowledge/scores/s.yaml": SCORE,
    "knowledge/attributes.yaml": 'developer: "Us"\nrace: [fever]\nhealth_status_assessments: [platelet-count]\n',
    "knowledge/demotions/d.yaml": (
        'id: d\nname: "D"\nsay: "d"\nsummary: "D."\nadvice: "d"\nwhen: fever\nnever_when: young\n'
        "choice: our-choice\nstatus: active\n"
    ),
    "knowledge/orders/o.yaml": (
        'id: o\nname: "O"\ntag: B1\nplace: 1\nwhen: {any: [R-A, "cause:c"]}\nreason: "Why"\n'
        'orders: [{name: "Count", unless: [{when: young}]}]\nstatus: active\ncitations: [{source: textbook}]\n'
    ),
    "knowledge/asks.yaml": 'one: {settles: ["whether she is pregnant"], when: female}\n',
}
FINDINGS = {
    "fever": 'sign: {concepts: [fever], problem_within: {days: 7}}\nsettle: "whether she is pregnant"',
    "young": "person: {age: {below: {years: 16}}}",
    "female": "person: {sex: female}",
    "by-age": (
        'measure: {concept: temperature, by_age: [{age: {below: {years: 5}}, is: {above: "38", unit: "Cel"}}]}'
    ),
    "deep": "when: {all: [fever, by-age]}",
}


def small():
    review = '{by: "Dr A", checked_by: "Dr B", on: "2026-01-01", next: "2027-01-01"}'
    criteria = {
        "R-A": "when: deep",
        "R-B": f"when: {{score: {{id: s, at_least: 1}}}}\nreview: {review}",
        "R-C": "when: fever\nhooks: [order-sign]",
        "R-D": "when: fever\nstatus: draft",
    }
    known = library_of(FINDINGS, criteria=criteria, causes={"c": "when: young"}, files=FILES)
    return source_attributes(known, "patient-view")


def test_what_is_used_is_found_to_any_depth_and_through_scores_orders_and_demotions():
    found = {rule["id"]: used(rule["attributes"]) for rule in small()["rules"]}

    assert found == {
        "R-A": {"race", "dateOfBirth"},
        "R-B": {"sex", "healthStatusAssessments"},
        "c": {"dateOfBirth"},
        "d": {"race", "dateOfBirth"},
        "o": {"race", "dateOfBirth"},
    }


def test_it_names_the_findings_and_score_items_that_use_it():
    rules = {rule["id"]: rule["attributes"] for rule in small()["rules"]}

    assert rules["R-A"]["race"]["by"] == ["fever"]
    assert rules["R-B"]["healthStatusAssessments"]["by"] == ["Score S: count"]


def test_dates_and_people_come_from_the_release_and_the_review():
    rules = {rule["id"]: rule["attributes"] for rule in small()["rules"]}

    assert rules["R-B"]["releaseAndRevisionDates"] == {"release": "2026-03-01", "revision": "2026-01-01"}
    assert (rules["R-A"]["developer"], rules["R-A"]["fundingSource"]) == ("Us", "not declared")


def test_a_rule_on_our_own_choice_says_so_where_a_publication_would_stand():
    rules = {rule["id"]: rule["attributes"] for rule in small()["rules"]}

    assert rules["d"]["bibliographicCitation"] == [
        {"title": "No publication, our own choice: Our choice", "why": "Because no guideline says."}
    ]


def test_the_service_also_declares_what_decides_which_missing_things_are_asked_for():
    assert "Female" in told("patient-view")["attributes"]["sex"]["by"]
