"""One HTTP/1.1 connection: uvicorn's protocol, bounded and in step whatever a client sends.

A head has bounds, trailers are dropped, an offer of another protocol is passed
over (RFC 9110, 7.8), and who does not take the answers is cut off.
"""

from __future__ import annotations

import asyncio
import fcntl
import sys
import termios
from typing import Any, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from sureshot.api.express_answer import CLOSE, problem_answer
from sureshot.domain.errors import HeadTooLarge

HEAD_BYTES = 64 << 10
"""A request line and headers of more are refused; so is as much in a row between chunks."""
MOST_FIELDS = 100
TAKE_S = 30.0
TAKE_BYTES = 32 << 10
"""Who takes less than this of what waits for it, or all of that, within ``TAKE_S`` is cut off."""
LINGER_S = 2.0
DROPPED_BYTES = 1 << 20
"""So long, and so much, of what a refused client still sends is dropped: a reset would
overtake the answer."""


class HttpConnection(HttpToolsProtocol):
    """What every connection needs; the subclass says who answers a request."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop | None,
        request_timeout_s: float,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._request_timeout_s = request_timeout_s
        self.ending = False
        self.receiving_since: float | None = None
        self.idle_since: float | None = self.loop.time()
        self._in_head = False
        self._is_long = False
        self._split_head: object = None
        self._head_later = 0
        self._running: Any = None
        self._body_came = False
        self._between = 0
        self._untaken = (0.0, 0)

    # -- reading ------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Parse what came; whatever is wrong with it ends the connection."""
        if len(data) > HEAD_BYTES:
            self._is_long = True
        rest = data
        try:
            while True:
                try:
                    self.parser.feed_data(rest)
                    break
                except httptools.HttpParserUpgrade as offer:
                    rest = self._pass_over(rest, offer.args[0])
            if self.receiving_since is not None:
                self._check_unfinished(len(data))
            elif self._is_long:
                self._is_long = False
        except httptools.HttpParserError as error:
            self._break_off(error.__context__)
        except HeadTooLarge as error:
            self._break_off(error)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self.headers.append((name.lower(), value))

    def _check_unfinished(self, size_bytes: int) -> None:
        """Raise ``HeadTooLarge`` if a message under way has too much that is no body.

        *size_bytes* were read just now.
        """
        if self._in_head:
            # What is in front of the head in the read it began in is not the head's.
            began = self._split_head is not self.headers
            self._split_head, self._is_long = self.headers, True
            self._head_later = 0 if began else self._head_later + size_bytes
            if self._head_later > HEAD_BYTES:
                raise HeadTooLarge
            self._check_head()
        elif self._body_came:
            self._body_came, self._between = False, 0
        else:
            self._between += size_bytes
            if self._between > HEAD_BYTES:
                raise HeadTooLarge("there is too much beside the chunks of the body")

    def _check_head(self) -> None:
        """Raise ``HeadTooLarge`` unless what is known of the head is within its bounds."""
        if len(self.headers) > MOST_FIELDS or self._head_bytes() > HEAD_BYTES:
            raise HeadTooLarge

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _offers_another_protocol(self) -> bool:
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _pass_over(self, data: bytes | memoryview, offset: int) -> bytes:
        """Have the head before *offset* parsed again without its offer; return what follows.

        httptools takes all that follows such a head for the other protocol's, and
        would read the body as the next request. The head counts as unfinished
        until then, so that nobody has begun to answer.
        """
        if not self._in_head:
            raise httptools.HttpParserError("a tunnel (CONNECT) is not for us")
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(b"".join((*lines, b"\r\n")))
        # A view: many such requests in one read are not copied again for each.
        return memoryview(data)[offset:]  # type: ignore[return-value]

    # -- breaking off -------------------------------------------------------

    def _break_off(self, cause: BaseException | None) -> None:
        """Read no more; say why, unless another answer is still to come."""
        in_body = self.receiving_since is not None and not self._in_head
        self.parser = cast(httptools.HttpRequestParser, _Dropping(self.flow))
        self.receiving_since = None
        if not self._answered_all():
            if in_body:
                # What came of the body may do as a whole: that it is refused might be untrue.
                self.transport.close()
            else:
                self.cycle.keep_alive = False
            return
        if isinstance(cause, HeadTooLarge):
            self._say_goodbye(cause)
        else:
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("Invalid HTTP request received.")

    def _say_goodbye(self, error: HeadTooLarge) -> None:
        if self.transport.is_closing():
            return
        _status, head, body = problem_answer(error, self.server_state)
        self.transport.write(b"%b%b\r\n%b" % (head, CLOSE, body))
        self.transport.write_eof()
        self.idle_since = self.loop.time() + LINGER_S - self.timeout_keep_alive

    # asyncio asks for this bool; uvicorn's annotation knows only the None it returns itself.
    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep a half-closed connection open until its last request is answered."""
        if self._answered_all():
            return False
        self.cycle.keep_alive = False
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request under way; uvicorn tells only the newest in the pipeline."""
        if self._running is not None:
            self._running.disconnected = True
        super().connection_lost(exc)

    # -- answering ----------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on with a pipelined request, or fall idle; ``sweep`` is the keep-alive timer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._listen()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self.idle_since = self.loop.time()

    def _listen(self) -> None:
        """Read on, unless earlier answers are not taken."""
        if not self.flow.write_paused:
            self.flow.resume_reading()

    def pause_writing(self) -> None:
        """Take no more requests while the answers are not taken."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """Go on; a request under way reads on when it is answered, or wants its body."""
        super().resume_writing()
        self._untaken = (self.loop.time(), 0)
        if self._answered_all():
            self.flow.resume_reading()

    def answer(self, head: bytes, body: bytes, *, keep_alive: bool) -> None:
        """Write one whole response in one call: each write is a system call."""
        if self.transport.is_closing():
            return
        self.transport.write(b"%b%b\r\n%b" % (head, b"" if keep_alive else CLOSE, body))
        if not keep_alive:
            self.transport.close()

    def _answered_all(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete

    # -- time ---------------------------------------------------------------

    def sweep(self, now_s: float) -> None:
        """Close when idle for too long, or when a request or an answer takes too long."""
        idle, receiving = self.idle_since, self.receiving_since
        if self._is_stuck(now_s):
            self.transport.abort()
        elif (idle is not None and now_s - idle > self.timeout_keep_alive) or (
            receiving is not None and now_s - receiving > self._request_timeout_s
        ):
            self.timeout_keep_alive_handler()

    def _is_stuck(self, now_s: float) -> bool:
        """Whether the client has taken next to nothing for ``TAKE_S``."""
        since, before = self._untaken
        waiting = _untaken_bytes(self.transport)
        if waiting == 0 or not before - TAKE_BYTES < waiting <= before:
            self._untaken = (now_s, waiting)
            return False
        return now_s - since > TAKE_S

    def end_soon(self) -> None:
        """Close after the request under way, or the next one: the server is stopping."""
        self.ending = True
        if not self._answered_all():
            self.cycle.keep_alive = False


class NoHeaders(list[tuple[bytes, bytes]]):
    """Where trailers go: they are no headers, and nobody asks for them."""

    def append(self, field: tuple[bytes, bytes]) -> None:
        """Drop *field*."""


class _Dropping:
    """In the parser's place once a connection is broken off."""

    def __init__(self, flow: FlowControl) -> None:
        self._flow = flow
        self._dropped_bytes = 0

    def feed_data(self, data: bytes) -> None:
        """Drop *data*; beyond a bound it is not even read."""
        self._dropped_bytes += len(data)
        if self._dropped_bytes > DROPPED_BYTES:
            self._flow.pause_reading()


def _untaken_bytes(transport: asyncio.Transport) -> int:
    """Return how many bytes wait in *transport*, and then in the kernel: 0 if none in the former.

    The kernel asks for more by the megabyte, so what waits with us may stay the
    same although the client does take some.
    """
    ours = transport.get_write_buffer_size()
    if not ours:
        return 0
    try:
        fd = transport.get_extra_info("socket").fileno()
        sent = fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(4))
    except (OSError, ValueError):
        return ours
    return ours + int.from_bytes(sent, sys.byteorder)
