"""The hot route below ASGI: ``POST /api/v1/webhooks`` answered in the protocol itself.

Everything but the happy path and overload is handed to the same falcon app that
serves all other routes, so a problem is the same bytes whoever reads the request.
Over a limit a submission is refused before its body is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from sureshot.api.auth import AccessList, require
from sureshot.api.express_answer import REST_S, Refusals, accepted_head, problem_answer
from sureshot.api.http_connection import MOST_FIELDS, HttpConnection, NoHeaders
from sureshot.api.submission import Submitter, answer_accepted, decode_submission
from sureshot.delivery.intake import Intake
from sureshot.domain.errors import CallerError, IdempotencyConflict, Overloaded
from sureshot.domain.model import NewWebhook, Scope
from sureshot.ports import AddResult
from sureshot.telemetry.metrics import Call, Metrics

ROUTE = "/api/v1/webhooks"
_URL = ROUTE.encode()
_JSON = b"application/json"
_UNUSUAL = (b"expect", b"transfer-encoding", b"content-encoding")


class Front(msgspec.Struct, frozen=True):
    """What the protocol needs to answer the hot route; ``enabled`` turns it off."""

    access: AccessList
    submitter: Submitter
    intake: Intake
    metrics: Metrics
    submissions: Call
    max_body_bytes: int
    enabled: bool
    most_connections: int = 1_000_000
    request_timeout_s: float = 30.0
    refusals: Refusals = msgspec.field(default_factory=Refusals)


class ExpressProtocol(HttpConnection):
    """A connection with a shortcut for the one route that must be fast.

    A request is express when nothing about it is unusual and no earlier one on
    the connection is unfinished; uvicorn's own pipelining takes care of what
    follows behind it.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        front: Front,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop, front.request_timeout_s)
        self._front = front
        self._express_headers: dict[bytes, bytes] | None = None
        self._refused: Overloaded | None = None
        self._chunks: list[bytes] = []
        self._tenant = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless there are as many as the descriptors allow."""
        super().connection_made(transport)
        if len(self.connections) > self._front.most_connections:
            transport.abort()

    # -- the parser's callbacks ---------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request without uvicorn's scope: most never need one."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.idle_since = None
        self.receiving_since = self.loop.time()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """Decide who answers this request."""
        if self._is_long or len(self.headers) > MOST_FIELDS:
            self._check_head()
        headers = dict(self.headers)
        if b"upgrade" in headers and self._offers_another_protocol():
            return
        self._in_head = False
        if self._is_express(headers):
            self._express_headers = headers
            self._chunks = []
            self._refused = self._front.intake.refusal(1, int(headers[b"content-length"]))
        else:
            self._hand_to_falcon()

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self._body_came = True
        if self._express_headers is None:
            super().on_body(body)
        elif self._refused is None:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        """Answer an express request, or let falcon's task see that the body is complete."""
        received_s, self.receiving_since = self.receiving_since, None
        headers, self._express_headers = self._express_headers, None
        if headers is None:
            if not self._in_head:
                super().on_message_complete()
            return
        if self._refused is not None:
            self._refuse(self._refused, received_s or self.loop.time())
            return
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        key = headers.get(b"idempotency-key")
        try:
            webhook = self._front.submitter.webhook_from(
                decode_submission(body),
                self._tenant,
                None if key is None else key.decode("latin-1"),
            )
        except CallerError:
            self._hand_to_falcon()
            super().on_body(body)
            super().on_message_complete()
            return
        cycle = ExpressCycle(self, webhook, received_s or self.loop.time())
        self.cycle = cast(RequestResponseCycle, cycle)
        try:
            self._front.intake.submit(webhook, cycle.answered)
        except Overloaded as error:
            cycle.answered(error)

    def _refuse(self, error: Overloaded, received_s: float) -> None:
        front = self._front
        status, head, body = front.refusals.answer(error, self.server_state)
        front.metrics.rejected(error.reason)
        front.submissions.answered(status, self.loop.time() - received_s)
        keep_alive = self.parser.should_keep_alive() and not self.ending
        self.answer(head, body, keep_alive=keep_alive)
        self.on_response_complete()
        if keep_alive and front.refusals.too_many:
            self.flow.pause_reading()
            self.loop.call_later(REST_S, self._listen_again)

    def _listen_again(self) -> None:
        if not self.transport.is_closing():
            self._listen()

    def _is_express(self, headers: dict[bytes, bytes]) -> bool:
        front = self._front
        if self.url != _URL or not front.enabled or self.parser.get_method() != b"POST":
            return False
        if not self._answered_all():
            return False
        if (
            len(headers) != len(self.headers)
            or not headers.get(b"content-type", b"").startswith(_JSON)
            or headers[b"content-type"][len(_JSON) : len(_JSON) + 1] not in {b"", b";"}
            or not 0 < int(headers.get(b"content-length", b"0")) <= front.max_body_bytes
            or self.parser.get_http_version() != "1.1"
            or not headers.keys().isdisjoint(_UNUSUAL)
        ):
            return False
        try:
            token = front.access.authenticate(headers.get(b"authorization"))
            require(token, Scope.SUBMIT)
        except CallerError:
            return False
        self._tenant = token.tenant
        return True

    def _hand_to_falcon(self) -> None:
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in headers
        )
        before = self.cycle
        super().on_headers_complete()
        self.headers = NoHeaders()
        if self.ending and self.cycle is not before:
            self.cycle.keep_alive = False


class _NoEvent:
    """Stands where uvicorn wakes an ASGI task; an express request has none."""

    def set(self) -> None:
        """Wake nobody."""


class ExpressCycle:
    """An express request waiting for its commit, in the shape uvicorn expects of a cycle."""

    __slots__ = ("_protocol", "_received_s", "_webhook", "disconnected", "keep_alive",
                 "response_complete")  # fmt: skip
    message_event = _NoEvent()

    def __init__(self, protocol: ExpressProtocol, webhook: NewWebhook, received_s: float) -> None:
        self._protocol = protocol
        self._webhook = webhook
        self._received_s = received_s
        self.disconnected = False
        self.response_complete = False
        self.keep_alive: bool = protocol.parser.should_keep_alive() and not protocol.ending

    def answered(self, result: AddResult | Overloaded) -> None:
        """Write the answer; a client that has gone is no error."""
        protocol = self._protocol
        front = protocol._front  # noqa: SLF001 - the two are one mechanism
        try:
            if isinstance(result, Overloaded):
                front.metrics.rejected(result.reason)
                raise result
            status, body, location = answer_accepted(result, self._webhook)
            head = accepted_head(protocol.server_state, location, len(body))
        except (Overloaded, IdempotencyConflict) as error:
            status, head, body = problem_answer(error, protocol.server_state)
        self.response_complete = True
        front.submissions.answered(status, protocol.loop.time() - self._received_s)
        if not self.disconnected:
            protocol.answer(head, body, keep_alive=self.keep_alive)
            protocol.on_response_complete()


async def sweep_connections(
    connections: Callable[[], list[ExpressProtocol]], now_s: Callable[[], float]
) -> None:
    """Once a second, close connections that idle or dawdle; runs until cancelled."""
    while True:
        await asyncio.sleep(1.0)
        for connection in connections():
            connection.sweep(now_s())
