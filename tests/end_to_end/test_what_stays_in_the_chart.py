"""Text of a chart, and entries with restricted access, never come out on a card or in a trace."""

import re
from functools import cache

import pytest

from cds_hooks.cards.explain import explain
from cds_hooks.cards.phrases import evidence_line
from tests.end_to_end.charts import PATIENTS, advice_of, advice_on, library, resources_of
from tests.protocol.charts import AT

SENTINEL = "zz-sentinel"
FREE_TEXT = {"display", "text", "note", "div", "family", "line", "valueString", "comment"}
RESTRICTED = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
VALUE = re.compile(r"\d[\d.]* (?:×10⁹/L|g/L|°C|/min|mmHg|mg/L|s\b|µmol/L|mmol/L|U/L)")


@pytest.mark.parametrize("patient", PATIENTS)
def test_no_text_of_the_chart_is_repeated(patient):
    advice = advice_on([marked(resource) for resource in resources_of(patient)], patient)

    said = "\n".join(lines_of(advice))
    assert SENTINEL not in said
    assert "Example-" not in said


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_restricted_entry_is_neither_named_nor_valued(patient):
    open_chart = advice_of(patient)
    shown = {
        evidence_line(item, AT) for finding in open_chart.assessment.findings.values() for item in finding.evidence
    }

    said = "\n".join(lines_of(all_restricted(patient)))
    assert [line for line in shown if line in said and "," in line] == []
    recorded = re.findall(r"\*\*Recorded\*\*\n((?:- .*\n?)+)", said)
    assert [VALUE.search(block) for block in recorded if VALUE.search(block)] == []


@pytest.mark.parametrize("patient", PATIENTS)
def test_restricting_an_entry_changes_no_indicator(patient):
    indicators = [[card.indicator for card in one(patient).cards] for one in (advice_of, all_restricted)]

    assert indicators[0] == indicators[1]


def lines_of(advice):
    """Everything that leaves us about a chart."""
    cards = [text for card in advice.cards for text in (card.summary, card.detail, card.source.label)]
    return [*cards, *explain(advice.record, advice.assessment, library(), advice.cards)]


@cache
def all_restricted(patient):
    """What the service makes of a story with every entry restricted."""
    return advice_on([restricted(resource) for resource in resources_of(patient)], patient)


def restricted(resource):
    return resource if resource["resourceType"] == "Patient" else resource | {"meta": RESTRICTED}


def marked(value, name=""):
    """The same JSON with a sentinel in every text that nobody codes by."""
    match value:
        case dict() if value.get("resourceType"):
            return {key: marked(part, key) for key, part in value.items()} | {
                "note": [{"text": SENTINEL}],
                "text": {"status": "generated", "div": f"<div>{SENTINEL}</div>"},
            }
        case dict():
            return {key: marked(part, key) for key, part in value.items()}
        case list():
            return [marked(part, name) for part in value]
        case str() if name in FREE_TEXT:
            return f"{value} {SENTINEL}"
        case _:
            return value
