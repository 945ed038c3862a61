"""A proxy before the service that answers every n-th submission 503 itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\nno"


@contextlib.asynccontextmanager
async def refusing(url: str, every: int) -> AsyncIterator[str]:
    """Yield the address of a proxy before *url*."""
    parts = urlsplit(url)
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        up_reader, up_writer = await asyncio.open_connection(parts.hostname, parts.port)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                message = await _message(reader)
                if message.startswith(b"POST /api/v1/webhooks "):
                    count += 1
                    if count % every == 0:
                        writer.write(REFUSAL)
                        continue
                up_writer.write(message)
                writer.write(await _message(up_reader))
        up_writer.close()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + await reader.readexactly(length)
