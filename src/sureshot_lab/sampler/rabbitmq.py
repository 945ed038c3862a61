"""How many messages wait in the broker's queues, asked over AMQP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import aiormq
from aiormq.abc import AbstractChannel, AbstractConnection

from sureshot_lab.sampler.source import Source, SourceUnreadable

TIMEOUT_S = 5.0
FAILURES = (aiormq.exceptions.AMQPError, OSError, TimeoutError, RuntimeError)
"""What a connection ends with; aiormq's errors of a wrong state are RuntimeErrors."""


class RabbitMQ(Source):
    """``rabbitmq.ready`` (waiting, not yet sent to a consumer) and ``rabbitmq.consumers``.

    Sums over *queues*, by declaring each passively: exact, as of now, and cheap. What is
    sent and not acknowledged is told by ``RabbitMQDetails`` alone.
    """

    name = "rabbitmq"

    def __init__(self, url: str, queues: Sequence[str]) -> None:
        self._url = url
        self._queues = tuple(queues)
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None

    async def read(self) -> dict[str, float]:
        """Return the counts now. Raises ``SourceUnreadable``; the next read connects anew."""
        queue = ""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                channel = await self._open()
                ready = consumers = 0
                for queue in self._queues:
                    told = await channel.queue_declare(queue, passive=True)
                    ready += told.message_count or 0
                    consumers += told.consumer_count or 0
        except aiormq.exceptions.ChannelNotFoundEntity:
            # The broker closed the channel; the connection is as good as before.
            raise SourceUnreadable(f"the broker has no queue {queue!r} (yet)") from None
        except FAILURES:
            await self.close()
            raise
        return {"rabbitmq.ready": float(ready), "rabbitmq.consumers": float(consumers)}

    async def close(self) -> None:
        """Disconnect."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(*FAILURES):
                async with asyncio.timeout(1.0):
                    await connection.close()

    async def _open(self) -> AbstractChannel:
        if self._connection is not None and self._connection.is_closed:
            await self.close()
        if self._channel is None or self._channel.is_closed:
            if self._connection is None:
                self._connection = await aiormq.connect(self._url)
            self._channel = await self._connection.channel()
        return self._channel
