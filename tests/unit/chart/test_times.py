from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.chart.datatypes import Period
from cds_hooks.chart.record import Quantity
from cds_hooks.chart.times import at_age, period, when
from cds_hooks.model.truth import When


def _moment(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_an_instant_has_no_length_and_keeps_its_own_offset():
    moment = datetime(2026, 3, 18, 10, 30, tzinfo=timezone(timedelta(hours=-7)))

    assert When(moment, moment) == when("2026-03-18T10:30:00-07:00")
    assert timedelta(hours=-7) == when("2026-03-18T10:30:00-07:00").earliest.utcoffset()


def test_a_day_runs_to_the_first_moment_of_the_next():
    expected = When(_moment(2026, 3, 18), _moment(2026, 3, 19), "day", zone_assumed=True)

    assert expected == when("2026-03-18")


def test_a_month_runs_to_the_next_even_in_december():
    assert When(_moment(2025, 12, 1), _moment(2026, 1, 1), "month", zone_assumed=True) == when("2025-12")


def test_a_year_is_a_year_long():
    assert When(_moment(2025, 1, 1), _moment(2026, 1, 1), "year", zone_assumed=True) == when("2025")


def test_a_time_without_a_zone_is_taken_as_utc_and_marked():
    moment = _moment(2026, 3, 18, 10, 30)

    assert When(moment, moment, "instant", zone_assumed=True) == when("2026-03-18T10:30:00")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-18T10:30Z", _moment(2026, 3, 18, 10, 30)),
        ("2026-03-18 10:30:00Z", _moment(2026, 3, 18, 10, 30)),
        ("2026-03-18T24:00:00Z", _moment(2026, 3, 19)),
        ("2026-03-18T23:59:60Z", _moment(2026, 3, 18, 23, 59, 59)),
        ("2026-03-18T10:30:00.123456789Z", _moment(2026, 3, 18, 10, 30, 0, 123456)),
        (" 2026-03-18T10:30:00Z ", _moment(2026, 3, 18, 10, 30)),
    ],
)
def test_odd_spellings_of_a_moment_are_read(text: str, moment: datetime):
    assert When(moment, moment) == when(text)


def test_of_a_time_that_cannot_be_read_the_day_is_kept():
    assert when("2026-03-18") == when("2026-03-18T10:30:00 EST")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-02-30",
        "2026-13",
        "18.03.2026",
        "0001-01-01",
        "0001-01-01T00:00:00Z",
        "9999-12-31",
        "202",
    ],
)
def test_what_is_no_date_or_only_a_placeholder_is_none(text: str):
    assert when(text) is None


def test_a_period_runs_from_start_to_end():
    stretch = period(Period("2026-03-01", "2026-03-18T10:00:00Z"))

    assert When(_moment(2026, 3, 1), _moment(2026, 3, 18, 10), "day", zone_assumed=True) == stretch


@pytest.mark.parametrize(
    "stretch",
    [Period("2026-03-01", ""), Period("", "2026-03-01"), Period("2026-03-01", "2020-01-01")],
)
def test_one_end_of_a_period_stands_for_both_when_the_other_is_missing_or_senseless(stretch: Period):
    assert when("2026-03-01") == period(stretch)


@pytest.mark.parametrize("stretch", [None, Period()])
def test_no_period_is_none(stretch: Period | None):
    assert period(stretch) is None


@pytest.mark.parametrize(
    ("age", "unit", "earliest", "latest"),
    [
        ("3", "a", _moment(2023, 2, 28), _moment(2024, 3, 1)),
        ("2", "mo", _moment(2020, 4, 29), _moment(2020, 6, 1)),
        ("2", "wk", _moment(2020, 3, 14), _moment(2020, 3, 22)),
        ("10", "d", _moment(2020, 3, 10), _moment(2020, 3, 12)),
    ],
)
def test_an_age_lasts_for_one_unit_from_the_birthday(age: str, unit: str, earliest: datetime, latest: datetime):
    onset = at_age(when("2020-02-29"), Quantity(Decimal(age), unit))

    assert (earliest, latest) == (onset.earliest, onset.latest)


@pytest.mark.parametrize(
    "age",
    [
        None,
        Quantity(Decimal(3), "furlongs"),
        Quantity(Decimal(-1), "a"),
        Quantity(Decimal("1e20"), "d"),
        Quantity(Decimal(70_000_000), "a"),
        Quantity(Decimal(70_000_000), "wk"),
    ],
)
def test_an_age_that_cannot_be_meant_is_none(age: Quantity | None):
    assert at_age(when("2020-02-29"), age) is None


def test_without_a_birth_date_an_age_is_none():
    assert at_age(None, Quantity(Decimal(3), "a")) is None


@given(st.text(max_size=40) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.Z+-]{0,20}", fullmatch=True))
def test_any_text_is_an_interval_or_none(text: str):
    found = when(text)

    assert found is None or (found.earliest <= found.latest and found.earliest.tzinfo is not None)
