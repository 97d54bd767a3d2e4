"""A whole run on one machine: its files, going on after an end in the middle, and what is refused."""

import gzip
import json
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from pyarrow import parquet

from cds_hooks.errors import ReplayError
from cds_hooks.populations import local
from cds_hooks.populations.job import Shelf, packed
from cds_hooks.populations.local import Local
from cds_hooks.populations.results import Result
from cds_hooks.populations.run import replay
from cds_hooks.populations.settle import hashed_id
from tests.build import library_of, write_library
from tests.protocol.charts import AT, PATIENT, ago, petechiae, platelets
from tests.unit.populations.exports import (
    KEY,
    LIBRARY,
    STORIES,
    asked,
    job,
    lines,
    silent,
    speaking,
    stories_export,
    unseen,
    write_export,
)


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return stories_export(tmp_path_factory.mktemp("stories") / "export")


@pytest.fixture(scope="module")
def finished(export, tmp_path_factory):
    """The results of a run over every story, with two explanations of each rule."""
    out = tmp_path_factory.mktemp("finished") / "out"
    outcome = replay(asked(export, out, review=2), Local(2), unseen())
    return out, outcome


def table(out):
    return parquet.read_table(out / "results.parquet").to_pylist()


def without_times(rows):
    return [{name: value for name, value in row.items() if name != "milliseconds"} for row in rows]


def test_a_run_leaves_a_table_a_report_and_nothing_of_its_work(finished):
    out, outcome = finished

    assert {"results.parquet", "report.json", "report.html", "review", "run.json"} == {
        path.name for path in out.iterdir()
    }
    assert {hashed_id(patient, KEY) for patient in STORIES} <= {row["patient"] for row in table(out)}
    assert "patients" in outcome.lines[0]
    assert 0 == outcome.bad_share


def test_the_folder_and_the_explanations_are_this_users(finished):
    out, _ = finished

    assert 0o700 == stat.S_IMODE(out.stat().st_mode)
    assert 0o700 == stat.S_IMODE((out / "review").stat().st_mode)


def test_the_table_holds_no_name_no_id_and_no_value(finished):
    out, _ = finished
    text = json.dumps(table(out)) + (out / "report.json").read_text() + (out / "report.html").read_text()

    assert not [patient for patient in STORIES if patient in text and patient not in LIBRARY.findings]
    assert "Example-" not in text


def test_a_few_patients_of_each_rule_are_explained(finished):
    out, _ = finished

    folders = {path.name: len(list(path.iterdir())) for path in (out / "review").iterdir()}

    assert set(folders) == {said["rule"] for row in table(out) for said in row["rules"] if said["speaks"]}
    assert max(folders.values()) == 2


def test_one_process_or_two_and_few_buckets_or_many_come_to_the_same(finished, export, tmp_path):
    replay(asked(export, tmp_path / "out", buckets=9, buffer_bytes=1000), Local(1), unseen())

    mine, others = (sorted(without_times(table(out)), key=str) for out in (tmp_path / "out", finished[0]))
    assert mine == others
    assert (tmp_path / "out" / "report.json").read_text() == (finished[0] / "report.json").read_text()


def test_a_finished_run_is_not_done_again(finished, export):
    out, _ = finished

    outcome = replay(asked(export, out, review=2), Idle(), unseen())

    assert "finished" in outcome.lines[0]


class Idle(Local):
    """An engine that must not be asked to do anything."""

    def __init__(self):
        super().__init__(1)

    def run(self, *_args):
        raise AssertionError


def test_another_run_is_refused_in_the_same_folder(finished, export):
    with pytest.raises(ReplayError, match="differs in: instants"):
        replay(asked(export, finished[0], review=2, instants=(AT - timedelta(days=1),)), Local(1), unseen())


def test_without_pyarrow_the_table_is_lines_of_json(tmp_path, monkeypatch, finished, export):
    monkeypatch.setattr("cds_hooks.populations.output.find_spec", lambda _name: None)
    out = tmp_path / "out"

    replay(asked(export, out, against=Shelf(None).sealed()), Local(1), unseen())

    with gzip.open(out / "results.ndjson.gz") as file:
        found = [json.loads(line) for line in file]
    expected = [row | {"before": None} for row in without_times(table(finished[0]))]
    assert sorted(expected, key=str) == sorted(without_times([row | {"before": None} for row in found]), key=str)
    assert all(row["before"]["tier"] == row["tier"] for row in found if row["assessed"])


