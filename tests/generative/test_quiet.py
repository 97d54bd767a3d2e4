"""Laws of not repeating: a card stays away only when all it says was told and still said in the latest answer,
and an emergency never for long.
"""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.facts import tier_of
from cds_hooks.cards.wire import with_uuids
from cds_hooks.journal.hashes import Hashes
from cds_hooks.model.truth import Tier, Truth
from cds_hooks.quiet import Quiet, Windows
from cds_hooks.reasoning.case_charts import chart_of
from cds_hooks.reasoning.cases import CaseFile
from cds_hooks.reasoning.library import data_root, load
from cds_hooks.reasoning.strict_yaml import build, read_document
from cds_hooks.service import advise_on
from tests.build import AT, amount, library_of, list_failed, medicine, observed, platelets, record, when

SCORE = """\
id: s
name: "S"
items:
  - name: "warmth"
    settle: "a temperature"
    concept: temperature
    within: {hours: 24}
    bands: [{is: {above: "38", unit: "Cel"}, points: 2}]
  - {name: "skin", settle: "the skin", options: [{when: bruise, points: 1}]}
risks: [{from: 1, name: "low"}]
citations: [{source: textbook}]
"""
LIBRARY = library_of(
    {
        "rash": "sign: {concepts: [petechiae], observed_within: {days: 14}}",
        "low": 'measure: {concept: platelet-count, is: {below: "50", unit: "10*9/L"}}',
        "very-low": 'measure: {concept: platelet-count, is: {below: "10", unit: "10*9/L"}}',
        "aspirin-taken": "medication: {ingredients: [aspirin]}",
        "bruise": "sign: {concepts: [purpura], observed_within: {days: 14}}",
    },
    criteria={
        "R-IT-01": "when: low\ntiers: [{tier: EMERGENCY, when: very-low}, {tier: SAME_DAY}]",
        "R-IT-02": "when: rash\ntiers: [{tier: ROUTINE}]",
        "R-IT-03": "when: {score: {id: s, at_least: 2}}\ntiers: [{tier: SAME_DAY}]",
    },
    causes={"a-cause": "when: aspirin-taken"},
    files={"knowledge/scores/s.yaml": SCORE},
)
WINDOWS = Windows(timedelta(hours=24), timedelta(hours=24), timedelta(days=30))
WHOM = ("client", "service", "server", "Practitioner/1", "patient-1")
FRESH = iter(range(10**9))


class Site:
    """One user and one patient over time, with what was told remembered."""

    def __init__(self, keys=("k" * 32,), library=LIBRARY):
        self.told, self.heard, self.library = [], {}, library
        self.quiet = Quiet(tuple(Hashes(key.encode()) for key in keys), WINDOWS, self._ask)

    async def _ask(self, subjects, at):
        alive = [told for told in self.told if told.subject in subjects and told.until > at]
        return frozenset(fact for told in alive for fact in told.facts if fact in self.heard[told.subject].facts)

    def call(self, chart, at, whom=WHOM):
        """The assessment, the cards that go out, those that are held back."""
        advice = advise_on(chart, self.library, at, Voice())
        cards = with_uuids(advice.cards, lambda: next(FRESH))
        held = asyncio.run(self.quiet.repeated(cards, advice.assessment, whom, at))
        shown = [card for place, card in enumerate(cards) if place not in held]
        self.told += self.quiet.told(shown, advice.assessment, whom, at)
        self.heard |= {one.subject: one for one in self.quiet.heard(cards, advice.assessment, whom, at)}
        return advice.assessment, shown, [cards[place] for place in sorted(held)]

    def override(self, card, at):
        """Everything that was told with the card is prolonged, as the journal does it."""
        windows = self.quiet.overridden()
        self.told = [
            replace(told, until=end)
            if told.card == card.uuid and (end := min(at + windows[told.tier], told.latest)) > told.until
            else told
            for told in self.told
        ]


NEAR = re.compile("(today|yesterday) ")


def said(card, assessment):
    """What a card says, looked at without the help of the code under test: words, offers, each rule with its tier,
    each entry behind it.
    """
    yield from (card.indicator, card.summary, card.links)
    yield from ((line, card.source.topic) for line in NEAR.sub("", card.detail).splitlines())
    yield from ((one.label, *(action.resource for action in one.actions)) for one in card.suggestions)
    for match in (*assessment.criteria, *assessment.causes):
        if match.rule in card.rules:
            yield match.rule, match.tier
            for name in match.relied_on:
                yield from ((match.rule, match.tier, item) for item in entries(name, assessment))
    yield from ((gap.what, gap.reason) for gap in assessment.gaps if gap.essential)


