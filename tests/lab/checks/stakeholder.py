"""Somebody who waits for the news of a run: a receiver in the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec

METRICS = "go_goroutines 7\n"
ANSWER = "HTTP/1.1 {status} So\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"


class Stakeholder:
    """Answers every webhook with *status*, and keeps what it said; GETs get some metrics."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.port = 0
        self.news: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/very-secret"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            body = METRICS if head.startswith(b"get") else ""
            if not body:
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                self.news.append(msgspec.json.decode(await reader.readexactly(length)))
            answer = ANSWER.format(status=self.status, length=len(body), body=body)
            writer.write(answer.encode())
            await writer.drain()
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def stakeholder(status: int = 204) -> AsyncIterator[Stakeholder]:
    somebody = Stakeholder(status)
    server = await asyncio.start_server(somebody.serve, "127.0.0.1", 0)
    somebody.port = server.sockets[0].getsockname()[1]
    try:
        yield somebody
    finally:
        server.close()
        await server.wait_closed()
