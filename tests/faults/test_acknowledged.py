"""Feedback that was acknowledged is kept once, whatever happens to service and database in the next moment.

Senders post without a pause; the service is killed at a random point and started again; halfway through the
database is away for a while, and comes back.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException

import pytest
from sqlalchemy import select

from cds_hooks.journal.opening import engine_at
from cds_hooks.journal.tables import feedback
from tests.databases import postgres_server
from tests.running_sandbox import free_port

TRIALS = int(os.environ.get("CDS_KILL_TRIALS", "12"))
"""The nightly run asks for 200."""
SENDERS = 3
PATH = "/cds-services/a-service/feedback"
SERVER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import uvicorn
from cds_hooks.app import Deployment, assemble
from cds_hooks.canaries import Canaries
from cds_hooks.cards.wire import Service
from cds_hooks.journal.later import OpenedLater
from cds_hooks.journal.spool import Spool
from cds_hooks.journal.steady import Steady
from cds_hooks.settings import Settings
from cds_hooks.upkeep import Upkeep

async def answer(_request, _fetch_missing):
    return ()

class NoCanaries:
    def start(self):
        pass
    stop = start

later = OpenedLater(sys.argv[1], keep_comments=False)
journal = Steady(later, Spool(Path(sys.argv[2])), lambda: datetime.now(UTC))
app = assemble(
    Deployment(
        settings=Settings(profile="sandbox"),
        services=((Service("a-service", "patient-view", "Title", "Description"), {}),),
        answer=answer,
        version={"software": "0"},
        journal=journal,
        upkeep=Upkeep(journal, NoCanaries()),
    )
)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[3]), log_level="critical")
"""


class Service:
    """The service in a process of its own, on one journal and one spool."""

    def __init__(self, address, spool):
        self.address = address
        self.spool = spool
        self.port = free_port()
        self._process = None

    def start(self):
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, self.address, str(self.spool), str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 180
        while not self._answers():
            assert self._process.poll() is None, "the service did not start"
            assert time.monotonic() < until, "the service did not answer"
            time.sleep(0.02)

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def waiting(self):
        return [*self.spool.glob("*.lines")]

    def say(self, batch):
        """True when the batch was acknowledged."""
        items = [
            {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-03-18T09:30:00Z"} for card in batch
        ]
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", PATH, json.dumps({"feedback": items}), {"Content-Type": "application/json"})
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _answers(self):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class Senders:
    """Post batches until they are stopped, some of them twice, and note what was acknowledged."""

    def __init__(self, service, trial):
        self.acknowledged = []
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(service, trial, n)) for n in range(SENDERS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def wait_for_the_first(self):
        until = time.monotonic() + 60
        while not self.acknowledged and time.monotonic() < until:
            time.sleep(0.005)

    def _send(self, service, trial, sender):
        chance, number = random.Random(f"{trial} {sender}"), 0
        while not self._stopped.is_set():
            batch = [f"{trial}-{sender}-{number}-{item}" for item in range(chance.randrange(1, 4))]
            told = [service.say(batch) for _ in range(chance.choice((1, 1, 2)))]
            if any(told):
                self.acknowledged += batch
            number += 1


def trials(service, *, before=lambda _trial: None):
    """Everything that was acknowledged over all trials, each of which ends with a killed service."""
    chance, acknowledged = random.Random(7), []
    for trial in range(TRIALS):
        before(trial)
        service.start()
        with Senders(service, trial) as senders:
            if trial % 5:  # else it may be killed while it still opens its journal
                senders.wait_for_the_first()
            time.sleep(chance.uniform(0.0, 0.4))
            service.kill()
        acknowledged += senders.acknowledged
    return acknowledged


def settled(service):
    """How often each card is in the journal, once a service has emptied the spool."""
    service.start()
    try:
        until = time.monotonic() + 180
        while service.waiting() and time.monotonic() < until:
            time.sleep(0.1)
        assert service.waiting() == []
    finally:
        service.kill()
    with ThreadPoolExecutor(1) as beside:  # a browser's test before this one leaves a loop running in its thread
        return beside.submit(lambda: asyncio.run(_kept(service.address))).result()


async def _kept(address):
    engine = engine_at(address)
    async with engine.connect() as connection:
        cards = (await connection.execute(select(feedback.c.card))).scalars().all()
    await engine.dispose()
    return Counter(cards)


def judge(name, acknowledged, kept):
    lost = set(acknowledged) - set(kept)
    double = [card for card, count in kept.items() if count > 1]
    print(
        f"{name}: {TRIALS} trials, {len(set(acknowledged))} acknowledged, {len(lost)} lost, {len(double)} double"
    )

    assert len(acknowledged) > TRIALS
    assert (lost, double) == (set(), [])


def test_with_a_file_nothing_is_lost_and_nothing_is_kept_twice(tmp_path):
    service = Service(f"sqlite+aiosqlite:///{tmp_path / 'journal.sqlite'}", tmp_path / "spool")

    acknowledged = trials(service)

    judge("SQLite", acknowledged, settled(service))


def test_with_a_server_that_goes_away_in_the_middle_nothing_is_lost_and_nothing_is_kept_twice(tmp_path):
    with postgres_server() as server:
        service = Service(server.new_database(), tmp_path / "spool")
        waited = []

        def before(trial):
            if trial == TRIALS // 3:
                server.stop(mode="immediate")
            if trial == TRIALS * 2 // 3:
                waited.extend(service.waiting())
                server.start()

        acknowledged = trials(service, before=before)

        assert waited, "the spool was never needed"
        judge("PostgreSQL", acknowledged, settled(service))


def test_a_server_that_is_started_again_under_a_running_service_costs_nothing(tmp_path):
    with postgres_server() as server:
        service = Service(server.new_database(), tmp_path / "spool")
        service.start()
        try:
            with Senders(service, 0) as senders:
                for mode in ("fast", "immediate"):
                    time.sleep(0.5)
                    server.stop(mode=mode)
                    time.sleep(0.5)
                    server.start()
                time.sleep(0.5)
        finally:
            service.kill()

        judge("PostgreSQL started again", senders.acknowledged, settled(service))


@pytest.mark.parametrize("is_writable", [True, False])
def test_without_a_database_feedback_is_acknowledged_only_when_the_spool_has_it(tmp_path, is_writable):
    spool = tmp_path / "spool"
    if not is_writable:
        spool.write_text("a file where the folder should be")
    service = Service("postgresql+asyncpg://nobody@127.0.0.1:1/none", spool)
    service.start()
    try:
        assert service.say(["c1"]) is is_writable
    finally:
        service.kill()
    assert len(service.waiting()) == is_writable
