"""One connection to the sink: requests in, answers out in the same order, each when it is due."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from typing import cast

from sureshot_lab.sink.behaviour import NOT_FOUND, SILENCE, Reply, reply
from sureshot_lab.sink.config import Mode
from sureshot_lab.sink.control import PREFIX, Control
from sureshot_lab.sink.request import Request, whole_webhook
from sureshot_lab.sink.request_parser import RequestParser
from sureshot_lab.sink.server import Exchange, SinkServer

NO_LINGER = struct.pack("ii", 1, 0)
NO_ENDPOINT = -1
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class SinkConnection(asyncio.Protocol):
    """HTTP/1.1, kept alive, pipelined if the client likes."""

    def __init__(self, server: SinkServer, control: Control | None) -> None:
        """Without *control* the routes below ``/.sink/`` are not there."""
        self._server = server
        self._control = control
        self._parser: RequestParser | None = None
        self._line: deque[Exchange] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False

    # -- asyncio.Protocol ---------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the new connection."""
        # uvloop's transports have the methods but not the base class.
        self._transport = cast(asyncio.Transport, transport)
        self._server.opened(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what was not answered."""
        del exc
        self._ending = True
        self._server.connections.discard(self._transport)
        for exchange in self._line:
            if exchange.endpoint != NO_ENDPOINT:
                self._server.abandoned(exchange)
        self._line.clear()

    def data_received(self, data: bytes) -> None:
        """Take the usual webhook by the short way, and everything else by the parser's."""
        if self._ending:
            return
        parser = self._parser
        if parser is None or not parser.inside:
            request = whole_webhook(data)
            if request is not None:
                self._take(request)
                return
        if parser is None:
            parser = self._parser = RequestParser(self._take, self._invite)
        refusal = parser.feed(data)
        if refusal and not self._ending:
            self._queue(Exchange(NO_ENDPOINT, b"", reply(refusal), ready=True, close=True))

    # -- taking -------------------------------------------------------------

    def _invite(self) -> None:
        self._transport.write(CONTINUE)

    def _take(self, request: Request) -> None:
        if self._ending:
            return
        receiver = self._server.by_path.get(request.path)
        if receiver is None:
            self._take_other(request)
            return
        answer = self._server.receive(
            receiver, request, waits=bool(self._line) or not request.keep_alive
        )
        if isinstance(answer, Reply):
            self._transport.write(answer.response)
            return
        answer.close = not request.keep_alive
        self._queue(answer)

    def _take_other(self, request: Request) -> None:
        exchange = Exchange(NO_ENDPOINT, b"", NOT_FOUND, close=not request.keep_alive)
        control = self._control if request.path.startswith(PREFIX) else None
        if control is None:
            self._server.unrouted += 1
            exchange.ready = True
        self._queue(exchange)
        if control is not None:
            task = asyncio.get_running_loop().create_task(
                self._control_sink(control, exchange, request)
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _control_sink(self, control: Control, exchange: Exchange, request: Request) -> None:
        exchange.reply = await control.answer(request)
        exchange.ready = True
        self._give_ready()

    # -- answering ----------------------------------------------------------

    def _queue(self, exchange: Exchange) -> None:
        self._line.append(exchange)
        self._ending = self._ending or exchange.close
        if exchange.ready:
            self._give_ready()
        elif exchange.endpoint != NO_ENDPOINT and exchange.reply is not SILENCE:
            if exchange.delay_s > 0:
                loop = asyncio.get_running_loop()
                loop.call_later(exchange.delay_s, self._give, exchange)
            else:
                self._give(exchange)

    def _give(self, exchange: Exchange) -> None:
        if self._server.mode is Mode.HANGS:
            self._server.hold(lambda: self._give(exchange))
            return
        exchange.ready = True
        self._give_ready()

    def _give_ready(self) -> None:
        line = self._line
        while line and line[0].ready:
            self._answer(line.popleft())

    def _answer(self, exchange: Exchange) -> None:
        if exchange.reply.reset:
            self._server.abandoned(exchange)
            self._reset()
            return
        self._transport.write(exchange.reply.response)
        if exchange.endpoint != NO_ENDPOINT:
            self._server.answered(exchange)
        if exchange.close:
            self._transport.close()

    def _reset(self) -> None:
        # Without lingering, closing sends RST: what a crashed receiver looks like.
        with contextlib.suppress(OSError):
            raw: socket.socket = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self._ending = True
        self._transport.abort()
