"""FHIR dates cover time; prefixes compare what they cover."""

from datetime import UTC, datetime

import pytest

from sandbox.spans import PREFIXES, Span, span


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026", (2026, 1, 1), (2027, 1, 1)),
        ("2026-03", (2026, 3, 1), (2026, 4, 1)),
        ("2026-12", (2026, 12, 1), (2027, 1, 1)),
        ("2026-03-02", (2026, 3, 2), (2026, 3, 3)),
        ("2026-03-02T09:30Z", (2026, 3, 2, 9, 30), (2026, 3, 2, 9, 31)),
        ("2026-03-02T09:30:05Z", (2026, 3, 2, 9, 30, 5), (2026, 3, 2, 9, 30, 6)),
        ("2026-03-02T10:30:05+01:00", (2026, 3, 2, 9, 30, 5), (2026, 3, 2, 9, 30, 6)),
        ("2026-03-02T10:30:05 01:00", (2026, 3, 2, 9, 30, 5), (2026, 3, 2, 9, 30, 6)),
        ("2026-03-02T09:30:05", (2026, 3, 2, 9, 30, 5), (2026, 3, 2, 9, 30, 6)),
    ],
)
def test_a_date_covers_what_its_precision_says(text: str, low: tuple[int, ...], high: tuple[int, ...]):
    assert Span(datetime(*low, tzinfo=UTC), datetime(*high, tzinfo=UTC)) == span(text)


def test_a_period_runs_from_the_begin_of_its_start_to_the_end_of_its_end():
    period = span({"start": "2026-03-01", "end": "2026-03-02"})

    assert Span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)) == period


def test_an_open_period_has_no_end_or_no_beginning():
    running, over = span({"start": "2026-03-01"}), span({"end": "2026-03-01"})

    assert running is not None
    assert running.high.year == 9999
    assert over is not None
    assert over.low.year == 1


@pytest.mark.parametrize("value", [None, 3, {}, []])
def test_what_is_no_date_covers_nothing(value: object):
    assert span(value) is None


def test_text_that_is_no_date_is_an_error():
    with pytest.raises(ValueError, match="yesterday"):
        span("yesterday")


@pytest.mark.parametrize(
    ("prefix", "found", "holds"),
    [
        ("eq", "2026-03-02T09:00:00Z", True),
        ("eq", "2026-03-03", False),
        ("eq", "2026-03", False),
        ("ne", "2026-03-02", False),
        ("ne", "2026-03-03", True),
        ("gt", "2026-03-03", True),
        ("gt", "2026-03-02", False),
        ("ge", "2026-03-02", True),
        ("ge", "2026-03-01", False),
        ("ge", "2026-03", True),
        ("lt", "2026-03-01", True),
        ("lt", "2026-03-02", False),
        ("le", "2026-03-02", True),
        ("le", "2026-03-03", False),
        ("sa", "2026-03-03", True),
        ("sa", "2026-03", False),
        ("eb", "2026-03-01", True),
        ("eb", "2026-03", False),
    ],
)
def test_prefixes_compare_with_the_second_of_march(prefix: str, found: str, *, holds: bool):
    asked, entry = span("2026-03-02"), span(found)

    assert asked is not None
    assert entry is not None
    assert PREFIXES[prefix](entry, asked) is holds
