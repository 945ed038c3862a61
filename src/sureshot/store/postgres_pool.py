"""Connections to PostgreSQL: a bounded pool, and every error as ``StoreUnavailable``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from sureshot.domain.errors import ConfigurationError, StoreUnavailable
from sureshot.telemetry.logging import get_logger

Connection = Any
"""An asyncpg connection, in a pool's proxy or not."""

CONNECT_TIMEOUT_S = 2.0
TURN_TIMEOUT_S = 2.0
"""How long a call waits for a connection that others are using."""
DOUBT_AFTER_S = 3.0
"""Who is kept waiting for so long by the database has it asked whether it is there at all."""
COMMAND_TIMEOUT_S = 15.0
"""Longer than the server may take to refuse (a lock, then the statement): silence beyond
that means that it is gone."""
START_PATIENCE_S = 10.0
"""A database that is just starting is waited for this long."""
PROBE_S = 0.25
LISTEN_KEEPALIVE_S = 5

SESSION = {
    # Every hot query goes by an index. The planner, without statistics on a young
    # partition, would take it for empty, scan it, and keep that plan while it fills.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # ...and a batch is joined by one lookup a row, never the other way round.
    "random_page_cost": "0.1",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "statement_timeout": "8s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "15s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "TimeZone": "UTC",
}

