"""What waits in a real RabbitMQ is what the sampler tells of it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator

import aiormq
import pytest
from aiormq.abc import AbstractChannel, DeliveredMessage

from sureshot_lab.errors import ToolMissing
from sureshot_lab.sampler.http_get import HttpGet
from sureshot_lab.sampler.rabbitmq import RabbitMQ
from sureshot_lab.sampler.rabbitmq_details import RabbitMQDetails
from sureshot_lab.sampler.sampler import Sampler
from sureshot_lab.sampler.source import Source, SourceUnreadable
from tests.support.own_servers import OwnRabbitMQ, free_port
from tests.support.servers import AMQP, fresh_queue

on_rabbitmq = pytest.mark.parametrize("queue", ["rabbitmq"], indirect=True)


@pytest.fixture
async def queue() -> AsyncIterator[str]:
    async with fresh_queue() as name:
        yield name


async def hold(message: DeliveredMessage) -> None:
    """Take a message and never acknowledge it."""


async def until(source: Source, expected: dict[str, float]) -> dict[str, float]:
    """Read until the values hold what is expected."""
    async with asyncio.timeout(30):
        while not expected.items() <= (values := await source.read()).items():
            await asyncio.sleep(0.1)
    return values


async def seven_with_two_taken(channel: AbstractChannel, queue: str) -> None:
    await channel.queue_declare(queue)
    for _ in range(7):
        await channel.basic_publish(b"x", routing_key=queue)
    await channel.basic_qos(prefetch_count=2)
    await channel.basic_consume(queue, hold)


@on_rabbitmq
async def test_waiting_messages_and_consumers_are_counted(queue: str) -> None:
    source = RabbitMQ(AMQP, [queue])
    connection = await aiormq.connect(AMQP)
    channel = await connection.channel()
    await channel.queue_declare(queue)
    assert await source.read() == {"rabbitmq.ready": 0, "rabbitmq.consumers": 0}
    await seven_with_two_taken(channel, queue)
    await until(source, {"rabbitmq.ready": 5, "rabbitmq.consumers": 1})
    await connection.close()
    await until(source, {"rabbitmq.ready": 7, "rabbitmq.consumers": 0})
    await source.close()


@on_rabbitmq
async def test_a_queue_that_is_not_there_yet_is_named_and_asked_for_again(queue: str) -> None:
    source = RabbitMQ(AMQP, [queue])
    with pytest.raises(SourceUnreadable, match=f"the broker has no queue '{queue}' "):
        await source.read()
    connection = await aiormq.connect(AMQP)
    await (await connection.channel()).queue_declare(queue)
    assert (await source.read())["rabbitmq.ready"] == 0
    await connection.close()
    await source.close()


@on_rabbitmq
async def test_a_broker_that_is_away_is_a_problem_and_no_more(queue: str) -> None:
    sampler = Sampler([RabbitMQ(f"amqp://guest:guest@127.0.0.1:{free_port()}/", [queue])], 0.2)
    await sampler.start()
    await sampler.stop()
    assert sampler.problems[0].startswith("rabbitmq: failed 2 of 2 reads")


@on_rabbitmq
async def test_the_brokers_own_command_tells_what_is_taken_and_how_large_it_is(queue: str) -> None:
    if shutil.which("rabbitmqctl") is None or os.geteuid() != 0:
        pytest.skip("rabbitmqctl needs root here")
    connection = await aiormq.connect(AMQP)
    await seven_with_two_taken(await connection.channel(), queue)
    source = RabbitMQDetails(AMQP, [queue])
    # As if nobody listened at the port that the management plugin has.
    source._management = HttpGet(f"http://127.0.0.1:{free_port()}")
    source._pace.every_s = 0.0
    await asyncio.sleep(0.3)
    values = await source.read()
    assert values["rabbitmq.unacked"] == 2
    assert values["rabbitmq.memory_bytes"] > 1000
    assert values.keys() == {"rabbitmq.unacked", "rabbitmq.memory_bytes"}
    # It is dear, so not asked again at once.
    assert await source.read() == {}
    await connection.close()


@on_rabbitmq
async def test_without_any_tool_it_is_said_what_to_install(queue: str) -> None:
    source = RabbitMQDetails(AMQP, [queue], control="no-such-rabbitmqctl")
    source._management = HttpGet(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ToolMissing, match="rabbitmq-plugins enable rabbitmq_management"):
        await source.read()


@on_rabbitmq
async def test_an_address_given_is_the_only_one_asked(queue: str) -> None:
    port = free_port()
    source = RabbitMQDetails(AMQP, [queue], management_url=f"http://127.0.0.1:{port}")
    with pytest.raises(SourceUnreadable, match=f":{port}/api/queues/%2F/{queue}: .*refused"):
        await source.read()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rabbitmq"])
async def test_the_management_api_tells_rates_too(kind: str) -> None:
    broker, port = OwnRabbitMQ(), free_port()
    (broker.folder / "plugins").write_text("[rabbitmq_management].\n")
    (broker.folder / "none.conf").write_text(
        f"management.tcp.port = {port}\nmanagement.tcp.ip = 127.0.0.1\n"
    )
    await broker.start()
    try:
        connection = await aiormq.connect(broker.url)
        channel = await connection.channel()
        await seven_with_two_taken(channel, "a queue")
        source = RabbitMQDetails(
            broker.url, ["a queue"], management_url=f"http://guest:guest@127.0.0.1:{port}"
        )
        source._pace.every_s = 0.0
        values = await until(source, {"rabbitmq.unacked": 2})
        assert values["rabbitmq.memory_bytes"] > 1000
        for _ in range(20):
            await channel.basic_publish(b"x", routing_key="a queue")
        async with asyncio.timeout(30):
            while not (await source.read())["rabbitmq.published_per_s"]:
                await asyncio.sleep(0.2)
        await source.close()
        wrong = f"http://guest:wrong@127.0.0.1:{port}"
        stranger = RabbitMQDetails(broker.url, ["a queue"], management_url=wrong)
        with pytest.raises(SourceUnreadable, match="answers 401"):
            await stranger.read()
        await stranger.close()
        await connection.close()
    finally:
        await broker.remove()
