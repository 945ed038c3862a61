"""Parts that fail or fill up: what is accepted meanwhile is delivered, and nothing is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiormq
import pytest

from sureshot.cli.sink_server import SinkServer
from tests.support.cluster import Cluster, cluster
from tests.support.http import admin, call, submit
from tests.support.load import submit_many
from tests.support.own_servers import OwnPostgres, OwnRabbitMQ
from tests.support.servers import AMQP
from tests.support.service import ADMIN_TOKEN

QUEUE_SETTLES_S = 6.0
"""RabbitMQ 3.10 cannot elect a leader for a quorum queue it was killed right after making."""
BATCH = 1000
"""The most webhooks one commit of an API process carries."""


async def _queued_messages(deployed: Cluster) -> int:
    connection = await aiormq.connect(AMQP)
    try:
        channel = await connection.channel()
        name = deployed.settings["SURESHOT_QUEUE_NAME"]
        declared = await channel.queue_declare(name, passive=True)
        return declared.message_count or 0
    finally:
        await connection.close()


async def _delete_queue(deployed: Cluster) -> None:
    connection = await aiormq.connect(AMQP)
    channel = await connection.channel()
    await channel.queue_delete(deployed.settings["SURESHOT_QUEUE_NAME"])
    await connection.close()


@pytest.mark.slow
async def test_a_full_queue_leaves_the_rest_in_the_store(tmp_path: Path) -> None:
    """Without a worker nothing is taken: the queue fills to its limit and no further."""
    limit, count = 500, 3000
    async with cluster(tmp_path, "api", "api", "scheduler", queue_limit=str(limit)) as deployed:
        loads = [
            submit_many(member.url, count // 2, deployed.target) for member in deployed.of("api")
        ]
        for load in await asyncio.gather(*loads):
            deployed.ledger.accepted |= set(load.accepted)
        await asyncio.sleep(3)
        depth = await deployed.depth()
        assert depth["backlog"] == count
        assert limit / 2 < depth["depth"] <= limit + 2 * BATCH
        await deployed.add("worker")
        await deployed.quiet()
        assert deployed.ledger.lost == set()
        assert deployed.ledger.duplicates == 0
        await asyncio.sleep(1.5)
        assert (await deployed.depth())["depth"] == 0


@pytest.mark.slow
async def test_a_wiped_broker_loses_nothing(tmp_path: Path) -> None:
    """The queue is deleted with 10,000 leases in it; they run out and are leased anew."""
    async with cluster(
        tmp_path, "api", "scheduler", lease_s="12", timeout_s="2", queue_limit="20000"
    ) as deployed:
        load = await submit_many(deployed.url, 10_000, deployed.target, connections=64)
        assert await _queued_messages(deployed) > 0
        await _delete_queue(deployed)
        await deployed.add("worker")
        await deployed.quiet()
        assert set(load.accepted) - deployed.ledger.received.keys() == set()
        assert len(load.accepted) == 10_000
        assert deployed.ledger.duplicates == 0


async def test_a_pause_holds_for_every_process_within_a_second(tmp_path: Path) -> None:
    async with cluster(tmp_path, "api", "worker", "worker", "scheduler") as deployed:
        await admin(deployed.url, "POST", "/api/v1/admin/pause")
        await asyncio.sleep(1.0)
        ids = {await submit(deployed.url, url=deployed.target) for _ in range(20)}
        await asyncio.sleep(1.0)
        assert deployed.ledger.received == {}
        await admin(deployed.url, "POST", "/api/v1/admin/resume")
        await deployed.quiet(10)
        assert deployed.ledger.received.keys() == ids


@pytest.mark.slow
async def test_while_the_broker_is_down_submissions_are_stored_and_later_delivered(
    tmp_path: Path,
) -> None:
    broker = OwnRabbitMQ()
    try:
        await broker.start()
        roles = ("api", "worker", "scheduler")
        async with cluster(
            tmp_path, *roles, queue_url=broker.url, lease_s="12", timeout_s="2"
        ) as deployed:
            await submit(deployed.url, url=deployed.target)
            await deployed.quiet(10)
            await asyncio.sleep(QUEUE_SETTLES_S)
            await broker.kill()
            await asyncio.sleep(0.5)
            during = await submit_many(deployed.url, 200, deployed.target)
            assert (len(during.accepted), during.refused) == (200, {})
            assert not set(during.accepted) & deployed.ledger.received.keys()
            await broker.start()
            await deployed.quiet(30)
            assert set(during.accepted) <= deployed.ledger.received.keys()
            assert deployed.ledger.duplicates == 0
    finally:
        await broker.remove()


@pytest.mark.slow
async def test_a_broker_that_takes_no_messages_becomes_backpressure(tmp_path: Path) -> None:
    """Its memory alarm blocks publishers: rows wait in the store and are fed in afterwards."""
    broker = OwnRabbitMQ()
    try:
        await broker.start()
        roles = ("api", "worker", "scheduler")
        async with cluster(
            tmp_path, *roles, queue_url=broker.url, lease_s="12", timeout_s="2"
        ) as deployed:
            await broker.control("set_vm_memory_high_watermark", "0.000001")
            await submit(deployed.url, url=deployed.target)
            await asyncio.sleep(1.0)
            during = await submit_many(deployed.url, 100, deployed.target)
            assert (len(during.accepted), during.refused) == (100, {})
            await broker.control("set_vm_memory_high_watermark", "0.4")
            await deployed.quiet(30)
            assert set(during.accepted) <= deployed.ledger.received.keys()
    finally:
        await broker.remove()


@pytest.mark.slow
@pytest.mark.parametrize("queue", ["memory://", ""], ids=["memory", "rabbitmq"])
async def test_while_the_database_is_down_submissions_are_refused_fast_and_outcomes_kept(
    tmp_path: Path, queue: str
) -> None:
    database = OwnPostgres()
    roles = ("api", "worker", "scheduler") if not queue else ("all",)
    try:
        await database.start()
        async with cluster(
            tmp_path, *roles, database_url=database.url, queue_url=queue
        ) as deployed:
            deployed.sink.delay_s = 2.0
            before = await submit_many(deployed.url, 50, deployed.target)
            await asyncio.sleep(1.0)
            await database.kill()
            refused = await submit_many(deployed.url, 50, deployed.target)
            assert refused.refused == {503: 50}
            assert refused.slowest_refusal_s < 1.0
            await asyncio.sleep(3.0)
            assert len(deployed.ledger.received) == 50
            await database.start()
            await deployed.quiet(30)
            assert await deployed.recorded() == set(before.accepted)
            assert deployed.ledger.duplicates == 0
            attempts = await call(
                deployed.url, "GET", f"/api/v1/webhooks/{before.accepted[0]}/attempts"
            )
            assert len(attempts.json["items"]) == 1
    finally:
        await database.remove()


async def test_a_message_nobody_can_read_goes_to_the_dead_letter_queue(tmp_path: Path) -> None:
    async with cluster(tmp_path, "api", "worker", "scheduler") as deployed:
        name = deployed.settings["SURESHOT_QUEUE_NAME"]
        connection = await aiormq.connect(AMQP)
        channel = await connection.channel()
        await channel.basic_publish(b"no message of ours", routing_key=name)
        ids = [await submit(deployed.url, url=deployed.target) for _ in range(5)]
        await deployed.quiet(10)
        assert deployed.ledger.received.keys() == set(ids)
        dead = await channel.basic_get(f"{name}.dead-letter", no_ack=True)
        await connection.close()
        assert dead.body == b"no message of ours"
        worker = deployed.of("worker")[0]
        assert "broker.poison" in worker.log()
        metrics = (await call(worker.url, "GET", "/metrics", token=None)).body.decode()
        assert "sureshot_poisoned_messages_total 1.0" in metrics


async def test_an_edit_in_one_process_counts_in_all_within_a_second(tmp_path: Path) -> None:
    """An endpoint's url is changed through one API process; a worker sends to the new one."""
    second = SinkServer()
    elsewhere = f"http://127.0.0.1:{await second.start()}/"
    async with cluster(tmp_path, "api", "api", "worker", "scheduler") as deployed:
        one, two = deployed.of("api")
        body = {"name": "hook", "url": deployed.target}
        made = (await call(one.url, "POST", "/api/v1/endpoints", body)).json
        await asyncio.sleep(1.0)
        await submit(two.url, endpointId=made["id"])
        await deployed.quiet(10)
        assert len(deployed.ledger.received) == 1
        await call(two.url, "PATCH", f"/api/v1/endpoints/{made['id']}", {"url": elsewhere})
        await asyncio.sleep(1.0)
        await submit(one.url, endpointId=made["id"])
        await deployed.quiet(10)
        assert second.received == 1
        assert len(deployed.ledger.received) == 1
    await second.stop()


