"""A whole service on its journal: what is kept of calls, what stays quiet, and that nothing of it names anyone."""

import asyncio
import json
import sqlite3
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest
import structlog
from sqlalchemy import func, inspect, select
from starlette.testclient import TestClient

from cds_hooks.app import create_app
from cds_hooks.journal.opening import engine_at
from cds_hooks.journal.tables import calls, cards_issued, feedback, quiet
from cds_hooks.settings import Settings
from sandbox import store
from tests.end_to_end.charts import prefetch_of
from tests.protocol.charts import PATH

NOW = datetime.now(UTC)
"""One moment for all calls: a chart that moves on with the clock would hold something new each time."""
PATIENT, USER, NAME = "patient-canary-4711", "Practitioner/canary-0815", "Canaryname"
TELLING = "itp-platelets-24"


@pytest.fixture(autouse=True)
def _patiently(monkeypatch):
    """However busy this machine is, the journal is waited for; and the log is as it was."""
    monkeypatch.setattr("cds_hooks.upkeep.LIMIT_S", 20.0)
    yield
    structlog.reset_defaults()


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys"
    path.write_text("an example of a key of forty characters!\n")
    return path


@contextmanager
def service(address, tmp_path, **settings):
    given = {"profile": "sandbox", "journal": address, "spool": tmp_path / "spool"}
    with TestClient(create_app(Settings(**given | settings))) as running:
        yield running


def call(patient=PATIENT, user=USER, story=TELLING, **more_entries):
    """A call about the chart of a story, under names of our own."""
    found = next(one for one in store.load(NOW).stories if one.id == story)
    text = json.dumps(prefetch_of(found.resources)).replace(f"Patient/{story}", f"Patient/{patient}")
    prefetch = json.loads(text.replace(f'"id": "{story}"', f'"id": "{patient}", "name": [{{"family": "{NAME}"}}]'))
    return {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": user, "patientId": patient},
        "prefetch": prefetch | more_entries,
    }


def cards(running, **changes):
    answer = running.post(PATH, json=call(**changes))
    assert answer.status_code == 200
    return answer.json()["cards"]


def read(address, query):
    """What a query comes to, as a list; nothing while the journal is not made yet."""

    async def asked():
        engine = engine_at(address)
        try:
            async with engine.connect() as connection:
                made = await connection.run_sync(lambda sync: inspect(sync).has_table("quiet"))
                return [*(await connection.execute(query)).scalars()] if made else []
        finally:
            await engine.dispose()

    return asyncio.run(asked())


def count(address, table):
    return sum(read(address, select(func.count()).select_from(table)))


def until(condition):
    ends = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


def dump(address, request):
    if address.startswith("sqlite"):
        with closing(sqlite3.connect(address.removeprefix("sqlite+aiosqlite:///"))) as file:
            return "\n".join(file.iterdump())
    return request.getfixturevalue("postgres").dump(address)


# ---------------------------------------------------------------- what is kept, and what is not


def test_a_call_is_journalled_and_no_name_and_no_id_is_in_the_database(address, tmp_path, keys, request):
    with service(address, tmp_path, site_keys=keys) as running:
        [card, *_] = cards(running)
        until(lambda: count(address, calls) == 1)
        said = {
            "card": card["uuid"],
            "outcome": "overridden",
            "outcomeTimestamp": "2026-03-18T09:30:00Z",
            "overrideReason": {
                "reason": card["overrideReasons"][0],
                "userComment": f"{NAME} has had it for years",
            },
        }
        assert running.post(f"{PATH}/feedback", json={"feedback": [said]}).status_code == 200
        until(lambda: count(address, feedback) == 1)
        assert running.post(PATH, json=call() | {"prefetch": {}}).status_code == 412
        until(lambda: count(address, calls) == 2)

    text = dump(address, request)
    assert card["uuid"] in text
    assert count(address, quiet) > 0
    for told in ("canary-4711", "canary-0815", NAME, "d1577c69", "has had it"):
        assert told.lower() not in text.lower()


def test_without_keys_nothing_is_remembered_and_everything_is_repeated(address, tmp_path):
    with service(address, tmp_path) as running:
        first = cards(running)
        until(lambda: count(address, cards_issued) == len(first))

        assert len(cards(running)) == len(first) > 0
    assert count(address, quiet) == 0


# ---------------------------------------------------------------- what stays quiet


def test_what_was_shown_is_not_repeated_but_anything_new_is(address, tmp_path, keys):
    with service(address, tmp_path, site_keys=keys) as running:
        told = cards(running)
        until(lambda: count(address, cards_issued) == len(told))

        assert told
        assert cards(running) == []
        assert cards(running, user="Practitioner/another")
        assert cards(running, story="itp-platelets-8-mouth-bleeding")
        until(lambda: count(address, calls) == 4)


def test_what_went_away_speaks_again_when_it_comes_back(address, tmp_path, keys):
    nothing = {"prefetch": {key: {"resourceType": "Bundle", "type": "searchset"} for key in call()["prefetch"]}}
    with service(address, tmp_path, site_keys=keys) as running:
        told = cards(running)
        until(lambda: count(address, cards_issued) == len(told) > 0)
        assert cards(running) == []
        assert running.post(PATH, json=call() | nothing).json() == {"cards": []}

        assert len(cards(running)) == len(told)
        until(lambda: count(address, cards_issued) == 2 * len(told))
        until(lambda: count(address, calls) == 4)
        assert cards(running) == []


# ---------------------------------------------------------------- silent mode


def test_a_silent_deployment_judges_and_journals_and_shows_nothing(address, tmp_path, keys):
    with service(address, tmp_path, mode="silent", site_keys=keys) as running:
        assert cards(running) == []
        unread = running.post(PATH, json=call() | {"prefetch": {}})
        assert (unread.status_code, unread.json()) == (200, {"cards": []})
        assert running.get("/version").json()["mode"] == "silent"
        until(lambda: count(address, calls) == 2)

    assert count(address, cards_issued) == count(address, quiet) == 0
    assert '"silent"' in " ".join(read(address, select(calls.c.present)))


# ---------------------------------------------------------------- a journal that fails


@pytest.mark.parametrize(
    "journal", ["sqlite+aiosqlite:////dev/null/x", "postgresql+asyncpg://nobody@127.0.0.1:1/none"]
)
def test_a_broken_journal_changes_no_card_and_loses_no_feedback(journal, tmp_path, keys):
    with service("sqlite+aiosqlite:///:memory:", tmp_path) as running:
        expected = cards(running)
    with service(journal, tmp_path, site_keys=keys) as running:
        got = [cards(running), cards(running)]
        item = {"card": "c1", "outcome": "overridden", "outcomeTimestamp": "2026-03-18T09:30:00Z"}
        assert running.post(f"{PATH}/feedback", json={"feedback": [item]}).status_code == 200
        until(lambda: len([*(tmp_path / "spool").glob("*.lines")]) >= 2)

    def without_uuids(found):
        return json.dumps([{k: v for k, v in card.items() if k not in {"uuid", "suggestions"}} for card in found])

    assert {without_uuids(found) for found in got} == {without_uuids(expected)}
    assert len({card["uuid"] for found in got for card in found}) == 2 * len(expected)
