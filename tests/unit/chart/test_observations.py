from decimal import Decimal

import pytest

from cds_hooks.chart.record import Coded, Quantity
from cds_hooks.chart.times import when
from cds_hooks.model.codes import Coding
from tests.unit.chart.charts import observation, observed, record_of

# ---------------------------------------------------------------- values


def test_a_quantity_is_exact_and_keeps_its_unit_code():
    entry = observed(
        valueQuantity={"value": 0.1, "unit": "giga/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"}
    )

    assert Quantity(Decimal("0.1"), "10*9/L") == entry.value


def test_a_unit_text_stands_in_for_a_missing_code():
    assert Quantity(Decimal(45), "10*9/L") == observed(valueQuantity={"value": 45, "unit": "10*9/L"}).value


def test_a_unit_text_stands_in_for_a_code_that_is_not_ucum():
    entry = observed(
        valueQuantity={"value": 45, "unit": "10*9/L", "system": "http://local.example", "code": "U17"}
    )

    assert entry.value.unit == "10*9/L"


def test_a_unit_code_of_another_system_is_kept_when_there_is_nothing_else():
    assert (
        observed(valueQuantity={"value": 45, "system": "http://local.example", "code": "U17"}).value.unit == "U17"
    )


def test_a_comparator_is_kept():
    assert (
        Quantity(Decimal(5), "10*9/L", "<")
        == observed(valueQuantity={"value": 5, "unit": "10*9/L", "comparator": "<"}).value
    )


def test_a_comparator_inside_the_value_is_parted_from_it():
    assert Quantity(Decimal(5), "10*9/L", "<") == observed(valueQuantity={"value": "<5", "unit": "10*9/L"}).value


def test_an_unknown_comparator_makes_the_value_unreadable():
    entry = observed(valueQuantity={"value": 5, "comparator": "ad"})

    assert (None, "unreadable-type") == (entry.value, entry.value_missing)


def test_a_number_in_quotes_is_a_number():
    assert Quantity(Decimal("45.5")) == observed(valueQuantity={"value": "45.5"}).value


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "low", True])
def test_a_value_that_is_no_usable_number_is_marked_unreadable(value: object):
    entry = observed(valueQuantity={"value": value, "unit": "10*9/L"})

    assert (None, "unreadable-type") == (entry.value, entry.value_missing)


def test_an_integer_is_a_quantity_without_a_unit():
    assert Quantity(Decimal(15)) == observed(valueInteger=15).value


def test_a_concept_is_read_with_codings_and_text():
    entry = observed(valueCodeableConcept={"coding": [{"system": "s", "code": "c", "display": "d"}], "text": "t"})

    assert Coded((Coding("s", "c", "d"),), "t") == entry.value


def test_an_empty_concept_is_no_value():
    entry = observed(valueCodeableConcept={"extension": []})

    assert (None, "unreadable-type") == (entry.value, entry.value_missing)


@pytest.mark.parametrize("value", ["45", "<5", "45 10*9/L", "CLUMPED"])
def test_a_string_stays_a_string(value: str):
    assert value == observed(valueString=value).value


@pytest.mark.parametrize("value", [True, False])
def test_a_yes_or_no_is_kept(value: bool):
    assert value is observed(valueBoolean=value).value


def test_a_yes_or_no_in_quotes_is_read():
    assert observed(valueBoolean="false").value is False


@pytest.mark.parametrize(
    "value",
    [
        {"valueRange": {"low": {"value": 1}}},
        {"valueRatio": {}},
        {"valueSampledData": {"origin": {"value": 0}}},
        {"valueTime": "10:00:00"},
        {"valueDateTime": "2026"},
        {"valuePeriod": {"start": "2026"}},
        {"valueAttachment": {}},
        {"valueBoolean": {"odd": 1}},
        {"_valueBoolean": {"extension": [{"url": "data-absent-reason", "valueCode": "unknown"}]}},
    ],
)
def test_a_value_of_another_kind_is_none_but_never_silence(value: dict[str, object]):
    entry = observed(**value)

    assert (None, "unreadable-type") == (entry.value, entry.value_missing)


def test_the_charts_own_reason_for_a_missing_value_is_kept():
    assert observed(dataAbsentReason={"coding": [{"code": "masked"}]}).value_missing == "masked"


def test_an_observation_without_any_value_has_no_reason_either():
    entry = observed()

    assert (None, "") == (entry.value, entry.value_missing)


# ---------------------------------------------------------------- status


@pytest.mark.parametrize("status", ["final", "amended", "corrected", "appended"])
def test_a_final_result_is_not_preliminary(status: str):
    assert not observed(status=status).preliminary


@pytest.mark.parametrize("status", ["preliminary", "unknown", "banana", "", None])
def test_anything_else_is_kept_and_marked_preliminary(status: str | None):
    assert observed(status=status).preliminary


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_a_void_result_is_dropped(status: str):
    assert () == record_of(observation(status=status, valueBoolean=True)).observed