def test_without_a_key_one_is_made_for_this_run_and_kept(export, tmp_path):
    out = tmp_path / "out"

    replay(asked(export, out, key=b""), Local(1), unseen())

    assert 0o600 == stat.S_IMODE((out / "key").stat().st_mode)
    key = (out / "key").read_bytes()
    assert 32 == len(key)
    assert hashed_id(next(iter(STORIES)), key) in {row["patient"] for row in table(out)}


def test_the_work_lies_where_it_is_told_and_is_gone_afterwards(tmp_path):
    export = write_export(tmp_path / "export", speaking("p1"))
    seen = []

    class Looking(Local):
        def run(self, one, progress):
            tally = super().run(one, progress)
            seen.extend(stat.S_IMODE(path.stat().st_mode) for path in (one.work, one.work / "spill"))
            return tally

    replay(asked(export, tmp_path / "out", work=tmp_path / "tmp" / "work", buckets=0), Looking(1), unseen())

    assert [0o700, 0o700] == seen
    assert not (tmp_path / "tmp" / "work").exists()


# ---------------------------------------------------------------- ended in the middle


def test_a_worker_that_dies_changes_nothing(finished, export, tmp_path, monkeypatch):
    settle, mark = local.settle, tmp_path / "died"

    def dying(*args):
        if not mark.exists():
            mark.touch()
            os._exit(9)
        return settle(*args)

    monkeypatch.setattr(local, "settle", dying)
    replay(asked(export, tmp_path / "out"), Local(2), unseen())

    assert mark.exists()
    assert sorted(without_times(table(tmp_path / "out")), key=str) == sorted(
        without_times(table(finished[0])), key=str
    )


def test_what_was_finished_is_not_done_again(export, tmp_path, monkeypatch):
    done = []
    request = asked(export, tmp_path / "out")

    class Ended(Local):
        def run(self, one, progress):
            super().run(one, progress)
            (one.work / "bucket-00002.sums").unlink()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(request, Ended(1), unseen())
    monkeypatch.setattr(local, "Workers", lambda _count, work: InThisProcess(work, done))
    replay(request, Local(1), unseen())

    assert [("bucket", 2)] == done


class InThisProcess:
    """Workers without processes, which note what they did."""

    def __init__(self, work, done):
        self.work, self.done = work, done

    def run(self, tasks, told):
        for task in tasks:
            self.done.append(task)
            yield task, self.work(task, told)


def test_everything_is_also_done_without_processes(export, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "Workers", lambda _count, work: InThisProcess(work, []))

    replay(asked(export, tmp_path / "out"), Local(1), unseen())

    assert len(table(tmp_path / "out")) >= len(STORIES)


