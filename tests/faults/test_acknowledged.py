"""Feedback that was acknowledged is kept, whatever happens to the process in the next moment."""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException

import pytest

TRIALS = int(os.environ.get("CDS_KILL_TRIALS", "12"))
"""The release check asks for 200."""
PATH = "/cds-services/a-service/feedback"
SERVER = """
import sys
import uvicorn
from cds_hooks.app import Deployment, assemble
from cds_hooks.cards.wire import Service
from cds_hooks.journal.later import OpenedLater
from cds_hooks.settings import Settings

async def answer(_request, _fetch_missing):
    return ()

app = assemble(
    Deployment(
        settings=Settings(profile="sandbox"),
        services=((Service("a-service", "patient-view", "Title", "Description"), {}),),
        answer=answer,
        version={"software": "0"},
        journal=OpenedLater("sqlite+aiosqlite:///" + sys.argv[1], keep_comments=False),
    )
)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="critical")
"""


def start(path, port):
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for _ in range(200):
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/livez")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.05)
        else:
            return process
        finally:
            connection.close()
    process.kill()
    pytest.fail("The service did not start.")


def said(port, batch):
    """True when the batch was acknowledged."""
    items = [{"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-03-18T09:30:00Z"} for card in batch]
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", PATH, json.dumps({"feedback": items}), {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_nothing_acknowledged_is_lost_and_nothing_is_kept_twice(tmp_path):
    path, port = tmp_path / "journal.sqlite", free_port()
    chance = random.Random(7)
    acknowledged = []
    for trial in range(TRIALS):
        process = start(path, port)
        try:
            for number in range(chance.randrange(1, 6)):
                batch = [f"{trial}-{number}-{item}" for item in range(chance.randrange(1, 4))]
                if said(port, batch) and (number % 2 or said(port, batch)):
                    acknowledged += batch
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()

    with closing(sqlite3.connect(path)) as file:
        kept = [card for (card,) in file.execute("SELECT card FROM feedback")]

    assert len(acknowledged) > TRIALS
    assert sorted(set(kept)) == sorted(kept)
    assert set(acknowledged) <= set(kept)
