"""What only the PostgreSQL store does: partitions, migrations, notifications, takeover."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import msgspec
import pytest

from sureshot.domain.errors import ConfigurationError
from sureshot.domain.model import Lease, Scope, Token
from sureshot.ports import FULL, Added, Beat, Change, ChangeKind
from sureshot.store import postgres_pool, postgres_schema, postgres_watch
from sureshot.store.postgres import PostgresStore
from sureshot.store.sealing import Sealer
from tests.support.builders import closing, delivered, endpoint, terms, webhook
from tests.support.clock import NOON
from tests.support.servers import fresh_database

SEALER = Sealer(b"k" * 32)
DAY = timedelta(days=1)
IDLE = Beat("all", "0", 0, 0, 0)
PARTITIONS = (
    "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'webhooks'::regclass"
)
TROUBLE_INDEXES = (
    "SELECT indexrelid, indrelid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
    " WHERE relkind = 'i' AND pg_get_expr(indpred, indrelid) LIKE '%state = ANY%' ORDER BY 1"
)
"""Those of days, by the number each keeps as long as it is not built anew."""


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with fresh_database() as made:
        yield made


async def _opened(url: str, owner: str) -> PostgresStore:
    store = PostgresStore(url, SEALER)
    await store.open(NOON, owner)
    return store


async def _lease(store: PostgresStore, owner: str | None = "p_1", **changes: object) -> Lease:
    (added,) = await store.add([(webhook(**changes), True)], terms(owner))  # type: ignore[arg-type]
    assert isinstance(added, Added)
    assert added.lease is not None
    return added.lease


async def test_processes_that_look_at_once_never_share_a_webhook(url: str) -> None:
    stores = [await _opened(url, f"p_{n}") for n in range(4)]
    await stores[0].add([(webhook(lane=f"l{n % 7}"), False) for n in range(400)], terms())
    for _ in range(3):
        calls = [one.lease_due(40, 10, NOON, terms(f"p_{n}")) for n, one in enumerate(stores)]
        leased = [due.leases for due in await asyncio.gather(*calls)]
        ids = [lease.webhook_id for leases in leased for lease in leases]
        assert len(ids) == len(set(ids)) > 40
    for one in stores:
        await one.close()


async def _partitions(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relname ~ '^(webhooks|attempts)_[0-9]{8}$' ORDER BY 1"
    )
    await connection.close()
    return [row[0] for row in rows]


async def test_a_day_is_dropped_with_its_attempts_unless_something_in_it_waits(url: str) -> None:
    store = await _opened(url, "p_1")
    await store.prepare(NOON - DAY)
    for days in (0, 1):
        await store.record([delivered(await _lease(store, created_at=NOON - days * DAY))])
    waiting = await _lease(store, created_at=NOON - DAY)
    before = (NOON + timedelta(hours=12)) - timedelta(seconds=0)
    assert await store.forget_before(before, 100) == 2
    assert "webhooks_20300131" not in await _partitions(url)
    assert "attempts_20300131" not in await _partitions(url)
    assert "webhooks_20300130" in await _partitions(url)
    assert await store.get("default", waiting.webhook_id) is not None
    await store.record([delivered(waiting)])
    assert await store.forget_before(before, 100) == 1
    assert "webhooks_20300130" not in await _partitions(url)
    await store.close()


async def _old_day(store: PostgresStore) -> str:
    """Store a finished webhook of the day before; return its id."""
    await store.prepare(NOON - DAY)
    lease = await _lease(store, created_at=NOON - DAY)
    await store.record([delivered(lease)])
    return lease.webhook_id


async def test_dropping_a_day_and_writing_never_wait_for_each_other(url: str) -> None:
    """Both need the table and its partition: in two orders that would be a deadlock."""
    store = await _opened(url, "p_1")
    await _old_day(store)
    writer = await asyncpg.connect(url)
    async with writer.transaction():
        await writer.execute("LOCK TABLE ONLY webhooks IN ROW EXCLUSIVE MODE")
        dropping = asyncio.create_task(store.forget_before(NOON, 100))
        await asyncio.sleep(0.1)
        async with asyncio.timeout(0.8):
            # Whatever their rows are, both lock every partition.
            await writer.execute("UPDATE webhooks SET attempts = attempts WHERE tail = -1")
            await writer.execute("DELETE FROM attempts WHERE number = -1")
    assert await dropping == 1
    assert "webhooks_20300130" not in await _partitions(url)
    await writer.close()
    await store.close()


async def test_a_day_whose_tables_are_busy_is_dropped_another_time_and_whole(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_schema, "BRIEF_TRIES", 3)
    store = await _opened(url, "p_1")
    old = await _old_day(store)
    reader = await asyncpg.connect(url)
    async with reader.transaction():
        await reader.fetch("SELECT key FROM webhooks LIMIT 1")
        dropping = asyncio.create_task(store.forget_before(NOON, 100))
        while not dropping.done():
            async with asyncio.timeout(0.6):
                await store.record([delivered(await _lease(store))])
        assert await dropping == 0
        assert await store.get("default", old) is not None
    assert await store.forget_before(NOON, 100) == 1
    assert await store.get("default", old) is None
    await reader.close()
    await store.close()


async def test_a_migration_may_take_longer_than_any_other_statement(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_pool, "COMMAND_TIMEOUT_S", 0.4)
    other = await asyncpg.connect(url)
    await other.execute("SELECT pg_advisory_lock($1)", postgres_schema.MIGRATION_LOCK)
    opening = asyncio.create_task(_opened(url, "p_1"))
    await asyncio.sleep(1.0)
    assert not opening.done()
    await other.close()
    await (await opening).close()


async def test_a_migration_that_cannot_be_done_is_refused_with_a_sentence(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_schema, "MIGRATION_LOCK_S", 0.2)
    other = await asyncpg.connect(url)
    await other.execute("SELECT pg_advisory_lock($1)", postgres_schema.MIGRATION_LOCK)
    store = PostgresStore(url, SEALER)
    with pytest.raises(ConfigurationError, match=r"cannot be migrated: .*lock timeout"):
        await store.open(NOON, "p_1")
    await store.close()
    await other.close()


async def test_a_database_without_a_connection_to_listen_on_is_refused_with_a_sentence(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_database: object) -> None:
        raise asyncpg.TooManyConnectionsError("sorry, too many clients already")

    monkeypatch.setattr(postgres_watch, "START_PATIENCE_S", 0.3)
    monkeypatch.setattr(postgres_pool.Database, "listen_connection", refuse)
    store = PostgresStore(url, SEALER)
    with pytest.raises(ConfigurationError, match=r"to listen on .*too many clients"):
        await store.open(NOON, "p_1")
    await store.close()


async def test_encrypting_anew_brings_back_nothing_that_is_deleted_meanwhile(url: str) -> None:
    store = await _opened(url, "p_1")
    made = endpoint()
    await store.put_endpoint(made)
    token = Token("tok_1", b"d" * 32, "default", frozenset({Scope.READ}), "ci", NOON)
    await store.put_token(token)
    renamed = msgspec.structs.replace(made, name="renamed")
    other = await asyncpg.connect(url)
    async with other.transaction():
        # Read by now, and locked: it is replaced only once this has happened.
        await other.execute("DELETE FROM documents WHERE id = $1", token.id)
        await other.execute(
            "UPDATE documents SET document = $1 WHERE id = $2",
            SEALER.seal_document(renamed), made.id,
        )  # fmt: skip
        running = asyncio.create_task(store.reencrypt())
        await asyncio.sleep(0.3)
    assert await running == 1
    assert await store.tokens() == []
    assert await store.endpoints() == [renamed]
    await other.close()
    await store.close()


async def test_processes_that_start_together_migrate_once(url: str) -> None:
    stores = await asyncio.gather(*(_opened(url, f"p_{n}") for n in range(5)))
    census = await stores[0].beat(IDLE)
    assert len(census.peers) == 5
    assert len({(await store.beat(IDLE)).slot for store in stores}) == 5
    await asyncio.gather(*(store.close() for store in stores))


async def test_without_migrating_an_old_schema_is_refused_with_a_sentence(url: str) -> None:
    store = PostgresStore(url, SEALER, migrates=False)
    with pytest.raises(ConfigurationError, match="sureshot migrate"):
        await store.open(NOON, "p_1")
    await store.close()


@pytest.mark.parametrize("migrates", [True, False])
async def test_the_version_before_works_on_a_newer_schema_and_says_so(
    url: str, migrates: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade is rolled back: the schema stays, the processes are the old ones again."""
    await (await _opened(url, "p_1")).close()
    said: list[dict[str, object]] = []
    monkeypatch.setattr(
        postgres_schema.log, "warning", lambda event, **values: said.append({event: values})
    )
    connection = await asyncpg.connect(url)
    await connection.execute("INSERT INTO migrations VALUES (9999, '9999_later.sql', now())")
    await connection.close()
    store = PostgresStore(url, SEALER, migrates=migrates)
    await store.open(NOON, "p_2")
    assert said == [{"schema.newer": {"migrations": ["9999_later.sql"]}}]
    assert await store.record([delivered(await _lease(store, "p_2"))]) == [True]
    await store.close()


