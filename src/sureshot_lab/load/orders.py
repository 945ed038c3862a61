"""The two ends of a generator process: what it is told, and what it tells."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import cast

import msgspec

from sureshot_lab.load.wire import Line, Start


class Orders(asyncio.Protocol):
    """What is said on the standard input after the task."""

    def __init__(self) -> None:
        self.started: asyncio.Future[Start | None] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()
        self._line = b""

    @property
    def stopped(self) -> bool:
        """Whether the input has ended."""
        return self._ended.is_set()

    async def wait_until(self, moment_s: float) -> None:
        """Wait until *moment_s* of the monotonic clock, or the end of the input."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), max(0.0, moment_s - time.monotonic()))

    def data_received(self, data: bytes) -> None:
        """Take the order to start."""
        self._line += data
        if self._line.endswith(b"\n") and not self.started.done():
            self.started.set_result(msgspec.json.decode(self._line, type=Start))

    def connection_lost(self, _exc: Exception | None) -> None:
        """Stop: nobody is there to be told anything."""
        self._ended.set()
        if not self.started.done():
            self.started.set_result(None)


class Report(asyncio.BaseProtocol):
    """The standard output: never blocks, so that a slow reader delays no request."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Note that everything is written, or nobody reads."""
        self._ended.set()

    def tell(self, line: Line) -> None:
        """Write one line, soon."""
        if self._transport is not None:
            self._transport.write(msgspec.json.encode(line) + b"\n")

    async def end(self) -> None:
        """Wait until everything is written."""
        if self._transport is not None:
            self._transport.close()
            await self._ended.wait()
