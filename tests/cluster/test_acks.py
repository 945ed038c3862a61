"""A broker that goes away while it is told what is done with keeps nobody waiting."""

from __future__ import annotations

import asyncio
import signal
import time

from sureshot.clock import SystemClock
from sureshot.domain.model import Lease
from sureshot.queue.link import TELL_TIMEOUT_S
from sureshot.queue.rabbitmq import RabbitQueue
from tests.support.builders import lease
from tests.support.own_servers import OwnRabbitMQ

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
