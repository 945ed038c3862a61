"""Receivers that misbehave, each a raw socket server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Receiver:
    """A listening receiver; ``connections`` counts how often it was dialled."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connections = 0
        self.requests: list[bytes] = []


@contextlib.asynccontextmanager
async def receiver(handler: Handler, ssl: object = None) -> AsyncIterator[Receiver]:
    """Serve *handler* for every connection until the block ends."""
    state = Receiver(0)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        reader.__dict__["receiver"] = state
        with contextlib.suppress(
            ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError
        ):
            await handler(reader, writer)
        tasks.discard(task)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=ssl, limit=1 << 22)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read one request, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    request = head + await reader.readexactly(length)
    reader.__dict__["receiver"].requests.append(request)
    return request


def answering(
    *chunks: bytes, pause_s: float = 0.0, close: bool = False, times: int = 1000
) -> Handler:
    """Answer each request with *chunks*, then keep the connection or close it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            await read_request(reader)
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(pause_s)
            if close:
                return

    return handle


def endless(first: bytes, again: bytes, pause_s: float = 0.0) -> Handler:
    """Answer with *first*, then *again* for ever."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return handle


async def reset_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the request, then reset."""
    await read_request(reader)
    writer.transport.abort()


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read and never answer."""
    del writer
    await reader.read(-1)
    await asyncio.sleep(3600)


def answering_early(status: int) -> Handler:
    """Answer a large request from its head alone and read no further, all others with 200."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            large = b"content-length: 2\r\n" not in head
            if large:
                writer.transport.pause_reading()  # type: ignore[attr-defined]
            else:
                await reader.readexactly(2)
            writer.write(b"HTTP/1.1 %d ?\r\ncontent-length: 0\r\n\r\n" % (status if large else 200))
            if large:
                await asyncio.sleep(3600)

    return handle
