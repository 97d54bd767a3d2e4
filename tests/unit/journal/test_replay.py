import asyncio
import io
import json
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from cds_hooks.errors import SettingsError
from cds_hooks.guard.privacy import configure_logging
from cds_hooks.journal.replay import ReplayStore
from tests.signing import AT, jwks, key, token

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[3]
UNTIL = datetime(2026, 3, 2, 9, 6, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal.sqlite"


@pytest.fixture
def opened():
    """Opens stores, and closes them afterwards."""
    stores = []

    def open_store(path):
        stores.append(ReplayStore(path))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


def kept(journal):
    file = sqlite3.connect(journal)
    rows = file.execute("SELECT iss, jti, until FROM jti").fetchall()
    file.close()
    return rows


async def test_a_token_is_new_once(journal, opened):
    store = opened(journal)

    assert [await store("iss", "a", UNTIL) for _ in range(3)] == [False, True, True]


async def test_ids_belong_to_their_issuer(opened):
    store = opened(None)

    assert not await store("one", "a", UNTIL)
    assert not await store("other", "a", UNTIL)


async def test_two_processes_of_a_host_share_what_they_saw(journal, opened):
    first, second = opened(journal), opened(journal)

    assert not await first("iss", "a", UNTIL)
    assert await second("iss", "a", UNTIL)


async def test_a_restart_forgets_nothing(journal, opened):
    before = ReplayStore(journal)
    await before("iss", "a", UNTIL)
    before.close()

    assert await opened(journal)("iss", "a", UNTIL)


async def test_what_can_no_longer_be_valid_is_cleared_away(journal, opened):
    store = opened(journal)
    await store("iss", "old", UNTIL)
    for number in range(1000):
        await store("iss", f"{number}", UNTIL + timedelta(hours=3))

    assert len(kept(journal)) == 1000


async def test_of_a_token_issuer_id_and_end_are_kept_and_nothing_else(journal, opened):
    await opened(journal)("iss", "a", UNTIL)

    assert kept(journal) == [("iss", "a", UNTIL.timestamp())]


async def test_a_file_that_cannot_be_made_stops_the_start(tmp_path):
    with pytest.raises(SettingsError) as caught:
        ReplayStore(tmp_path / "no-such-folder" / "journal.sqlite")

    assert "CDS_JOURNAL" in str(caught.value)


# ---------------------------------------------------------------- when the file fails


@pytest.fixture
def log():
    stream = io.StringIO()
    configure_logging(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()


async def test_without_the_file_a_process_remembers_by_itself_and_says_so(journal, opened, log):
    store = opened(journal)
    await store("iss", "before", UNTIL)
    await break_file(store)

    assert [await store("iss", "a", UNTIL) for _ in range(2)] == [False, True]
    assert [(line["event"], line["level"], line["error"]) for line in log()] == [
        ("replay_store_down", "error", "OperationalError")
    ]


async def test_a_file_that_somebody_holds_locked_is_hardly_waited_for(journal, opened, log):
    store = opened(journal)
    with closing(sqlite3.connect(journal, isolation_level=None)) as owner:
        owner.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        assert [await store("iss", "a", UNTIL) for _ in range(2)] == [False, True]
        waited = time.monotonic() - started

    assert waited < 0.75
    assert [line["event"] for line in log()] == ["replay_store_down"]


async def test_what_was_seen_while_the_file_was_held_is_known_to_the_others_with_the_next_token(journal, opened):
    store, other = opened(journal), opened(journal)
    with closing(sqlite3.connect(journal, isolation_level=None)) as owner:
        owner.execute("BEGIN EXCLUSIVE")
        await store("iss", "a", UNTIL)

    assert not await store("iss", "b", UNTIL)
    assert [await other("iss", token, UNTIL) for token in ("a", "b")] == [True, True]


async def test_that_memory_does_not_grow_without_end(opened):
    store = opened(None)
    await break_file(store)
    await store("iss", "old", UNTIL)
    await store("iss", "new", UNTIL + timedelta(hours=3))

    assert list(store._memory) == [("iss", "new")]


async def test_a_file_that_works_again_is_used_again(journal, opened):
    store = opened(journal)
    await break_file(store)
    await store("iss", "in-memory", UNTIL)
    await mend_file(store)

    assert not await store("iss", "in-file", UNTIL)
    assert sorted(row[1] for row in kept(journal)) == ["in-file", "in-memory"]
    assert await store("iss", "in-memory", UNTIL)


async def break_file(store):
    await on_its_thread(store, lambda: store._file.execute("ALTER TABLE jti RENAME TO gone"))


async def mend_file(store):
    await on_its_thread(store, lambda: store._file.execute("ALTER TABLE gone RENAME TO jti"))
    store._try_again = 0.0


async def on_its_thread(store, step):
    await asyncio.get_running_loop().run_in_executor(store._thread, step)


# ---------------------------------------------------------------- four processes


def test_many_open_a_new_file_at_once(tmp_path):
    for number in range(20):
        path, together = tmp_path / f"{number}.sqlite", threading.Barrier(8)

        def opened(path=path, together=together):
            together.wait()
            ReplayStore(path).close()

        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(opened) for _ in range(8)]:
                done.result()


WORKER = """
import asyncio, json, sys
from pathlib import Path
from cds_hooks.errors import AccessError
from cds_hooks.guard.keys import key_set
from cds_hooks.guard.tokens import verify
from cds_hooks.journal.replay import ReplayStore
from tests.signing import AT, SERVICE, clients

async def main(folder):
    found = key_set((folder / "keys.json").read_bytes()).keys
    store = ReplayStore(folder / "journal.sqlite")

    async def keys(_source, kid, _at):
        return found.get(kid)

    accepted = []
    for number, token in enumerate(json.loads((folder / "tokens.json").read_text())):
        try:
            await verify(token, clients(), keys, store, audiences=[SERVICE], at=AT)
            accepted.append(number)
        except AccessError:
            pass
    store.close()
    print(json.dumps(accepted))

asyncio.run(main(Path(sys.argv[1])))
"""


def test_over_four_processes_each_of_500_tokens_is_accepted_once(tmp_path):
    (tmp_path / "keys.json").write_bytes(jwks(key()))
    (tmp_path / "tokens.json").write_text(json.dumps([token(at=AT) for _ in range(500)]))

    with ThreadPoolExecutor(4) as pool:
        accepted = list(pool.map(accepted_by_a_process, [tmp_path] * 4))

    assert sorted(number for one in accepted for number in one) == list(range(500))


def accepted_by_a_process(folder):
    command = [sys.executable, "-c", WORKER, str(folder)]
    return json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=100).stdout)
