"""Coverage: which codes are understood, counted without anything of a patient."""

from cds_hooks.chart.record import Coded
from cds_hooks.model.codes import Coding
from cds_hooks.reasoning.coverage import CodeCount, SeenCode, coverage
from tests.build import coded, library_of, medicine, observed, platelets, problem, record, small_library

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"


def covered(*entries, library=None):
    return coverage([record(*entries)], library or small_library())


def rows(seen):
    return {row.seen.code: (row.concepts, row.count, row.unread) for row in seen.codes}


def test_entries_are_counted_by_kind_and_by_how_they_were_read():
    seen = covered(
        medicine(coded("3001", "rxnorm")),
        medicine("clopidogrel"),
        medicine("sugar pills"),
        platelets("45"),
        observed("shoe size"),
        problem(coded("1001")),
        problem("purpura"),
    )

    assert {
        ("medication", "coded"): 1,
        ("medication", "text"): 1,
        ("medication", "unmapped"): 1,
        ("observation", "coded"): 1,
        ("observation", "unmapped"): 1,
        ("condition", "coded"): 1,
        ("condition", "text"): 1,
    } == seen.entries
    assert (3, 2) == (seen.total("medication"), seen.mapped("medication"))
    assert (2, 2) == (seen.total("condition"), seen.mapped("condition"))


def test_every_code_tells_what_it_stands_for_and_how_often_nothing_was_understood():
    both = Coded((Coding("snomed", "999", "A rash"), Coding("snomed", "1001", "Petechiae")))

    seen = covered(
        problem(both), problem(coded("999", display="A rash")), problem(Coded(both.codings[:1], "purpura"))
    )

    assert {"999": ((), 3, 1), "1001": (("petechiae",), 1, 0)} == rows(seen)


def test_products_count_by_the_tables_and_ingredients_beside_a_medicine_too():
    library = library_of(products="rxnorm,5001,aspirin,oral\n")
    seen = covered(medicine(coded("5001", "rxnorm"), ingredients=(coded("3002", "rxnorm"),)), library=library)

    assert {"5001": (("aspirin",), 1, 0), "3002": (("clopidogrel",), 1, 0)} == rows(seen)


def test_the_most_often_not_understood_come_first():
    entries = [problem(coded("9")), problem(coded("8")), problem(coded("8")), *[problem(coded("1001"))] * 3]

    assert ["8", "9", "1001"] == [row.seen.code for row in covered(*entries).codes]


def test_a_display_is_kept_as_soon_as_one_comes_and_the_system_is_written_as_a_uri():
    seen = covered(problem(coded("9")), problem(coded("9", "http://snomed.info/sct", "Rash")))

    assert (CodeCount(SeenCode("condition", SNOMED, "9"), "Rash", (), 2, 2),) == seen.codes


def test_words_of_a_chart_are_never_kept():
    seen = covered(problem("seen by Dr Canary"), medicine("canary drops"), observed("canary"))

    assert {""} == {row.seen.code for row in seen.codes}
    assert "anary" not in repr(seen)


def test_several_charts_are_counted_together():
    chart = record(medicine(coded("7", "rxnorm")))

    assert (CodeCount(SeenCode("medication", RXNORM, "7"), "", (), 2, 2),) == coverage(
        [chart, chart], small_library()
    ).codes


def test_codes_that_were_understood_can_be_left_out():
    seen = coverage([record(platelets("45"), problem(coded("9")))], small_library(), only_unread=True)

    assert {"9": ((), 1, 1)} == rows(seen)
    assert (1, 1) == (seen.total("observation"), seen.mapped("observation"))
