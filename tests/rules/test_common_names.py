"""Names and units that laboratories and wards commonly write are known, each as what it is."""

from decimal import Decimal

import pytest

from cds_hooks.chart.record import Coded, Observed, Quantity
from cds_hooks.reasoning.codes import meaning
from cds_hooks.reasoning.medicines import named_in
from cds_hooks.reasoning.values import Reading, reading
from tests.end_to_end.charts import library


@pytest.mark.parametrize(
    ("concept", "name"),
    [
        ("platelet-count", "PLATELET COUNT, AUTO"),
        ("platelet-count", "Platelet Count (Bld)"),
        ("platelet-count", "FBC - Platelets"),
        ("platelet-count", "PLT COUNT"),
        ("platelet-count", "Thrombozyten"),
        ("platelet-count", "Plaquettes"),
        ("platelet-count", "Plaquetas"),
        ("inr", "INR (POC)"),
        ("nonblanching-rash", "Glass test +ve"),
        ("nonblanching-rash", "Tumbler test +ve"),
        ("nonblanching-rash", "NBR"),
        ("nonblanching-rash", "non - blanching rash"),
        ("nonblanching-rash", "Unblanching rash"),
    ],
)
def test_a_common_name_is_known(concept, name):
    assert meaning(Coded(text=name), library()).concepts == (concept,)


@pytest.mark.parametrize(
    ("concept", "unit"),
    [
        *(
            ("platelet-count", unit)
            for unit in ("Gpt/l", "Tsd./µl", "tys/µl", "E9/L", "*10^9/l", "thous/mcL", "x1000/uL")
        ),
        *(("body-temperature", unit) for unit in ("ºC", "℃", "degrees C")),
    ],
)
def test_a_common_unit_is_known(concept, unit):
    read = reading(Observed("", Coded(), Quantity(Decimal(39), unit)), library().concepts[concept], library())

    assert isinstance(read, Reading)
    assert read.value == Decimal(39)


def test_the_french_name_of_warfarin_is_known():
    assert named_in([Coded(text="Warfarine 5 mg")], library()) == ("warfarin",)
