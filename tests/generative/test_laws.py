"""Laws of the reasoning: what must hold for every expression and every chart, whatever the rules say."""

from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from cds_hooks.chart.record import Coded, Quantity
from cds_hooks.model.results import ScoreRange
from cds_hooks.model.truth import All, AnyOf, AtLeast, Counted, NoneOf, Truth
from cds_hooks.reasoning.logic import names, negation, relied_on, truth, would_settle
from cds_hooks.reasoning.mapping import find
from cds_hooks.reasoning.scores import reaches
from tests.build import (
    AT,
    amount,
    days_ago,
    hours_ago,
    library_of,
    list_failed,
    medicine,
    observed,
    patient,
    problem,
    record,
    when,
)

P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN

# ---------------------------------------------------------------- logic, exhaustively up to four operands

LETTERS = ("a", "b", "c", "d")
OPERATORS = {
    "all": (All, all),
    "any": (AnyOf, any),
    "none": (NoneOf, lambda parts: not any(parts)),
    **{
        f"at least {count}": (
            lambda parts, count=count: AtLeast(Counted(count, parts)),
            lambda parts, count=count: sum(parts) >= count,
        )
        for count in range(1, 5)
    },
}


def completions(values):
    """Every way of settling the unknown values, as booleans."""
    return product(*([True, False] if value is U else [value is P] for value in values))


@pytest.mark.parametrize("operands", [1, 2, 3, 4])
@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_is_the_exact_answer_over_every_completion(operator, operands):
    build, exact = OPERATORS[operator]

    for values in product(Truth, repeat=operands):
        possible = {P if exact(settled) else A for settled in completions(values)}
        known = dict(zip(LETTERS, values, strict=False))
        answer = truth(build(LETTERS[:operands]), known.get)

        assert (possible.pop() if len(possible) == 1 else U) is answer, values


# ---------------------------------------------------------------- logic of nested expressions

assignments = st.fixed_dictionaries(dict.fromkeys(LETTERS, st.sampled_from(Truth)))
settlements = st.fixed_dictionaries(dict.fromkeys(LETTERS, st.sampled_from([P, A])))


def compound(inner):
    parts = st.lists(inner, min_size=1, max_size=4).map(tuple)
    counted = parts.flatmap(lambda of: st.builds(Counted, st.integers(1, len(of)), st.just(of)))
    return st.one_of(parts.map(All), parts.map(AnyOf), parts.map(NoneOf), counted.map(AtLeast))


expressions = st.recursive(st.sampled_from(LETTERS), compound, max_leaves=12)
operand_lists = st.lists(expressions, min_size=1, max_size=4).map(tuple)


@given(expressions, assignments, settlements)
def test_settling_an_unknown_never_overturns_an_answer(expression, known, settled):
    answer = truth(expression, known.get)
    filled = {name: settled[name] if value is U else value for name, value in known.items()}

    assert answer in (U, truth(expression, filled.get))


@given(expressions, assignments, settlements)
def test_an_answer_holds_on_what_it_rests_on_alone(expression, known, settled):
    rests_on = relied_on(expression, known.get)
    others = {name: value if name in rests_on else settled[name] for name, value in known.items()}

    assert truth(expression, known.get) in (U, truth(expression, others.get))


@given(expressions, assignments, settlements)
def test_settling_what_would_settle_it_decides_the_answer(expression, known, settled):
    asked_for = would_settle(expression, known.get)
    filled = {name: settled[name] if name in asked_for else value for name, value in known.items()}

    assert U is not truth(expression, filled.get)


@given(expressions, assignments)
def test_only_what_is_unknown_is_asked_for_and_only_while_it_is_open(expression, known):
    asked_for = would_settle(expression, known.get)

    assert bool(asked_for) is (truth(expression, known.get) is U)
    assert {U} >= {known[name] for name in asked_for}


@given(expressions, assignments)
def test_an_unknown_answer_rests_on_nothing_and_any_other_on_something(expression, known):
    assert bool(relied_on(expression, known.get)) is (truth(expression, known.get) is not U)


@given(expressions, assignments)
def test_only_findings_that_are_named_are_told(expression, known):
    told = {*relied_on(expression, known.get), *would_settle(expression, known.get)}

    assert told <= set(names(expression))


@given(operand_lists, assignments)
def test_none_is_the_negation_of_any(parts, known):
    assert negation(truth(AnyOf(parts), known.get)) is truth(NoneOf(parts), known.get)


@given(operand_lists, assignments)
def test_the_law_of_de_morgan_holds(parts, known):
    each_denied = tuple(NoneOf((part,)) for part in parts)

    assert truth(NoneOf((All(parts),)), known.get) is truth(AnyOf(each_denied), known.get)
    assert truth(NoneOf((AnyOf(parts),)), known.get) is truth(All(each_denied), known.get)