async def test_a_revoked_token_is_refused_everywhere_within_a_second(tmp_path: Path) -> None:
    async with cluster(tmp_path, "api", "api", "worker", "scheduler") as deployed:
        one, two = deployed.of("api")
        body = {"name": "ci", "scopes": ["read"]}
        made = (await call(one.url, "POST", "/api/v1/admin/tokens", body, token=ADMIN_TOKEN)).json
        token = made["token"]
        await asyncio.sleep(1.0)
        assert (await call(two.url, "GET", "/api/v1/webhooks", token=token)).status == 200
        path = f"/api/v1/admin/tokens/{made['id']}"
        await call(one.url, "DELETE", path, token=ADMIN_TOKEN)
        await asyncio.sleep(1.0)
        assert (await call(two.url, "GET", "/api/v1/webhooks", token=token)).status == 401


@pytest.mark.slow
async def test_the_api_tells_what_all_processes_have_in_flight(tmp_path: Path) -> None:
    async with cluster(tmp_path, "api", "worker", "worker", "scheduler") as deployed:
        deployed.sink.delay_s = 5.0
        for _ in range(10):
            await submit(deployed.url, url=deployed.target)
        await asyncio.sleep(2.0)
        depth = await deployed.depth()
        assert (depth["inFlight"], depth["depth"], depth["backlog"]) == (10, 0, 10)
        await deployed.quiet(20)
