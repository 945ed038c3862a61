"""Looking up names: each once at a time, fairly shared, on threads that hold up nobody."""

from __future__ import annotations

import asyncio
import functools
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from queue import SimpleQueue

from sureshot.delivery.fair_room import FairRoom

Resolve = Callable[[str], Awaitable[list[str]]]

LOOKUPS_AT_ONCE = 128
"""Many, and fairly shared: names whose servers hang must not keep others from being looked up."""
THREADS = LOOKUPS_AT_ONCE + 8
"""The few beyond are for the operator's proxy."""


class _Threads:
    """Runs what blocks, on daemon threads: one that hangs must not keep the process from ending."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: SimpleQueue[tuple[Callable[[], list[str]], Future[list[str]]]] = SimpleQueue()
        self._lock = threading.Lock()
        self._unfinished = 0
        self._started = 0

    def run(self, ask: Callable[[], list[str]]) -> asyncio.Future[list[str]]:
        """Return what *ask* will return; cancelled before its turn it does not run."""
        answer: Future[list[str]] = Future()
        with self._lock:
            self._unfinished += 1
            grow = self._started < min(self._unfinished, self._limit)
            self._started += grow
        self._jobs.put((ask, answer))
        if grow:
            threading.Thread(target=self._work, name="sureshot-dns", daemon=True).start()
        return asyncio.wrap_future(answer)

    def _work(self) -> None:
        while True:
            ask, answer = self._jobs.get()
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(ask())
                except Exception as error:  # noqa: BLE001 - it is raised where the answer is awaited
                    answer.set_exception(error)
            # An idle thread must not hold on to the last answer.
            del ask, answer
            with self._lock:
                self._unfinished -= 1


_threads = _Threads(THREADS)


async def resolve_name(name: str) -> list[str]:
    """Return every address of *name*, IPv4 and IPv6, in the system's order."""
    return await _threads.run(functools.partial(_addresses, name))


def _addresses(name: str) -> list[str]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _Lookup:
    """One name's lookup: its answer, who waits for it, and the task once it has begun."""

    __slots__ = ("answer", "askers", "name", "task")

    def __init__(self, name: str, answer: asyncio.Future[list[str]]) -> None:
        self.name = name
        self.answer = answer
        self.askers = 0
        self.task: asyncio.Task[list[str]] | None = None


class Lookups:
    """Looks names up; an owner whose names hang takes no more than its share of the room.

    A lookup holds its place until it ends, also when everybody who asked has
    given up: so long it occupies a thread.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._room: FairRoom[_Lookup] = FairRoom(LOOKUPS_AT_ONCE)
        self._by_name: dict[str, _Lookup] = {}

    async def addresses(self, name: str, owner: str) -> list[str]:
        """Return *name*'s addresses; joins a lookup of the same name, whoever owns it."""
        lookup = self._by_name.get(name)
        if lookup is None:
            answer = asyncio.get_running_loop().create_future()
            lookup = self._by_name[name] = _Lookup(name, answer)
        if lookup.task is None:
            if self._room.take(owner):
                self._begin(lookup, owner)
            else:
                self._room.wait(owner, lookup)
        lookup.askers += 1
        try:
            return await asyncio.shield(lookup.answer)
        finally:
            lookup.askers -= 1
            if not lookup.askers and lookup.task is None:
                # Its turn never came; when it comes, nobody wants it any more.
                self._by_name.pop(name, None)

    def close(self) -> None:
        """Give up the lookups under way."""
        for lookup in list(self._by_name.values()):
            if lookup.task is not None:
                lookup.task.cancel()

    def _begin(self, lookup: _Lookup, owner: str) -> None:
        lookup.task = asyncio.get_running_loop().create_task(_as_list(self._resolve(lookup.name)))
        lookup.task.add_done_callback(functools.partial(self._ended, lookup, owner))

    def _ended(self, lookup: _Lookup, owner: str, task: asyncio.Task[list[str]]) -> None:
        self._by_name.pop(lookup.name, None)
        if task.cancelled():
            lookup.answer.cancel()
        elif (error := task.exception()) is not None:
            lookup.answer.set_exception(error)
            # Retrieved here too: everybody who waited may have given up.
            lookup.answer.exception()
        else:
            lookup.answer.set_result(task.result())
        self._room.give_back(owner)
        while (turn := self._room.next_turn()) is not None:
            next_owner, waiting = turn
            if waiting.askers and waiting.task is None:
                self._begin(waiting, next_owner)
            else:
                self._room.give_back(next_owner)


async def _as_list(addresses: Awaitable[list[str]]) -> list[str]:
    return await addresses
