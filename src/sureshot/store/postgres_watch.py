"""LISTEN and NOTIFY: what one process changes, the others learn within milliseconds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from sureshot.domain.errors import ConfigurationError, StoreUnavailable
from sureshot.ports import Change, ChangeKind
from sureshot.store.postgres_pool import ERRORS, START_PATIENCE_S, Connection, Database
from sureshot.store.postgres_schema import SQL
from sureshot.telemetry.logging import get_logger

CHANNEL = "sureshot"
RECONNECT_S = 0.25
PROBE_S = 5.0
GATHER_S = 0.05
"""``due`` is announced at most once in this time: a NOTIFY takes a lock all others wait for."""

log = get_logger()


class Watch:
    """Listens on a connection of its own, and announces."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.owner = ""
        self.connections = 0
        self._told: list[Callable[[Change], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._announcing: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._last_error = "no answer"

    def add(self, told: Callable[[Change], None]) -> None:
        """Have *told* called for every change."""
        self._told.append(told)

    async def open(self) -> None:
        """Start listening; returns once changes are heard.

        Raises ``ConfigurationError`` when there is no connection to listen on.
        """
        self._task = asyncio.get_running_loop().create_task(self._listen())
        try:
            async with asyncio.timeout(START_PATIENCE_S):
                await self._listening.wait()
        except TimeoutError as error:
            raise ConfigurationError(
                "SURESHOT_DATABASE_URL: PostgreSQL gives no connection to listen on "
                f"({self._last_error})"
            ) from error

    async def close(self) -> None:
        """Stop listening."""
        tasks = [task for task in (self._task, self._announcing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- announcing ---------------------------------------------------------

    def announce_due(self) -> None:
        """Tell the schedulers, soon and once, that rows became free."""
        if self._announcing is None:
            self._announcing = asyncio.get_running_loop().create_task(self._announce_due())

    async def _announce_due(self) -> None:
        try:
            await asyncio.sleep(GATHER_S)
            async with self._database.connection() as connection:
                await announce(connection, Change(ChangeKind.DUE, origin=self.owner))
        except StoreUnavailable as error:
            # Schedulers look again by themselves, and once more when they reconnect.
            log.debug("watch.not_announced", reason=error.detail)
        finally:
            self._announcing = None

    # -- listening ----------------------------------------------------------

    async def _listen(self) -> None:
        first = True
        while True:
            try:
                connection = await self._database.listen_connection()
                self.connections = 1
                try:
                    await connection.add_listener(CHANNEL, self._hear)
                    self._listening.set()
                    if not first:
                        self._tell(Change(ChangeKind.EVERYTHING, origin="?"))
                    first = False
                    await self._until_lost(connection)
                finally:
                    self.connections = 0
                    with contextlib.suppress(*ERRORS):
                        connection.terminate()
            except ERRORS as error:
                self._last_error = str(error) or type(error).__name__
                log.warning("watch.lost", reason=self._last_error)
            except Exception:
                # A watch that ended for good would leave this process with stale caches.
                log.exception("watch.failed")
            await asyncio.sleep(RECONNECT_S)

    async def _until_lost(self, connection: Connection) -> None:
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _connection: ended.set())
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROBE_S):
                    await ended.wait()
            if not ended.is_set():
                await connection.fetchval("SELECT 1", timeout=PROBE_S)

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        try:
            change = msgspec.json.decode(str(payload), type=Change)
        except msgspec.MsgspecError:
            # A newer version speaks of something this one does not know.
            change = Change(ChangeKind.EVERYTHING, origin="?")
        self._tell(change)

    def _tell(self, change: Change) -> None:
        if change.origin == self.owner:
            return
        for told in self._told:
            told(change)


async def announce(connection: Connection, *changes: Change) -> None:
    """Tell every process; inside a transaction they hear of it when that commits."""
    told = [msgspec.json.encode(change).decode() for change in changes]
    await connection.fetchval(SQL["announce"], told)