async def test_an_index_built_beforehand_is_taken_over_by_its_migration(url: str) -> None:
    """As the upgrade page says: built day by day, writes go on, and migrating takes no time."""
    await (await _opened(url, "p_1")).close()
    connection = await asyncpg.connect(url)
    await connection.execute("DROP INDEX webhooks_in_trouble")
    await connection.execute("DELETE FROM migrations WHERE number = 4")
    days = [row[0] for row in await connection.fetch(PARTITIONS)]
    for day in days:
        await connection.execute(
            f"CREATE INDEX CONCURRENTLY ON {day} (endpoint_id, key)"
            " WHERE state IN (1, 3) AND endpoint_id IS NOT NULL"
        )
    before = await connection.fetch(TROUBLE_INDEXES)
    assert len(before) == len(days)
    await (await _opened(url, "p_1")).close()
    after = await connection.fetch(TROUBLE_INDEXES)
    assert after == before
    assert await connection.fetchval(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'webhooks_in_trouble'::regclass"
    )
    await connection.close()


async def test_a_record_repeated_after_a_lost_answer_is_logged_once(url: str) -> None:
    store = await _opened(url, "p_1")
    result = delivered(await _lease(store))
    assert await store.record([result]) == [True]
    assert await store.record([result]) == [True]
    assert len(await store.attempts("default", result.lease.webhook_id)) == 1
    await store.close()


