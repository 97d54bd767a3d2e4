"""What of an entry becomes a row: codes as they were sent only where they look like codes, and nothing else."""

from datetime import UTC, datetime

import pytest

from cds_hooks.journal.entries import Call, Unmapped
from cds_hooks.journal.rows import lines_of

AT = datetime(2026, 3, 18, 9, 30, tzinfo=UTC)


def codings(*unmapped):
    """System, code and how often it was seen, of what a call leaves of them."""
    call = Call(
        id="c",
        at=AT,
        client="",
        hook="patient-view",
        service="s",
        status=200,
        ms=1.0,
        software="1",
        knowledge="0.2.0",
        released="2026-03-01",
        digest="abc",
        mode="live",
        unmapped=tuple(Unmapped("medication", *one) for one in unmapped),
    )
    rows = (line.row for line in lines_of([call]) if line.place == "codings")
    return [(row["system"], row["code"], row["seen"]) for row in rows]


@pytest.mark.parametrize(
    "code",
    ["777-3", "D69.3", "8-812.50", "B02BX04", "271807003", "999000011000001104", "19721031000119108", "PLT"],
)
def test_a_code_is_kept_as_it_was_sent(code):
    assert codings(("http://loinc.org", code, 1)) == [("http://loinc.org", code, 1)]


@pytest.mark.parametrize(
    "code",
    [
        "SMITH.1950-01-01",
        "J.01.02.1950",
        "J-1.2.1950",
        "MRN19500101",
        "01021950.J",
        "SMITH.JOHN.WILLIAM.B",
        "a_b",
        "a:b",
        "4711-0\n",
    ],
)
def test_what_could_be_a_person_or_a_day_is_no_code(code):
    assert codings(("http://loinc.org", code, 1)) == [("http://loinc.org", "(other)", 1)]


@pytest.mark.parametrize(
    "system", ["", "http://loinc.org", "https://example.org/CodeSystem/x", "urn:oid:1.2.276.0.76"]
)
def test_the_address_of_a_system_is_kept_as_it_was_sent(system):
    assert codings((system, "1-8", 1)) == [(system, "1-8", 1)]


@pytest.mark.parametrize(
    "system",
    [
        "urn:oid:1.2.3:patient:0815",
        "https://example.org/codes?patient=0815",
        "https://example.org/codes#0815",
        "https://jane@example.org",
        "Jane Canary",
        "jane",
        "https://example.org/" + "x" * 200,
    ],
)
def test_what_is_no_address_of_a_system_is_not_kept(system):
    assert codings((system, "1-8", 1)) == [("(other)", "1-8", 1)]


def test_many_entries_of_one_chart_are_one_call():
    found = codings(("http://loinc.org", "1-8", 7), ("jane", "a b", 2), ("john", "c d", 3))

    assert found == [("(other)", "(other)", 1), ("http://loinc.org", "1-8", 1)]
