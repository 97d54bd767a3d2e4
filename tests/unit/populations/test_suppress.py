"""Small counts are hidden, and whatever would give them away."""

from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.populations.suppress import parts, per_thousand, shown

CELLS = st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.integers(0, 40), max_size=6)


def test_few_are_hidden_and_none_are_not():
    assert [0, None, None, 10] == [shown(count, 10) for count in (0, 1, 9, 10)]


def test_with_one_part_hidden_the_next_smallest_is_hidden_too():
    assert {"a": None, "b": None, "c": 500, "d": 0} == parts({"a": 3, "b": 40, "c": 500, "d": 0}, 10)


def test_two_small_parts_that_are_few_together_take_a_third_with_them():
    assert {"a": None, "b": None, "c": None} == parts({"a": 1, "b": 2, "c": 30}, 10)
    assert {"a": None, "b": None, "c": 30} == parts({"a": 9, "b": 2, "c": 30}, 10)


@given(CELLS, st.integers(2, 12))
def test_no_hidden_part_can_be_worked_out_from_the_others_and_the_total(cells, least):
    told = parts(cells, least)
    hidden = [cells[name] for name, count in told.items() if count is None]

    assert all(count is None or count == cells[name] for name, count in told.items())
    assert not any(count is not None and 0 < count < least for count in told.values())
    assert not hidden or len(hidden) > 1 or len([count for count in cells.values() if count]) == 1


def test_a_rate_needs_a_count_and_a_chart():
    assert (None, None, 2.5) == (per_thousand(None, 9), per_thousand(1, 0), per_thousand(1, 400))
