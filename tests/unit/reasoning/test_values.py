from decimal import Decimal

import pytest

from cds_hooks.chart.record import Quantity
from cds_hooks.model.codes import Limits
from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.values import (
    Reading,
    against_reference,
    compare,
    folded_unit,
    in_words,
    plain,
    quantity_of,
    reading,
)
from tests.build import amount, library_of, observed, platelets, small_library

P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN
TEN = Decimal(10)


def read(concept, value, **more):
    library = small_library()
    return reading(observed(concept, value, **more), library.concepts[concept], library)


def canonical(concept, text):
    item = read(concept, amount(text))
    assert isinstance(item, Reading)
    return item.value


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (Quantity(Decimal("8.5")), "8.5"),
        (Quantity(Decimal(8), "10*9/L"), "8 10*9/L"),
        (Quantity(Decimal(8), "10*9/L"), " 8  10*9/L "),
        (Quantity(Decimal(5), "", "<"), "<5"),
        (Quantity(Decimal(5), "", "<="), "≤ 5"),
        (Quantity(Decimal(1000), "/uL", ">="), "≥1000 /uL"),
        (Quantity(Decimal(-3), "mmol/L"), "-3 mmol/L"),
        (Quantity(Decimal(2), "+"), "2+"),
    ],
)
def test_a_text_that_is_a_number_with_an_optional_unit_is_a_quantity(expected, text):
    assert expected == quantity_of(observed("platelet count", text))


@pytest.mark.parametrize("value", ["CLUMPED", "about 8", "", "<", None, True])
def test_anything_else_holds_no_number(value):
    assert quantity_of(observed("platelet count", value)) is None


def test_a_range_written_as_text_is_not_taken_for_its_first_number():
    assert GapReason.UNIT_UNKNOWN is read("platelet-count", "10-20 10*9/L")


def test_a_thousands_separator_is_not_taken_for_a_decimal():
    assert GapReason.UNIT_UNKNOWN is read("platelet-count", "1,250 /uL")


def test_an_entry_without_a_number_gives_no_reading():
    assert read("platelet-count", "CLUMPED") is None


# ---------------------------------------------------------------- units


@pytest.mark.parametrize(
    ("expected", "text"), [("42", "42 10*9/L"), ("42", "42 10*3/uL"), ("42", "42000 /uL"), ("0.5", "500 /uL")]
)
def test_units_of_the_table_are_converted_exactly(expected, text):
    assert Decimal(expected) == canonical("platelet-count", text)


@pytest.mark.parametrize("unit", ["", "10*6/L", "cells", "mg/dL", "L"])
def test_a_unit_outside_the_table_is_unknown(unit):
    assert GapReason.UNIT_UNKNOWN is read("platelet-count", Quantity(Decimal(42), unit))


def test_a_missing_unit_is_accepted_only_where_the_table_says_so():
    assert TEN == canonical("inr", "10")


def test_a_concept_without_a_table_has_no_known_unit():
    assert GapReason.UNIT_UNKNOWN is read("urine-blood", amount("3 g/L"))


@pytest.mark.parametrize("spelling", ["10*9/l", "10*9/L", " 10*9 / L "])
def test_spelling_of_a_unit_is_folded(spelling):
    assert "10*9/l" == folded_unit(spelling)


@pytest.mark.parametrize("micro", ["/uL", "/μL", "/µL", "/ul"])  # the two signs for micro are the point
def test_both_signs_for_micro_are_the_letter_u(micro):
    assert "/ul" == folded_unit(micro)


@pytest.mark.parametrize(
    ("expected", "text"), [("38.00", "100.4 [degF]"), ("37.00", "98.6 [degF]"), ("38", "38 Cel")]
)
def test_temperature_is_converted_by_offset_and_factor(expected, text):
    assert Decimal(expected) == canonical("temperature", text)


# ---------------------------------------------------------------- plausibility


@pytest.mark.parametrize("text", ["0 10*9/L", "3000 10*9/L"])
def test_the_edges_of_the_plausible_window_are_plausible(text):
    assert isinstance(read("platelet-count", amount(text)), Reading)


@pytest.mark.parametrize("text", ["-1 10*9/L", "3000.1 10*9/L", "250000 10*9/L"])
def test_a_value_outside_the_plausible_window_is_implausible(text):
    assert GapReason.IMPLAUSIBLE is read("platelet-count", amount(text))


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "9e999999"])
def test_a_number_that_cannot_be_reckoned_with_is_implausible(number):
    assert GapReason.IMPLAUSIBLE is read("haemoglobin", Quantity(Decimal(number), "g/dL"))


def test_a_huge_temperature_is_implausible():
    assert GapReason.IMPLAUSIBLE is read("temperature", Quantity(Decimal("1e50"), "[degF]"))


