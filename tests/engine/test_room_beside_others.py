"""The queue in memory beside other processes: what cannot be taken soon is left to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sureshot.ports import Beat, Census, Peer
from sureshot.queue.memory import FIRST_ROOM, MemoryQueue
from tests.support.builders import lease

LIMIT = 10_000


class Hand:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _census(processes: int) -> Census:
    beat = Beat("all", "1", 0, 0, 0)
    return Census([Peer(f"p_{number}", beat, 0.0) for number in range(processes)])


def _queue(monotonic: Callable[[], float], slots: int) -> MemoryQueue:
    return MemoryQueue(LIMIT, 1 << 30, monotonic, slots=slots)


def test_alone_there_is_room_for_the_whole_limit() -> None:
    queue = _queue(Hand(), slots=5)
    queue.learn(_census(1))
    assert queue.room()[0] == LIMIT


def test_with_few_slots_little_is_kept_from_the_others() -> None:
    queue = _queue(Hand(), slots=5)
    queue.learn(_census(2))
    assert queue.room()[0] == 5


def test_with_many_slots_a_burst_after_a_silence_has_room() -> None:
    queue = _queue(Hand(), slots=100_000)
    queue.learn(_census(2))
    assert queue.room()[0] == FIRST_ROOM


@pytest.mark.parametrize(("taken", "room"), [(40, 20), (4000, 2000), (30_000, LIMIT)])
async def test_room_follows_what_is_taken_in_half_a_second(taken: int, room: int) -> None:
    hand = Hand()
    queue = _queue(hand, slots=5)
    queue.learn(_census(2))
    for _ in range(taken // 20):
        await queue.publish([lease() for _ in range(20)])
        queue.take_now(20)
    hand.now_s = 1.0
    queue.learn(_census(2))
    assert queue.room()[0] == room


async def test_what_was_leased_while_there_was_more_room_still_goes_in() -> None:
    queue = _queue(Hand(), slots=5)
    queue.learn(_census(2))
    await queue.publish([lease() for _ in range(50)])
    assert (queue.depth(), queue.room()[0]) == (50, 0)


async def test_when_the_others_are_gone_the_whole_limit_is_back() -> None:
    queue = _queue(Hand(), slots=5)
    queue.learn(_census(2))
    queue.learn(_census(1))
    assert queue.room()[0] == LIMIT
