"""Room for so many at once, shared by owners of whom none may crowd out the others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class FairRoom(Generic[K]):
    """Places for *size* at once; an owner has at most as many as it leaves free.

    So one owner alone gets half, a second half of what is left, and one that
    comes new finds a place. Whoever finds none waits, the owners being served
    in turns.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._taken: dict[str, int] = {}
        self._waiting: OrderedDict[str, OrderedDict[K, None]] = OrderedDict()

    def take(self, owner: str) -> bool:
        """Take a place for *owner*; False when there is none for it now."""
        taken = self._taken.get(owner, 0)
        if taken >= self._free:
            return False
        self._taken[owner] = taken + 1
        self._free -= 1
        return True

    def give_back(self, owner: str) -> None:
        """Free a place of *owner*'s; ask for ``next_turn`` then."""
        self._free += 1
        self._taken[owner] -= 1
        if not self._taken[owner]:
            del self._taken[owner]

    def wait(self, owner: str, who: K) -> None:
        """Have *who* wait in *owner*'s name; once, however often this is called."""
        self._waiting.setdefault(owner, OrderedDict())[who] = None

    def next_turn(self) -> tuple[str, K] | None:
        """Return an owner, with a place taken for it, and who waited longest in its name.

        None when nobody waits who may have a place.
        """
        owner = next((one for one in self._waiting if self.take(one)), None)
        if owner is None:
            return None
        waiting = self._waiting[owner]
        who, _none = waiting.popitem(last=False)
        if waiting:
            self._waiting.move_to_end(owner)
        else:
            del self._waiting[owner]
        return owner, who
