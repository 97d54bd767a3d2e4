"""`python -m sandbox` as it starts: the first thing it says, and the address it gives of itself."""

import json
import os
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.running_sandbox import ROOT, running_sandbox

PINPOINT = str(Path(sysconfig.get_path("scripts")) / "pinpoint")
CALL = {
    "hook": "patient-view",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": {"userId": "Practitioner/1", "patientId": "child-fever-purpura"},
}


def start(command, **environment):
    """What a process that ends by itself printed, and its exit code."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    return subprocess.run(
        command,
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "way_out"),
    [
        ([sys.executable, "-m", "sandbox"], "PORT=9000 make run"),
        ([PINPOINT, "serve", "--port", "{port}"], "pinpoint serve --port 8081"),
    ],
    ids=["sandbox", "serve"],
)
def test_a_taken_port_is_all_that_is_said(command, way_out):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = start([word.format(port=port) for word in command], PORT=port, CDS_PROFILE="sandbox")

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.removeprefix("Error: ") == (
        f"Port {port} of 127.0.0.1 is taken. End what listens there, or choose another port: {way_out}\n"
    )


@pytest.mark.parametrize("public_url", ["", "https://sandbox.example/pinpoint"])
def test_cards_link_to_the_sandbox_itself_unless_it_has_another_name(public_url):
    with running_sandbox(CDS_PUBLIC_URL=public_url) as base:
        call = json.dumps(CALL | {"fhirServer": f"{base}/fhir"}).encode()
        asked = Request(f"{base}/cds-services/petechiae-patient-view", call, {"Content-Type": "application/json"})
        with urlopen(asked, timeout=30) as answer:
            critical, causes = json.load(answer)["cards"]

    own = public_url or base
    assert [link["url"] for link in critical["links"]] == [
        f"{own}/knowledge#R-FEV5-01",
        critical["source"]["url"],
        f"{own}/leaflet",
    ]
    assert [link["type"] for card in (critical, causes) for link in card["links"]] == ["absolute"] * 6
