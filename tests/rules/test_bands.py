"""Limits of our own library, looked at from outside: every unit, every age, on both sides of every limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import product

import pytest

from cds_hooks.chart.record import Coded, Observed, Patient, PatientRecord, Quantity
from cds_hooks.model.codes import Coding, Limits
from cds_hooks.model.findings import AgeBand, FindingRule
from cds_hooks.model.truth import Span, Truth, When
from cds_hooks.reasoning.codes import system_uri
from cds_hooks.reasoning.mapping import find
from tests.build import AT, hours_ago, record
from tests.end_to_end.charts import library

# ---------------------------------------------------------------- platelets in every spelling

COUNTS = ("9.9", "10", "19.9", "20", "29.9", "30", "49.9", "50", "99.9", "100", "149.9", "150")
SPELLINGS = {
    "10*9/L": 1,
    "10*3/uL": 1,
    "K/uL": 1,
    "x10E3/mcL": 1,
    "/uL": 1000,
    "{cells}/mm3": 1000,
    "10*6/L": 1000,
    "lakh/cumm": Decimal("0.01"),
}
BANDS = {
    "platelets-below-10": {"9.9"},
    "platelets-10-to-19": {"10", "19.9"},
    "platelets-below-20": {"9.9", "10", "19.9"},
    "platelets-20-to-29": {"20", "29.9"},
    "platelets-below-30": {"9.9", "10", "19.9", "20", "29.9"},
    "platelets-30-to-49": {"30", "49.9"},
    "platelets-below-50": {"9.9", "10", "19.9", "20", "29.9", "30", "49.9"},
    "platelets-50-to-99": {"50", "99.9"},
    "platelets-100-to-149": {"100", "149.9"},
    "platelets-below-150": set(COUNTS) - {"150"},
    "platelets-10-or-over": set(COUNTS) - {"9.9"},
    "platelets-100-or-over": {"100", "149.9", "150"},
}


@pytest.mark.parametrize(("unit", "factor"), SPELLINGS.items())
@pytest.mark.parametrize("count", COUNTS)
def test_a_platelet_count_is_in_the_same_bands_in_every_unit(count, unit, factor):
    found = find(chart("platelet-count", Decimal(count) * factor, unit), library(), AT)

    assert {name: count in counts for name, counts in BANDS.items()} == {
        name: found[name].truth is Truth.PRESENT for name in BANDS
    }


# ---------------------------------------------------------------- the tables of the guidelines, typed once more

NG51 = (
    # age from, below; respiratory rate high, moderate; heart rate high, moderate: lowest number of each
    (0, 1, 60, 50, 160, 150),
    (1, 3, 50, 40, 150, 140),
    (3, 5, 40, 35, 140, 130),
    (5, 6, 29, 24, 130, 120),
    (6, 8, 27, 24, 120, 110),
    (8, 12, 25, 22, 115, 105),
    (12, 16, 25, 21, 131, 91),
)
ROWS = [
    (age, concept, high, moderate)
    for first, last, *numbers in NG51
    for age in (Span(years=first), Span(years=last, days=-1))
    for concept, high, moderate in (("respiratory-rate", *numbers[:2]), ("heart-rate", *numbers[2:]))
]


@pytest.mark.parametrize(("age", "concept", "high", "moderate"), ROWS)
def test_rates_are_banded_as_ng51_prints_them(age, concept, high, moderate):
    for rate in (moderate - 1, moderate, moderate + 1, high - 1, high, high + 1):
        found = find(chart(concept, Decimal(rate), "/min", age), library(), AT)
        expected = (rate >= high, moderate <= rate < high)

        assert expected == tuple(
            found[f"{concept}-{risk}"].truth is Truth.PRESENT for risk in ("high-risk", "moderate")
        ), f"{concept} {rate} at {age}"


AMBER = (
    # NICE NG143: finding, concept, age from, below (months), highest number that is not amber
    ("heart-rate-amber", "heart-rate", 0, 12, 160),
    ("heart-rate-amber", "heart-rate", 12, 24, 150),
    ("heart-rate-amber", "heart-rate", 24, 60, 140),
    ("respiratory-rate-amber", "respiratory-rate", 6, 12, 50),
    ("respiratory-rate-amber", "respiratory-rate", 12, 60, 40),
)


@pytest.mark.parametrize(("name", "concept", "first", "last", "highest"), AMBER)
def test_rates_are_amber_as_ng143_prints_them(name, concept, first, last, highest):
    for age, over in product((Span(months=first), Span(months=last, days=-1)), (-1, 0, 1)):
        found = find(chart(concept, Decimal(highest + over), "/min", age), library(), AT)

        assert (over > 0) == (found[name].truth is Truth.PRESENT), f"{highest + over} at {age}"


# ---------------------------------------------------------------- every age limit of the library

BANDED = [
    (rule.id, index)
    for rule in library().findings.values()
    if rule.measure is not None
    for index in range(len(rule.measure.by_age))
]
AGED = [rule.id for rule in library().findings.values() if rule.person is not None and rule.person.age is not None]


@pytest.mark.parametrize(("name", "index"), BANDED)
def test_each_band_holds_from_its_first_day_to_its_last_and_no_longer(name, index):
    rule = library().findings[name]
    band = bands(rule)[index]
    edges = [(band.age.from_, 0, True), (band.age.from_, -1, False)]
    edges += [(band.age.below, -1, True), (band.age.below, 0, False)] if band.age.below else []

    for span, days, inside in edges:
        if span == Span() and not inside:
            continue
        expected = band.is_ if inside else neighbour(rule, band.age, later=days == 0)
        for value in around(band.is_):
            age = replace(span, days=span.days + days)
            concept = library().concepts[rule.measure.concept]
            found = find(chart(concept.id, value, concept.unit, age), library(), AT)[name]

            assert truth(value, expected, rule) is found.truth, f"{value} at {age}"


@pytest.mark.parametrize("name", AGED)
def test_each_age_holds_from_its_first_day_to_its_last_and_no_longer(name):
    band = library().findings[name].person.age
    edges = [(band.from_, 0, Truth.PRESENT), (band.from_, -1, Truth.ABSENT)] if band.from_ != Span() else []
    edges += [(band.below, -1, Truth.PRESENT), (band.below, 0, Truth.ABSENT)] if band.below else []

    assert edges
    for span, days, expected in edges:
        person = PatientRecord(patient_of(replace(span, days=span.days + days)))

        assert expected is find(person, library(), AT)[name].truth, f"{days} days after {span}"


def bands(rule: FindingRule):
    return rule.measure.by_age


def neighbour(rule: FindingRule, age: AgeBand, *, later: bool) -> Limits | None:
    """The range of the band that begins where this one ends, or ends where it begins; None for none."""
    touching = (
        one for one in bands(rule) if (one.age.from_ == age.below if later else one.age.below == age.from_)
    )
    return next((one.is_ for one in touching), None)


def truth(value: Decimal, limits: Limits | None, rule: FindingRule) -> Truth:
    if limits is None:
        return Truth(rule.measure.outside_bands)
    holds = (
        (limits.at_least is None or value >= limits.at_least)
        and (limits.above is None or value > limits.above)
        and (limits.below is None or value < limits.below)
        and (limits.at_most is None or value <= limits.at_most)
    )
    return Truth.PRESENT if holds else Truth.ABSENT


def around(limits: Limits) -> list[Decimal]:
    bounds = [b for b in (limits.at_least, limits.above, limits.below, limits.at_most) if b is not None]
    step = Decimal(1) if all(bound == bound.to_integral_value() for bound in bounds) else Decimal("0.1")
    return [bound + way * step for bound in bounds for way in (-1, 0, 1)]


def chart(concept_id: str, value: Decimal, unit: str, age: Span | None = None) -> PatientRecord:
    """One measurement of an hour ago, and all lists read."""
    code = library().concepts[concept_id].codes[0]
    entry = Observed(
        "Observation/o1",
        Coded((Coding(system_uri(code.system), code.code),)),
        Quantity(value, unit),
        at=hours_ago(1),
    )
    return record(entry, person=Patient() if age is None else patient_of(age))


def patient_of(age: Span) -> Patient:
    """Someone who reaches this age today; `days` is added after the calendar's years and months."""
    months = AT.year * 12 + AT.month - 1 - age.years * 12 - age.months
    day = AT.replace(year=months // 12, month=months % 12 + 1, hour=0) - timedelta(weeks=age.weeks, days=age.days)
    return Patient(When(day, day + timedelta(days=1), "day"))
