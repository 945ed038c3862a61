"""Destinations of addresses, remembered by address and by lane so that either can be forgotten."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from sureshot.delivery.destination import Destination

Place = tuple[str, str, str]
"""A tenant, a url and a lane."""


class UrlDestinations:
    """At most *size* of them; the oldest goes first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._made: OrderedDict[Place, Destination] = OrderedDict()
        self._of_address: dict[tuple[str, str], set[Place]] = {}
        self._of_lane: dict[str, set[Place]] = {}

    def get(self, place: Place) -> Destination | None:
        """Return what was made for *place*, if it is remembered."""
        return self._made.get(place)

    def put(self, place: Place, made: Destination) -> None:
        """Remember *made* for *place*."""
        self._made[place] = made
        self._of_address.setdefault(place[:2], set()).add(place)
        self._of_lane.setdefault(place[2], set()).add(place)
        if len(self._made) > self._size:
            self._drop(next(iter(self._made)))

    def forget_address(self, tenant: str, url: str) -> None:
        """Forget what was made for the tenant's *url*, whatever the lane."""
        for place in list(self._of_address.get((tenant, url), ())):
            self._drop(place)

    def forget_lane(self, lane: str) -> None:
        """Forget what was made for *lane*, whatever the address."""
        for place in list(self._of_lane.get(lane, ())):
            self._drop(place)

    def clear(self) -> None:
        """Forget everything."""
        self._made.clear()
        self._of_address.clear()
        self._of_lane.clear()

    def _drop(self, place: Place) -> None:
        del self._made[place]
        _discard(self._of_address, place[:2], place)
        _discard(self._of_lane, place[2], place)


def _discard(index: dict[Any, set[Place]], key: Any, place: Place) -> None:
    places = index[key]
    places.discard(place)
    if not places:
        del index[key]
