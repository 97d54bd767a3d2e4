"""Small counts are hidden, and whatever would give them away."""

from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.populations.suppress import Sums, parts, per_thousand, shown, within

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


def test_what_is_hidden_anyway_takes_the_next_smallest_with_it():
    assert {"a": None, "b": None, "c": 50} == parts({"a": 80, "b": 40, "c": 50}, 10, frozenset({"a"}))


def test_a_sum_is_shown_with_all_or_nothing_of_what_is_hidden():
    sums = Sums([{"urgent": 22, "cause": 1}, {"silent": 20, "spared": 17}], 10)

    assert [None, None, 20, 17] == [sums.of([name]) for name in ("urgent", "cause", "silent", "spared")]
    assert (23, 60, None) == (
        sums.of(["urgent", "cause"]),
        sums.of(["urgent", "cause", "silent", "spared"]),
        sums.of(["cause", "silent", "spared"]),
    )


def test_where_a_block_is_of_few_another_hides_with_it():
    sums = Sums([{"urgent": 3, "cause": 1}, {"silent": 20, "spared": 17}], 10)

    assert (None, None, 20, 41) == (
        sums.of(["urgent", "cause"]),
        sums.of(["silent", "spared"]),
        sums.of(["silent"]),
        sums.of(["urgent", "cause", "silent", "spared"]),
    )


BLOCKS = st.lists(st.integers(0, 40), min_size=6, max_size=6).map(
    lambda counts: [dict(zip("abc", counts, strict=False)), dict(zip("def", counts[3:], strict=True))]
)


@given(BLOCKS, st.lists(st.sets(st.sampled_from("abcdef"), min_size=1)), st.integers(2, 12))
def test_no_small_cell_follows_from_the_sums_that_are_shown(blocks, wanted, least):
    sums = Sums(blocks, least)
    cells = blocks[0] | blocks[1]
    told = [names for names in wanted if sums.of(names) is not None]

    for small in (name for name, count in cells.items() if 0 < count < least):
        others = [name for name, count in cells.items() if count and name != small]
        # Another world with one more of it and one fewer of another cell looks the same; or nothing is told of it.
        assert any(all((small in names) == (other in names) for names in told) for other in others) or not any(
            small in names for names in told
        )
    assert all(sums.of(names) == sum(cells[name] for name in names) for names in told)


def test_some_among_others_are_hidden_with_the_few_that_are_left():
    assert [20, None, None, 23, 20] == [
        within(20, 30, 10),
        within(20, 29, 10),
        within(3, 30, 10),
        within(23, 23, 10),
        within(20, None, 10),
    ]


def test_a_rate_needs_a_count_and_a_chart():
    assert (None, None, 2.5) == (per_thousand(None, 9), per_thousand(1, 0), per_thousand(1, 400))
