"""Laws of reading: any JSON gives a record, order carries no meaning, doubles change nothing."""

import json
import random

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, structs

from cds_hooks.chart import datatypes, shapes
from cds_hooks.chart.reader import read
from cds_hooks.chart.record import Answer, PatientRecord
from tests.unit.chart.charts import AT, ME, QUERIES, TYPES, body, bundle

_WORDS = st.sampled_from(
    ["", "final", "active", "refuted", "Patient/p1", "Patient/p2", "#a", "2026-03-01", "2026", "<5", "45", "R"]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _WORDS | st.text(max_size=5)
_SHAPES = [one for module in (datatypes, shapes) for one in vars(module).values() if isinstance(one, type)]
_FIELDS = st.sampled_from(
    sorted({field.encode_name for one in _SHAPES if issubclass(one, Struct) for field in structs.fields(one)})
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_FIELDS, inner, max_size=5),
    max_leaves=12,
)
_KINDS = st.sampled_from(
    [*TYPES, "Medication", "Bundle", "OperationOutcome", "MedicationOrder", "Immunization", ""]
)
_RESOURCES = st.builds(
    lambda kind, fields: {**fields, "resourceType": kind}, _KINDS, st.dictionaries(_FIELDS, _JSON, max_size=8)
)
_VALUES = _JSON | _RESOURCES | st.lists(_RESOURCES, max_size=3).map(lambda some: bundle(*some))
_NAMED = st.lists(
    st.tuples(_RESOURCES, st.sampled_from("abcd"), st.sampled_from([None, {"lastUpdated": "2026"}])), max_size=8
).map(
    lambda some: [
        {**resource, "id": name, "meta": meta} for resource, name, meta in some if "entry" not in resource
    ]
)


def _read(values: dict[str, object], loose: list[object] | None = None) -> PatientRecord:
    answers = {key: Answer((body(value),)) for key, value in values.items()}
    return read(QUERIES, answers, ME, AT, [body(value) for value in loose or []])


@given(st.dictionaries(st.sampled_from(TYPES), _VALUES, max_size=4), st.lists(_VALUES, max_size=2))
def test_any_json_under_any_key_is_a_record(values: dict[str, object], loose: list[object]):
    assert set(TYPES) == set(_read(values, loose).lists)


@given(st.dictionaries(st.sampled_from(TYPES), st.binary(max_size=40), max_size=4))
def test_any_bytes_under_any_key_are_a_record(values: dict[str, bytes]):
    record = read(QUERIES, {key: Answer((raw,)) for key, raw in values.items()}, ME, AT)

    assert set(TYPES) == set(record.lists)


@given(_NAMED, st.randoms(use_true_random=False))
def test_the_order_of_entries_never_matters(resources: list[object], chance: random.Random):
    shuffled = chance.sample(resources, len(resources))

    assert _read({"Observation": bundle(*resources)}) == _read({"Observation": bundle(*shuffled)})


@given(_NAMED)
def test_doubles_change_nothing(resources: list[object]):
    once = _read({"Observation": bundle(*resources)})
    twice = _read({"Observation": bundle(*resources, *json.loads(json.dumps(resources)))}, [bundle(*resources)])

    assert once == twice