def test_without_a_plausible_window_any_finite_value_counts():
    library = small_library()
    concept = library.concepts["platelet-count"]
    endless = type(concept)("platelet-count", "lab", "Platelet count")

    assert isinstance(reading(platelets("99999"), endless, library), Reading)


# ---------------------------------------------------------------- comparison


@pytest.mark.parametrize(
    ("expected", "value", "limits"),
    [
        (P, "9.99", Limits(below=TEN)),
        (A, "10", Limits(below=TEN)),
        (P, "10", Limits(at_most=TEN)),
        (A, "10.01", Limits(at_most=TEN)),
        (P, "10.01", Limits(above=TEN)),
        (A, "10", Limits(above=TEN)),
        (P, "10", Limits(at_least=TEN)),
        (A, "9.99", Limits(at_least=TEN)),
        (P, "15", Limits(at_least=TEN, below=Decimal(20))),
        (A, "20", Limits(at_least=TEN, below=Decimal(20))),
    ],
)
def test_each_bound_is_exact(expected, value, limits):
    assert expected is compare(Decimal(value), "", limits)


@pytest.mark.parametrize(
    ("expected", "comparator", "value", "limits"),
    [
        (P, "<", "5", Limits(below=TEN)),
        (P, "<", "10", Limits(below=TEN)),
        (U, "<=", "10", Limits(below=TEN)),
        (P, "<=", "10", Limits(at_most=TEN)),
        (U, "<", "20", Limits(below=TEN)),
        (A, "<", "5", Limits(above=TEN)),
        (A, "<", "10", Limits(at_least=TEN)),
        (U, "<=", "10", Limits(at_least=TEN)),
        (A, "<=", "10", Limits(above=TEN)),
        (P, ">", "1000", Limits(above=TEN)),
        (P, ">", "10", Limits(above=TEN)),
        (U, ">=", "10", Limits(above=TEN)),
        (P, ">=", "10", Limits(at_least=TEN)),
        (U, ">", "5", Limits(above=TEN)),
        (A, ">", "1000", Limits(below=TEN)),
        (A, ">", "10", Limits(at_most=TEN)),
        (U, ">=", "10", Limits(at_most=TEN)),
        (A, ">=", "10", Limits(below=TEN)),
        (U, "<", "15", Limits(at_least=TEN, below=Decimal(20))),
        (A, ">", "20", Limits(at_least=TEN, below=Decimal(20))),
    ],
)
def test_a_comparator_makes_the_value_an_interval(expected, comparator, value, limits):
    assert expected is compare(Decimal(value), comparator, limits)


# ---------------------------------------------------------------- the laboratory's own limits


def judged(value, limits, **more):
    item = read("platelet-count", amount(value), **more)
    assert isinstance(item, Reading)
    return against_reference(item, limits, small_library())


THREE_TIMES = Limits(above=Decimal(3), of="upper-limit")
RAISED = Limits(above=Decimal(1), of="upper-limit")
LOWERED = Limits(below=Decimal(1), of="lower-limit")


@pytest.mark.parametrize(("expected", "value"), [(A, "300 10*9/L"), (P, "300.1 10*9/L"), (P, "301000 /uL")])
def test_limits_are_multiples_of_the_upper_reference_limit(expected, value):
    assert expected is judged(value, THREE_TIMES, high=amount("100 10*9/L"))


@pytest.mark.parametrize(("expected", "value"), [(P, "99 10*9/L"), (A, "100 10*9/L")])
def test_limits_are_multiples_of_the_lower_reference_limit(expected, value):
    assert expected is judged(value, LOWERED, low=amount("100 10*9/L"), high=amount("300 10*9/L"))


@pytest.mark.parametrize(("expected", "value"), [(A, "103 10*9/L"), (P, "103.1 10*9/L")])
def test_a_limit_may_be_a_distance_above_the_upper_reference_limit(expected, value):
    assert expected is judged(value, Limits(above=Decimal(3), of="over-upper-limit"), high=amount("100 10*9/L"))


@pytest.mark.parametrize(("limits", "flag"), [({"above": Decimal(1)}, "HH"), ({"below": Decimal(1)}, "L")])
def test_the_laboratory_flag_does_not_answer_for_a_distance(limits, flag):
    assert U is judged("200 10*9/L", Limits(**limits, of="over-upper-limit"), interpretation=(flag,))


@pytest.mark.parametrize(
    ("expected", "limits"),
    [
        (P, Limits(at_least=Decimal(2), of="upper-limit")),
        (A, Limits(at_least=Decimal("2.01"), of="upper-limit")),
        (P, Limits(at_most=Decimal(2), of="upper-limit")),
        (A, Limits(at_most=Decimal("1.99"), of="upper-limit")),
        (A, Limits(below=Decimal(2), of="upper-limit")),
    ],
)
def test_every_bound_may_be_a_multiple(expected, limits):
    assert expected is judged("200 10*9/L", limits, high=amount("100 10*9/L"))


