import asyncio
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect, select
from sqlalchemy.exc import StatementError

from cds_hooks.errors import JournalRefused, JournalUnavailable
from cds_hooks.journal import opening
from cds_hooks.journal import upgrade as upgrading
from cds_hooks.journal.entries import Issued, Outcome
from cds_hooks.journal.later import OpenedLater
from cds_hooks.journal.opening import engine_at, upgrade_at
from cds_hooks.journal.replay import ReplayStore
from cds_hooks.journal.rows import Line
from cds_hooks.journal.store import open_store
from cds_hooks.journal.tables import HEAD, cards_issued, feedback, metadata

AT = datetime(2026, 3, 18, 9, 30, tzinfo=UTC)
MEMORY = "sqlite+aiosqlite:///:memory:"


def issued(card="c1", **changes):
    return Issued(**{"card": card, "service": "s", "client": "a", "rules": ("R-A", "R-B"), "at": AT} | changes)


def outcome(card="c1", **changes):
    return Outcome(
        **{"card": card, "service": "s", "client": "a", "outcome": "overridden", "at": AT, "received": AT}
        | changes
    )


def kept(steps, *, keep_comments=False, table=feedback):
    """The rows of a table after some steps on a new journal."""

    async def run():
        store = await open_store(MEMORY, keep_comments=keep_comments)
        try:
            for step in steps:
                await step(store)
            async with store.engine.connect() as connection:
                rows = (await connection.execute(select(table))).mappings().all()
        finally:
            await store.close()
        return [dict(row) for row in rows]

    return asyncio.run(run())


def reporting(*outcomes):
    return lambda store: store.report(outcomes)


def issuing(*cards):
    return lambda store: store.keep(cards)


# ---------------------------------------------------------------- what is kept


def test_a_card_is_kept_with_its_rules_and_its_time():
    [row] = kept([issuing(issued(at=AT.astimezone(timezone(timedelta(hours=5)))))], table=cards_issued)

    assert row == {"card": "c1", "service": "s", "client": "a", "rules": "R-A R-B", "at": AT}


def test_a_time_without_a_zone_is_not_kept():
    with pytest.raises(JournalUnavailable):
        kept([issuing(issued(at=AT.replace(tzinfo=None)))])


def test_the_time_of_the_database_is_refused_without_a_zone():
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    row = {"card": "c", "service": "", "client": "", "rules": "", "at": AT.replace(tzinfo=None)}
    with engine.begin() as connection, pytest.raises(StatementError):
        connection.execute(cards_issued.insert().values(row))
    engine.dispose()


@pytest.mark.parametrize(
    ("changes", "matched"),
    [({}, True), ({"card": "c2"}, False), ({"service": "other"}, False), ({"client": "b"}, False)],
)
def test_feedback_counts_for_the_service_and_caller_that_the_card_was_sent_to(changes, matched):
    [row] = kept([issuing(issued()), reporting(outcome(**changes))])

    assert row["matched"] is matched


def test_feedback_that_overtakes_its_card_counts_once_the_card_is_kept():
    [row] = kept([reporting(outcome()), issuing(issued())])

    assert row["matched"] is True


def test_feedback_of_somebody_else_does_not_count_when_the_card_comes():
    [row] = kept([reporting(outcome(client="b")), issuing(issued())])

    assert row["matched"] is False


def test_how_many_are_ours_is_told_also_when_all_was_said_before():
    async def run():
        store = await open_store(MEMORY, keep_comments=False)
        await store.keep([issued()])
        told = [await store.report([outcome(), outcome("c2")]) for _ in range(2)]
        await store.close()
        return told

    assert asyncio.run(run()) == [1, 1]


@pytest.mark.parametrize(("keep", "comment"), [(False, None), (True, "she is better")])
def test_a_comment_is_kept_only_where_that_is_asked_for(keep, comment):
    [row] = kept([reporting(outcome(comment="she is better"))], keep_comments=keep)

    assert (row["comment"], row["comment_length"]) == (comment, 13)


def test_a_comment_is_kept_without_what_no_database_takes():
    [row] = kept([reporting(outcome(comment="she\0is\ud800better"))], keep_comments=True)

    assert row["comment"] == "she?is?better"


def test_what_the_database_refuses_is_told_apart_from_one_that_fails():
    async def refused(row):
        store = await open_store(MEMORY, keep_comments=False)
        try:
            with pytest.raises(JournalRefused):
                await store.write([Line("cards_issued", row)])
        finally:
            await store.close()

    whole = {"card": "c1", "service": "s", "client": "a", "rules": "", "at": AT}
    for row in ({"card": "c1"}, whole | {"at": "no time"}, whole | {"card": "\ud800"}, whole | {"card": 2**70}):
        asyncio.run(refused(row))


