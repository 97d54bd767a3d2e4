"""Settings of a site on rules: an indicator cap, and that every rule that reads otherwise is marked as such."""

import pytest

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.explain import explain
from cds_hooks.errors import LibraryError
from cds_hooks.reasoning.site import apply
from cds_hooks.service import advise_on
from tests.build import AT, library_of, observed, platelets, record

LIMIT = '{{concept: platelet-count, is: {{below: "{limit}", unit: "10*9/L"}}, guard: {{min: "1", max: "200"}}}}'
MEASURE = f"measure: {LIMIT}"
RELEASED = library_of(
    {"low": MEASURE.format(limit="50"), "other": MEASURE.format(limit="60")},
    criteria={
        "R-IT-01": "when: low\ntiers: [{tier: EMERGENCY}]",
        "R-IT-02": "when: other\ntiers: [{tier: SAME_DAY}]",
        "R-IT-03": "when: other\ntiers: [{tier: ROUTINE}]",
        "R-IT-04": "when: {any: [other, skin-bleeding]}\n"
        "tiers: [{tier: SAME_DAY, when: other, choice: our-choice}, {tier: ROUTINE}]",
        "R-IT-05": "when: skin-bleeding\nunless: [{when: other, choice: our-choice}]",
    },
    causes={"a-cause": "when: low", "another": "when: other"},
)


def at_site(folder, text):
    (folder / "settings.yaml").write_text(text)
    return apply(RELEASED, folder)


def advice(library, count="20"):
    return advise_on(record(observed("petechiae"), platelets(count)), library, AT, Voice())


def marked(library, count="20"):
    """Ids of the rules that the explanation marks."""
    told = advice(library, count)
    lines = explain(told.record, told.assessment, library, told.cards)
    rules = [*library.criteria, *library.causes]
    return {rule for line in lines if "site setting" in line for rule in rules if rule in line}


@pytest.mark.parametrize(
    ("settings", "indicator"),
    [
        ("{}", "critical"),
        ("caps: {R-IT-01: warning}", "warning"),
        ("caps: {R-IT-02: info}", "critical"),
        ("caps: {R-IT-01: warning, R-IT-02: info}", "warning"),
    ],
)
def test_a_cap_lowers_the_indicator_and_leaves_the_words(tmp_path, settings, indicator):
    card, released = (advice(library).cards[0] for library in (at_site(tmp_path, settings + "\n"), RELEASED))

    assert card.indicator == indicator
    assert (card.summary, card.detail, card.rules) == (released.summary, released.detail, released.rules)


def test_a_capped_rule_does_not_hold_down_the_others(tmp_path):
    library = at_site(tmp_path, "caps: {R-IT-02: info}\n")

    assert advice(library, "55").cards[0].indicator == "warning"
    assert advice(RELEASED, "55").cards[0].indicator == "warning"


@pytest.mark.parametrize(
    ("cap", "told"),
    [
        ("{R-IT-01: info}", "`R-IT-01` may be capped at warning and nothing else"),
        ("{R-IT-02: warning}", "`R-IT-02` may be capped at info and nothing else"),
        ("{R-IT-03: info}", "`R-IT-03` never makes more than information"),
    ],
)
def test_no_cap_goes_down_by_more_than_one_step(tmp_path, cap, told):
    with pytest.raises(LibraryError, match=told):
        at_site(tmp_path, f"caps: {cap}\n")


@pytest.mark.parametrize(
    ("settings", "rules"),
    [
        ("{}", set()),
        ("caps: {R-IT-01: warning}", {"R-IT-01"}),
        ("rules: {R-IT-02: silent}", {"R-IT-02"}),
        ('thresholds: {low: {below: "40"}}', {"R-IT-01", "a-cause"}),
        ("choices: {our-choice: off}", {"R-IT-04", "R-IT-05"}),
    ],
)
def test_rules_that_read_otherwise_here_are_marked_in_the_explanation(tmp_path, settings, rules):
    library = at_site(tmp_path, settings + "\n")

    assert library.set_here == rules
    assert marked(library) == rules


def test_a_limit_moved_inside_its_guard_changes_the_outcome(tmp_path):
    library = at_site(tmp_path, 'thresholds: {low: {below: "10"}}\n')

    assert "R-IT-01" in advice(RELEASED).cards[0].rules
    assert "R-IT-01" not in advice(library).cards[0].rules
