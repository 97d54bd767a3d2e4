"""Spans of a running service, as a collector gets them: what was asked and how it went, and no word of a chart."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

SERVICE = """
import json, sys
from starlette.testclient import TestClient
from cds_hooks.app import create_app
from cds_hooks.settings import Settings

path, call = sys.argv[1], json.loads(sys.argv[2])
with TestClient(create_app(Settings(profile="sandbox", traces=sys.argv[3] == "on"))) as running:
    assert running.post(path, json=call, headers={"X-Canary": "canary-header"}).status_code == 412
    assert running.post(path + "?patient=canary-query", json=call).status_code == 412
    assert running.post(path + "/feedback", json={"feedback": ["canary-feedback"]}).status_code == 400
    assert running.get("/Patient/canary-path").status_code == 404
    assert running.get("/livez").status_code == 200
"""
PATH = "/cds-services/petechiae-patient-view"
CALL = {
    "hook": "patient-view",
    "hookInstance": "canary-instance",
    "context": {"userId": "canary-user", "patientId": "canary-patient"},
}


@pytest.fixture
def collector():
    """Address of a collector, and everything that it was sent."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args):
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", got
    server.shutdown()
    thread.join()
    server.server_close()


def run(address, traces):
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": address,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        "OTEL_SERVICE_NAME": "pinpoint-of-a-test",
    }
    command = [sys.executable, "-c", SERVICE, PATH, json.dumps(CALL), traces]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_calls_and_feedback_are_spans_without_a_word_of_what_was_sent(collector):
    address, got = collector
    run(address, "on")

    assert {path for path, _ in got} == {"/v1/traces"}
    sent = b"".join(body for _, body in got)
    assert b"pinpoint-of-a-test" in sent
    assert (sent.count(PATH.encode()), sent.count(f"{PATH}/feedback".encode())) == (2, 1)
    assert b"canary" not in sent
    assert b"livez" not in sent


def test_without_the_setting_nobody_is_sent_anything(collector):
    address, got = collector
    run(address, "off")

    assert got == []
