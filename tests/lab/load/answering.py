"""A server that answers as told, byte by byte, and counts what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

ACCEPTED = b'{"id":"wh_%d"}'
PAUSE_S = 0.02

CUT = b"cut"
"""A piece that means: end the connection."""
RESET = b"reset"
"""A piece that means: end it rudely."""

Answer = Callable[[int], list[bytes]]
"""The pieces of the n-th answer, sent with a pause between them."""


@dataclass
class Server:
    """What was asked: whole requests, and how many connections at most at a time."""

    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    most_open: int = 0


def accepted(number: int) -> list[bytes]:
    body = ACCEPTED % number
    return [b"HTTP/1.1 202 Accepted\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)]


@contextlib.asynccontextmanager
async def answering(
    answer: Answer = accepted, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Serve on loopback until the block is left."""
    state = Server()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        state.open_now += 1
        state.most_open = max(state.most_open, state.open_now)
        try:
            while await exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            state.open_now -= 1
            writer.close()

    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        state.requests.append(head + await reader.readexactly(int(length[1]) if length else 0))
        for number, piece in enumerate(answer(len(state.requests))):
            if number:
                await asyncio.sleep(PAUSE_S)
            if piece == RESET:
                connected = writer.get_extra_info("socket")
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if piece in {CUT, RESET}:
                return False
            writer.write(piece)
        return True

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls, backlog=4096)
    host = "localhost" if tls else "127.0.0.1"
    scheme = "https" if tls else "http"
    state.url = f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}"
    try:
        yield state
    finally:
        server.close()