def entries(name, assessment):
    """What a finding rests on, and the only score: its temperatures and its sign."""
    if not name.startswith("score:"):
        return assessment.findings[name].evidence
    [score] = assessment.scores
    return (*score.items[0].evidence, *assessment.findings["bruise"].evidence)


def chart(*, counts=(), rash=(), aspirin=False, unread=False, warmth=(), bruise=()):
    entries = [platelets(value, at, reference=f"Observation/{at.earliest}") for value, at in counts]
    entries += [observed("petechiae", at=at, reference=f"Observation/rash-{at.earliest}") for at in rash]
    entries += [warm(degrees, at) for degrees, at in warmth]
    entries += [observed("purpura", at=at, reference=f"Observation/bruise-{at.earliest}") for at in bruise]
    entries += [medicine("aspirin")] if aspirin else []
    return record(*entries, lists={"Condition": list_failed()} if unread else None)


def warm(degrees, at):
    return observed("temperature", amount(f"{degrees} Cel"), at, reference=f"Observation/warm-{at.earliest}")


def moment(hours):
    return when((AT + timedelta(hours=hours)).isoformat())


HOURS = st.integers(-60, 0)
CHARTS = st.builds(
    chart,
    counts=st.lists(st.tuples(st.sampled_from(["5", "8", "30", "45", "200"]), HOURS.map(moment)), max_size=3),
    rash=st.lists(HOURS.map(moment), min_size=1, max_size=2, unique_by=lambda at: at.earliest),
    aspirin=st.booleans(),
    unread=st.booleans(),
    warmth=st.lists(st.tuples(st.sampled_from(["37", "38.5", "41"]), HOURS.map(moment)), max_size=3),
    bruise=st.lists(HOURS.map(moment), max_size=2, unique_by=lambda at: at.earliest),
)
STEPS = st.lists(st.tuples(CHARTS, st.floats(0.1, 30), st.booleans()), min_size=2, max_size=8)


@given(STEPS)
@settings(max_examples=150)
def test_a_card_stays_away_only_when_all_it_says_was_told_within_its_window(steps):
    site, at, history = Site(), AT, []
    for one, hours, overrides in steps:
        assessment, shown, held = site.call(one, at)
        for card in held:
            emergency = tier_of(card, assessment) is Tier.EMERGENCY
            window = timedelta(hours=4) if emergency else timedelta(days=30)
            known = {item for when_, items, _ in history if at - when_ < window for item in items}
            assert {*said(card, assessment)} <= known & history[-1][2]
        told, held_back = ([item for card in cards for item in said(card, assessment)] for cards in (shown, held))
        history.append((at, told, {*told, *held_back}))
        if overrides:
            for card in shown:
                site.override(card, at + timedelta(minutes=5))
        at += timedelta(hours=hours)


@given(CHARTS, st.sampled_from(["5", "8"]), st.floats(0.01, 3.9))
@settings(max_examples=100)
def test_a_worse_value_speaks_at_once(before, value, hours):
    site = Site()
    _, shown, _ = site.call(before, AT)
    for card in shown:
        site.override(card, AT)
    later = AT + timedelta(hours=hours)
    worse = record(
        *before.observed,
        platelets(value, when(later.isoformat()), reference="Observation/new"),
        *before.medications,
    )

    assessment, shown, _ = site.call(worse, later)

    assert assessment.criteria[0].tier is Tier.EMERGENCY
    assert "R-IT-01" in shown[0].rules


@given(CHARTS, st.sampled_from(["38.1", "39", "42"]), st.floats(0.01, 3.9))
@settings(max_examples=100)
def test_a_worse_value_inside_a_score_speaks_at_once(before, degrees, hours):
    site = Site()
    for card in site.call(before, AT)[1]:
        site.override(card, AT)
    later = AT + timedelta(hours=hours)
    worse = record(*before.observed, warm(degrees, when(later.isoformat())), *before.medications)

    _, shown, _ = site.call(worse, later)

    assert any("R-IT-03" in card.rules for card in shown)


@pytest.mark.parametrize(
    ("rule", "concept", "value"),
    [("R-SIC-01", "inr", "8.0"), ("R-TTP-02", "creatinine", "900"), ("R-TTP-02", "reticulocyte-percent", "9")],
)
def test_a_worse_entry_of_our_own_scores_speaks_though_the_total_stays(rule, concept, value):
    library = load()
    name = f"knowledge/criteria/{rule}.cases.yaml"
    document = read_document(data_root() / name, name)
    cases = build(document.value, CaseFile, document).cases
    told = next(case.given for case in cases if case.given and case.expect is Truth.PRESENT)
    worse = replace(
        next(one for one in told if one.concept == concept), value=Decimal(value), hours_ago=Decimal(0)
    )
    site = Site(library=library)

    first = site.call(chart_of(told, library), AT)
    again = site.call(chart_of(told, library), AT)
    then = site.call(chart_of((*told, worse), library), AT)

    def totals(assessment):
        return [(one.score, one.low, one.high) for one in assessment.scores]

    assert again[1] == []
    assert totals(then[0]) == totals(first[0])
    assert any(rule in card.rules and card.indicator == "critical" for card in then[1])


