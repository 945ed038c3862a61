"""What the line needs of a Queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sureshot.clock import SystemClock
from sureshot.domain.errors import Overloaded
from sureshot.domain.model import Lease
from sureshot.ports import Queue
from sureshot.queue.memory import MemoryQueue
from sureshot.queue.rabbitmq import RabbitQueue
from tests.support.builders import lease
from tests.support.servers import AMQP, fresh_queue


@pytest.fixture(params=["memory", "rabbitmq"])
async def queue(request: pytest.FixtureRequest) -> AsyncIterator[Queue]:
    """Return an empty queue for 10 leases of 1,000 bytes together."""
    if request.param == "memory":
        yield MemoryQueue(10, 1000)
        return
    async with fresh_queue() as name:
        made = RabbitQueue(AMQP, name, 10, 1000, SystemClock(), 100)
        await made.open()
        yield made
        await made.close()


def _lease(size: int = 10) -> Lease:
    return lease(payload=b"x" * size)


async def test_leases_come_out_in_the_order_they_went_in(queue: Queue) -> None:
    leases = [_lease() for _ in range(6)]
    await queue.publish(leases[:4])
    await queue.publish(leases[4:])
    taken = await queue.take(3)
    async with asyncio.timeout(5):
        while len(taken) < 6:
            taken += await queue.take(10)
    assert taken == leases


async def test_room_and_depth_tell_what_fits(queue: Queue) -> None:
    assert (queue.room(), queue.depth()) == ((10, 1000), 0)
    await queue.publish([_lease(100), _lease(100)])
    assert (queue.room(), queue.depth()) == ((8, 800), 2)
    await queue.ack(await queue.take(1))
    assert (queue.room(), queue.depth()) == ((9, 900), 1)


async def test_what_does_not_fit_is_refused_whole(queue: Queue) -> None:
    with pytest.raises(Overloaded):
        await queue.publish([_lease() for _ in range(11)])
    await queue.publish([_lease(900)])
    with pytest.raises(Overloaded):
        await queue.publish([_lease(101)])
    assert queue.depth() == 1


async def test_one_lease_larger_than_the_queue_still_passes(queue: Queue) -> None:
    await queue.publish([_lease(5000)])
    assert len(await queue.take(1)) == 1


async def test_taking_waits_for_the_first_lease(queue: Queue) -> None:
    taker = asyncio.create_task(queue.take(5))
    await asyncio.sleep(0.02)
    assert not taker.done()
    one = _lease()
    await queue.publish([one])
    assert await asyncio.wait_for(taker, 1) == [one]


async def test_a_taker_that_gives_up_loses_nothing(queue: Queue) -> None:
    taker = asyncio.create_task(queue.take(5))
    await asyncio.sleep(0.01)
    taker.cancel()
    await asyncio.gather(taker, return_exceptions=True)
    one = _lease()
    await queue.publish([one])
    assert await queue.take(5) == [one]


async def test_two_takers_share_without_doubling(queue: Queue) -> None:
    takers = [asyncio.create_task(queue.take(2)) for _ in range(3)]
    await asyncio.sleep(0.01)
    leases = [_lease() for _ in range(6)]
    await queue.publish(leases)
    taken = [lease for batch in await asyncio.gather(*takers) for lease in batch]
    assert sorted(lease.webhook_id for lease in taken) == [lease.webhook_id for lease in leases]


async def test_closing_wakes_whoever_waits(queue: Queue) -> None:
    taker = asyncio.create_task(queue.take(5))
    await asyncio.sleep(0.01)
    await queue.close()
    assert await asyncio.wait_for(taker, 1) == []