def test_an_announced_result_is_dropped():
    assert () == record_of(observation(status="registered")).observed


def test_an_announced_result_that_has_a_value_after_all_is_kept():
    assert observed(status="registered", valueBoolean=True).preliminary


# ---------------------------------------------------------------- the rest


def test_each_component_is_an_entry_that_knows_its_panel():
    whole, part = record_of(
        observation(
            code={"text": "Blood pressure"},
            effectiveDateTime="2026-03-18",
            bodySite={"text": "arm"},
            component=[
                {"code": {"text": "Systolic"}, "valueQuantity": {"value": 120}, "interpretation": [{"text": "N"}]}
            ],
        )
    ).observed

    assert (Coded(text="Systolic"), Coded(text="Blood pressure")) == (part.what, part.panel)
    assert (whole.reference, whole.at, whole.sites) == (part.reference, part.at, part.sites)
    assert (Quantity(Decimal(120)), ("N",)) == (part.value, part.interpretation)


MEMBER = {"reference": "https://ehr.example/fhir/Observation/size/_history/2"}


@pytest.mark.parametrize(
    "fields",
    [
        {"hasMember": [MEMBER, {"display": "no address"}]},
        {"related": [{"type": "has-member", "target": MEMBER}, {"type": "derived-from", "target": MEMBER}]},
        {"related": [{"type": "has-member"}, {"type": "has-member", "target": MEMBER}]},
    ],
)
def test_a_panel_knows_its_members_in_every_version(fields: dict[str, object]):
    assert ("Observation/size",) == observed(**fields).members


def test_a_component_says_why_its_value_is_missing():
    _, part = record_of(observation(component=[{"code": {"text": "x"}, "valueQuantity": {"value": "?"}}])).observed

    assert part.value_missing == "unreadable-type"


@pytest.mark.parametrize(
    "fields",
    [
        {"effectiveDateTime": "2026-03-18T10:00:00Z"},
        {"effectiveInstant": "2026-03-18T10:00:00Z"},
        {"effectivePeriod": {"start": "2026-03-18T10:00:00Z"}},
    ],
)
def test_every_kind_of_time_is_read(fields: dict[str, object]):
    assert when("2026-03-18T10:00:00Z") == observed(**fields).at


def test_a_schedule_is_no_time():
    assert observed(effectiveTiming={"event": ["2026-03-18"]}).at is None


def test_the_time_of_issue_is_kept_apart():
    entry = observed(issued="2026-03-18T10:00:00Z")

    assert (None, when("2026-03-18T10:00:00Z")) == (entry.at, entry.issued)


def test_interpretations_are_read_as_codes():
    entry = observed(interpretation=[{"coding": [{"code": "LL"}, {"code": "L"}]}])

    assert ("LL", "L") == entry.interpretation


def test_one_interpretation_instead_of_a_list_is_read():
    assert ("H",) == observed(interpretation={"coding": [{"code": "H"}]}).interpretation


def test_categories_are_read_in_every_shape():
    as_list = observed(category=[{"coding": [{"code": "laboratory"}]}])
    as_object = observed(category={"coding": {"code": "laboratory"}})
    as_text = observed(category="laboratory")

    assert ("laboratory",) == as_list.categories == as_object.categories == as_text.categories


def test_the_first_reference_range_for_everyone_is_used():
    entry = observed(
        referenceRange=[
            {"low": {"value": 1}, "appliesTo": [{"text": "women"}]},
            {"low": {"value": 2}, "age": {"low": {"value": 1}}},
            {"low": {"value": 150}, "high": {"value": 400, "unit": "10*9/L"}},
        ]
    )

    assert (Quantity(Decimal(150)), Quantity(Decimal(400), "10*9/L")) == (entry.low, entry.high)


def test_a_normal_range_is_used_when_all_have_a_type():
    entry = observed(
        referenceRange=[
            {"low": {"value": 1}, "type": {"coding": [{"code": "critical"}]}},
            {"low": {"value": 150}, "type": {"coding": [{"code": "normal"}]}},
        ]
    )

    assert Quantity(Decimal(150)) == entry.low


def test_a_bare_coding_in_place_of_a_concept_is_read():
    entry = observed(code={"system": "http://loinc.org", "code": " 777-3 ", "display": "Platelets"})

    assert Coded((Coding("http://loinc.org", "777-3", "Platelets"),)) == entry.what


def test_a_display_without_a_code_is_kept_and_an_empty_coding_is_not():
    assert (Coding("", "", "Petechiae"),) == observed(
        code={"coding": [{"display": "Petechiae"}, {"system": "s"}]}
    ).what.codings


@pytest.mark.parametrize(("label", "restricted"), [("R", True), ("V", True), ("N", False)])
def test_security_labels_restrict(label: str, restricted: bool):
    assert restricted is observed(meta={"security": [{"code": label}]}).restricted
