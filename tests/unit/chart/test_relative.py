"""A file whose dates are written relative to an instant; all else in it stays byte for byte."""

from datetime import UTC, datetime

import pytest

from cds_hooks.chart.relative import dated, resolved

AT = datetime(2028, 2, 29, 9, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("@-6h", "2028-02-29T03:30:15+00:00"),
        ("@-1y-59d", "2026-12-31T09:30:15+00:00"),
        ("@-4y", "2024-02-29T09:30:15+00:00"),
        ("@-3d:date", "2028-02-26"),
        ("@+2w:date", "2028-03-14"),
    ],
)
def test_a_relative_date_is_counted_from_the_instant(written, instant):
    assert resolved(written, AT) == instant
    assert dated(f'{{"a": ["{written}"]}}'.encode(), AT) == f'{{"a": ["{instant}"]}}'.encode()


@pytest.mark.parametrize("written", ["", "@", "@home", "@-6", "@-6x", "-6h", "@-6h:time", "x@-6h", "@-٣h"])
def test_other_text_is_no_date(written):
    body = f'{{"text": "{written}"}}'.encode()

    assert resolved(written, AT) is None
    assert dated(body, AT) == body


@pytest.mark.parametrize("body", [b'{"n": 1.10, "t": "\\"@-6h\\""}', b"not JSON", b"", b'{"\xff": "@-6\xff"}'])
def test_numbers_quotes_and_what_is_no_json_stay_as_they_are(body):
    assert dated(body, AT) == body


def test_more_years_than_the_calendar_has_are_no_date():
    assert resolved("@-99999y", AT) is None
    assert resolved("@-99999w-9999w", AT) is None
