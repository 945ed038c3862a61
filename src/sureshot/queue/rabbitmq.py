"""The queue of the cluster profile: a RabbitMQ quorum queue that carries batches of leases."""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import aiormq
import msgspec
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic

from sureshot.domain.errors import Overloaded
from sureshot.domain.model import Lease
from sureshot.ports import Census, Clock, QueueRefused
from sureshot.queue.held import Held, Message
from sureshot.queue.link import FAILURES, Link
from sureshot.queue.wire import Undecodable, decode, encode, split
from sureshot.telemetry.logging import get_logger

PREFETCH = 128
"""Messages a consumer may hold at once; each carries up to 100 leases."""
FEWEST_MESSAGES = 4
DELIVERY_LIMIT = 10
"""A message delivered more often is dead-lettered: it kills its consumers at once."""
SUSPECT_AFTER = 5
"""The leases of a message that came so often are worked off one by one instead."""
CONSUMER = "sureshot"
PUBLISH_TIMEOUT_S = 2.0
OPEN_WITHIN_S = 3.0
CONSUME_HEARTBEAT_S = 1
"""What a frozen consumer holds goes to another one after two to three of these."""
PUBLISH_HEARTBEAT_S = 10
PUBLISHING_ROLES = frozenset({"api", "scheduler", "all"})

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

log = get_logger()


def _ignore(_waited_s: float, _leases: int) -> None:
    """Observe nothing."""


