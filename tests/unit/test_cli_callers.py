"""check-client and check-jwt, as whoever connects a record system runs them."""

from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from cds_hooks.cli import main
from tests.build import write_library
from tests.signing import PUBLIC, SERVICE, clients_file, key, token


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command with a clients file whose client has no server that would be looked up."""
    path = clients_file(tmp_path, fhir_bases=[])
    monkeypatch.setenv("CDS_LIBRARY_DIR", str(write_library(tmp_path / "library")))
    monkeypatch.setenv("CDS_CLIENTS", str(path))
    monkeypatch.setenv("CDS_PUBLIC_URL", f"{PUBLIC}/")

    return lambda *words, **how: CliRunner().invoke(main, [*words], **how)


def now(**changes):
    return token(at=datetime.now(UTC), **changes)


def test_a_token_that_counts_is_told_so(run):
    done = run("check-jwt", now(), "--client", "general", "--audience", SERVICE)

    assert done.exit_code == 0
    assert done.output.startswith("A call with this token is accepted as general, once, until ")


def test_everything_that_is_wrong_with_a_token_is_told(run):
    sent = now(by=key("x"), aud="x")

    done = run("check-jwt", "-", "--client", "general", "--audience", SERVICE, input=f"{sent}\n")

    assert done.exit_code == 1
    assert "Wrong (2)" in done.output
    assert "aud is `x`" in done.output
    assert "The signature is not" in done.output
    assert sent not in done.output


def test_what_a_client_comes_to_is_told(run):
    done = run("check-client", "general")

    assert done.exit_code == 0
    assert "keys: k1 (EC P-384), r1 (RSA 2048)" in done.output
    assert f"aud: {PUBLIC}/cds-services/<id of the service>" in done.output


def test_what_is_wrong_with_a_client_is_told(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CDS_CLIENTS", str(clients_file(tmp_path, algorithms=["ES256"], fhir_bases=[])))

    done = run("check-client", "general")

    assert done.exit_code == 1
    assert "None of the keys fits `algorithms`: ES256." in done.output


def test_a_name_that_is_not_in_the_file_is_told_with_those_that_are(run):
    done = run("check-client", "other")

    assert done.exit_code == 2
    assert "it names general" in done.output


def test_without_a_file_there_is_nothing_to_check(run, monkeypatch):
    monkeypatch.delenv("CDS_CLIENTS")

    assert "Set CDS_CLIENTS" in run("check-client", "general").output


def test_a_file_that_is_wrong_is_told_without_a_traceback(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CDS_CLIENTS", str(clients_file(tmp_path, leeway_s=500)))

    done = run("check-client", "general")

    assert done.exit_code == 1
    assert (
        done.output
        == "Error: clients.yaml:1: general.leeway_s: must be 0 to 120 seconds; set the clocks instead\n"
    )
