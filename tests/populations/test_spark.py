"""Spark says what one machine says, row by row. Skipped, and that is said, where Spark or Java is missing."""

import importlib
import json
import shutil

import pytest
from pyarrow import parquet

from cds_hooks.populations.local import Local
from cds_hooks.populations.results import Result
from cds_hooks.populations.run import replay
from tests.unit.populations.exports import STORIES, asked, job, stories_export, unseen

pytest.importorskip("pyspark", reason="pyspark is not installed")
pytestmark = [
    pytest.mark.skipif(shutil.which("java") is None, reason="no Java"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def spark():
    engine = importlib.import_module("cds_hooks.populations.spark").connected("local[2]")
    yield engine
    engine._session.stop()


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """The stories as Bulk Data, one of them also as a Bundle in a file of its own."""
    folder = stories_export(tmp_path_factory.mktemp("spark") / "export")
    one = next(iter(STORIES.values()))
    entries = [{"resource": resource | {"id": f"other-{resource['id']}"}} for resource in one]
    entries = json.loads(json.dumps(entries).replace('"Patient/', '"Patient/other-'))
    (folder / "chart.json").write_text(json.dumps({"resourceType": "Bundle", "entry": entries}, indent=1))
    (folder / "Condition.bad.ndjson").write_text('no JSON\n{"resourceType": "Condition", "id": "x"}\n')
    return folder


def table(out):
    rows = parquet.read_table(out / "results.parquet").to_pylist()
    return [{name: value for name, value in row.items() if name != "milliseconds"} for row in rows]


def test_both_engines_say_the_same_row_by_row_and_in_report_and_review(export, spark, tmp_path):
    for name, engine in (("local", Local(1)), ("spark", spark)):
        replay(asked(export, tmp_path / name, review=1), engine, unseen())

    local, cluster = tmp_path / "local", tmp_path / "spark"
    assert table(local) == table(cluster)
    assert (local / "report.json").read_text() == (cluster / "report.json").read_text()
    explained = {path.relative_to(local) for path in (local / "review").rglob("*.txt")}
    assert explained
    assert all((local / path).read_text() == (cluster / path).read_text() for path in explained)


def test_a_finished_bucket_is_not_done_again_and_an_address_is_listed_by_the_cluster(export, spark, tmp_path):
    sources = spark.sources(f"file://{export}")
    one = job(tmp_path / "work", sources, buckets=2)
    one.make()
    kept = [Result("kept", "t")]
    one.keep_bucket(0, kept)

    spark.run(one, unseen())

    assert {path.name for path in export.iterdir()} == {source.path.rpartition("/")[2] for source in sources}
    assert kept == one.results(0)
    assert one.results(1)
