"""A connection to the broker that comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import aiormq
from aiormq.abc import AbstractChannel, AbstractConnection
from yarl import URL

from sureshot.telemetry.logging import get_logger

CONNECT_TIMEOUT_S = 5.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
TELL_TIMEOUT_S = 2.0
LOOK_S = 0.1

FAILURES = (aiormq.exceptions.AMQPError, OSError, TimeoutError, RuntimeError)
"""What a connection ends with; aiormq's errors of a wrong state are RuntimeErrors."""

log = get_logger()


class Link:
    """Keeps one connection with one channel open, and prepares each new channel.

    ``channel`` is None while there is none; ``blocked`` tells that the broker
    takes no messages (its memory or disk alarm is on).
    """

    def __init__(
        self,
        url: str,
        name: str,
        prepare: Callable[[AbstractChannel], Awaitable[None]],
        lost: Callable[[], None],
        *,
        confirms: bool,
        heartbeat_s: int,
    ) -> None:
        """*prepare* declares and consumes on a new channel; *lost* hears of its end.

        The broker ends a connection after two to three *heartbeat_s* of silence.
        """
        self._url = URL(url).update_query(heartbeat=str(heartbeat_s), name=name)
        self._name = name
        self._prepare = prepare
        self._lost = lost
        self._confirms = confirms
        self._task: asyncio.Task[None] | None = None
        self._renew = asyncio.Event()
        self.channel: AbstractChannel | None = None
        self.blocked = False

    async def open(self, within_s: float) -> None:
        """Start connecting; wait for the first connection, but no longer than that."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.channel is None:  # noqa: ASYNC110 - a start is no hot path
                    await asyncio.sleep(0.01)

    def renew(self) -> None:
        """Open a new channel: this one is of no more use."""
        self._renew.set()

    async def tell(self, said: Awaitable[None]) -> None:
        """Have the broker told something that it answers by nothing; it may be lost.

        Without a limit aiormq waits for ever for room in the buffer of a connection that
        has broken, and with it whoever has something to tell.
        """
        channel = self.channel
        try:
            async with asyncio.timeout(TELL_TIMEOUT_S):
                await said
        except TimeoutError:
            log.warning("broker.untold", link=self._name)
            if self.channel is channel:
                self.renew()
        except FAILURES as error:
            log.debug("broker.untold", link=self._name, reason=repr(error))

    async def close(self) -> None:
        """Disconnect; unacknowledged messages go back to the queue."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    connection = await aiormq.connect(self._url)
                try:
                    await self._serve(connection)
                    pause_s = FIRST_PAUSE_S
                finally:
                    self.channel = None
                    self._lost()
                    await _close(connection)
            except FAILURES as error:
                log.warning("broker.away", link=self._name, reason=str(error) or repr(error))
            except Exception:
                # A link that ended for good would end all deliveries, silently.
                log.exception("broker.link_failed", link=self._name)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _serve(self, connection: AbstractConnection) -> None:
        """Use *connection* until it ends or a new channel is wanted."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            channel = await connection.channel(
                publisher_confirms=self._confirms, on_return_raises=True
            )
            await self._prepare(channel)
        self._renew.clear()
        self.channel = channel
        log.info("broker.connected", link=self._name)
        while not (connection.is_closed or channel.is_closed or self._renew.is_set()):
            self.blocked = not await _takes_messages(connection)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._renew.wait()


async def _takes_messages(connection: AbstractConnection) -> bool:
    try:
        async with asyncio.timeout(0.001):
            await connection.ready()
    except TimeoutError:
        return False
    return True


async def _close(connection: AbstractConnection) -> None:
    with contextlib.suppress(*FAILURES):
        async with asyncio.timeout(1.0):
            await connection.close()
