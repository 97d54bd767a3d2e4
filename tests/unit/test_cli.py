"""The commands as a person types them: what is printed, and the exit code."""

import csv
import io
import json
import os
import resource
import subprocess
import sys

import pytest
from click.testing import CliRunner

from cds_hooks.cli import main
from cds_hooks.reasoning.library import schemas
from sandbox.store import PATIENTS
from sandbox.store import load as load_stories
from tests.build import write_library
from tests.protocol.charts import AT

HEAVY = {"fastapi", "fhir", "httpx2", "msgspec", "pydantic", "starlette", "structlog", "uvicorn", "yaml"}
AT_TEXT = AT.isoformat()
SECONDS = 0.15
"""CPU that help may take. A loaded machine, and the measuring of coverage in it, get three times as much."""


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Every story as a Bundle, and one of them as a request, by name."""
    folder = tmp_path_factory.mktemp("charts")
    for story in load_stories(AT).stories:
        entries = [{"resource": resource} for resource in story.resources]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        (folder / f"{story.id}.json").write_text(json.dumps(bundle), encoding="utf-8")
    return folder


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The small library as the one that is deployed."""
    monkeypatch.setenv("CDS_LIBRARY_DIR", str(write_library(tmp_path / "library")))
    return tmp_path / "library"


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


# ---------------------------------------------------------------- help


@pytest.mark.parametrize("command", ["serve", "explain", "validate", "check", "codes", "schema"])
def test_every_command_has_help(command):
    result = run(command, "--help")

    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 3


def test_help_lists_the_commands_and_the_version_is_ours():
    assert "explain" in run("--help").output
    assert run("--version").output.startswith("pinpoint, version ")


def test_help_loads_nothing_that_is_slow_to_load():
    program = "import sys, cds_hooks.cli; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert HEAVY.intersection(loaded.split()) == set()


def test_help_comes_at_once():
    assert min(cpu_of_help() for _ in range(3)) < 3 * SECONDS


