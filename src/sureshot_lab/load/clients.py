"""Connections of one process: opened as needed, each busy with one request or idle."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Protocol

from sureshot_lab.load.connection import Connection
from sureshot_lab.load.ledger import Arrival, Ledger
from sureshot_lab.load.submissions import Submissions

TIMEOUT_S = 30.0
"""How long an answer may take, and a connection to be made."""


class Source(Protocol):
    """Where the arrivals come from that connections are busy with."""

    def take(self, now_s: float) -> Arrival | None:
        """Return the arrival a free connection sends now, None for none."""

    def opened(self) -> None:
        """Take note that a connection was made."""

    def gone(self) -> None:
        """Take note that a connection is no longer there."""

    def unreachable(self, why: str) -> None:
        """Take note that a connection could not be made."""


class Clients:
    """Sends arrivals over connections to *address*; with TLS if *hostname* is given."""

    def __init__(
        self,
        address: tuple[str, int],
        hostname: str | None,
        submissions: Submissions,
        ledger: Ledger,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self.idle: dict[Connection, None] = {}
        self.busy: dict[Connection, None] = {}
        self.opening = 0
        self._source: Source
        self._host, self._port = address
        self._hostname = hostname
        self._tls = ssl.create_default_context() if hostname is not None else None
        self._submissions = submissions
        self._ledger = ledger
        self._tasks = tasks
        self._attempts: set[asyncio.Task[None]] = set()

    def serve(self, source: Source) -> None:
        """Send what *source* gives from now on."""
        self._source = source

    @property
    def count(self) -> int:
        """How many there are, those being opened included."""
        return len(self.idle) + len(self.busy) + self.opening

    def open(self) -> None:
        """Make one more connection; it is given work at once."""
        self.opening += 1
        attempt = self._tasks.create_task(self._open())
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    def send(self, connection: Connection, arrival: Arrival, now_s: float) -> None:
        """Send *arrival* over a connection that is neither idle nor busy."""
        self._ledger.sent(now_s)
        self.busy[connection] = None
        request = self._submissions.request(arrival.number, arrival.intended_s)
        connection.send(request, arrival, now_s)

    def answered(self, connection: Connection, status: int, body: bytes, *, reusable: bool) -> None:
        """Note an answer and give the connection its next arrival."""
        now_s = time.monotonic()
        arrival = connection.arrival
        if arrival is None:
            return
        connection.arrival = None
        del self.busy[connection]
        self._ledger.answered(arrival, connection.sent_s, now_s, status, body)
        if reusable:
            self._free(connection, now_s)
        else:
            connection.close()
            self._source.gone()

    def lost(self, connection: Connection, why: str) -> None:
        """Note what became of the connection's arrival, and that it is gone."""
        arrival, connection.arrival = connection.arrival, None
        if arrival is not None:
            self._ledger.failed(arrival, why)
        if connection in self.busy:
            del self.busy[connection]
        elif connection in self.idle:
            del self.idle[connection]
        else:
            return
        self._source.gone()

    def refuse(self, arrival: Arrival, why: str) -> None:
        """Count *arrival* as sent in vain: there is no connection to be had."""
        self._ledger.sent(time.monotonic())
        self._ledger.failed(arrival, why)

    def time_out(self, now_s: float) -> None:
        """Give up what was sent too long ago."""
        # In order of sending, so that the first that is not late is the last to look at.
        for connection in list(self.busy):
            if now_s - connection.sent_s < TIMEOUT_S:
                break
            self.lost(connection, "timeout")
            connection.close()

    def close(self, why: str) -> None:
        """Cut every connection; requests without an answer failed of *why*."""
        for attempt in self._attempts:
            attempt.cancel()
        for connection in [*self.busy, *self.idle]:
            self.lost(connection, why)
            connection.close()

    async def _open(self) -> None:
        try:
            connection = await self._connected()
        except OSError as error:
            self.opening -= 1
            self._source.unreachable(named(error))
            return
        self.opening -= 1
        self._free(connection, time.monotonic())
        self._source.opened()

    async def _connected(self) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(TIMEOUT_S):
            _transport, connection = await loop.create_connection(
                lambda: Connection(self),
                self._host,
                self._port,
                ssl=self._tls,
                server_hostname=self._hostname,
            )
        return connection

    def _free(self, connection: Connection, now_s: float) -> None:
        arrival = self._source.take(now_s)
        if arrival is None:
            self.idle[connection] = None
        else:
            self.send(connection, arrival, now_s)


def named(error: OSError) -> str:
    """Return the short name of a connection that could not be made."""
    match error:
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError():
            return "reset"
        case TimeoutError():
            return "connect timeout"
        case ssl.SSLError():
            return "tls"
    return (error.strerror or str(error)).lower()
