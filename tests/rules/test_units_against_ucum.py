"""Our unit table against an independent reader of UCUM: every factor both can work out is the same.

Our table stays the judge: spellings of laboratories (K/uL, thou/uL) are no UCUM, some mean another thing in it
(G is gauss, K is kelvin), and mass to amount of substance needs a molar mass that UCUM does not know. Those
rows are not compared.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from importlib import import_module
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.end_to_end.charts import library

pytestmark = pytest.mark.skipif(
    find_spec("ucumvert") is None, reason="ucumvert, the oracle, is not installed: pip install ucumvert"
)

NEAR = 1e-9
"""Relative: the oracle counts in floating point, our table in decimals."""
ROWS = [
    (concept.id, unit) for concept in library().concepts.values() for unit in (*concept.convert, *concept.affine)
]


LOOKS_LIKE_UCUM = {("egfr", "mL/min/1.73")}
"""Spellings that are UCUM by accident: the 1.73 square metres of body surface, their unit left out."""


@cache
def registry():
    return import_module("ucumvert").PintUcumRegistry()


@cache
def measured_in(unit: str):
    """One of the unit as the oracle reads it; None when it is no UCUM to it."""
    try:
        return registry().from_ucum(unit)
    except Exception:  # noqa: BLE001  # whatever its parser raises, the unit is not UCUM
        return None


def converted(concept: str, unit: str, amount: float) -> float | None:
    """The amount in the concept's canonical unit by the oracle; None when the row is not comparable."""
    if (concept, unit) in LOOKS_LIKE_UCUM:
        return None
    charted, canonical = measured_in(unit), measured_in(library().concepts[concept].unit)
    quantities = all(hasattr(one, "units") for one in (charted, canonical))  # annotations alone are no quantity
    if not quantities or charted.dimensionality != canonical.dimensionality:
        return None
    value = registry().Quantity(amount * charted.magnitude, charted.units).to(canonical.units)
    return float(value.magnitude / canonical.magnitude)


def ours(concept: str, unit: str, amount: float) -> float:
    """The amount in the canonical unit by our table."""
    entry = library().concepts[concept]
    offset, factor = entry.affine[unit] if unit in entry.affine else (Decimal(0), entry.convert[unit])
    return float((Decimal(str(amount)) + offset) * factor)


@given(row=st.sampled_from(ROWS), amount=st.decimals("0.1", "5000", places=2).map(float))
def test_an_amount_is_the_same_by_our_table_and_by_ucum(row, amount):
    expected = converted(*row, amount)

    assert expected is None or expected == pytest.approx(ours(*row, amount), rel=NEAR, abs=NEAR)


def test_every_row_that_ucum_can_read_has_the_factor_of_ucum():
    compared = {row: (converted(*row, 37.5), ours(*row, 37.5)) for row in ROWS}
    known = {row: pair for row, pair in compared.items() if pair[0] is not None}

    wrong = {row: pair for row, pair in known.items() if pair[0] != pytest.approx(pair[1], rel=NEAR, abs=NEAR)}
    assert {} == wrong
    assert len(known) >= 150
    assert {("platelet-count", "/uL"), ("body-temperature", "[degF]"), ("lesion-size", "[in_i]")} <= known.keys()
