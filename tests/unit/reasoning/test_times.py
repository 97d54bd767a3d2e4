from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from cds_hooks.model.truth import Span, Truth, When
from cds_hooks.reasoning.times import begun, birthday, has_age, is_surely_after, is_surely_older, is_within
from tests.build import AT, hours_ago, when

A_DAY = Span(days=1)
P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN


# ---------------------------------------------------------------- windows


@pytest.mark.parametrize(("expected", "hours"), [(True, 23.99), (False, 24), (False, 24.01)])
def test_an_instant_exactly_as_old_as_the_window_lies_outside(expected, hours):
    assert expected is is_within(hours_ago(hours), A_DAY, AT)


@pytest.mark.parametrize(("expected", "hours"), [(False, 23.99), (True, 24), (True, 24.01)])
def test_an_instant_exactly_as_old_as_the_limit_is_older(expected, hours):
    assert expected is is_surely_older(hours_ago(hours), A_DAY, AT)


@pytest.mark.parametrize(("expected", "day"), [(True, "2026-03-17"), (False, "2026-03-16")])
def test_a_day_counts_to_its_end(expected, day):
    assert expected is is_within(when(day), A_DAY, AT)


def test_a_day_is_surely_older_only_when_its_end_is():
    assert not is_surely_older(when("2026-03-17"), A_DAY, AT)
    assert is_surely_older(when("2026-03-16"), A_DAY, AT)


def test_a_month_and_a_year_count_to_their_end():
    assert is_within(when("2026-02"), Span(weeks=3), AT)
    assert is_within(when("2025"), Span(days=78), AT)


def test_an_entry_with_another_offset_is_compared_by_its_instant():
    assert is_within(when("2026-03-17T23:30+10:00"), A_DAY, AT)
    assert not is_within(when("2026-03-17T21:59+10:00"), A_DAY, AT)


def test_a_span_adds_its_parts_and_counts_a_year_as_365_days():
    span = Span(years=1, months=1, weeks=1, days=1, hours=1, minutes=1)

    assert timedelta(days=365 + 30 + 7 + 1, hours=1, minutes=1) == span.exact()


# ---------------------------------------------------------------- times whose zone was not written


def without_zone(time):
    """The same time, of which nobody wrote the zone."""
    return replace(time, zone_assumed=True)


@pytest.mark.parametrize(("within", "hours"), [(True, 35.99), (False, 36), (False, 36.01)])
def test_a_time_without_a_zone_counts_for_as_long_as_any_zone_lets_it(within, hours):
    time = without_zone(hours_ago(hours))

    assert within is is_within(time, A_DAY, AT)
    assert within is not is_surely_older(time, A_DAY, AT)


def test_a_day_without_a_zone_counts_to_its_end_in_the_westernmost():
    assert is_within(without_zone(when("2026-03-16")), Span(hours=47), AT)
    assert not is_within(without_zone(when("2026-03-16")), A_DAY, AT)


@pytest.mark.parametrize(("expected", "hours"), [(True, 2), (True, 3), (False, 1)])
def test_what_begins_where_the_other_ends_comes_after_it(expected, hours):
    assert expected is is_surely_after(hours_ago(2), hours_ago(hours))


@pytest.mark.parametrize(("expected", "hours"), [(True, 14), (False, 13.9)])
def test_of_a_later_time_without_a_zone_the_easternmost_is_taken(expected, hours):
    assert expected is is_surely_after(without_zone(hours_ago(1)), hours_ago(1 + hours))


@pytest.mark.parametrize(("expected", "hours"), [(True, 12), (False, 11.9)])
def test_of_an_earlier_time_without_a_zone_the_westernmost_is_taken(expected, hours):
    assert expected is is_surely_after(hours_ago(1), without_zone(hours_ago(1 + hours)))


def test_two_times_without_a_zone_are_compared_as_they_stand():
    assert is_surely_after(without_zone(hours_ago(1)), without_zone(hours_ago(2)))
    assert is_surely_after(without_zone(hours_ago(1)), without_zone(hours_ago(1)))
    assert not is_surely_after(without_zone(hours_ago(2)), without_zone(hours_ago(1)))


# ---------------------------------------------------------------- begun


