"""An open model: arrivals leave when they are due, whatever became of those before them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator

from sureshot_lab.load.alarm import Alarm
from sureshot_lab.load.clients import Clients
from sureshot_lab.load.ledger import Arrival, Ledger
from sureshot_lab.load.schedule import due_times
from sureshot_lab.load.wire import Task

GAP_S = 0.000_25
"""The least time between two looks at the schedule: what is due by then leaves together."""

AT_ONCE = 128
"""Arrivals sent in one go before answers are read again."""

OPENING = 16
"""Connections being made at a time. Most often a busy one is free sooner."""


class OpenLoop:
    """The arrivals of one process on their schedule, waiting for a connection if all are busy.

    Of at most *connections* connections. An arrival that has waited ``worst_s``
    is dropped.
    """

    def __init__(self, task: Task, clients: Clients, ledger: Ledger, connections: int) -> None:
        self._clients = clients
        self._ledger = ledger
        self._connections = connections
        self._worst_s = task.worst_s
        self._numbers: Iterator[float] = due_times(task.stages, task.index, task.generators)
        self._number = task.index
        self._step = task.generators
        self._waiting: deque[Arrival] = deque()
        self._due_s = math.inf
        self._start_s = 0.0
        self._alarm = Alarm(self._send_due)

    def start(self, start_s: float) -> None:
        """Let the schedule begin at *start_s*."""
        self._start_s = start_s
        self._due_s = self._next_due_s()
        # A low rate may mean none for this process.
        if self._due_s < math.inf:
            self._alarm.set(self._due_s)

    @property
    def noted_until_s(self) -> float:
        """The moment up to which every arrival is in the ledger."""
        return self._due_s

    @property
    def finished(self) -> bool:
        """Whether every arrival has left or was dropped."""
        return self._due_s == math.inf and not self._waiting

    def stop(self) -> None:
        """Let nothing more leave; what waits is dropped."""
        self._due_s = math.inf
        self._alarm.close()
        while self._waiting:
            self._drop(self._waiting.popleft())

    def sweep(self, now_s: float) -> None:
        """Drop what has waited too long; call it some times a second."""
        waiting = self._waiting
        while waiting and now_s - waiting[0].intended_s > self._worst_s:
            self._drop(waiting.popleft())
        self._open_more()

    def take(self, now_s: float) -> Arrival | None:
        """Return the arrival that has waited longest."""
        waiting = self._waiting
        while waiting:
            arrival = waiting.popleft()
            if now_s - arrival.intended_s <= self._worst_s:
                return arrival
            self._drop(arrival)
        return None

    def opened(self) -> None:
        """Open more, if more wait."""
        self._open_more()

    def gone(self) -> None:
        """Open another instead, if some wait."""
        self._open_more()

    def unreachable(self, why: str) -> None:
        """Count the longest waiting as failed: all, if there is no connection to wait for."""
        count = 1 if self._clients.idle or self._clients.busy else len(self._waiting)
        for _ in range(min(count, len(self._waiting))):
            self._clients.refuse(self._waiting.popleft(), why)
        self._open_more()

    def _send_due(self) -> None:
        now_s = time.monotonic()
        idle = self._clients.idle
        for _ in range(AT_ONCE):
            if self._due_s > now_s:
                break
            arrival = self._ledger.arrival(self._number, self._due_s, now_s)
            if idle and not self._waiting:
                connection, _none = idle.popitem()
                self._clients.send(connection, arrival, now_s)
                now_s = time.monotonic()
            else:
                self._waiting.append(arrival)
            self._number += self._step
            self._due_s = self._next_due_s()
        if self._waiting:
            self._open_more()
        if self._due_s < math.inf:
            self._alarm.set(max(self._due_s, now_s + GAP_S))

    def _next_due_s(self) -> float:
        return self._start_s + next(self._numbers, math.inf)

    def _open_more(self) -> None:
        clients = self._clients
        wanted = min(len(self._waiting), OPENING) - clients.opening
        for _ in range(min(wanted, self._connections - clients.count)):
            clients.open()

    def _drop(self, arrival: Arrival) -> None:
        arrival.second.dropped += 1
