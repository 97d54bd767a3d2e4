"""The site's keys, and facts of cards that hold no criterion."""

from dataclasses import replace

import pytest
from msgspec import structs

from cds_hooks.cards.facts import facts, tier_of
from cds_hooks.cards.wire import Action, Card, Link, Source, Suggestion
from cds_hooks.errors import SettingsError
from cds_hooks.journal.hashes import Hashes, read_keys
from cds_hooks.model.codes import Coding
from cds_hooks.model.results import Assessment, Evidence, Finding, ItemPoints, Match, ScoreRange
from cds_hooks.model.truth import Tier, Truth
from tests.build import AT

OLD, NEW = "o" * 32, "n" * 32


def test_keys_stand_one_a_line_the_newest_first(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"\n{NEW}\n  {OLD}  \n")

    assert [one.key for one in read_keys(path)] == [NEW.encode(), OLD.encode()]
    assert NEW not in repr(read_keys(path))


@pytest.mark.parametrize("text", ["", "short\n", f"{NEW}\nshort\n"])
def test_a_short_key_is_refused(tmp_path, text):
    path = tmp_path / "keys"
    path.write_text(text)

    with pytest.raises(SettingsError, match="32 characters"):
        read_keys(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_keys_that_cannot_be_read_are_named_by_their_setting(tmp_path, content):
    path = tmp_path / "keys"
    if content:
        path.write_bytes(content)

    with pytest.raises(SettingsError, match="CDS_SITE_KEYS"):
        read_keys(path)


def test_the_same_fact_about_another_patient_has_another_hash():
    hashes = Hashes(NEW.encode())
    one, other = hashes.subject(["user", "patient-1"]), hashes.subject(["user", "patient-2"])

    assert hashes.facts(one, ["a"]) != hashes.facts(other, ["a"])
    assert Hashes(OLD.encode()).subject(["user", "patient-1"]) != one
    assert hashes.subject(["ab", "c"]) != hashes.subject(["a", "bc"])


def card(*rules, topic=None):
    return Card("Summary", "info", Source("s", topic=topic), rules=rules)


def assessment(*causes, scores=()):
    return Assessment(
        at=AT,
        findings={"f": Finding("f", Truth.PRESENT)},
        criteria=(),
        causes=causes,
        scores=scores,
        gaps=(),
        speaks=True,
        skin_bleeding=Truth.PRESENT,
        library_version="",
        library_digest="",
    )


def test_a_card_without_rules_says_what_stands_on_it():
    assert facts(card(topic=Coding("s", "unread")), assessment()) == (
        "unread card info Summary",
        "unread source s ",
    )
    assert tier_of(card(), assessment()) is Tier.ROUTINE


SHOWN = Card(
    "Summary",
    "warning",
    Source("A guideline", "https://a.example", topic=Coding("s", "topic")),
    "**Recorded**\n- Platelets 24, today 18 March, 08:05\n\n**Before ordering**\n- Think first",
    suggestions=(Suggestion("An order", "u1", actions=(Action("create", "Adds it", b'{"a": 1}'),)),),
    links=(Link("A page", "https://b.example"),),
    uuid="c1",
    rules=("a-cause",),
)


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": "Another"},
        {"indicator": "critical"},
        {"source": replace(SHOWN.source, label="Another")},
        {"source": replace(SHOWN.source, url="https://c.example")},
        {"source": replace(SHOWN.source, topic=Coding("s", "another"))},
        {"detail": SHOWN.detail + "\n- And of this"},
        {"detail": SHOWN.detail.replace("24", "23")},
        {"detail": SHOWN.detail.replace("18 March", "19 March")},
        {"detail": SHOWN.detail.replace("Before ordering", "Also")},
        {"suggestions": (*SHOWN.suggestions, Suggestion("Another"))},
        {"suggestions": (replace(SHOWN.suggestions[0], is_recommended=True),)},
        {"suggestions": (Suggestion("An order", actions=(Action("create", "Adds it", b'{"a": 2}'),)),)},
        {"links": (*SHOWN.links, Link("Another", "https://b.example"))},
        {"links": (Link("A page", "https://c.example"),)},
    ],
)
def test_whatever_is_added_to_a_card_or_changed_on_it_is_a_fact_more(changes):
    told = facts(SHOWN, assessment(Match("a-cause", Truth.PRESENT, relied_on=("f",))))
    now = facts(replace(SHOWN, **changes), assessment(Match("a-cause", Truth.PRESENT, relied_on=("f",))))

    assert {*now} - {*told}


@pytest.mark.parametrize(
    "changes",
    [
        {"uuid": "c2", "suggestions": (replace(SHOWN.suggestions[0], uuid="u2"),)},
        {"detail": SHOWN.detail.replace("today ", "yesterday ")},
        {"detail": SHOWN.detail.replace("today ", "")},
        {"detail": SHOWN.detail.replace("\n\n**Before ordering**\n- Think first", "")},
        {"suggestions": (), "links": ()},
    ],
)
def test_less_on_a_card_and_the_next_day_are_no_fact_more(changes):
    told = facts(SHOWN, assessment())

    assert {*facts(replace(SHOWN, **changes), assessment())} <= {*told}


def test_the_tier_of_a_cause_only_ranks_it():
    cause = Match("a-cause", Truth.PRESENT, tier=Tier.EMERGENCY, relied_on=("f",))

    assert tier_of(card("a-cause"), assessment(cause)) is Tier.ROUTINE


def test_another_total_of_a_score_is_another_fact():
    cause = Match("a-cause", Truth.PRESENT, relied_on=("f", "score:news2:5"))

    def of(low):
        scores = (ScoreRange("news2", Truth.PRESENT, low, 7), ScoreRange("other", Truth.PRESENT, 0, 1))
        return facts(card("a-cause"), assessment(cause, scores=scores))

    assert {*of(5)} ^ {*of(6)} == {" score news2 5 7", " score news2 6 7"}


def of_item(item):
    cause = Match("a-cause", Truth.PRESENT, relied_on=("score:news2:5",))
    scores = (ScoreRange("news2", Truth.PRESENT, 5, 7, items=(item,)),)
    return {*facts(card("a-cause"), assessment(cause, scores=scores))}


PULSE = ItemPoints("pulse", 2, 2, evidence=(Evidence("Observation/1", "Heart rate", "131"),))


@pytest.mark.parametrize(
    "other",
    [
        structs.replace(PULSE, low=1),
        structs.replace(PULSE, high=3),
        structs.replace(PULSE, evidence=(structs.replace(PULSE.evidence[0], value="190"),)),
        structs.replace(PULSE, evidence=(*PULSE.evidence, Evidence("Observation/2", "Heart rate", "190"))),
        structs.replace(PULSE, findings=("f",)),
    ],
)
def test_whatever_is_added_or_changed_inside_a_score_is_a_fact_more_though_the_total_stays(other):
    assert of_item(other) - of_item(PULSE)