@pytest.mark.parametrize(
    ("expected", "hours", "within", "before"),
    [
        (P, None, None, None),
        (U, None, A_DAY, None),
        (U, None, None, A_DAY),
        (P, 23, A_DAY, None),
        (A, 24, A_DAY, None),
        (A, 23, None, A_DAY),
        (P, 24, None, A_DAY),
        (P, 30, Span(days=2), A_DAY),
        (A, 20, Span(days=2), A_DAY),
        (A, 50, Span(days=2), A_DAY),
    ],
)
def test_begun_within_and_begun_before(expected, hours, within, before):
    start = None if hours is None else hours_ago(hours)

    assert expected is begun(start, within=within, before=before, at=AT)


# ---------------------------------------------------------------- ages


@pytest.mark.parametrize(
    ("expected", "born"),
    [(True, "2021-03-17"), (True, "2021-03-18"), (False, "2021-03-19")],
)
def test_an_age_is_completed_on_the_birthday(expected, born):
    assert expected is has_age(when(born), Span(years=5), AT)


@pytest.mark.parametrize(
    ("expected", "born"),
    [(True, "2021-02"), (None, "2021-03"), (False, "2021-04"), (True, "2020"), (None, "2021"), (False, "2022")],
)
def test_a_partial_birth_date_leaves_the_age_open_when_it_straddles_the_birthday(expected, born):
    assert expected is has_age(when(born), Span(years=5), AT)


@pytest.mark.parametrize(("expected", "at"), [(True, "2026-03-18T00:00Z"), (False, "2026-03-17T23:59Z")])
def test_an_age_is_completed_when_the_day_begins(expected, at):
    assert expected is has_age(when("2021-03-18"), Span(years=5), when(at).earliest)


@pytest.mark.parametrize(("expected", "at"), [(None, "2026-03-27T23:59Z"), (True, "2026-03-28T00:00Z")])
def test_an_age_counted_from_a_month_is_certain_when_its_last_day_is_reached(expected, at):
    assert expected is has_age(when("2026-02"), Span(months=1), when(at).earliest)


@pytest.mark.parametrize(("expected", "born"), [(True, "2026-03-18T11:00Z"), (False, "2026-03-18T11:01Z")])
def test_the_first_hour_of_a_newborn_ends_on_the_minute(expected, born):
    assert expected is has_age(when(born), Span(hours=1), AT)


def test_a_newborn_has_no_age_at_the_minute_of_its_birth():
    assert has_age(hours_ago(0), Span(hours=1), AT) is False
    assert has_age(hours_ago(0), Span(), AT) is True


def test_a_time_of_birth_known_to_two_hours_leaves_the_age_open_within_them():
    born = When(hours_ago(24).earliest, hours_ago(22).latest)

    assert has_age(born, A_DAY, AT) is None
    assert has_age(born, A_DAY, AT + timedelta(hours=2)) is True


def test_no_age_is_completed_before_birth_even_at_the_end_of_the_calendar():
    born = when("9998-02-28")

    assert has_age(born, Span(years=5), AT) is False


def test_a_birth_date_with_a_time_is_taken_at_its_minute():
    assert has_age(when("2021-03-18T11:59Z"), Span(years=5), AT) is True
    assert has_age(when("2021-03-18T12:01Z"), Span(years=5), AT) is False


@pytest.mark.parametrize(
    ("expected", "born", "span"),
    [
        ("2026-03-15", "2025-12-15", Span(months=3)),
        ("2026-02-15", "2025-12-15", Span(months=2)),
        ("2026-01-15", "2025-12-15", Span(months=1)),
        ("2026-12-15", "2025-12-15", Span(months=12)),
        ("2027-01-15", "2025-12-15", Span(months=13)),
        ("2026-03-01", "2025-12-31", Span(months=2)),
        ("2025-03-01", "2024-02-29", Span(years=1)),
        ("2028-02-29", "2024-02-29", Span(years=4)),
        ("2026-01-12", "2025-12-15", Span(days=28)),
        ("2026-01-12", "2025-12-15", Span(weeks=4)),
    ],
)
def test_birthdays_are_counted_on_the_calendar(expected, born, span):
    assert datetime.fromisoformat(expected).replace(tzinfo=UTC) == birthday(when(born).earliest, span)


def test_hours_and_minutes_of_an_age_are_exact():
    born = when("2026-03-18T01:30Z").earliest

    assert when("2026-03-18T05:00Z").earliest == birthday(born, Span(hours=3, minutes=30))