@pytest.mark.parametrize("text", ["Jane Canary", "x" * 65, "canary\n", "<b>"])
def test_what_is_no_id_and_no_code_is_not_kept(text):
    [row] = kept([reporting(outcome(card=text, reason=text, suggestions=(text,)))])

    assert (row["card"], row["reason"], row["suggestions"]) == ("(other)", "(other)", "(other)")


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["accepted", "overridden"]), st.integers(0, 2)),
        max_size=8,
    )
)
@settings(max_examples=25, deadline=None)
def test_however_a_batch_is_cut_and_repeated_the_same_is_kept(said):
    outcomes = [outcome(card, outcome=what, at=AT + timedelta(hours=hour)) for card, what, hour in said]

    once = kept([reporting(*outcomes)])
    piecemeal = kept([reporting(one) for one in (*outcomes, *reversed(outcomes))])

    assert sorted(row["id"] for row in once) == sorted(row["id"] for row in piecemeal)
    assert len(once) == len(set(said))


# ---------------------------------------------------------------- the file


def test_a_new_journal_has_the_tables_that_the_migrations_make(tmp_path):
    path = tmp_path / "journal.sqlite"
    asyncio.run(upgrade_at(f"sqlite+aiosqlite:///{path}"))
    declared, migrated = create_engine(f"sqlite:///{path}"), create_engine("sqlite://")
    with migrated.begin() as connection:
        upgrading.migrate(connection)

    def shape(engine):
        found = inspect(engine)
        return {
            name: (
                [(column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(name)],
                found.get_pk_constraint(name)["constrained_columns"],
                [(index["name"], index["column_names"]) for index in found.get_indexes(name)],
            )
            for name in (*metadata.tables, "alembic_version")
        }

    assert shape(declared) == shape(migrated)
    migrated.dispose()
    declared.dispose()


def test_a_journal_that_is_made_or_stands_at_the_newest_loads_no_alembic(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'journal.sqlite'}"
    code = (
        "import asyncio, sys\nfrom cds_hooks.journal.opening import open_engine\n"
        f"async def run():\n    for _ in range(2): await (await open_engine({url!r})).dispose()\n"
        "asyncio.run(run())\nsys.exit('alembic' in sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_code_knows_which_migration_is_the_newest():
    config = Config()
    config.set_main_option("script_location", str(upgrading.__file__).replace("upgrade.py", "migrations"))

    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_the_file_may_hold_the_used_tokens_already(tmp_path):
    path = tmp_path / "journal.sqlite"
    ReplayStore(path).close()

    assert asyncio.run(upgrade_at(f"sqlite+aiosqlite:///{path}")) == ("", HEAD)
    assert asyncio.run(upgrade_at(f"sqlite+aiosqlite:///{path}")) == (HEAD, HEAD)
    ReplayStore(path).close()


def test_what_is_written_is_on_the_disk_at_once(tmp_path):
    async def pragmas():
        url = f"sqlite+aiosqlite:///{tmp_path / 'j.sqlite'}"
        await (await open_store(url, keep_comments=False)).close()
        engine = engine_at(url)
        async with engine.connect() as connection:
            asked = [
                await connection.exec_driver_sql(f"PRAGMA {name}") for name in ("journal_mode", "synchronous")
            ]
            told = [one.scalar() for one in asked]
        await engine.dispose()
        return told

    assert asyncio.run(pragmas()) == ["wal", 2]


@pytest.mark.parametrize(
    ("version", "todo"), [("0002", "run `pinpoint journal upgrade`"), ("9999", "written by a newer release")]
)
def test_a_journal_of_another_release_is_left_as_it_is(tmp_path, version, todo):
    with pytest.raises(JournalUnavailable, match=todo):
        asyncio.run(open_store(standing_at(tmp_path, version), keep_comments=False))


def test_a_journal_of_a_newer_release_cannot_be_upgraded(tmp_path):
    with pytest.raises(JournalUnavailable, match="written by a newer release"):
        asyncio.run(upgrade_at(standing_at(tmp_path, "9999")))


def standing_at(folder, version):
    path = folder / "journal.sqlite"
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE alembic_version (version_num TEXT)")
        file.execute("INSERT INTO alembic_version VALUES (?)", (version,))
    return f"sqlite+aiosqlite:///{path}"


@pytest.mark.parametrize("opening", [lambda url: open_store(url, keep_comments=False), upgrade_at])
def test_a_file_that_cannot_be_opened_is_named_by_its_setting(tmp_path, opening):
    with pytest.raises(JournalUnavailable, match="CDS_JOURNAL"):
        asyncio.run(opening(f"sqlite+aiosqlite:///{tmp_path / 'no such folder' / 'j.sqlite'}"))


def test_several_processes_may_open_a_new_journal_at_once(tmp_path):
    async def run():
        url = f"sqlite+aiosqlite:///{tmp_path / 'j.sqlite'}"
        stores = await asyncio.gather(*(open_store(url, keep_comments=False) for _ in range(4)))
        await asyncio.gather(*(store.report([outcome(f"c{n}")]) for n, store in enumerate(stores)))
        for store in stores:
            await store.close()

    asyncio.run(run())

    with closing(sqlite3.connect(tmp_path / "j.sqlite")) as file:
        assert file.execute("SELECT count(*) FROM feedback").fetchone() == (4,)


def test_a_file_that_another_process_is_making_is_waited_for(tmp_path):
    path = tmp_path / "j.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    other.execute("CREATE TABLE begun (a)")
    threading.Timer(0.2, other.close).start()

    assert asyncio.run(upgrade_at(f"sqlite+aiosqlite:///{path}")) == ("", HEAD)


def test_a_file_that_stays_locked_while_it_is_made_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("cds_hooks.journal.opening._PATIENCE_S", 0.1)
    path = tmp_path / "j.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalUnavailable):
            asyncio.run(upgrade_at(f"sqlite+aiosqlite:///{path}"))


def test_a_very_large_batch_is_kept_whole():
    assert len(kept([reporting(*(outcome(f"c{n}") for n in range(40_000)))])) == 40_000


def test_a_locked_file_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("cds_hooks.journal.opening._PRAGMAS", ("busy_timeout = 10",))
    path = tmp_path / "j.sqlite"

    async def run():
        store = await open_store(f"sqlite+aiosqlite:///{path}", keep_comments=False)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            await store.report([outcome()])
        finally:
            other.close()
            await store.close()

    with pytest.raises(JournalUnavailable):
        asyncio.run(run())


def test_what_was_forgotten_stays_forgotten_when_the_rest_fails(monkeypatch):
    monkeypatch.setattr("cds_hooks.journal.store._GONE_AT_ONCE", 2)
    later = AT + timedelta(days=1)

    async def break_off(store):
        async with store.transaction() as connection:
            await connection.exec_driver_sql("DROP TABLE codings")
        with pytest.raises(JournalUnavailable):
            await store.forget(later, later)

    old = [outcome(f"c{number}") for number in range(5)]
    [row] = kept([reporting(*old, outcome("new", received=later)), break_off])

    assert row["card"] == "new"


def test_how_many_are_forgotten_is_told_of_however_many_pieces(monkeypatch):
    monkeypatch.setattr("cds_hooks.journal.store._GONE_AT_ONCE", 2)
    told = []

    async def forget(store):
        told.append(await store.forget(AT + timedelta(days=1), AT))

    assert kept([issuing(issued()), reporting(*(outcome(f"c{number}") for number in range(4))), forget]) == []
    assert told == [5]


def test_only_an_upgrade_may_take_as_long_as_it_takes(monkeypatch):
    monkeypatch.setattr(opening, "create_async_engine", lambda _url, **options: options["connect_args"])

    assert opening.engine_at("postgresql+asyncpg://x")["command_timeout"] == 5.0
    assert opening.engine_at("postgresql+asyncpg://x", statement_s=None)["command_timeout"] is None


# ---------------------------------------------------------------- opened later


def test_nothing_is_opened_before_the_first_entry(tmp_path):
    async def run():
        journal = OpenedLater(f"sqlite+aiosqlite:///{tmp_path / 'j.sqlite'}", keep_comments=False)
        await journal.close()
        assert not (tmp_path / "j.sqlite").exists()
        await asyncio.gather(journal.keep([issued()]), journal.keep([issued("c2")]))
        told = await journal.report([outcome(), outcome("c2"), outcome("c3")])
        await journal.close()
        return told

    assert asyncio.run(run()) == 2


def test_what_could_not_be_opened_is_tried_again(tmp_path):
    async def run():
        journal = OpenedLater(f"sqlite+aiosqlite:///{tmp_path / 'later' / 'j.sqlite'}", keep_comments=False)
        with pytest.raises(JournalUnavailable):
            await journal.report([outcome()])
        (tmp_path / "later").mkdir()
        told = await journal.report([outcome()])
        await journal.close()
        return told

    assert asyncio.run(run()) == 0
