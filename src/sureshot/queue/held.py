"""Which broker messages this process holds, and which of their leases are not settled."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime

from aiormq.abc import AbstractChannel

from sureshot.domain.model import Lease

OVERDUE_S = 2.0
CROWDED_S = 0.05


class Message:
    """A delivered message: the leases nobody took yet, and those in flight."""

    __slots__ = ("channel", "in_hand", "published_at", "tag", "taken_s", "waiting")

    def __init__(
        self,
        channel: AbstractChannel | None,
        tag: int,
        published_at: datetime,
        waiting: deque[Lease],
    ) -> None:
        self.channel = channel
        self.tag = tag
        self.published_at = published_at
        self.waiting = waiting
        self.in_hand: dict[str, Lease] = {}
        self.taken_s = 0.0

    @property
    def settled(self) -> bool:
        """Whether the broker may forget it."""
        return not self.waiting and not self.in_hand


class Held:
    """Finds a lease's message, and the messages that are held for long."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._by_webhook: dict[str, Message] = {}
        self._taken: dict[int, Message] = {}
        self._replaced: list[Message] = []

    @property
    def messages(self) -> int:
        """How many messages have leases in flight."""
        return len(self._taken)

    def adopt(self, message: Message) -> list[Message]:
        """Move leases that are in flight here to *message*: it was delivered again.

        A lease of it that was replaced since by a newer one of the same webhook is
        void and dropped. Returns the messages that thereby became settled.
        """
        settled = []
        for lease in list(message.waiting):
            before = self._by_webhook.get(lease.webhook_id)
            if before is None:
                continue
            token = before.in_hand[lease.webhook_id].token
            if lease.token > token:
                continue
            message.waiting.remove(lease)
            if lease.token == token:
                del before.in_hand[lease.webhook_id]
                if self._drop_if_settled(before):
                    settled.append(before)
                self._keep(message, lease)
        return settled

    def replaced(self) -> list[Message]:
        """Return, once, messages whose last lease was replaced by a newer one of its webhook."""
        found, self._replaced = self._replaced, []
        return found

    def take(self, message: Message, limit: int) -> list[Lease]:
        """Return up to *limit* of the leases nobody took."""
        count = min(limit, len(message.waiting))
        leases = [message.waiting.popleft() for _ in range(count)]
        for lease in leases:
            self._keep(message, lease)
        return leases

    def settle(self, lease: Lease) -> Message | None:
        """Forget *lease*, renewed or not; return its message if that was the last one in it.

        One that was replaced by a newer lease of its webhook is forgotten already.
        """
        message = self._by_webhook.get(lease.webhook_id)
        if message is None or lease.token < message.in_hand[lease.webhook_id].token:
            return None
        del self._by_webhook[lease.webhook_id]
        del message.in_hand[lease.webhook_id]
        return message if self._drop_if_settled(message) else None

    def overdue(self, *, crowded: bool) -> list[Lease]:
        """Return what is in flight of messages taken a while ago and taken entirely."""
        before_s = self._monotonic() - (CROWDED_S if crowded else OVERDUE_S)
        return [
            lease
            for message in self._taken.values()
            if message.taken_s < before_s
            for lease in message.in_hand.values()
        ]

    def forget_channel(self) -> None:
        """Remember the leases in flight, but not whom to ack: that connection is gone."""
        for message in self._taken.values():
            message.channel = None
            message.waiting.clear()

    def _keep(self, message: Message, lease: Lease) -> None:
        before = self._by_webhook.get(lease.webhook_id)
        if before is not None and before is not message:
            before.in_hand.pop(lease.webhook_id, None)
            if self._drop_if_settled(before):
                self._replaced.append(before)
        if not message.in_hand:
            message.taken_s = self._monotonic()
            self._taken[id(message)] = message
        message.in_hand[lease.webhook_id] = lease
        self._by_webhook[lease.webhook_id] = message

    def _drop_if_settled(self, message: Message) -> bool:
        if not message.in_hand:
            self._taken.pop(id(message), None)
        return message.settled
