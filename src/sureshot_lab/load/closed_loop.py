"""A closed model: so many clients, each sending as soon as it has its last answer."""

from __future__ import annotations

import asyncio
import math
import time

from sureshot_lab.load.clients import Clients
from sureshot_lab.load.ledger import Arrival, Ledger
from sureshot_lab.load.wire import Task

PAUSE_S = 0.1
"""How long a client that could not connect waits before it tries again."""


class ClosedLoop:
    """The clients of one process, for as long as the stages last, whatever their rates."""

    def __init__(self, task: Task, clients: Clients, ledger: Ledger) -> None:
        self._clients = clients
        self._ledger = ledger
        self._connections = task.connections
        self._duration_s = sum(duration_s for duration_s, _start, _end in task.stages)
        self._number = task.index
        self._step = task.generators
        self._end_s = 0.0
        self._loop = asyncio.get_running_loop()

    def start(self, start_s: float) -> None:
        """Let every client begin at *start_s*."""
        self._end_s = start_s + self._duration_s
        delay_s = max(0.0, start_s - time.monotonic())
        for _ in range(self._connections):
            self._loop.call_later(delay_s, self._open)

    @property
    def noted_until_s(self) -> float:
        """Any moment: what a client sends is in the ledger at once."""
        return math.inf

    @property
    def finished(self) -> bool:
        """Whether time is over."""
        return time.monotonic() >= self._end_s

    def stop(self) -> None:
        """Let nothing more leave."""
        self._end_s = 0.0

    def sweep(self, now_s: float) -> None:
        """Nothing ever waits."""

    def take(self, now_s: float) -> Arrival | None:
        """Return a new arrival, meant for now."""
        if now_s >= self._end_s:
            return None
        arrival = self._ledger.arrival(self._number, now_s, now_s)
        self._number += self._step
        return arrival

    def opened(self) -> None:
        """Nothing to do: it takes an arrival itself."""

    def gone(self) -> None:
        """Connect again."""
        self._open()

    def unreachable(self, why: str) -> None:
        """Count a request as failed, and try again soon."""
        arrival = self.take(time.monotonic())
        if arrival is not None:
            self._clients.refuse(arrival, why)
            self._loop.call_later(PAUSE_S, self._open)

    def _open(self) -> None:
        if not self.finished:
            self._clients.open()