class RabbitQueue:
    """``ports.Queue`` on RabbitMQ: confirmed, mandatory publishes; one ack for each batch.

    Publishing and consuming use connections of their own, so that a blocked
    publisher does not stop consumers. The bound on the queue is kept by its
    publishers: each may fill its part of what the last census left free.
    """

    brokered = True

    def __init__(
        self,
        url: str,
        name: str,
        limit: int,
        limit_bytes: int,
        clock: Clock,
        slots: int,
        observe: Callable[[float, int], None] = _ignore,
        *,
        consumes: bool = True,
    ) -> None:
        """*slots* is how many leases the worker may have in hand."""
        self._name = name
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._observe = observe
        # A message may hold a hundred leases or one: with few slots a few messages must do.
        self._prefetch = max(min(slots, FEWEST_MESSAGES), min(PREFETCH, slots // 50))
        self._publisher = Link(
            url,
            "sureshot-publish",
            self._declare,
            _nothing,
            confirms=True,
            heartbeat_s=PUBLISH_HEARTBEAT_S,
        )
        self._consumer = None
        if consumes:
            self._consumer = Link(
                url,
                "sureshot-consume",
                self._consume,
                self._lost,
                confirms=False,
                heartbeat_s=CONSUME_HEARTBEAT_S,
            )
        self._messages: deque[Message] = deque()
        self._held = Held(clock.monotonic)
        self._suspects: list[Lease] = []
        self._arrived = asyncio.Event()
        self._closed = False
        self.published = 0
        self.taken = 0
        self.poisoned = 0
        self._counted = (0, 0, 0)
        self._share = limit
        self._mean_bytes = 0.0

    async def open(self) -> None:
        """See ``Queue.open``."""
        await asyncio.gather(
            *(link.open(OPEN_WITHIN_S) for link in (self._publisher, self._consumer) if link)
        )

    # -- how much is in it --------------------------------------------------

    def depth(self) -> int:
        """See ``Queue.depth``: the last census, moved on by what this process did since."""
        total, published, taken = self._counted
        return max(0, total + (self.published - published) - (self.taken - taken))

    @property
    def connections(self) -> int:
        """See ``Queue.connections``: one to publish, and a worker's one to consume."""
        links = (self._publisher, self._consumer)
        return sum(1 for link in links if link is not None and link.channel is not None)

    def room(self) -> tuple[int, int]:
        """See ``Queue.room``; none while the broker is away or takes nothing."""
        if self._publisher.channel is None or self._publisher.blocked:
            return 0, 0
        since = self.published - self._counted[1] - (self.taken - self._counted[2])
        room = min(self._share - since, self._limit - self.depth())
        waiting_bytes = round(self.depth() * self._mean_bytes)
        return max(0, room), max(0, self._limit_bytes - waiting_bytes)

    def learn(self, census: Census) -> None:
        """See ``Queue.learn``."""
        total = census.carry + sum(p.beat.published - p.beat.taken for p in census.peers)
        publishers = sum(1 for peer in census.peers if peer.beat.role in PUBLISHING_ROLES)
        self._counted = (max(0, total), self.published, self.taken)
        self._share = max(0, self._limit - max(0, total)) // max(1, publishers)

    async def ready_messages(self) -> int | None:
        """Return how many messages no consumer has been given; None when nobody can tell."""
        channel = self._publisher.channel
        if channel is None:
            return None
        try:
            declared = await channel.queue_declare(
                self._name, passive=True, timeout=PUBLISH_TIMEOUT_S
            )
        except FAILURES:
            self._publisher.renew()
            return None
        return declared.message_count

    # -- publishing ---------------------------------------------------------

    async def publish(self, leases: Sequence[Lease]) -> None:
        """See ``Queue.publish``."""
        if not leases:
            return
        size = sum(len(lease.payload) for lease in leases)
        room, room_bytes = self.room()
        if len(leases) > room or (size > room_bytes and self.depth()):
            raise Overloaded("the queue is full", reason="queue_full")
        self.published += len(leases)
        share = min(1.0, len(leases) / 1000) if self._mean_bytes else 1.0
        self._mean_bytes += share * (size / len(leases) - self._mean_bytes)
        batches = list(split(leases))
        outcomes = await asyncio.gather(*(self._publish_one(batch) for batch in batches))
        refused = [
            lease for batch, went in zip(batches, outcomes, strict=True) if not went
            for lease in batch
        ]  # fmt: skip
        if refused:
            self.published -= len(refused)
            raise QueueRefused(refused)

    async def _publish_one(self, batch: list[Lease]) -> bool:
        """Publish one message; False when it certainly is not in the queue."""
        channel = self._publisher.channel
        if channel is None:
            return False
        try:
            await channel.basic_publish(  # type: ignore[call-arg]  # wait: not in its interface
                encode(batch, self._clock.now()),
                routing_key=self._name,
                properties=Basic.Properties(delivery_mode=2),
                mandatory=True,
                timeout=PUBLISH_TIMEOUT_S,
                wait=False,
            )
        except aiormq.exceptions.DeliveryError as error:
            # Returned (the queue is gone) or refused: a new channel declares it again.
            log.warning("broker.refused", leases=len(batch), reason=str(error))
            self._publisher.renew()
            return False
        except FAILURES as error:
            # Whether it arrived nobody knows: if it did not, the leases run out.
            log.warning("broker.publish_unknown", leases=len(batch), reason=repr(error))
            self._publisher.renew()
        return True

    async def _declare(self, channel: AbstractChannel) -> None:
        dead = f"{self._name}.dead-letter"
        await channel.queue_declare(dead, durable=True, arguments={"x-queue-type": "quorum"})
        await channel.queue_declare(
            self._name,
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-delivery-limit": DELIVERY_LIMIT,
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": dead,
            },
        )

    # -- consuming ----------------------------------------------------------

    async def _consume(self, channel: AbstractChannel) -> None:
        await self._declare(channel)
        await channel.basic_qos(prefetch_count=self._prefetch)
        if self._consumer is not None:
            channel.on_consumer_cancel_callbacks.add(self._cancelled)
        on_message = functools.partial(self._receive, channel)
        await channel.basic_consume(self._name, on_message, consumer_tag=CONSUMER)

    def _cancelled(self, _frame: object) -> None:
        """Start over: the broker ended the consumer, so the queue was deleted or moved."""
        if self._consumer is not None:
            self._consumer.renew()

    def _lost(self) -> None:
        """Forget what the broker will deliver again."""
        self._messages.clear()
        self._suspects.clear()
        self._held.forget_channel()

    async def _receive(self, channel: AbstractChannel, delivered: DeliveredMessage) -> None:
        tag = delivered.delivery_tag or 0
        try:
            batch = decode(delivered.body)
        except Undecodable as error:
            self.poisoned += 1
            log.error(  # noqa: TRY400 - nobody needs the traceback of a bad message
                "broker.poison", reason=str(error), size_bytes=len(delivered.body)
            )
            if self._consumer is not None:
                await self._consumer.tell(channel.basic_reject(tag, requeue=False, wait=False))
            return
        leases = batch.leases
        if delivered.redelivered:
            # They may be settled, and only the ack was lost: leases that end now are
            # renewed before use, and renewing tells.
            leases = [msgspec.structs.replace(one, expires_at=LONG_AGO) for one in leases]
        message = Message(channel, tag, batch.published_at, deque(leases))
        for settled in self._held.adopt(message):
            await self._ack_message(settled)
        if message.settled:
            await self._ack_message(message)
        elif _deliveries(delivered) >= SUSPECT_AFTER:
            self._suspects += self._held.take(message, len(message.waiting))
        else:
            self._messages.append(message)
            self._arrived.set()

    async def take(self, limit: int) -> list[Lease]:
        """See ``Queue.take``."""
        while not self._messages and not self._closed:
            self._arrived.clear()
            await self._arrived.wait()
        taken: list[Lease] = []
        now = self._clock.now()
        while self._messages and len(taken) < limit:
            message = self._messages[0]
            leases = self._held.take(message, limit - len(taken))
            taken += leases
            waited_s = (now - message.published_at).total_seconds()
            self._observe(max(0.0, waited_s), len(leases))
            if not message.waiting:
                self._messages.popleft()
        self.taken += len(taken)
        for settled in self._held.replaced():
            await self._ack_message(settled)
        return taken

    def suspects(self) -> list[Lease]:
        """See ``Queue.suspects``: leases of messages that came too often, told once."""
        found, self._suspects = self._suspects, []
        return found

    async def ack(self, leases: Sequence[Lease]) -> None:
        """See ``Queue.ack``: a message goes when its last lease is settled."""
        for lease in leases:
            message = self._held.settle(lease)
            if message is not None:
                await self._ack_message(message)

    def overdue(self) -> list[Lease]:
        """See ``Queue.overdue``; sooner when the slow ones keep new messages out."""
        crowded = self._held.messages > self._prefetch * 0.7
        return self._held.overdue(crowded=crowded)

    async def _ack_message(self, message: Message) -> None:
        if self._consumer and message.channel is not None and not message.channel.is_closed:
            # If it is lost all comes again; renewing finds what is settled.
            await self._consumer.tell(message.channel.basic_ack(message.tag, wait=False))

    # -- the end ------------------------------------------------------------

    async def drain(self) -> None:
        """See ``Queue.drain``: unacknowledged messages return to the broker by themselves."""
        self._messages.clear()
        if self._consumer is not None:
            channel = self._consumer.channel
            if channel is not None:
                try:
                    await channel.basic_cancel(CONSUMER, timeout=PUBLISH_TIMEOUT_S)
                except FAILURES:
                    log.debug("broker.cancel_lost")

    def left_here(self) -> int:
        """See ``Queue.left_here``: nothing is in this process alone."""
        return 0

    async def close(self) -> None:
        """See ``Queue.close``."""
        self._closed = True
        self._messages.clear()
        self._arrived.set()
        for link in (self._publisher, self._consumer):
            if link is not None:
                await link.close()


def _deliveries(delivered: DeliveredMessage) -> int:
    """Return how often the message was delivered before without being settled."""
    headers = delivered.header.properties.headers or {}
    count = headers.get("x-delivery-count", 0)
    return count if isinstance(count, int) else 0


def _nothing() -> None:
    """Care for nothing: a lost publisher keeps no state."""
