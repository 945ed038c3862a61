"""A receiver under control: counts, verifies signatures, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

import httptools
import msgspec

from sureshot.domain.signature import verify


class Behaviour(StrEnum):
    """How the sink answers."""

    OK = "ok"
    SLOW = "slow"
    FAILING = "failing"
    FLAKY = "flaky"
    HANGING = "hanging"
    RESET = "reset"


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """One line of the ledger: what arrived, when (Unix seconds), and where."""

    webhook_id: str
    received_at: float
    path: str
    duplicate: bool


class SinkServer:
    """An HTTP receiver for trying and testing; counts survive until it is stopped."""

    def __init__(
        self,
        behaviour: Behaviour = Behaviour.OK,
        secrets: tuple[str, ...] = (),
        *,
        delay_s: float = 1.0,
        status: int | None = None,
        on_receipt: Callable[[Receipt], None] | None = None,
        seed: int = 0,
    ) -> None:
        """*status* overrides the behaviour's own; ``slow`` holds a request for *delay_s*."""
        self.behaviour = behaviour
        self.secrets = secrets
        self.delay_s = delay_s
        self.status = status
        self.received = 0
        self.duplicates = 0
        self.bad_signatures = 0
        self.in_flight = 0
        self.max_in_flight = 0
        self.connections = 0
        self.open_connections: set[asyncio.Transport] = set()
        self._seen: set[str] = set()
        self._on_receipt = on_receipt
        self._rng = random.Random(seed)  # noqa: S311 - decides which answers are flaky
        self._server: asyncio.Server | None = None

    @property
    def unique(self) -> int:
        """How many different webhooks arrived."""
        return len(self._seen)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; return the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _SinkProtocol(self), host, port, backlog=4096
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
            for transport in list(self.open_connections):
                transport.abort()
            await self._server.wait_closed()
            self._server = None

    def receive(self, headers: dict[str, str], body: bytes, path: str) -> None:
        """Count one request and enter it into the ledger."""
        self.received += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        webhook_id = headers.get("webhook-id", "")
        duplicate = webhook_id in self._seen
        self.duplicates += duplicate
        self._seen.add(webhook_id)
        if self.secrets and verify(self.secrets, headers, body, datetime.now(UTC)) is not None:
            self.bad_signatures += 1
        if self._on_receipt is not None:
            self._on_receipt(Receipt(webhook_id, time.time(), path, duplicate))

    def answer_status(self) -> int:
        """Return the status the behaviour answers with now."""
        if self.status is not None:
            return self.status
        if self.behaviour is Behaviour.FAILING:
            return 500
        if self.behaviour is Behaviour.FLAKY:
            return 503 if self._rng.random() < 0.5 else 200
        return 200


class _SinkProtocol(asyncio.Protocol):
    """One connection of the sink."""

    def __init__(self, sink: SinkServer) -> None:
        self._sink = sink
        self._parser = httptools.HttpRequestParser(self)
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._url = b""
        self._held = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._sink.connections += 1
        self._sink.open_connections.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._sink.open_connections.discard(self._transport)
        self._sink.in_flight -= self._held
        self._held = 0

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        sink = self._sink
        sink.receive(self._headers, b"".join(self._chunks), self._url.decode("latin-1"))
        self._held += 1
        self._headers, self._chunks = {}, []
        if sink.behaviour is Behaviour.RESET:
            self._transport.abort()
        elif sink.behaviour is Behaviour.SLOW:
            asyncio.get_running_loop().call_later(sink.delay_s, self._answer)
        elif sink.behaviour is not Behaviour.HANGING:
            self._answer()

    def _answer(self) -> None:
        if self._transport.is_closing():
            return
        self._held -= 1
        self._sink.in_flight -= 1
        status = self._sink.answer_status()
        self._transport.write(
            b"HTTP/1.1 %d Answer\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"
            % status
        )
