"""The queue in memory beside other processes: what cannot be taken soon is left to them."""

from __future__ import annotations

import pytest

from sureshot.ports import Beat, Census, Peer
from sureshot.queue.memory import FIRST_ROOM, MemoryQueue
from tests.support.builders import lease
from tests.support.clock import ManualClock

LIMIT = 10_000


def _census(processes: int) -> Census:
    beat = Beat("all", "1", 0, 0, 0)
    return Census([Peer(f"p_{number}", beat, 0.0) for number in range(processes)])


def _queue(clock: ManualClock, slots: int) -> MemoryQueue:
    return MemoryQueue(LIMIT, 1 << 30, clock.monotonic, slots=slots)


def test_alone_there_is_room_for_the_whole_limit() -> None:
    queue = _queue(ManualClock(), slots=5)
    queue.learn(_census(1))
    assert queue.room()[0] == LIMIT


def test_with_few_slots_little_is_kept_from_the_others() -> None:
    queue = _queue(ManualClock(), slots=5)
    queue.learn(_census(2))
    assert queue.room()[0] == 5


def test_with_many_slots_a_burst_after_a_silence_has_room() -> None:
    queue = _queue(ManualClock(), slots=100_000)
    queue.learn(_census(2))
    assert queue.room()[0] == FIRST_ROOM


@pytest.mark.parametrize(("taken", "room"), [(40, 20), (4000, 2000), (30_000, LIMIT)])
async def test_room_follows_what_is_taken_in_half_a_second(taken: int, room: int) -> None:
    clock = ManualClock()
    queue = _queue(clock, slots=5)
    queue.learn(_census(2))
    for _ in range(taken // 20):
        await queue.publish([lease() for _ in range(20)])
        queue.take_now(20)
    clock.advance(1.0)
    queue.learn(_census(2))
    assert queue.room()[0] == room


async def test_what_was_leased_while_there_was_more_room_still_goes_in() -> None:
    queue = _queue(ManualClock(), slots=5)
    queue.learn(_census(2))
    await queue.publish([lease() for _ in range(50)])
    assert (queue.depth(), queue.room()[0]) == (50, 0)


async def test_when_the_others_are_gone_the_whole_limit_is_back() -> None:
    queue = _queue(ManualClock(), slots=5)
    queue.learn(_census(2))
    queue.learn(_census(1))
    assert queue.room()[0] == LIMIT
