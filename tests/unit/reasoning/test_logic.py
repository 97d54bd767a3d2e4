import pytest

from cds_hooks.model.truth import All, AnyOf, AtLeast, Counted, NoneOf, ScoreAtLeast, ScoreLimit, Truth
from cds_hooks.reasoning.logic import names, negation, parts_of, relied_on, remembered, truth, would_settle

P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN
KNOWN = {"here": P, "here-too": P, "gone": A, "gone-too": A, "open": U, "open-too": U, "score:qsofa:2": P}
EITHER = AnyOf(("here", "gone"))


def two_of(*parts):
    return AtLeast(Counted(2, parts))


# ---------------------------------------------------------------- truth


@pytest.mark.parametrize(
    ("expected", "parts"),
    [(P, ("here", "here-too")), (A, ("here", "gone")), (A, ("open", "gone")), (U, ("here", "open"))],
)
def test_all_is_present_only_when_every_part_is(expected, parts):
    assert expected is truth(All(parts), KNOWN.get)


@pytest.mark.parametrize(
    ("expected", "parts"),
    [(P, ("open", "here")), (A, ("gone", "gone-too")), (U, ("gone", "open")), (P, ("gone", "here"))],
)
def test_any_is_present_when_one_part_is(expected, parts):
    assert expected is truth(AnyOf(parts), KNOWN.get)


@pytest.mark.parametrize(
    ("expected", "parts"), [(P, ("gone", "gone-too")), (A, ("open", "here")), (U, ("gone", "open"))]
)
def test_none_is_present_only_when_every_part_is_known_to_be_absent(expected, parts):
    assert expected is truth(NoneOf(parts), KNOWN.get)


@pytest.mark.parametrize(
    ("expected", "parts"),
    [
        (P, ("here", "here-too", "open")),
        (U, ("here", "open", "gone")),
        (U, ("open", "open-too", "gone")),
        (A, ("here", "gone", "gone-too")),
    ],
)
def test_at_least_two_waits_for_the_unknown_only_while_it_can_decide(expected, parts):
    assert expected is truth(two_of(*parts), KNOWN.get)


def test_score_is_asked_for_by_its_id_and_limit():
    expression = ScoreAtLeast(ScoreLimit("qsofa", 2))

    assert P is truth(expression, KNOWN.get)


def test_a_remembered_truth_is_asked_for_once():
    asked = []

    def truth_of(name):
        asked.append(name)
        return KNOWN[name]

    known = remembered(truth_of)

    assert [P, U, P, U] == [known("here"), known("open"), known("here"), known("open")]
    assert ["here", "open"] == asked


def test_operators_nest():
    expression = All(("here", NoneOf((All(("here", "gone")),)), two_of("here", EITHER, "open")))

    assert P is truth(expression, KNOWN.get)


@pytest.mark.parametrize(("expected", "value"), [(A, P), (P, A), (U, U)])
def test_negation_leaves_unknown_unknown(expected, value):
    assert expected is negation(value)


# ---------------------------------------------------------------- relied on


@pytest.mark.parametrize(
    ("expected", "expression"),
    [
        (("here",), "here"),
        (("here", "here-too"), All(("here", "here-too"))),
        (("gone",), All(("here", "gone", "open"))),
        (("here",), AnyOf(("gone", "here", "open"))),
        (("gone", "gone-too"), AnyOf(("gone", "gone-too"))),
        (("gone", "gone-too"), NoneOf(("gone", "gone-too"))),
        (("here",), NoneOf(("gone", "here"))),
        (("here", "here-too"), two_of("here", "gone", "here-too")),
        (("score:qsofa:2",), ScoreAtLeast(ScoreLimit("qsofa", 2))),
    ],
)
def test_an_answer_rests_on_the_parts_that_decide_it(expected, expression):
    assert expected == relied_on(expression, KNOWN.get)


def test_an_unknown_answer_rests_on_nothing():
    assert () == relied_on(All(("here", "open")), KNOWN.get)


def test_a_finding_named_twice_is_relied_on_once():
    assert ("here",) == relied_on(All(("here", EITHER)), KNOWN.get)


# ---------------------------------------------------------------- would settle


@pytest.mark.parametrize(
    ("expected", "expression"),
    [
        (("open",), "open"),
        (("open",), All(("here", "open"))),
        (("open", "open-too"), AnyOf(("open", "gone", "open-too"))),
        (("open",), NoneOf(("open", All(("gone", "open-too"))))),
        (("open",), two_of("here", "open", "gone")),
        (("open",), All((AnyOf(("here", "open-too")), "open", AnyOf(("gone", "open"))))),
    ],
)
def test_only_the_unknown_that_can_still_decide_would_settle_it(expected, expression):
    assert expected == would_settle(expression, KNOWN.get)


def test_nothing_would_settle_what_is_decided():
    assert () == would_settle(All(("gone", "open")), KNOWN.get)


def test_an_unknown_score_would_settle_by_its_key():
    assert ("score:phoenix:2",) == would_settle(ScoreAtLeast(ScoreLimit("phoenix", 2)), lambda _: U)


# ---------------------------------------------------------------- names and parts


def test_names_stand_in_the_order_written_with_repeats_and_scores():
    expression = All(("b", NoneOf(("a", "b")), ScoreAtLeast(ScoreLimit("s", 3)), two_of("c", "d")))

    assert ["b", "a", "b", "score:s:3", "c", "d"] == [*names(expression)]


@pytest.mark.parametrize("compound", [All(("a", "b")), AnyOf(("a", "b")), NoneOf(("a", "b")), two_of("a", "b")])
def test_parts_are_the_operands(compound):
    assert ("a", "b") == parts_of(compound)
