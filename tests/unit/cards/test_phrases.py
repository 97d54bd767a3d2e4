"""One chart entry, one time, one gap: how a ward says it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from cds_hooks.cards.phrases import (
    capitalised,
    citation_link,
    evidence_line,
    evidence_lines,
    gap_line,
    gap_lines,
    in_sentence,
    listed,
    said,
)
from cds_hooks.model.citations import Cite
from cds_hooks.model.results import Evidence, Gap, GapReason
from cds_hooks.model.truth import When
from tests.build import AT, days_ago, hours_ago, small_library, when

EAST = timezone(timedelta(hours=9))
WEST = timezone(timedelta(hours=-7))
PLATELETS = Evidence("Observation/o1", "Platelet count", "8 ×10⁹/L", hours_ago(2))
HIDDEN = "An entry with restricted access counts here and is not shown"


def instant(*parts, zone=UTC):
    moment = datetime(*parts, tzinfo=zone)
    return When(moment, moment)


# ---------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("2026-03-18T08:05:00+00:00", "today 18 March, 08:05"),
        ("2026-03-17T23:59:00+00:00", "yesterday 17 March, 23:59"),
        ("2026-03-16T08:05:00+00:00", "16 March, 08:05"),
        ("2026-01-01T00:00:00+00:00", "1 January, 00:00"),
        ("2025-12-31T08:05:00+00:00", "31 December 2025, 08:05"),
        ("2026-03-18", "today 18 March"),
        ("2026-03-17", "yesterday 17 March"),
        ("2025-03-17", "17 March 2025"),
        ("2026-03", "March 2026"),
        ("2025-11", "November 2025"),
        ("2019", "2019"),
    ],
)
def test_a_time_is_said_as_exactly_as_it_is_known(written, words):
    assert words == said(when(written), AT)


def test_a_time_is_said_in_the_offset_of_the_entry():
    before_midnight_there = instant(2026, 3, 18, 23, 30, zone=EAST)

    at = datetime(2026, 3, 18, 15, 30, tzinfo=UTC)  # half past midnight in the east

    assert "yesterday 18 March, 23:30" == said(before_midnight_there, at)


def test_today_is_the_day_of_the_entry_and_not_ours():
    late_there = instant(2026, 3, 17, 23, 30, zone=WEST)

    assert "today 17 March, 23:30" == said(late_there, datetime(2026, 3, 18, 6, 45, tzinfo=UTC))


def test_the_year_is_said_when_it_is_another_one_there():
    old_year = instant(2025, 12, 31, 23, 0, zone=WEST)

    assert "yesterday 31 December 2025, 23:00" == said(old_year, datetime(2026, 1, 1, 8, 0, tzinfo=UTC))


def test_what_lies_ahead_is_not_called_today():
    assert "19 March, 12:00" == said(days_ago(-1), AT)


# ---------------------------------------------------------------- entries


def test_an_entry_is_label_value_and_time():
    assert "Platelet count 8 ×10⁹/L, today 18 March, 10:00" == evidence_line(PLATELETS, AT)


@pytest.mark.parametrize("value", ["<5 /uL", ">90 %", "-2 mmol/L", "34%"])
def test_a_number_follows_its_label(value):
    assert f"Platelet count {value}, today" in evidence_line(replace(PLATELETS, value=value), AT)


def test_a_word_stands_behind_a_colon():
    assert "Dengue test: present" == evidence_line(Evidence("o", "Dengue test", "present"), AT)


def test_an_entry_without_value_is_its_label():
    assert "Petechiae" == evidence_line(Evidence("c", "Petechiae"), AT)


def test_places_stand_before_the_time_and_remarks_at_the_end():
    item = Evidence(
        "c", "Petechiae", sites=("leg", "arm"), since=hours_ago(3), certainty="text", flags=("provisional",)
    )

    assert "Petechiae, leg, arm, since today 18 March, 09:00, from text, provisional" == evidence_line(item, AT)


def test_a_medicine_that_ended_says_from_when_to_when():
    item = Evidence("m", "Aspirin", "prescribed", days_ago(2), since=when("2025-03"), flags=("ended",))

    assert "Aspirin: prescribed, since March 2025, until 16 March, 12:00, ended" == evidence_line(item, AT)


def test_an_entry_with_a_start_says_the_start_alone():
    item = Evidence("c", "Petechiae", at=hours_ago(1), since=days_ago(1))

    assert "Petechiae, since yesterday 17 March, 12:00" == evidence_line(item, AT)


def test_a_restricted_entry_is_neither_named_nor_valued_nor_dated():
    item = replace(PLATELETS, restricted=True, sites=("leg",), certainty="text", flags=("preliminary",))

    assert HIDDEN == evidence_line(item, AT)


def test_entries_come_newest_first_and_none_twice():
    older = replace(PLATELETS, value="90 ×10⁹/L", at=days_ago(3))
    copy = replace(PLATELETS, reference="Observation/o2")

    assert (
        "Platelet count 8 ×10⁹/L, today 18 March, 10:00",
        "Platelet count 90 ×10⁹/L, 15 March, 12:00",
        "Undated",
    ) == evidence_lines([Evidence("c", "Undated"), older, copy, PLATELETS], AT)


def test_the_order_of_entries_of_one_time_does_not_depend_on_the_order_given():
    pair = [PLATELETS, replace(PLATELETS, label="Haemoglobin", value="80 g/L")]

    assert evidence_lines(pair, AT) == evidence_lines(reversed(pair), AT)


# ---------------------------------------------------------------- gaps


@pytest.mark.parametrize("reason", GapReason)
def test_every_reason_has_words_for_a_ward(reason):
    line = gap_line(Gap("Platelet count", reason))

    assert line.startswith(("Platelet count: ", "1 Platelet count "))
    assert not line.endswith(":")


@pytest.mark.parametrize(
    ("gap", "line"),
    [
        (Gap("Problem list", GapReason.TIMED_OUT), "Problem list: the server did not answer in time"),
        (Gap("Visit", GapReason.UNREADABLE, count=2), "Visit, 2 entries: not readable"),
        (
            Gap("Patient details", GapReason.OTHER_PATIENT, count=2),
            "Patient details, 2 entries: what belongs to another patient was left out",
        ),
        (
            Gap("Mentions in text", GapReason.SET_ASIDE, count=3),
            "Mentions in text, 3 in all: set aside",
        ),
        (Gap("medicine", GapReason.UNIDENTIFIED), "1 medicine could not be identified"),
        (Gap("medicine", GapReason.UNIDENTIFIED, count=3), "3 medicines could not be identified"),
    ],
)
def test_a_gap_says_what_and_why(gap, line):
    assert line == gap_line(gap)


def test_equal_gaps_are_counted_together_and_essential_ones_come_first():
    medicine = Gap("medicine", GapReason.UNIDENTIFIED)
    visit = Gap("Visit", GapReason.OTHER_PATIENT)
    problems = Gap("Problem list", GapReason.FAILED, essential=True)

    assert (
        "Problem list: the server could not deliver them",
        "Visit: what belongs to another patient was left out",
        "2 medicines could not be identified",
    ) == gap_lines([visit, medicine, problems, replace(medicine, reference="MedicationRequest/m2")])


def test_a_gap_names_no_entry():
    gap = Gap("Platelet count", GapReason.UNIT_UNKNOWN, reference="Observation/secret")

    assert "secret" not in gap_line(gap)


# ---------------------------------------------------------------- words


def test_a_citation_is_a_link():
    assert "[Textbook 2024](https://example.org/textbook)" == citation_link(Cite("textbook"), small_library())


@pytest.mark.parametrize(("names", "sentence"), [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c")])
def test_names_are_listed_as_a_sentence_does(names, sentence):
    assert sentence == listed(list(names))


@pytest.mark.parametrize(
    ("name", "inside"), [("Petechiae", "petechiae"), ("INR", "INR"), ("IgA vasculitis", "IgA vasculitis")]
)
def test_a_name_inside_a_sentence_begins_small_unless_it_is_an_abbreviation(name, inside):
    assert inside == in_sentence(name)


def test_only_the_first_letter_grows():
    assert "A pH of 7" == capitalised("a pH of 7")
