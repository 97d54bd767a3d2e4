"""A caller who hangs up before the answer has heard nothing: seen on a socket, with both of uvicorn's readers."""

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import uvicorn

from cds_hooks.app import Deployment, assemble
from cds_hooks.books import Books
from cds_hooks.cards.wire import Card, Service, Source
from cds_hooks.journal.entries import HUNG_UP, Call, Issued
from cds_hooks.settings import Settings
from tests.running_sandbox import free_port

CALL = {"hook": "patient-view", "hookInstance": "i", "context": {"userId": "u", "patientId": "p"}}
PATH = "/cds-services/a-service"


class Kept:
    """A journal in a list."""

    def __init__(self):
        self.entries = []

    async def keep(self, entries):
        self.entries += entries

    async def close(self):
        """Nothing."""


@contextmanager
def service(http, journal, may_answer, *, busy_s=0.0):
    """A service that answers when it may; then it keeps its loop busy for a while, as a chart does."""

    async def answer(_request, _fetch_missing):
        await asyncio.to_thread(may_answer.wait)
        time.sleep(busy_s)  # noqa: ASYNC251  # what judging does to the loop
        return (Card("Summary", "info", Source("s")),)

    deployment = Deployment(
        settings=Settings(profile="sandbox"),
        services=((Service("a-service", "patient-view", "Title", "Description"), {}),),
        answer=answer,
        version={"software": "0"},
        journal=journal,
        books=Books(journal),
    )
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(assemble(deployment), port=port, http=http, log_level="critical", lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield port
    finally:
        server.should_exit = True
        thread.join()


def until(condition):
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def called(port):
    body = json.dumps(CALL).encode()
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def read_to_the_end(port):
    """A caller that knows where the answer ends, and does not wait for anything after it."""
    with called(port) as connection:
        answer = b""
        while not answer.endswith(b"]}"):
            answer += connection.recv(65536)
    return answer


@pytest.mark.parametrize("http", ["httptools", "h11"])
@pytest.mark.parametrize("busy_s", [0.0, 0.3], ids=["while we wait", "while a chart is judged"])
def test_who_hung_up_before_the_answer_was_shown_nothing(http, busy_s):
    journal, may_answer = Kept(), threading.Event()
    with service(http, journal, may_answer, busy_s=busy_s) as port:
        connection = called(port)
        time.sleep(0.1)
        if busy_s:
            may_answer.set()
            time.sleep(0.1)
        connection.close()
        time.sleep(0.05)
        may_answer.set()
        until(lambda: journal.entries)

    [call] = journal.entries
    assert (call.status, [made.how for made in call.cards]) == (HUNG_UP, ["unsent"])


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_who_reads_the_answer_and_hangs_up_was_shown_its_cards(http):
    journal, may_answer = Kept(), threading.Event()
    may_answer.set()
    with service(http, journal, may_answer, busy_s=0.005) as port, ThreadPoolExecutor(8) as callers:
        read = list(callers.map(read_to_the_end, [port] * 80))
        until(lambda: len(journal.entries) == 160)

    assert all(answer.endswith(b"]}") for answer in read)
    assert {entry.status for entry in journal.entries if isinstance(entry, Call)} == {200}


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_who_stays_was_shown_its_cards_also_on_a_connection_that_is_used_again(http):
    journal, may_answer = Kept(), threading.Event()
    may_answer.set()
    with service(http, journal, may_answer) as port:
        for _ in range(2):
            with called(port) as connection:
                answer = connection.recv(65536)
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b"alive" in connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"Summary" in answer
        until(lambda: len(journal.entries) == 4)

    assert [entry.status for entry in journal.entries if isinstance(entry, Call)] == [200, 200]
    assert len([entry for entry in journal.entries if isinstance(entry, Issued)]) == 2
