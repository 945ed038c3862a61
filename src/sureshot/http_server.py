"""A listening HTTP server that is started and stopped from outside: uvicorn without its signals."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import Generator
from typing import cast

import uvicorn

from sureshot.api.app import App
from sureshot.api.express import ExpressProtocol, Front, sweep_connections
from sureshot.domain.errors import ConfigurationError

KEEP_ALIVE_S = 65
LINGER_S = 2.0
"""How long a stopping server waits for the next request of an idle connection."""
FINISH_S = 5
"""How long requests under way may take to be answered when the server stops."""


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers: the drain is ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class HttpServer:
    """Serves *app* on *listener*, the hot route through *front*."""

    def __init__(self, app: App, front: Front, listener: socket.socket) -> None:
        self._listener = listener
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                http=cast(type[asyncio.Protocol], functools.partial(ExpressProtocol, front=front)),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=FINISH_S,
            )
        )
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def connections(self) -> list[ExpressProtocol]:
        """The connections that are open."""
        open_now = self._server.server_state.connections
        return [one for one in open_now if isinstance(one, ExpressProtocol)]

    async def start(self) -> str:
        """Serve; return the address once requests are answered."""
        loop = asyncio.get_running_loop()
        url = self.url
        serving = loop.create_task(self._server.serve(sockets=[self._listener]))
        sweeping = loop.create_task(sweep_connections(lambda: self.connections, loop.time))
        self._tasks = [serving, sweeping]
        while not self._server.started and not serving.done():  # noqa: ASYNC110 - uvicorn's flag
            await asyncio.sleep(0.005)
        return url

    async def stop(self) -> None:
        """Stop accepting; answer what is under way and what still comes on open connections.

        Each connection is told to close with its next answer. One that stays
        idle for a while is closed without.
        """
        for server in self._server.servers:
            server.close()
        for connection in self.connections:
            connection.end_soon()
        loop = asyncio.get_running_loop()
        until_s = loop.time() + LINGER_S
        while self.connections and loop.time() < until_s:  # noqa: ASYNC110 - many to watch
            await asyncio.sleep(0.02)
        self._server.should_exit = True
        serving, sweeping = self._tasks
        await serving
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)


def listen(host: str, port: int, setting: str, *, shared: bool = False) -> socket.socket:
    """Return a listening socket; raises ``ConfigurationError`` naming *setting*.

    *shared*, other processes of ours may listen there too.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server(
            (host, port), family=family, backlog=2048, reuse_port=shared
        )
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with {setting}"
        ) from error
    listener.setblocking(False)
    return listener
