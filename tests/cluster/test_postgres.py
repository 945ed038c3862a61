"""What only the PostgreSQL store does: partitions, migrations, notifications, takeover."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from sureshot.domain.errors import ConfigurationError
from sureshot.domain.model import Lease
from sureshot.ports import Added, Beat, Change, ChangeKind
from sureshot.store.postgres import PostgresStore
from sureshot.store.sealing import Sealer
from tests.support.builders import delivered, endpoint, terms, webhook
from tests.support.clock import NOON
from tests.support.servers import fresh_database

SEALER = Sealer(b"k" * 32)
DAY = timedelta(days=1)
IDLE = Beat("all", "0", 0, 0, 0)


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
    await one.close_lane("lane", None, "disabled")
    change = await asyncio.wait_for(heard.get(), 2)
    assert change.closed is not None
    assert (change.subject, change.closed.reason) == ("lane", "disabled")
    assert own == []
    await one.close()
    await two.close()


async def test_the_leases_of_a_silent_process_are_voided_and_those_of_others_are_not(
    url: str,
) -> None:
    living, silent = await _opened(url, "p_1"), await _opened(url, "p_2")
    mine, theirs = await _lease(living, "p_1"), await _lease(silent, "p_2")
    in_broker = await _lease(living, None)
    await asyncio.sleep(0.5)
    await living.beat(IDLE)
    assert await living.take_over(0.4) == 1
    due = await living.lease_due(10, 10, NOON, terms("p_1"))
    assert [lease.webhook_id for lease in due.leases] == [theirs.webhook_id]
    assert await silent.renew([theirs], terms("p_2")) == []
    assert (await silent.beat(IDLE)).rejoined
    assert len(await living.renew([mine, in_broker], terms("p_1"))) == 2
    await living.close()
    await silent.close()