async def test_others_hear_of_a_change_within_milliseconds_and_oneself_does_not(url: str) -> None:
    one, two = await _opened(url, "p_1"), await _opened(url, "p_2")
    heard: asyncio.Queue[Change] = asyncio.Queue()
    own: list[Change] = []
    two.watch(heard.put_nowait)
    one.watch(own.append)
    made = endpoint()
    await one.put_endpoint(made)
    change = await asyncio.wait_for(heard.get(), 2)
    assert (change.kind, change.subject) == (ChangeKind.ENDPOINT, made.id)
    await one.add([(webhook(), False)], terms())
    assert (await asyncio.wait_for(heard.get(), 2)).kind is ChangeKind.DUE
    await one.change_lanes(closing("lane", None, "disabled"))
    change = await asyncio.wait_for(heard.get(), 2)
    assert change.closed is not None
    assert (change.subject, change.closed.reason) == ("lane", "disabled")
    assert [change for change in own if change.origin == "p_1"] == []
    await one.close()
    await two.close()


async def test_a_rest_a_receiver_asked_for_is_not_cut_short_because_a_lane_is_full(
    url: str,
) -> None:
    store = await _opened(url, "p_1")
    hour = NOON + timedelta(hours=1)
    await store.change_lanes(closing("resting", hour, "overloaded"))
    await store.change_lanes(closing("rested", NOON - timedelta(days=36500), "overloaded"))
    full = closing("resting", NOON, FULL) | closing("rested", NOON, FULL)
    await store.change_lanes(full | closing("new", NOON, FULL))
    closed = {one.lane: one.reason for one in await store.closed_lanes()}
    assert closed == {"resting": "overloaded", "rested": FULL, "new": FULL}
    await store.close()


async def test_no_lane_is_left_out_where_the_database_sorts_otherwise_than_python(
    url: str,
) -> None:
    """An English order has a, B, c, where that of code points has B, a, c."""
    name = url.rpartition("/")[2]
    server = await asyncpg.connect(url.replace(name, "postgres"))
    await server.execute(f"DROP DATABASE {name}")
    await server.execute(
        f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
    )
    await server.close()
    store = await _opened(url, "p_1")
    lanes = ["a", "B", "c", "D", "e", "F", "g", "H"]
    await store.add([(webhook(lane=lane), False) for lane in lanes], terms())
    leased: list[str] = []
    for _ in lanes:
        due = await store.lease_due(1, 1, NOON, terms("p_1"))
        leased += [lease.lane for lease in due.leases]
    assert sorted(leased) == sorted(lanes)
    await store.close()


async def test_the_leases_of_a_silent_process_are_voided_and_those_of_others_are_not(
    url: str,
) -> None:
    living, silent = await _opened(url, "p_1"), await _opened(url, "p_2")
    mine, theirs = await _lease(living, "p_1"), await _lease(silent, "p_2")
    in_broker = await _lease(living, None)
    await asyncio.sleep(0.5)
    now = (await living.beat(IDLE)).now
    assert now is not None
    assert await living.take_over(now - timedelta(seconds=0.4)) == 1
    due = await living.lease_due(10, 10, NOON, terms("p_1"))
    assert [lease.webhook_id for lease in due.leases] == [theirs.webhook_id]
    assert await silent.renew([theirs], terms("p_2")) == []
    assert (await silent.beat(IDLE)).rejoined
    assert len(await living.renew([mine, in_broker], terms("p_1"))) == 2
    await living.close()
    await silent.close()
