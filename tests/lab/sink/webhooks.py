"""Webhooks as bytes, a sink in this process to send them to, and what its ledger says then."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from sureshot.domain.model import Algorithm
from sureshot.domain.signature import SigningKey, signature_headers
from sureshot_lab.scenario import Behaviour, Sink
from sureshot_lab.sink.config import SinkConfig
from sureshot_lab.sink.connection import SinkConnection
from sureshot_lab.sink.control import Control
from sureshot_lab.sink.ledger_file import Entry, read_ledger
from sureshot_lab.sink.server import SinkServer
from tests.support.http import Answer, exchange, read_answer

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
OTHER = "whsec_b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIh"
SEED = "whsk_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
BODY = b'{"n":1}'


def webhook(name: str, body: bytes = BODY, endpoint: int = 0, extra: str = "") -> bytes:
    """Return one webhook as the service sends it."""
    head = f"POST /e/{endpoint} HTTP/1.1\r\nhost: sink\r\nwebhook-id: {name}\r\n{extra}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def signed(
    name: str, *secrets: str, endpoint: int = 0, at_s: float | None = None, sent: bytes = BODY
) -> bytes:
    """Return a webhook whose body is *sent* and whose signatures are for ``BODY``."""
    keys = [
        SigningKey(Algorithm.ED25519 if s.startswith("whsk_") else Algorithm.SHA256, s)
        for s in secrets
    ]
    lines = signature_headers(keys, name, int(time.time() if at_s is None else at_s), BODY)
    head = f"POST /e/{endpoint} HTTP/1.1\r\nhost: sink\r\n{lines}content-length: {len(sent)}\r\n"
    return f"{head}\r\n".encode() + sent


class Listening:
    """A sink on a port of this process's loop."""

    def __init__(self, server: SinkServer, port: int, folder: Path) -> None:
        self.server = server
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder

    async def status(self, request: bytes) -> int:
        """Return the status *request* is answered with on a connection of its own."""
        return (await self.answer(request)).status

    async def answer(self, request: bytes) -> Answer:
        return (await exchange(self.url, request))[0]

    async def entries(self) -> list[Entry]:
        """End the ledger and return its rows."""
        await self.server.finish()
        saved = read_ledger(self._folder / "ledger.bin")
        assert saved.problem == ""
        return list(saved.entries())


@contextlib.asynccontextmanager
async def listening(
    folder: Path,
    *behaviour: Behaviour,
    config: SinkConfig | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Listening]:
    config = config or SinkConfig(sink=Sink(behaviour=list(behaviour)), endpoints=4)
    server = SinkServer(config, folder, clock)
    control = Control(server, folder)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(
        lambda: SinkConnection(server, control), "127.0.0.1", 0, backlog=1024
    )
    server.record.keep_flushing()
    try:
        yield Listening(server, listener.sockets[0].getsockname()[1], folder)
    finally:
        listener.close()
        for transport in list(server.connections):
            transport.abort()
        await server.record.end()
        await asyncio.sleep(0)


async def timed(port: int, request: bytes) -> tuple[int, float]:
    """Return the status, and how many seconds the answer took once connected."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        began_s = time.monotonic()
        writer.write(request)
        return (await read_answer(reader)).status, time.monotonic() - began_s
    finally:
        writer.close()
        await writer.wait_closed()