@given(operand_lists, assignments)
def test_all_and_any_are_ends_of_at_least(parts, known):
    assert truth(All(parts), known.get) is truth(AtLeast(Counted(len(parts), parts)), known.get)
    assert truth(AnyOf(parts), known.get) is truth(AtLeast(Counted(1, parts)), known.get)


@given(st.sampled_from(Truth), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_a_score_that_narrows_never_overturns_an_answer(applies, low, rise, limit):
    wide = ScoreRange("s", applies, low, low + rise)
    settled = [P, A] if applies is U else [applies]
    narrowed = {
        reaches(ScoreRange("s", fits, total, total), limit)
        for fits in settled
        for total in range(low, low + rise + 1)
    }

    assert reaches(wide, limit) is (narrowed.pop() if len(narrowed) == 1 else U)


# ---------------------------------------------------------------- charts

RULES = {
    "rash": "sign: {concepts: [petechiae, purpura], observed_within: {days: 3}, problem_within: {days: 14}}",
    "rash-new": "sign: {concepts: [petechiae], observed_within: {days: 14}, new_within: {hours: 72}}",
    "rash-old": "sign: {concepts: [purpura], any_active_problem: true, older_than: {days: 42}}",
    "rash-face": "sign: {concepts: [petechiae], observed_within: {days: 14}, sites: {only: [above-chest]}}",
    "fever": (
        "sign: {concepts: [fever], observed_within: {days: 2}, problem_within: {days: 2}}\n"
        "when_missing: absent_if_list_read"
    ),
    "low": 'measure: {concept: platelet-count, is: {below: "10", unit: "10*9/L"}}',
    "once-low": 'measure: {concept: platelet-count, is: {below: "50", unit: "10*9/L"}, pick: any}',
    "below-own": 'measure: {concept: platelet-count, is: {below: "1", of: lower-limit}}',
    "hot": 'measure: {concept: temperature, is: {at_least: "38", unit: "Cel"}, pick: any}',
    "halved": (
        'trend: {concept: platelet-count, change: fall, by: {above: "50", unit: "%"}, '
        "latest_within: {days: 3}, baseline_within: {days: 14}}"
    ),
    "blood": "answer: {concepts: [urine-blood], is: [present, two-plus]}",
    "counted": "since: {concepts: [platelet-count], after: rash}\nwhen_missing: absent_if_list_read",
    "antiplatelet": "medication: {classes: [antiplatelet]}\nwhen_missing: absent_if_list_read",
    "steroid": "medication: {classes: [steroid], routes: [oral], started_within: {days: 90}}",
    "taken-back": 'measure: {concept: platelet-count, is: {below: "50", unit: "10*9/L"}}\nunless: [fever]',
    "not-taken-back": 'measure: {concept: platelet-count, is: {below: "50", unit: "10*9/L"}}',
    "built": "when: {all: [rash, {any: [low, hot]}, {none: [fever]}]}",
}
LIBRARY = library_of(RULES)

days = ["2026-03-18", "2026-03-17", "2026-03-16", "2026-03-10", "2026-03", "2026-02", "2025"]
moments = st.one_of(st.integers(0, 800).map(hours_ago), st.sampled_from(days).map(when))
times = st.one_of(st.none(), moments)
comparators = st.sampled_from(["", "", "", "<", "<=", ">", ">="])
thousands = st.integers(0, 400_000)
counts = st.builds(
    lambda per_ul, comparator: Quantity(Decimal(per_ul) / 1000, "10*9/L", comparator), thousands, comparators
)
texts = st.sampled_from(["CLUMPED", "8 10*9/L", "?", "2+", "negative"])
site_lists = st.lists(st.sampled_from(["face", "leg", "eyelid", "elsewhere"]), max_size=2)

signs = st.builds(
    lambda what, value, at, sites: observed(what, value, at, undated=at is None, sites=sites),
    st.sampled_from(["petechiae", "purpura", "fever", "skin examination"]),
    st.sampled_from([None, True, False, "absent", Coded(text="purpura"), "unclear"]),
    times,
    site_lists,
)
results = st.builds(
    lambda what, value, at, low: observed(what, value, at, undated=at is None, low=low),
    st.sampled_from(["platelet count", "urine blood"]),
    st.one_of(counts, texts, st.just(amount("8 furlongs")), st.none()),
    times,
    st.sampled_from([None, amount("150 10*9/L")]),
)
problems = st.builds(
    lambda what, onset, state, denied, sites: problem(what, onset, state=state, denied=denied, sites=sites),
    st.sampled_from(["petechiae", "purpura", "fever"]),
    times,
    st.sampled_from(["active", "inactive", "unstated"]),
    st.booleans(),
    site_lists,
)
medicines = st.builds(
    lambda what, state, route, start, end: medicine(what, state, route=route, start=start, end=end),
    st.sampled_from(["aspirin", "clopidogrel", "prednisolone", "paracetamol", ""]),
    st.sampled_from(["current", "ended", "not-taken", "planned", "unknown"]),
    st.sampled_from(["", "oral", "topical"]),
    times,
    times,
)


def numbered(entries):
    return [replace(entry, reference=f"{type(entry).__name__}/{n}") for n, entry in enumerate(entries)]


charts = st.lists(st.one_of(signs, results, problems, medicines), max_size=8).map(numbered)
people = st.sampled_from([patient(), patient("2021-03-18"), patient("1950", "female")])


def found(entries, person=None, lists=None):
    findings = find(record(*entries, person=person, lists=lists), LIBRARY, AT)
    return {name: findings[name] for name in findings}


def truths_of(findings):
    return {name: finding.truth for name, finding in findings.items()}


@given(charts.flatmap(lambda entries: st.tuples(st.just(entries), st.permutations(entries))), people)
def test_the_order_of_entries_never_matters(both, person):
    one, other = both

    assert found(one, person) == found(other, person)


@given(charts, st.data())
def test_the_same_entry_twice_changes_no_answer(entries, data):
    once = found(entries)
    again = found([*entries, data.draw(st.sampled_from(entries))] if entries else [])

    assert truths_of(once) == truths_of(again)
    assert {n: set(f.evidence) for n, f in once.items()} == {n: set(f.evidence) for n, f in again.items()}
    assert {n: f.since for n, f in once.items()} == {n: f.since for n, f in again.items()}


@given(charts, st.data())
def test_a_copy_of_an_entry_under_another_id_changes_no_answer(entries, data):
    copy = [replace(data.draw(st.sampled_from(entries)), reference="Copy/1")] if entries else []

    assert truths_of(found(entries)) == truths_of(found([*entries, *copy]))


@given(charts)
def test_an_entry_that_means_nothing_to_us_changes_nothing(entries):
    strange = [observed("shoe size", amount("42 EU")), problem("bunion", days_ago(1)), medicine("paracetamol")]

    assert found(entries) == found([*strange, *entries])


@given(charts, st.permutations(sorted(LIBRARY.findings)))
def test_the_order_of_asking_never_matters(entries, order):
    findings = find(record(*entries), LIBRARY, AT)

    assert found(entries) == {name: findings[name] for name in order}


@given(charts, st.sets(st.sampled_from(["Condition", "Observation", "MedicationStatement", "MedicationRequest"])))
def test_a_list_that_failed_never_turns_an_answer_round(entries, failed):
    whole, part = found(entries), found(entries, lists=dict.fromkeys(failed, list_failed()))

    assert all(part[name].truth in (U, finding.truth) for name, finding in whole.items())


@given(charts)
def test_only_what_is_present_is_taken_back_and_nothing_unread_is_lost(entries):
    findings = found(entries)
    plain, taken = findings["not-taken-back"], findings["taken-back"]

    assert taken.gaps == plain.gaps
    assert taken.truth is plain.truth or (plain.truth, findings["fever"].truth, taken.truth) == (P, P, A)


@given(charts)
def test_what_is_present_has_evidence(entries):
    assert all(finding.evidence for finding in found(entries).values() if finding.truth is P)


# ---------------------------------------------------------------- units

UNITS = {"10*9/L": Decimal(1), "10*3/uL": Decimal(1), "/uL": Decimal(1000)}


def in_unit(entry, unit):
    """The platelet count as another laboratory would write it, its reference limit too."""
    return replace(entry, value=written(entry.value, unit), low=written(entry.low, unit))


def written(quantity, unit):
    return quantity and structs.replace(quantity, value=quantity.value * UNITS[unit], unit=unit)


platelet_counts = st.lists(
    st.builds(
        lambda value, at, low: observed("platelet count", value, at, low=low),
        counts,
        moments,
        st.sampled_from([None, amount("150 10*9/L")]),
    ),
    min_size=1,
    max_size=4,
).map(numbered)


@given(platelet_counts, st.lists(st.sampled_from(sorted(UNITS)), min_size=4, max_size=4))
def test_equal_quantities_in_different_units_give_the_same_answers(entries, units):
    rewritten = [in_unit(entry, unit) for entry, unit in zip(entries, units, strict=False)]

    assert truths_of(found(entries)) == truths_of(found(rewritten))


@given(st.integers(250, 450), comparators)
def test_celsius_and_fahrenheit_give_the_same_answers(tenths, comparator):
    celsius = Decimal(tenths) / 10
    fahrenheit = celsius * Decimal("1.8") + 32

    one = found([observed("temperature", Quantity(celsius, "Cel", comparator))])
    other = found([observed("temperature", Quantity(fahrenheit, "[degF]", comparator))])

    assert truths_of(one) == truths_of(other)
