"""The depth of the queue stays true when processes come and go, and when the broker refuses."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from sureshot.clock import SystemClock
from sureshot.domain.model import Lease
from sureshot.ports import Beat, Census, QueueRefused
from sureshot.queue.rabbitmq import RabbitQueue
from sureshot.store.postgres import PostgresStore
from sureshot.store.sealing import Sealer
from tests.support.builders import lease
from tests.support.clock import NOON
from tests.support.cluster import cluster
from tests.support.http import call
from tests.support.servers import AMQP, fresh_database, fresh_queue

SEALER = Sealer(b"k" * 32)


def depth(census: Census) -> int:
    return census.carry + sum(peer.beat.published - peer.beat.taken for peer in census.peers)


async def test_a_process_given_up_for_dead_that_comes_back_is_counted_once() -> None:
    async with fresh_database() as url:
        frozen, other = PostgresStore(url, SEALER), PostgresStore(url, SEALER)
        await frozen.open(NOON, "p_frozen")
        await other.open(NOON, "p_other")
        await frozen.beat(Beat("api", "0", 1000, 400, 0))
        idle = Beat("scheduler", "0", 0, 0, 0)
        await asyncio.sleep(0.4)
        now = (await other.beat(idle)).now
        assert now is not None
        await other.take_over(now - timedelta(seconds=0.3))
        assert depth(await other.beat(idle)) == 600, "what it left behind is still there"
        back = await frozen.beat(Beat("api", "0", 1010, 400, 0))
        assert back.rejoined
        assert depth(await other.beat(idle)) == 610
        for store in (frozen, other):
            await store.close()


async def test_what_an_event_became_belongs_to_nobody_while_it_lies_in_the_broker(
    tmp_path: Path,
) -> None:
    """Else a restart of the API would void, and send twice, what workers have in hand."""
    async with cluster(tmp_path, "api", "api", "worker", "scheduler") as deployed:
        first = deployed.of("api")[0]
        for number in range(20):
            body = {"name": f"e{number}", "url": deployed.target}
            await call(first.url, "POST", "/api/v1/endpoints", body)
        deployed.sink.delay_s = 1.5
        await asyncio.sleep(0.5)
        event = {"eventType": "invoice.paid", "payload": 1}
        assert (await call(first.url, "POST", "/api/v1/events", event)).json["webhooks"] == 20
        connection = await asyncpg.connect(deployed.settings["SURESHOT_DATABASE_URL"])
        owners = await connection.fetch(
            "SELECT DISTINCT owner FROM webhooks WHERE lease_until IS NOT NULL"
        )
        await connection.close()
        assert [row["owner"] for row in owners] == [None]
        await first.end(signal.SIGTERM)
        deployed.members.remove(first)
        await deployed.quiet(20)
        assert (len(deployed.ledger.received), deployed.ledger.duplicates) == (20, 0)


@pytest.mark.slow
async def test_a_stopping_scheduler_leaves_nothing_leased_and_unpublished(tmp_path: Path) -> None:
    async with cluster(tmp_path, "api", "scheduler", queue_limit="50") as deployed:
        body = {"webhooks": [{"url": deployed.target, "payload": n} for n in range(400)]}
        await call(deployed.url, "POST", "/api/v1/webhooks/batch", body)
        await deployed.add("worker")
        for _ in range(5):
            (scheduler,) = deployed.of("scheduler")
            await asyncio.sleep(0.15)
            await scheduler.end(signal.SIGTERM)
            await scheduler.start()
        await deployed.quiet(20)
        assert deployed.ledger.duplicates == 0
        assert len(deployed.ledger.received) == 400


async def test_of_a_refused_publish_only_what_was_refused_comes_back() -> None:
    async with fresh_queue() as name:
        queue = RabbitQueue(AMQP, name, 1000, 1 << 20, SystemClock(), 100)
        await queue.open()
        taken_up = queue._publish_one
        calls = 0

        async def every_other(batch: list[object]) -> bool:
            nonlocal calls
            calls += 1
            return calls % 2 == 0 and await taken_up(batch)  # type: ignore[arg-type]

        queue._publish_one = every_other  # type: ignore[method-assign, assignment]
        leases = [lease() for _ in range(200)]
        with pytest.raises(QueueRefused) as refusal:
            await queue.publish(leases)
        taken = await queue.take(200)
        assert {one.webhook_id for one in refusal.value.leases}.isdisjoint(
            one.webhook_id for one in taken
        )
        assert len(refusal.value.leases) + len(taken) == 200
        await queue.close()


async def test_a_worker_with_slow_receivers_has_many_small_batches_in_hand() -> None:
    """At 420/s of 300 ms one worker needs 126 at once, and a batch may be of one webhook."""
    async with fresh_queue() as name:
        queue = RabbitQueue(AMQP, name, 1000, 1 << 20, SystemClock(), 10_000)
        await queue.open()
        for _ in range(120):
            await queue.publish([lease()])
        taken: list[Lease] = []
        async with asyncio.timeout(10):
            while len(taken) < 120:
                taken += await queue.take(120)
        await queue.ack(taken)
        await queue.close()