def test_interrupted_by_the_keyboard_the_same_command_goes_on_and_no_process_stays(tmp_path):
    patients = [resource for number in range(600) for resource in speaking(f"p{number}")]
    export = write_export(tmp_path / "export", patients)
    command = [sys.executable, "-m", "tests.unit.populations.pinpoint", "replay", str(export)]
    command += ["--at", AT.isoformat(), "--out", str(tmp_path / "out"), "--workers", "2", "--buckets", "30"]
    run = subprocess.Popen(
        [*command, "--progress", "json"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )

    for line in run.stderr:
        if json.loads(line)["stage"] == "patients":
            break
    os.killpg(run.pid, signal.SIGINT)
    run.communicate(timeout=60)
    kept = len(list((tmp_path / "out" / "work").glob("*.sums")))
    await_end_of_group(run.pid)
    again = subprocess.run([*command, "--progress", "none"], capture_output=True, text=True, check=True)

    assert 0 != run.returncode
    assert kept < 30
    assert "600 patients" in again.stdout
    assert 600 == len(table(tmp_path / "out"))


def await_end_of_group(group):
    """Returns once no process of the group is left; fails when one stays for ten seconds."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a worker stayed")


# ---------------------------------------------------------------- instants


def instants(out):
    return {row["at"]: row["tier"] for row in table(out)}


def test_at_each_instant_of_a_series_only_what_was_written_then_counts(tmp_path):
    export = write_export(tmp_path / "export", speaking("p1"))
    series = tuple(AT - timedelta(hours=hours) for hours in (48, 12, 0))

    replay(asked(export, tmp_path / "out", instants=series), Local(1), unseen())

    early, middle, late = instants(tmp_path / "out").values()
    assert ("", True, True) == (early, middle != late, bool(late))


def test_at_the_start_of_each_visit(tmp_path):
    visits = [
        {
            "resourceType": "Encounter",
            "id": f"e{days}",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": {"reference": "Patient/p1"},
            "period": {"start": ago(days=days), "end": ago(days=days)},
        }
        for days in (40, 0)
    ]
    resources = [*speaking("p1"), *visits, *silent("p2")]
    export = write_export(tmp_path / "export", resources)

    replay(asked(export, tmp_path / "out", instants=()), Local(1), unseen())

    found = instants(tmp_path / "out")
    assert [(AT - timedelta(days=40)).isoformat(), AT.isoformat()] == sorted(found)
    assert ["", True] == [found[min(found)], bool(found[max(found)])]


# ---------------------------------------------------------------- odd exports


def test_one_patient_with_very_many_entries_does_not_sink_the_run(tmp_path):
    many = [platelets(250, id=f"o{n}", effectiveDateTime=ago(hours=n)) for n in range(1, 3000)]
    export = write_export(tmp_path / "export", [PATIENT, petechiae(), *many, *speaking("p2")])

    outcome = replay(asked(export, tmp_path / "out"), Local(1), unseen())

    assert "2 patients" in outcome.lines[0]


def test_a_file_that_ends_in_the_middle_is_counted_and_its_lists_are_not_whole(tmp_path):
    export = write_export(tmp_path / "export", speaking("p1"), files=1)
    packed_file = gzip.compress(lines(*(petechiae(id=f"c{n}") for n in range(500))))
    (export / "Condition.zz.ndjson.gz").write_bytes(packed_file[:-9])

    outcome = replay(asked(export, tmp_path / "out"), Local(1), unseen())

    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert ["Condition"] == told["cut_short"]
    assert outcome.bad_share > 0


def test_bundles_requests_and_lines_beside_each_other(tmp_path):
    export = write_export(tmp_path / "export", speaking("p1"))
    whole = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": one} for one in speaking("p2")],
    }
    (export / "chart.json").write_text(json.dumps(whole, indent=2))
    long = '{"resourceType": "Patient"}'
    (export / "other.json").write_text(json.dumps({"hookInstance": "x", "context": {"patientId": "p3"}}) + long)

    outcome = replay(asked(export, tmp_path / "out"), Local(1), unseen())

    assert "2 patients" in outcome.lines[0]


def test_a_line_that_is_too_long_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("cds_hooks.populations.sources._LONGEST", 1000)
    monkeypatch.setattr("cds_hooks.populations.sources._BLOCK", 100)
    monkeypatch.setattr(local, "Workers", lambda _count, work: InThisProcess(work, []))
    export = write_export(tmp_path / "export", [*speaking("p1"), petechiae(id="c2", note=[{"text": "x" * 2000}])])

    replay(asked(export, tmp_path / "out"), Local(1), unseen())

    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert {"longer than 256 MB": None} == told["bad"]


# ---------------------------------------------------------------- libraries


def test_against_another_library_the_report_tells_what_changes(tmp_path):
    patients = [resource for number in range(12) for resource in speaking(f"p{number}")]
    export = write_export(tmp_path / "export", patients)
    other = Shelf(write_library(tmp_path / "library")).sealed()

    replay(asked(export, tmp_path / "out", against=other), Local(1), unseen())

    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [{"before": "no criterion", "now": "EMERGENCY", "charts": 12}] == told["moved"]
    assert {12} == {one["gained"] for one in told["changes"] if one["gained"]}
    assert {0} == {one["lost"] for one in told["changes"]}


def test_a_library_sent_to_another_machine_is_the_same_library(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "concepts.yaml").write_text("petechiae: [{system: 'http://x', code: '1', display: 'Spots'}]\n")
    for shelf in (Shelf(None), Shelf(None, site=site), Shelf(None, require_reviewed=True)):
        sealed = shelf.sealed()

        assert sealed.digest == packed(sealed).open().digest
        assert packed(sealed).packed == packed(sealed).packed


def test_a_worker_with_another_library_refuses():
    with pytest.raises(ReplayError, match="another library"):
        Shelf(None, digest="0").open()


def test_a_job_finds_its_buckets_again(tmp_path):
    one = job(tmp_path, buckets=2)
    one.keep_bucket(1, [Result("p", "t")])

    assert [0] == one.unfinished()
    assert [Result("p", "t")] == one.results(1)
    assert 1 == one.summary(1).charts
    assert LIBRARY.digest == one.shelf.digest
    assert KEY == one.key
    assert library_of().digest != LIBRARY.digest
