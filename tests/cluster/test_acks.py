"""A broker that goes away while it is told what is done with keeps nobody waiting."""

from __future__ import annotations

import asyncio
import signal
import time

from aiormq.abc import AbstractChannel

from sureshot.clock import SystemClock
from sureshot.domain.model import Lease
from sureshot.queue.link import TELL_TIMEOUT_S, Link
from sureshot.queue.rabbitmq import RabbitQueue
from tests.support.builders import lease
from tests.support.own_servers import OwnRabbitMQ
from tests.support.servers import AMQP

MESSAGES = 60


async def _take_all(queue: RabbitQueue) -> list[Lease]:
    taken: list[Lease] = []
    async with asyncio.timeout(10):
        while len(taken) < MESSAGES:
            taken += await queue.take(MESSAGES)
    return taken


async def test_acks_to_a_broker_that_was_just_killed_end() -> None:
    broker = OwnRabbitMQ()
    await broker.start()
    queue = RabbitQueue(broker.url, "acks", 1000, 1 << 20, SystemClock(), 10_000)
    try:
        await queue.open()
        for _ in range(MESSAGES):
            await queue.publish([lease()])
        taken = await _take_all(queue)
        broker.send(signal.SIGKILL)
        # The event loop must not hear of it before it has begun to ack.
        time.sleep(0.5)  # noqa: ASYNC251
        async with asyncio.timeout(TELL_TIMEOUT_S + 5):
            await queue.ack(taken)
    finally:
        await queue.close()
        await broker.remove()


async def test_what_could_not_be_told_on_a_lost_connection_leaves_the_new_one_alone() -> None:
    lost: list[None] = []
    link = Link(AMQP, "late", _prepared, lambda: lost.append(None), confirms=False, heartbeat_s=10)
    try:
        await link.open(5)
        first = link.channel
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        telling = asyncio.create_task(link.tell(never))
        await asyncio.sleep(0)
        link.renew()
        async with asyncio.timeout(10):
            while link.channel in {None, first}:
                await asyncio.sleep(0.01)
        second = link.channel
        async with asyncio.timeout(TELL_TIMEOUT_S + 5):
            await telling
        await asyncio.sleep(0.5)
        assert link.channel is second
        assert len(lost) == 1
    finally:
        await link.close()


async def _prepared(_channel: AbstractChannel) -> None:
    """Need nothing."""
