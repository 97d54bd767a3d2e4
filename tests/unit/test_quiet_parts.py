"""The site's keys, and facts of cards that hold no criterion."""

import pytest

from cds_hooks.cards.facts import facts, tier_of
from cds_hooks.cards.wire import Card, Source
from cds_hooks.errors import SettingsError
from cds_hooks.journal.hashes import Hashes, read_keys
from cds_hooks.model.codes import Coding
from cds_hooks.model.results import Assessment, Finding, Match
from cds_hooks.model.scores import ScoreRange
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


def test_a_card_without_rules_is_one_fact():
    assert facts(card(topic=Coding("s", "unread")), assessment()) == ("card unread info",)
    assert facts(card(), assessment()) == ("card  info",)
    assert tier_of(card(), assessment()) is Tier.ROUTINE


def test_the_tier_of_a_cause_only_ranks_it():
    cause = Match("a-cause", Truth.PRESENT, tier=Tier.EMERGENCY, relied_on=("f",))

    assert tier_of(card("a-cause"), assessment(cause)) is Tier.ROUTINE


def test_another_total_of_a_score_is_another_fact():
    cause = Match("a-cause", Truth.PRESENT, relied_on=("f", "score:news2:5"))

    def of(low):
        scores = (ScoreRange("news2", Truth.PRESENT, low, 7), ScoreRange("other", Truth.PRESENT, 0, 1))
        return facts(card("a-cause"), assessment(cause, scores=scores))

    assert {*of(5)} ^ {*of(6)} == {"score news2 5 7", "score news2 6 7"}