log = get_logger()


ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresError,
    # What asyncpg says of a connection that broke off in the middle of something.
    asyncpg.InternalClientError,
)


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection without the reset query, a round trip for every batch."""

    def get_reset_query(self) -> str:
        """Return nothing: transactions end with their block, and nothing else is set."""
        return ""


class Database:
    """A pool of connections that notices when the database goes away and comes back.

    While it is away every call fails at once with ``StoreUnavailable``; one
    probe in the background finds out when that is over. A busy database is not
    away: who finds no free connection in time fails alone.
    """

    def __init__(self, url: str, size: int, name: str) -> None:
        """*size* bounds the connections; *name* is what ``pg_stat_activity`` shows."""
        self._url = url
        self._size = size
        self._session = {**SESSION, "application_name": name}
        self._pool: Any = None
        self._probe: asyncio.Task[None] | None = None
        self._doubt: asyncio.Task[None] | None = None
        self._lent: set[Connection] = set()
        self._turns = asyncio.Semaphore(size)
        self._aside = asyncio.Semaphore(max(1, size // 2))

    async def open(self) -> None:
        """Connect; raises ``ConfigurationError`` when the database cannot be used."""
        try:
            async with asyncio.timeout(START_PATIENCE_S):
                self._pool = await self._connect_patiently()
        except TimeoutError as error:
            raise ConfigurationError(
                f"SURESHOT_DATABASE_URL: no PostgreSQL answers there ({self._last_error})"
            ) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise ConfigurationError(f"SURESHOT_DATABASE_URL: {error}") from error

    async def _connect_patiently(self) -> Any:
        self._last_error: BaseException | None = None
        while True:
            try:
                return await asyncpg.create_pool(
                    self._url, min_size=1, max_size=self._size,
                    connection_class=_Connection, server_settings=self._session,
                    command_timeout=COMMAND_TIMEOUT_S, timeout=CONNECT_TIMEOUT_S,
                    max_inactive_connection_lifetime=60,
                )  # fmt: skip
            except (OSError, TimeoutError, asyncpg.CannotConnectNowError) as error:
                if self._last_error is None:
                    log.warning("database.waiting", reason=_reason(error))
                self._last_error = error
                await asyncio.sleep(PROBE_S)

    @property
    def connections(self) -> int:
        """How many connections of the pool are open."""
        return 0 if self._pool is None else int(self._pool.get_size())

    async def close(self) -> None:
        """Close every connection."""
        tasks = [task for task in (self._probe, self._doubt) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                async with asyncio.timeout(2):
                    await pool.close()
            except ERRORS:
                pool.terminate()

    @contextlib.asynccontextmanager
    async def connection(self, *, aside: bool = False) -> AsyncIterator[Connection]:
        """Lend a connection; any error of the database raises ``StoreUnavailable``.

        *aside* marks what people ask for: all that together has at most half of
        the connections, so that the delivery line always finds one.
        """
        self._open_pool()
        async with self._turn(aside=aside):
            pool = self._open_pool()
            try:
                async with (
                    pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection,
                    self._watched(connection),
                ):
                    yield connection
            except ERRORS as error:
                if _is_cancelled():
                    # Only then did giving back the connection fail.
                    raise asyncio.CancelledError from error
                if _is_fatal(error):
                    self._went_away(error)
                raise StoreUnavailable(f"the database refused: {_reason(error)}",
                                       reason="store_unavailable") from error  # fmt: skip

    @contextlib.asynccontextmanager
    async def transaction(self, *, aside: bool = False) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction that commits when the block ends."""
        async with self.connection(aside=aside) as connection, connection.transaction():
            yield connection

    async def check(self) -> None:
        """Raise ``StoreUnavailable`` unless the database answers.

        While others wait for a connection none is taken, and nobody is asked: they
        notice when the database is away, and it is no less there for being busy.
        """
        self._open_pool()
        if not self._turns.locked() and not self._aside.locked():
            async with self.connection(aside=True) as connection:
                await connection.execute("SELECT 1")

    def _open_pool(self) -> Any:
        if self._pool is None:
            raise StoreUnavailable("the store is closed", reason="store_closed")
        if self._probe is not None:
            raise StoreUnavailable("the database does not answer", reason="store_unavailable")
        return self._pool

    @contextlib.asynccontextmanager
    async def _turn(self, *, aside: bool) -> AsyncIterator[None]:
        """Wait until one of the pool's connections is free, and keep it for the block."""
        async with contextlib.AsyncExitStack() as held:
            try:
                async with asyncio.timeout(TURN_TIMEOUT_S):
                    for places in (self._aside, self._turns) if aside else (self._turns,):
                        await held.enter_async_context(places)
            except TimeoutError as error:
                self._wonder()
                raise StoreUnavailable("all connections to the database are in use",
                                       reason="store_busy") from error  # fmt: skip
            yield

    @contextlib.asynccontextmanager
    async def _watched(self, connection: Connection) -> AsyncIterator[None]:
        """Have the database asked whether it is there when the block takes long."""
        timer = asyncio.get_running_loop().call_later(DOUBT_AFTER_S, self._wonder)
        self._lent.add(connection)
        try:
            yield
        finally:
            self._lent.discard(connection)
            timer.cancel()

    def _wonder(self) -> None:
        if self._doubt is None and self._probe is None:
            self._doubt = asyncio.get_running_loop().create_task(self._ask())

    async def _ask(self) -> None:
        """Find out whether the connections are busy, or wait for a database that is away."""
        try:
            connection = await self.listen_connection()
            connection.terminate()
        except (OSError, TimeoutError) as error:
            self._went_away(error)
            for waiting in list(self._lent):
                waiting.terminate()
        except ERRORS as error:
            # It answers, if only to refuse one connection more: that is not being away.
            log.warning("database.refuses", reason=_reason(error))
        finally:
            self._doubt = None

    def _went_away(self, error: BaseException) -> None:
        if self._probe is None and self._pool is not None:
            log.warning("database.gone", reason=_reason(error))
            self._probe = asyncio.get_running_loop().create_task(self._wait_until_back())

    async def _wait_until_back(self) -> None:
        # Old connections may be half open, or lead to what is now a standby.
        await self._pool.expire_connections()
        told = ""
        while True:
            try:
                async with self._pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
                    in_recovery = await connection.fetchval(
                        "SELECT pg_is_in_recovery()", timeout=CONNECT_TIMEOUT_S
                    )
                if not in_recovery:
                    break
                await self._pool.expire_connections()
            except ERRORS as error:
                # Once for each reason: a changed password is not the same as a server that is down.
                if _reason(error) != told:
                    told = _reason(error)
                    log.warning("database.still_away", reason=told)
            await asyncio.sleep(PROBE_S)
        log.info("database.back")
        self._probe = None

    async def listen_connection(self) -> Connection:
        """Return a connection of its own for LISTEN; the caller closes it."""
        return await asyncpg.connect(
            self._url, server_settings=self._session, timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
        )  # fmt: skip


def _reason(error: BaseException) -> str:
    """Return what *error* says, or its kind when it says nothing."""
    return str(error) or type(error).__name__


def _is_cancelled() -> bool:
    """Whether whoever runs now is to end, whatever else went wrong on the way."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _is_fatal(error: BaseException) -> bool:
    """Whether *error* says that the connection, not the statement, is at fault."""
    if isinstance(error, asyncpg.InterfaceError):
        # Misuse, or a connection that broke before: the next call finds out what is the matter.
        return False
    if isinstance(error, asyncpg.PostgresError):
        code = error.sqlstate or ""
        # 25006: a former primary that is a standby now answers reads and refuses writes.
        return code.startswith(("08", "57P", "53300")) or code == "25006"
    return True
