"""The journal is the same in a SQLite file and in a PostgreSQL database."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, select, text

from cds_hooks.errors import JournalRefused, JournalUnavailable
from cds_hooks.journal import upgrade as upgrading
from cds_hooks.journal.entries import Call, Heard, Issued, Met, Outcome, Told, Unmapped
from cds_hooks.journal.opening import engine_at, upgrade_at
from cds_hooks.journal.rows import decoded, encoded, lines_of
from cds_hooks.journal.store import open_store
from cds_hooks.journal.tables import HEAD, calls, codings, feedback, metadata, quiet, rule_sets
from cds_hooks.journal.tables import heard as heard_table

AT = datetime(2026, 3, 18, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def call(number=1, **changes):
    return Call(
        **{
            "id": f"call-{number}",
            "at": AT,
            "client": "a",
            "hook": "patient-view",
            "service": "s",
            "status": 200,
            "ms": 12.5,
            "software": "1",
            "knowledge": "0.2.0",
            "released": "2026-03-01",
            "digest": "abc",
            "mode": "live",
            "skin_bleeding": "present",
            "rules": ("R-A", "R-B", "R-C"),
            "present": (Met("R-A", "EMERGENCY", "shown"),),
            "unknown": ("R-B",),
            "open": {"fever": "not recorded"},
            "gaps": {"timed out": 2},
            "entries": {"medication": (3, 5)},
            "unmapped": (Unmapped("medication", "http://loinc.org", "777-3", 2),),
        }
        | changes
    )


def issued(card="c1", **changes):
    return Issued(**{"card": card, "service": "s", "client": "a", "rules": ("R-A",), "at": AT} | changes)


def outcome(card="c1", **changes):
    return Outcome(
        **{"card": card, "service": "s", "client": "a", "outcome": "overridden", "at": AT, "received": AT}
        | changes
    )


def told(card="c1", tier="SAME_DAY", until=4, latest=48, facts=("f1", "f2")):
    return Told(card, "subject", facts, tier, AT + timedelta(hours=until), AT + timedelta(hours=latest))


def heard(*facts, hours=0.0, subject="subject"):
    return Heard(subject, AT + timedelta(hours=hours), facts)


def on(address, *steps):
    """What the last step on one journal comes to."""

    async def run():
        store = await open_store(address, keep_comments=False)
        found = None
        try:
            for step in steps:
                found = await step(store)
        finally:
            await store.close()
        return found

    return asyncio.run(run())


def keeping(*entries):
    return lambda store: store.keep(entries)


def rows(table):
    async def read(store):
        async with store.transaction() as connection:
            return [dict(row) for row in (await connection.execute(select(table))).mappings()]

    return read


# ---------------------------------------------------------------- what is kept


def test_a_call_is_kept_once_with_what_was_asked_in_it(address):
    on(address, keeping(call()), keeping(call()))

    [row] = on(address, rows(calls))
    assert row["at"] == AT
    assert (row["present"], row["unknown"]) == ('[["R-A","EMERGENCY","shown"]]', '["R-B"]')
    assert (row["open"], row["gaps"], row["entries"]) == (
        '{"fever":"not recorded"}',
        '{"timed out":2}',
        '{"medication":[3,5]}',
    )
    assert on(address, rows(rule_sets)) == [{"digest": "abc", "hook": "patient-view", "rules": "R-A R-B R-C"}]


def test_codes_are_counted_once_for_each_call_however_often_it_is_written(address):
    on(address, keeping(call(1), call(2)), keeping(call(2), call(3)))

    [row] = on(address, rows(codings))
    assert (row["code"], row["seen"], row["day"]) == ("777-3", 3, AT.date())


def test_what_waited_as_text_is_the_same_in_the_database(address):
    entries = [call(), issued(), told(), outcome(comment="she is better")]
    lines = lines_of(entries)

    assert decoded(encoded(lines)) == lines
    assert on(address, lambda store: store.write(decoded(encoded(lines)))) == 1
    assert on(address, rows(feedback))[0]["comment"] is None


@pytest.mark.parametrize("changes", [{"card": "zero \0"}, {"card": "x" * 65}, {"card": 5.5}, {"at": "no time"}])
def test_what_the_server_or_its_driver_refuses_is_told_apart_from_a_failure(postgres, changes):
    [line] = lines_of([issued()])

    with pytest.raises(JournalRefused):
        on(postgres.new_database(), lambda store: store.write([replace(line, row={**line.row, **changes})]))


@pytest.mark.parametrize("order", [(issued(), outcome()), (outcome(), issued())])
def test_feedback_counts_whichever_comes_first(address, order):
    on(address, *(keeping(entry) for entry in order))

    assert [row["matched"] for row in on(address, rows(feedback))] == [True]


def test_feedback_of_somebody_else_never_counts(address):
    on(address, keeping(outcome(client="b")), keeping(issued()))

    assert [row["matched"] for row in on(address, rows(feedback))] == [False]


def test_many_writers_at_once_lose_nothing_and_match_everything(address):
    async def run():
        stores = [await open_store(address, keep_comments=False) for _ in range(3)]
        both = [
            step
            for number in range(40)
            for step in (
                stores[number % 3].keep([issued(f"c{number}"), call(number)]),
                stores[(number + 1) % 3].report([outcome(f"c{number}")]),
            )
        ]
        await asyncio.gather(*both)
        for store in stores:
            await store.close()

    asyncio.run(run())
    assert sorted(row["matched"] for row in on(address, rows(feedback))) == [True] * 40
    assert [row["seen"] for row in on(address, rows(codings))] == [40]


def test_a_token_is_new_once(address):
    def asking(until):
        return lambda store: store.seen("iss", "token", until)

    assert [on(address, asking(AT)), on(address, asking(AT))] == [False, True]


# ---------------------------------------------------------------- what stays quiet


def quiet_at(hours):
    return lambda store: store.told(["subject", "other"], AT + timedelta(hours=hours))


@pytest.mark.parametrize(("hours", "known"), [(3.9, {"f1", "f2"}), (4, set())])
def test_what_was_told_is_known_until_its_time(address, hours, known):
    assert on(address, keeping(told(), heard("f1", "f2")), quiet_at(hours)) == known


@pytest.mark.parametrize(
    ("entries", "known"),
    [
        ([], set()),
        ([heard()], set()),
        ([heard("f1", "f3")], {"f1"}),
        ([heard("f1", "f2", subject="other")], set()),
        ([heard("f1", "f2"), heard("f2", hours=1)], {"f2"}),
        ([heard("f1", "f2"), heard(hours=1)], set()),
        ([heard("f1", "f2", hours=1), heard("f2")], {"f1", "f2"}),
        ([heard(hours=1), heard("f1", "f2")], set()),
    ],
)
@pytest.mark.parametrize("is_together", [True, False])
def test_only_what_the_latest_answer_still_said_is_known(address, entries, known, is_together):
    steps = [keeping(*entries)] if is_together else [keeping(one) for one in entries]

    assert on(address, keeping(told()), *steps, quiet_at(2)) == known


@pytest.mark.parametrize(
    ("client", "tier", "hours", "known"),
    [
        ("a", "SAME_DAY", 23.9, {"f1", "f2"}),
        ("a", "SAME_DAY", 24, set()),
        ("a", "EMERGENCY", 5, set()),
        ("b", "SAME_DAY", 5, set()),
    ],
)
def test_an_override_prolongs_it_for_cards_of_that_caller_and_tier(address, client, tier, hours, known):
    def override(store):
        return store.prolong(["c1"], "s", client, AT, {"SAME_DAY": HOUR, "EMERGENCY": HOUR, tier: 24 * HOUR})

    assert on(address, keeping(issued(), told(), heard("f1", "f2")), override, quiet_at(hours)) == known


def test_an_override_from_before_the_card_counts_from_when_it_was_sent(address):
    def override(store):
        return store.prolong(["c1"], "s", "a", AT - timedelta(days=1), {"SAME_DAY": 24 * HOUR})

    steps = keeping(issued(), told(), heard("f1", "f2")), override
    assert on(address, *steps, quiet_at(23.9)) == {"f1", "f2"}
    assert on(address, quiet_at(24)) == set()


def test_no_override_prolongs_it_beyond_the_latest_and_none_shortens_it(address):
    def override(hours):
        return lambda store: store.prolong(["c1"], "s", "a", AT, {"SAME_DAY": hours * HOUR})

    steps = keeping(issued(), told(latest=6), heard("f1", "f2")), override(24), override(1)
    assert on(address, *steps, quiet_at(5.9)) == {"f1", "f2"}
    assert on(address, quiet_at(6)) == set()


# ---------------------------------------------------------------- what is removed


def test_what_is_older_than_it_is_kept_for_is_removed(address):
    old = AT - timedelta(days=40)
    on(
        address,
        keeping(call(1), call(2, at=old), issued(), issued("c0", at=old)),
        keeping(outcome(), outcome("c0", received=old), told(), told("c0", latest=-1)),
        keeping(heard("f1", hours=-25), heard("f1", hours=-25, subject="old"), heard(subject="new")),
        lambda store: store.seen("iss", "old", old),
        lambda store: store.seen("iss", "new", AT),
        lambda store: store.forget(AT - timedelta(days=30), AT),
    )

    assert [row["id"] for row in on(address, rows(calls))] == ["call-1"]
    assert [row["card"] for row in on(address, rows(feedback))] == ["c1"]
    assert {row["card"] for row in on(address, rows(quiet))} == {"c1"}
    assert {row["subject"] for row in on(address, rows(heard_table))} == {"subject", "new"}
    assert [row["seen"] for row in on(address, rows(codings))] == [1]
    assert [on(address, lambda store, name=name: store.seen("iss", name, AT)) for name in ("old", "new")] == [
        False,
        True,
    ]


# ---------------------------------------------------------------- the shape


def shape(address):
    async def read():
        engine = engine_at(address)
        async with engine.connect() as connection:
            found = await connection.run_sync(_shape)
        await engine.dispose()
        return found

    return asyncio.run(read())


def _shape(connection):
    found = inspect(connection)
    return {
        name: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(name)],
            found.get_pk_constraint(name)["constrained_columns"],
            sorted((index["name"], tuple(index["column_names"])) for index in found.get_indexes(name)),
        )
        for name in metadata.tables
    }


def at_first_release(address):
    """A journal as the first release left it, with a card in it."""
    at_version(address, "0001")


def at_version(address, version):
    """A journal as that migration left it, with a card in it."""

    async def make():
        engine = engine_at(address)
        async with engine.connect() as connection:
            await connection.run_sync(_first)
            await connection.execute(
                text("INSERT INTO cards_issued VALUES ('c1', 's', 'a', 'R-A', '2026-03-18 09:30:00')")
            )
            await connection.commit()
        await engine.dispose()

    def _first(connection):
        config = Config()
        config.set_main_option("script_location", str(upgrading.__file__).replace("upgrade.py", "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, version)

    asyncio.run(make())


@pytest.mark.parametrize("version", ["0001", "0002"])
def test_an_empty_database_and_one_of_a_release_before_come_to_the_same_shape(address, version, request):
    at_version(address, version)
    assert asyncio.run(upgrade_at(address)) == (version, HEAD)
    assert on(address, keeping(outcome()), rows(feedback))[0]["matched"] is True

    is_file = address.startswith("sqlite")
    fresh = f"{address}.new" if is_file else request.getfixturevalue("postgres").new_database()
    assert asyncio.run(upgrade_at(fresh)) == ("", HEAD)
    assert shape(address) == shape(fresh)


def test_a_journal_of_the_release_before_is_not_touched_by_a_service(address):
    at_first_release(address)

    with pytest.raises(JournalUnavailable, match="pinpoint journal upgrade"):
        on(address)


def test_several_hosts_may_make_a_new_journal_at_once(address):
    async def run():
        stores = await asyncio.gather(*(open_store(address, keep_comments=False) for _ in range(4)))
        for store in stores:
            await store.close()

    asyncio.run(run())
    assert on(address, rows(calls)) == []


# ---------------------------------------------------------------- a server that goes away


def test_a_server_that_is_not_there_is_named_by_its_setting():
    with pytest.raises(JournalUnavailable, match="CDS_JOURNAL"):
        on("postgresql+asyncpg://nobody@127.0.0.1:1/none")


def test_a_server_that_was_started_again_is_used_again(postgres):
    address = postgres.new_database()

    async def run():
        store = await open_store(address, keep_comments=False)
        await store.report([outcome("before")])
        used = [await store.seen("iss", "token", AT)]
        postgres.stop()
        with pytest.raises(JournalUnavailable):
            await store.report([outcome("while")])
        with pytest.raises(JournalUnavailable):
            await store.seen("iss", "token", AT)
        postgres.start()
        await store.report([outcome("after")])
        used.append(await store.seen("iss", "token", AT))
        await store.close()
        assert used == [False, True]

    asyncio.run(run())
    assert {row["card"] for row in on(address, rows(feedback))} == {"before", "after"}


def test_a_question_that_is_given_up_does_not_spoil_the_next(postgres):
    async def run():
        store = await open_store(postgres.new_database(), keep_comments=False)
        used = [await store.seen("iss", "token", AT)]
        given_up = asyncio.ensure_future(store.seen("iss", "other", AT))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait({given_up})
        used.append(await store.seen("iss", "token", AT))
        await store.close()
        return used, given_up.cancelled()

    assert asyncio.run(run()) == ([False, True], True)
