"""Closing and opening lanes in the store: many at once are few transactions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from sureshot.delivery.lanes import Lanes
from sureshot.ports import ClosedLane, Store
from tests.support.clock import ManualClock


class Written:
    """A store that only counts what is written to lanes."""

    def __init__(self) -> None:
        self.calls: list[dict[str, ClosedLane | None]] = []

    async def change_lanes(self, changes: Mapping[str, ClosedLane | None]) -> None:
        self.calls.append(dict(changes))


async def test_thousands_of_receivers_that_fall_ill_together_are_few_writes() -> None:
    store = Written()
    lanes = Lanes(cast(Store, cast(Any, store)), ManualClock(), 100, 1, 10.0)
    for number in range(2000):
        lanes.close(lanes.get(f"lane {number}"), 60.0, "overloaded")
    await lanes.drain()
    assert len(store.calls) <= 3
    assert sum(len(call) for call in store.calls) == 2000
    store.calls.clear()
    for number in range(2000):
        lanes.open(lanes.get(f"lane {number}"))
    await lanes.drain()
    assert len(store.calls) <= 3
    assert not any(closed for call in store.calls for closed in call.values())