def cpu_of_help():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, "-c", "from cds_hooks.cli import main; main()", "--help"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    subprocess.run(words, capture_output=True, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


# ---------------------------------------------------------------- explain


def test_a_bundle_is_explained(files):
    result = run("explain", files / "child-fever-purpura.json", "--at", AT_TEXT)

    assert result.exit_code == 0
    assert result.output.startswith("Cards (2)\n  CRITICAL: Child under five with fever")
    assert "Emergency: Fever and non-blanching rash under five years [R-FEV5-01]" in result.output
    assert "Not valid FHIR R4, and what it cost: none" in result.output
    assert "Criteria not met (" in result.output


def test_a_desk_is_told_what_the_deployment_would_say(files, monkeypatch):
    monkeypatch.setenv("CDS_REGION", "us")
    monkeypatch.setenv("CDS_PUBLIC_URL", "https://cds.example.org/")

    told = run("explain", files / "child-fever-purpura.json", "--at", AT_TEXT).output

    assert "Emergency number here · 911" in told
    assert "Link: About this rule https://cds.example.org/knowledge#" in told


def test_what_is_long_is_told_on_request(files):
    short = run("explain", files / "child-fever-purpura.json", "--at", AT_TEXT).output
    whole = run("explain", files / "child-fever-purpura.json", "--at", AT_TEXT, "--all").output

    line = "Temperature of 38 °C or more under three months [R-FEV5-02]"
    assert line in whole
    assert line not in short
    assert 2 * len(short) < len(whole)


def test_the_stories_of_the_sandbox_are_explained_as_they_are_written(files):
    names = ("child-fever-purpura.json", "aspirin-forearm-purpura.json")

    written = run("explain", *(PATIENTS / name for name in names), "--at", AT_TEXT).output

    told = [run("explain", files / name, "--at", AT_TEXT).output for name in names]
    assert written == "".join(f"── {PATIENTS / name}\n{text}" for name, text in zip(names, told, strict=True))


def test_one_file_that_is_no_chart_keeps_no_other_from_being_explained(files, tmp_path):
    wrong = tmp_path / "notes.txt"
    wrong.write_text("not a chart")

    result = run("explain", wrong, files / "child-fever-purpura.json", "--at", AT_TEXT)

    assert result.exit_code == 1
    assert f"Error: {wrong}: The file is no JSON" in result.output
    assert "R-FEV5-01" in result.output


def test_a_request_is_explained(tmp_path):
    request = {
        "hook": "patient-view",
        "hookInstance": "x",
        "context": {"patientId": "p1", "userId": "u1"},
        "prefetch": {
            "conditions": {
                "resourceType": "Condition",
                "clinicalStatus": {"coding": [{"code": "active"}]},
                "code": {"text": "Petechiae"},
                "recordedDate": AT_TEXT,
            }
        },
    }
    file = tmp_path / "request.json"
    file.write_text(json.dumps(request), encoding="utf-8")

    result = run("explain", file, "--at", AT_TEXT)

    assert result.exit_code == 0
    assert "Petechiae, since today 2 March, 09:00, from text" in result.output


def test_an_instant_without_zone_is_taken_as_utc(files):
    result = run("explain", files / "healthy-elder.json", "--at", "2026-03-02T09:00")

    assert "at 2026-03-02T09:00+00:00" in result.output


def test_without_an_instant_it_is_now(files):
    assert run("explain", files / "healthy-elder.json").exit_code == 0


def test_an_instant_that_is_none_is_a_wrong_parameter(files):
    result = run("explain", files / "healthy-elder.json", "--at", "yesterday")

    assert result.exit_code == 2
    assert "write it as 2026-03-18T12:00:00+00:00" in result.output


def test_what_is_no_chart_is_told_without_a_traceback(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("not a chart")

    result = run("explain", file)

    assert result.exit_code == 1
    assert result.output == f"Error: {file}: The file is no JSON, or its JSON is broken.\n"


# ---------------------------------------------------------------- validate


def test_valid_charts_are_called_valid(files):
    names = [files / name for name in ("healthy-elder.json", "child-fever-purpura.json")]

    result = run("validate", *names)

    assert result.exit_code == 0
    assert result.output.count(": valid") == 2


def test_a_story_of_the_sandbox_is_valid_as_it_is_written():
    assert run("validate", PATIENTS / "healthy-elder.json").exit_code == 0


def test_what_is_not_valid_is_named_by_its_path_and_never_by_its_value(tmp_path):
    file = tmp_path / "odd.json"
    file.write_text(json.dumps({"resourceType": "Patient", "birthDate": "canary", "gender": ["canary"]}))

    result = run("validate", file)

    assert result.exit_code == 1
    assert "Patient[0].birthDate" in result.output
    assert "canary" not in result.output


@pytest.mark.parametrize(("release", "code"), [("R4B", 1), ("STU3", 0)])
def test_another_release_of_fhir_may_be_asked_for(tmp_path, release, code):
    file = tmp_path / "statement.json"
    taken = {"resourceType": "MedicationStatement", "status": "active", "taken": "y", "subject": {"display": "x"}}
    file.write_text(json.dumps(taken | {"medicationCodeableConcept": {"text": "x"}}))

    assert run("validate", file, "--fhir", release).exit_code == code


# ---------------------------------------------------------------- check, codes, schema


def test_our_library_has_no_fault():
    result = run("check")

    assert result.exit_code == 0
    assert result.output.endswith(" cases: 0 faults\n")


@pytest.mark.usefixtures("small")
def test_rules_without_cases_are_faults():
    result = run("check")

    assert result.exit_code == 1
    assert "skin-bleeding" in result.output
    assert not result.output.endswith(" 0 faults\n")


def test_a_library_that_cannot_be_loaded_is_told_without_a_traceback(small):
    (small / "mappings/findings/it.yaml").write_text("id: it\n")

    result = run("check")

    assert result.exit_code == 1
    assert "mappings/findings/it.yaml" in result.output
    assert "Traceback" not in result.output


def test_codes_are_listed_with_the_address_of_their_system():
    rows = list(csv.DictReader(io.StringIO(run("codes", "--csv").output)))

    assert list(rows[0]) == ["concept", "system", "code", "display"]
    assert {"concept": "petechiae", "system": "http://snomed.info/sct", "code": "271813007"}.items() <= next(
        row.items() for row in rows if row["code"] == "271813007"
    )
    assert all(row["system"].startswith(("http://", "https://", "urn:")) for row in rows)


@pytest.mark.parametrize("command", [["codes", "--csv"], ["explain", "docs/example-chart.json"]])
def test_a_reader_who_has_seen_enough_ends_a_command_in_peace(command, monkeypatch, capfd):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", closed)
        with pytest.raises(SystemExit) as ended:
            main(command)

    assert ended.value.code == 0
    assert capfd.readouterr().err == ""


def test_schemas_are_printed_each_under_its_name():
    printed = run("schema").output

    assert [f"// {name}" for name in schemas()] == [line for line in printed.splitlines() if line[:3] == "// "]
    assert '"is"' in printed


def test_schemas_are_written_beside_the_rules_they_describe(tmp_path, monkeypatch):
    monkeypatch.setattr("cds_hooks.reasoning.library.data_root", lambda: tmp_path)
    for folder in ("mappings", "knowledge"):
        (tmp_path / folder).mkdir()

    assert run("schema", "--write").exit_code == 0

    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json")}
    assert written == set(schemas())


# ---------------------------------------------------------------- serve


def test_serve_hands_the_service_to_the_server_on_this_machine(monkeypatch):
    started = []
    monkeypatch.setenv("CDS_PROFILE", "sandbox")
    monkeypatch.setattr("uvicorn.Server.run", run_at_once(started))

    result = CliRunner().invoke(main, ["serve", "--port", "0"])

    assert 0 == result.exit_code
    ((config, address),) = started
    assert "/cds-services" in {route.path for route in config.app.routes}
    assert ("127.0.0.1", False) == (address[0], config.access_log)


def run_at_once(started):
    """In place of a server that runs until interrupted: one that notes what it would serve, and ends."""

    def run(server, sockets):
        started.extend((server.config, one.getsockname()) for one in sockets)

    return run


def test_serve_without_settings_lists_every_reason_and_does_not_start(monkeypatch):
    monkeypatch.delenv("CDS_PROFILE", raising=False)

    result = CliRunner().invoke(main, ["serve", "--port", "0"])

    assert 1 == result.exit_code
    assert "CDS_PUBLIC_URL" in result.output
