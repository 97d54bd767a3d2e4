"""The steps as Spark runs them, on batches, without Spark."""

import pickle
import zipfile

import msgspec
import pyarrow as pa
import pytest

from cds_hooks.populations.executors import named_task, pointers_task, scatter_task, settle_task, zipped_code
from cds_hooks.populations.job import Shelf
from cds_hooks.populations.lines import KINDS
from cds_hooks.populations.results import Result
from cds_hooks.populations.rows import TALLY, Tally
from tests.unit.populations.exports import job, lines, raw, silent, speaking

STATEMENT = {
    "resourceType": "MedicationStatement",
    "id": "s",
    "subject": {"reference": "Patient/p1"},
    "medicationReference": {"reference": "Medication/m1"},
}


def batch(*texts):
    return pa.RecordBatch.from_pydict({"value": list(texts)})


@pytest.fixture
def one(tmp_path):
    return job(tmp_path)


def scattered(one, *batches, is_document=False):
    return list(scatter_task(one, is_document=is_document)(iter(batches)))


def test_lines_become_rows_with_buckets_and_the_counts_come_last(one):
    found = scattered(one, batch(*lines(*speaking("p1")).splitlines()), batch(*lines(*silent("p2")).splitlines()))

    rows = [row for one_batch in found for row in one_batch.to_pylist()]
    assert ["p1"] * 3 + ["p2"] * 3 + [""] == [row["patient"] for row in rows]
    assert TALLY == rows[-1]["kind"]
    counts = msgspec.msgpack.decode(rows[-1]["slim"], type=Tally)
    assert {"Patient": 2, "Condition": 2, "Observation": 2} == counts.resources


def test_documents_become_rows_and_an_empty_batch_becomes_none(one):
    bundle = raw({"resourceType": "Bundle", "entry": [{"resource": resource} for resource in speaking("p1")]})

    rows = [row for one_batch in scattered(one, batch(bundle), is_document=True) for row in one_batch.to_pylist()]

    assert ["Bundle", "Patient", "Condition", "Observation", TALLY] == [row["kind"] for row in rows]


def test_sorted_rows_become_results_by_bucket(one):
    rows = [
        r
        for b in scattered(one, batch(*lines(*speaking("p1"), *silent("p2")).splitlines()))
        for r in b.to_pylist()
    ]
    mine = sorted((row for row in rows if row["patient"]), key=lambda row: (row["bucket"], row["patient"]))
    task = settle_task(one, tuple(KINDS), (), ())

    found = [row for b in task(iter([pa.RecordBatch.from_pylist(mine)])) for row in b.to_pylist()]

    assert sorted({row["bucket"] for row in mine}) == [row["bucket"] for row in found]
    results = [one for row in found for one in msgspec.msgpack.decode(row["results"], type=list[Result])]
    assert 2 == len(results)
    assert {True} == {result.answered for result in results}


def test_a_medication_that_no_row_brought_is_not_there(one):
    resources = [*speaking("p1"), STATEMENT]
    rows = [r for b in scattered(one, batch(*lines(*resources).splitlines())) for r in b.to_pylist()][:-1]

    [found] = settle_task(one, tuple(KINDS), (), ())(iter([pa.RecordBatch.from_pylist(rows)]))

    [result] = msgspec.msgpack.decode(found.to_pylist()[0]["results"], type=list[Result])
    assert result.answered


def test_medications_are_named_and_charts_point_to_them(one):
    medication = {"resourceType": "Medication", "id": "m1", "code": {"text": "Aspirin"}}
    found = scattered(one, batch(raw(medication), raw(STATEMENT)))[0]
    shared, statement = found.slice(0, 1), found.slice(1, 1)

    [named] = named_task(iter([shared]))
    [pointers] = pointers_task(iter([statement]))
    [nothing] = pointers_task(iter([shared]))

    assert ["Medication/m1"] == named.to_pydict()["name"]
    assert [("Medication/m1", "p1")] == [(row["name"], row["patient"]) for row in pointers.to_pylist()]
    assert 0 == nothing.num_rows


def test_a_job_is_sent_with_its_libraries_and_without_paths(tmp_path):
    for one in (job(tmp_path), job(tmp_path, against=Shelf(None).sealed())):
        sent = pickle.loads(pickle.dumps(one.sent()))

        assert () == sent.sources
        assert str(tmp_path) not in repr(sent)
        assert [True, bool(one.against)] == [bool(shelf and shelf.packed) for shelf in (sent.shelf, sent.against)]


def test_the_code_is_sent_as_modules_that_can_be_imported(tmp_path):
    with zipfile.ZipFile(zipped_code(tmp_path)) as archive:
        names = archive.namelist()

    assert "cds_hooks/populations/settle.py" in names
    assert all(name.endswith(".py") for name in names)
