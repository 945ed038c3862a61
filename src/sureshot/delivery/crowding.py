"""Lanes of a tenant that has all the slots it may have: passed over until it has room."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from sureshot.delivery.lanes import Lanes
from sureshot.delivery.slots import Slots
from sureshot.domain.model import Lease
from sureshot.ports import FULL

ROOM_SHARE = 4
"""A tenant is let in again when this part of the slots it may have is free."""


class _TurnedAway:
    """A tenant's closed lanes, the first closed first, and how many are opened next."""

    __slots__ = ("at_once", "lanes")

    def __init__(self) -> None:
        self.lanes: dict[str, None] = {}
        self.at_once = 1


class Crowding:
    """Gives leases beyond a tenant's share back, and has their lanes wait in the store.

    Their lanes are closed as full, so that nothing more of them is leased in vain. They
    are opened one first, then twice as many each time while there still is room: one
    may have a single webhook, or enough for all slots.
    """

    def __init__(self, slots: Slots, lanes: Lanes, give_back: Callable[[Lease], None]) -> None:
        self._slots = slots
        self._lanes = lanes
        self._give_back = give_back
        self._tenants: dict[str, _TurnedAway] = {}

    def turn_away(self, leases: Iterable[Lease]) -> None:
        """Give *leases*, of tenants that have all they may, back to the store."""
        for lease in leases:
            self._lanes.overflowed(self._lanes.get(lease.lane))
            away = self._tenants.get(lease.tenant)
            if away is None:
                away = self._tenants[lease.tenant] = _TurnedAway()
            away.lanes[lease.lane] = None
            away.at_once = 1
            self._give_back(lease)

    def readmit(self) -> None:
        """Open some lanes of each tenant that has room again; to be called often."""
        for tenant, away in list(self._tenants.items()):
            room = self._slots.room_of(tenant)
            if room <= 0 or ROOM_SHARE * room < self._slots.limit // 2:
                continue
            for key in list(islice(away.lanes, min(room, away.at_once))):
                del away.lanes[key]
                lane = self._lanes.get(key)
                if lane.marked == FULL:
                    self._lanes.open(lane)
            away.at_once *= 2
            if not away.lanes:
                del self._tenants[tenant]
