"""Queue: carries leases to workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sureshot.domain.errors import Overloaded
from sureshot.domain.model import Lease
from sureshot.ports.values import Census


class QueueRefused(Overloaded):
    """Only a part went in: *leases* certainly did not, the others may have."""

    def __init__(self, leases: list[Lease]) -> None:
        self.leases = leases
        super().__init__("the broker refused", reason="queue_refused")


class Queue(Protocol):
    """Carries leases to workers, at least once. Holds no truth and no delays.

    ``brokered`` tells that a lease in it belongs to no process: it outlives
    whoever published it. ``published`` and ``taken`` count leases since the
    start of this process, ``poisoned`` messages that could not be read.
    """

    brokered: bool
    published: int
    taken: int
    poisoned: int

    async def open(self) -> None:
        """Get ready; a broker that is away is no error, it is waited for."""
        ...

    def learn(self, census: Census) -> None:
        """Take over what the deployment's heartbeats say about everybody's leases."""
        ...

    async def ready_messages(self) -> int | None:
        """Return how many messages lie in the broker untaken; None when there is none to ask."""
        ...

    async def drain(self) -> None:
        """Take no more from a broker; ``left_here`` leases are for this process to give back."""
        ...

    def left_here(self) -> int:
        """Return how many untaken leases only this process can give back."""
        ...

    def suspects(self) -> list[Lease]:
        """Return, once, leases that the broker delivered again and again: they kill consumers.

        They are to be given back to the store as such, and then acked.
        """
        ...

    def overdue(self) -> list[Lease]:
        """Return leases taken a while ago that the broker still keeps for this process.

        They are to be renewed in this process's name and then acked, so that one
        slow receiver never holds on to a message.
        """
        ...

    def room(self) -> tuple[int, int]:
        """Return how many leases, and how many bytes of payload, still fit."""
        ...

    async def publish(self, leases: Sequence[Lease]) -> None:
        """Hand *leases* over.

        Raises ``Overloaded`` when they are certainly not in the queue. Whether
        they are may be unknown (the broker died): then nothing is raised, and
        what is lost expires.
        """
        ...

    async def take(self, limit: int) -> list[Lease]:
        """Wait for at least one lease and return at most *limit*."""
        ...

    async def ack(self, leases: Sequence[Lease]) -> None:
        """Forget *leases*: each was recorded, renewed elsewhere or given back."""
        ...

    def depth(self) -> int:
        """Return how many leases were published and not yet taken."""
        ...

    @property
    def connections(self) -> int:
        """How many connections to a broker this process has open."""
        ...

    async def close(self) -> None:
        """Stop handing out; ``take`` returns what is left, then empty lists."""
        ...
