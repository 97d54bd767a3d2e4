"""What is written relative to now becomes an instant or a date."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sandbox.story_time import resolve

AT = datetime(2028, 2, 29, 9, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("@-6h", "2028-02-29T03:30:15+00:00"),
        ("@-30m", "2028-02-29T09:00:15+00:00"),
        ("@-3d", "2028-02-26T09:30:15+00:00"),
        ("@-2w", "2028-02-15T09:30:15+00:00"),
        ("@+1d", "2028-03-01T09:30:15+00:00"),
        ("@-4y", "2024-02-29T09:30:15+00:00"),
        ("@-1y", "2027-02-28T09:30:15+00:00"),
        ("@-1y-59d", "2026-12-31T09:30:15+00:00"),
        ("@-3d:date", "2028-02-26"),
        ("@-0d:date", "2028-02-29"),
    ],
)
def test_a_relative_date_is_counted_from_at(written: str, resolved: str):
    assert resolved == resolve(written, AT)


def test_dates_are_found_wherever_they_stand_and_all_else_is_left_alone():
    written = {"a": [{"b": "@-1h"}], "n": 3, "none": None, "yes": True, "mail": "x@-1h"}

    resolved = resolve(written, AT)

    expected = {"a": [{"b": "2028-02-29T08:30:15+00:00"}], "n": 3, "none": None, "yes": True, "mail": "x@-1h"}
    assert expected == resolved


def test_the_offset_of_at_is_kept():
    in_vienna = AT.astimezone(timezone(timedelta(hours=1)))

    assert resolve("@-1h", in_vienna) == "2028-02-29T09:30:15+01:00"


@pytest.mark.parametrize("written", ["@", "@now", "@6h", "@-6", "@-6x", "@-6h:time", "@-1h "])
def test_what_is_not_in_the_grammar_is_refused_by_name(written: str):
    with pytest.raises(ValueError, match="is not a story date; write for example"):
        resolve(written, AT)