def test_the_same_again_stays_away_until_the_window_ends():
    site, same = Site(), chart(counts=[("30", moment(-1))], rash=[moment(-2)])

    told = [len(site.call(same, AT + timedelta(hours=hours))[1]) for hours in (0, 1, 23.9, 24.1)]

    assert told == [2, 0, 0, 2]


def test_an_emergency_is_repeated_after_four_hours_however_often_it_was_overridden():
    site, same = Site(), chart(counts=[("5", moment(-1))], rash=[moment(-2)])
    [card, *_] = site.call(same, AT)[1]
    for hours in (0, 1, 2, 3, 3.9):
        site.override(card, AT + timedelta(hours=hours))

    assert site.call(same, AT + timedelta(hours=3.9))[1] == []
    assert site.call(same, AT + timedelta(hours=4))[1][0].indicator == "critical"


def test_an_override_of_mere_information_holds_for_a_month():
    site, same = Site(), chart(rash=[moment(-2)])
    [card] = site.call(same, AT)[1]
    site.override(card, AT)

    assert site.call(same, AT + timedelta(hours=60))[1] == []


def test_another_user_or_patient_is_told():
    site, same = Site(), chart(rash=[moment(-2)])
    site.call(same, AT)

    assert site.call(same, AT)[1] == []
    for place in range(len(WHOM)):
        other = [*WHOM[:place], "other", *WHOM[place + 1 :]]
        assert len(site.call(same, AT, other)[1]) == 1


def test_a_new_key_still_knows_what_was_told_under_the_old_one():
    before, same = Site(keys=("a" * 32,)), chart(rash=[moment(-2)])
    before.call(same, AT)

    after = Site(keys=("b" * 32, "a" * 32))
    after.told, after.heard = before.told, before.heard

    assert after.call(same, AT)[1] == []
    assert len(Site(keys=("b" * 32,)).call(same, AT)[1]) == 1


def test_a_list_that_can_no_longer_be_read_is_news():
    site = Site()
    site.call(chart(rash=[moment(-2)]), AT)

    assert len(site.call(chart(rash=[moment(-2)], unread=True), AT)[1]) == 1


def test_without_an_answer_of_the_journal_everything_is_shown():
    site, same = Site(), chart(rash=[moment(-2)])
    site.call(same, AT)

    async def no_answer(_subjects, _at):
        return None

    site.quiet = Quiet(site.quiet.keys, WINDOWS, no_answer)
    assert len(site.call(same, AT)[1]) == 1


def test_a_card_about_an_order_is_quiet_after_an_override_only():
    assert WINDOWS.after_showing(Tier.SAME_DAY, "order-sign") == timedelta()
    assert WINDOWS.after_showing(Tier.SAME_DAY, "patient-view") == timedelta(hours=24)


# ---------------------------------------------------------------- what comes back


@pytest.mark.parametrize(
    "between",
    [
        chart(rash=[moment(-2)]),
        chart(counts=[("45", moment(-1))], rash=[moment(-2)]),
        record(),
    ],
    ids=["gone", "better", "nothing at all"],
)
@pytest.mark.parametrize("is_overridden", [False, True])
def test_an_emergency_that_went_away_speaks_again_when_it_comes_back(between, is_overridden):
    site, grave = Site(), chart(counts=[("5", moment(-1))], rash=[moment(-2)])
    [card, *_] = site.call(grave, AT)[1]
    if is_overridden:
        site.override(card, AT)
    site.call(between, AT + timedelta(hours=1))

    assert site.call(grave, AT + timedelta(hours=2))[1][0].indicator == "critical"
    assert site.call(grave, AT + timedelta(hours=3))[1] == []


def test_what_another_user_saw_go_away_is_no_news_to_who_did_not():
    site, same = Site(), chart(rash=[moment(-2)])
    site.call(same, AT)
    site.call(record(), AT, [*WHOM[:3], "Practitioner/2", WHOM[4]])

    assert site.call(same, AT)[1] == []


def test_what_went_away_while_the_key_was_changed_is_news_when_it_comes_back():
    before, same = Site(keys=("a" * 32,)), chart(counts=[("5", moment(-1))], rash=[moment(-2)])
    before.call(same, AT)
    after = Site(keys=("b" * 32, "a" * 32))
    after.told, after.heard = before.told, before.heard
    after.call(chart(rash=[moment(-2)]), AT)

    assert after.call(same, AT)[1][0].indicator == "critical"
