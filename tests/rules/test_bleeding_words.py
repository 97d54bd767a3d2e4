"""Every wording of bleeding into the skin speaks for a feverish child, however closely it describes the sign."""

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from cds_hooks.cards.compose import Voice
from cds_hooks.chart.record import Coded, Problem
from cds_hooks.model.truth import Span
from cds_hooks.reasoning.case_charts import AT, Given, chart_of
from cds_hooks.service import advise_on
from tests.build import hours_ago
from tests.end_to_end.charts import library

SILENT = yaml.safe_load((Path(__file__).parent / "silent_words.yaml").read_text(encoding="utf-8"))
BLEEDING = re.compile("purpur|petech|blanch|haemorrhag|hemorrhag")
SIGNS = {
    one.id: tuple(filter(BLEEDING.search, one.texts))
    for one in library().concepts.values()
    if one.kind == "sign" and any(map(BLEEDING.search, one.texts))
}


def cards_of(text):
    fever = Given(concept="body-temperature", value=Decimal("39.5"), unit="Cel", hours_ago=Decimal(2))
    chart = chart_of((Given(age=Span(years=4)), fever), library())
    named = Problem(
        reference="Condition/c", what=Coded(text=text), state="active", onset=hours_ago(3), recorded=hours_ago(3)
    )
    return advise_on(replace(chart, problems=(named,)), library(), AT, Voice("uk")).cards


@pytest.mark.parametrize("sign", sorted(SIGNS.keys() - SILENT.keys()))
def test_each_wording_of_a_sign_speaks(sign):
    assert [text for text in SIGNS[sign] if not cards_of(text)] == []


@pytest.mark.parametrize("sign", sorted(SILENT))
def test_each_sign_that_is_let_off_needs_to_be(sign):
    assert not all(map(cards_of, SIGNS[sign]))


def only_of(words):
    return [text for sign in SIGNS for text in SIGNS[sign] if re.search(words, text)]


@pytest.mark.parametrize("text", only_of("^(spreading|evolving|widespread|fresh|palpable|retiform|perinatal) "))
def test_a_narrower_word_of_purpura_is_as_urgent_as_the_plain_word(text):
    assert cards_of(text)[0].indicator == "critical"


@pytest.mark.parametrize("text", ["oral purpura", "wet purpura", "blood blisters in mouth"])
def test_purpura_of_the_mouth_says_what_bleeding_gums_say(text):
    assert [card.summary for card in cards_of(text)] == [card.summary for card in cards_of("bleeding gums")]