def test_a_reference_limit_without_a_unit_has_that_of_the_value():
    assert P is judged("200 10*9/L", RAISED, high=Quantity(Decimal(150)))


def test_a_reference_limit_in_another_unit_is_converted():
    assert P is judged("200 10*9/L", RAISED, high=amount("150000 /uL"))


@pytest.mark.parametrize("high", [amount("150 furlongs"), Quantity(Decimal("NaN"), "/uL"), amount("-5 10*9/L")])
def test_a_reference_limit_that_cannot_be_read_leaves_it_unknown(high):
    assert U is judged("200 10*9/L", RAISED, high=high)


def test_a_huge_reference_limit_leaves_it_unknown():
    assert U is judged("200 10*9/L", THREE_TIMES, high=Quantity(Decimal("9e999999"), "10*9/L"))


@pytest.mark.parametrize(
    ("expected", "flags", "limits"),
    [
        (P, ("H",), RAISED),
        (P, ("HH",), RAISED),
        (P, ("HU",), RAISED),
        (A, ("N",), RAISED),
        (A, ("L",), RAISED),
        (A, ("LL",), RAISED),
        (P, ("L",), LOWERED),
        (P, ("LL",), LOWERED),
        (P, ("LU",), LOWERED),
        (A, ("N",), LOWERED),
        (A, ("H",), LOWERED),
        (A, ("HH",), LOWERED),
        (U, ("A",), RAISED),
        (U, (), RAISED),
    ],
)
def test_the_laboratory_flag_stands_in_for_a_missing_limit(expected, flags, limits):
    assert expected is judged("200 10*9/L", limits, interpretation=flags)


def test_the_laboratory_flag_does_not_answer_for_a_multiple():
    assert U is judged("200 10*9/L", THREE_TIMES, interpretation=("HH",))


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("expected", "concept", "text"),
    [
        ("42 ×10⁹/L", "platelet-count", "42 10*9/L"),
        ("<5 ×10⁹/L", "platelet-count", "<5 10*9/L"),
        ("42000 /uL (42 ×10⁹/L)", "platelet-count", "42000 /uL"),
        (">1000000 /uL (>1000 ×10⁹/L)", "platelet-count", ">1000000 /uL"),
        ("8.5 g/dL (85 g/L)", "haemoglobin", "8.5 g/dL"),
        ("100.4 °F (38 °C)", "temperature", "100.4 [degF]"),
        ("1.4", "inr", "1.4 {INR}"),
        ("9.999 ×10⁹/L", "platelet-count", "9.999 10*9/L"),
        ("12346 /uL (12.35 ×10⁹/L)", "platelet-count", "12346 /uL"),
        ("0.45 L/L (45%)", "haematocrit", "0.45 L/L"),
    ],
)
def test_a_value_is_shown_as_charted_and_canonically_where_they_differ(expected, concept, text):
    item = read(concept, amount(text))
    assert isinstance(item, Reading)

    assert expected == in_words(item)


MARKED_UNITS = """\
marked:
  kind: lab
  name: "Marked"
  unit: "mL/min/{1.73_m2}"
  convert:
    {"mL/min/{1.73_m2}": "1", "mg/L{FEU}": "2", "{cells}/uL": "2", "{#}/uL": "2", "mm[Hg]": "2", "{ratio}": "2"}
  plausible: {min: "0", max: "100"}
  texts: ["marked"]
"""


@pytest.mark.parametrize(
    ("expected", "unit"),
    [
        ("3 mL/min/1.73 m2", "mL/min/{1.73_m2}"),
        ("3 mg/L FEU (6 mL/min/1.73 m2)", "mg/L{FEU}"),
        ("3 cells/uL (6 mL/min/1.73 m2)", "{cells}/uL"),
        ("3 /uL (6 mL/min/1.73 m2)", "{#}/uL"),
        ("3 mmHg (6 mL/min/1.73 m2)", "mm[Hg]"),
        ("3 (6 mL/min/1.73 m2)", "{ratio}"),
    ],
)
def test_the_marks_of_the_unit_language_are_not_shown(expected, unit):
    library = library_of(more_concepts=MARKED_UNITS)
    item = reading(observed("marked", Quantity(Decimal(3), unit)), library.concepts["marked"], library)
    assert isinstance(item, Reading)

    assert expected == in_words(item)


@pytest.mark.parametrize(
    ("expected", "number"),
    [
        ("42", "42"),
        ("42", "42.0"),
        ("1000", "1E+3"),
        ("0.5", "0.5"),
        ("9.999", "9.999"),
        ("8.5", "8.50"),
        ("0", "0"),
        ("-3", "-3.00"),
    ],
)
def test_a_number_is_written_as_a_person_writes_it(expected, number):
    assert expected == plain(Decimal(number))
