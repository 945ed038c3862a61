"""One thread that owns one SQLite connection and commits whatever has gathered."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw

from sureshot.domain.errors import StoreUnavailable, SureshotError

P = ParamSpec("P")
T = TypeVar("T")


class _Job:
    """One call to make inside a transaction, and where its answer goes."""

    __slots__ = ("answer", "call", "error", "value")

    def __init__(self, call: Callable[[apsw.Connection], Any], answer: asyncio.Future[Any]) -> None:
        self.call = call
        self.answer = answer
        self.value: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        if self.answer.done():
            return
        if self.error is None:
            self.answer.set_result(self.value)
        else:
            self.answer.set_exception(self.error)


class DatabaseThread:
    """Runs functions of a connection one after the other, off the event loop.

    A writing thread puts everything that gathered while the last transaction
    ran into the next one, each call under a savepoint of its own: one fsync
    serves intake and recorder alike, and a call that fails undoes only itself.
    When the commit fails, none of them happened and each raises
    ``StoreUnavailable``. A reading thread has nothing to commit.
    """

    def __init__(self, path: Path, *, writes: bool) -> None:
        self._path = path
        self._writes = writes
        self._waiting: list[_Job] = []
        self._running = False
        self._bundles: queue.SimpleQueue[list[_Job]] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._run, name="sureshot-writer" if writes else "sureshot-reader", daemon=True
        )
        self._closed = False
        self._thread.start()

    async def run(
        self,
        function: Callable[Concatenate[apsw.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call *function* with the connection and return its value.

        Raises what it raises; an error of SQLite becomes ``StoreUnavailable``.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed", reason="store_closed")
        answer: asyncio.Future[T] = self._loop.create_future()
        job = _Job(lambda connection: function(connection, *args, **kwargs), answer)
        self._waiting.append(job)
        if not self._running:
            self._running = True
            self._loop.call_soon(self._send_bundle)
        return await answer

    def _send_bundle(self) -> None:
        jobs, self._waiting = self._waiting, []
        self._running = bool(jobs)
        if jobs:
            self._bundles.put(jobs)

    def _bundle_done(self, jobs: list[_Job]) -> None:
        for job in jobs:
            job.settle()
        # A turn later: whoever was waiting for these answers puts its next call into the
        # same bundle, so intake and recorder share one commit instead of taking turns.
        self._loop.call_soon(self._loop.call_soon, self._send_bundle)

    async def close(self) -> None:
        """Finish the calls that wait, then close the connection."""
        if not self._closed:
            self._closed = True
            if self._waiting:
                self._bundles.put(self._waiting)
                self._waiting = []
            self._bundles.put([])
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        connection = _connect(self._path, writes=self._writes)
        try:
            while jobs := self._bundles.get():
                if self._writes:
                    _commit_together(connection, jobs)
                else:
                    for job in jobs:
                        _call(connection, job)
                # The loop is gone only when the process is on its way out.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._bundle_done, jobs)
        finally:
            connection.close()


def _call(connection: apsw.Connection, job: _Job) -> None:
    try:
        job.value = job.call(connection)
    except apsw.Error as error:
        job.error = unavailable(error)
    except Exception as error:  # noqa: BLE001 - raised again in the caller; the thread must live on
        job.error = error


def _commit_together(connection: apsw.Connection, jobs: list[_Job]) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        for job in jobs:
            connection.execute("SAVEPOINT job")
            _call(connection, job)
            if job.error is not None:
                connection.execute("ROLLBACK TO job")
            connection.execute("RELEASE job")
        connection.execute("COMMIT")
    except apsw.Error as error:
        for job in jobs:
            job.error = unavailable(error)
        if connection.in_transaction:
            with contextlib.suppress(apsw.Error):
                connection.execute("ROLLBACK")


def unavailable(error: apsw.Error) -> SureshotError:
    """Translate an error of SQLite (disk full, I/O error, busy) for the caller."""
    return StoreUnavailable(f"the database refused: {error}", reason="store_unavailable")


def _connect(path: Path, *, writes: bool) -> apsw.Connection:
    connection = apsw.Connection(str(path), statementcachesize=200)
    connection.set_busy_timeout(5000)
    connection.execute("PRAGMA journal_mode = WAL")
    if writes:
        # FULL, never NORMAL: with NORMAL a power cut loses commits already answered with 202.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA journal_size_limit = 67108864")
    else:
        connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -16384")
    return connection
