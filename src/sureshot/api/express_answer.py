"""The bytes of an answer below ASGI: accepted, a problem, and the refusal that thousands get."""

from __future__ import annotations

from uvicorn.server import ServerState

from sureshot.api.problems import problem_for
from sureshot.domain.errors import CallerError, Overloaded

_REASONS = {
    409: b"Conflict",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}
_ACCEPTED = (
    b"HTTP/1.1 202 Accepted\r\n%bcontent-type: application/json\r\nlocation: %b\r\n"
    b"content-length: %d\r\n"
)
CLOSE = b"connection: close\r\n"
AT_ONCE_PER_S = 1000
REST_S = 1.0
"""No more than ``Retry-After`` asks for; a client that heeds it notices nothing."""


class Refusals:
    """Answers to submissions over a limit, made once a second for each reason.

    Even so a refusal costs a quarter of what a webhook does, so a flood of them would
    take the CPU from what was accepted: beyond ``AT_ONCE_PER_S`` of them who is refused
    is not listened to for ``REST_S``. Figures in the text are up to a second old.
    """

    def __init__(self) -> None:
        self._answered = 0
        self._made: dict[str, tuple[int, bytes, bytes]] = {}
        self._lines: object = None

    def answer(self, error: Overloaded, state: ServerState) -> tuple[int, bytes, bytes]:
        """Return status, head without its last line, and body."""
        if self._lines is not state.default_headers:
            # uvicorn puts a new list there when the Date changes.
            self._lines = state.default_headers
            self._made = {}
            self._answered = 0
        self._answered += 1
        made = self._made.get(error.reason)
        if made is None:
            made = self._made[error.reason] = problem_answer(error, state)
        return made

    @property
    def too_many(self) -> bool:
        """Whether there were so many within the second that the next must be slower."""
        return self._answered > AT_ONCE_PER_S


def accepted_head(state: ServerState, location: str, length: int) -> bytes:
    """Return the head of a 202 without its last line."""
    return _ACCEPTED % (date_line(state), location.encode(), length)


def problem_answer(error: Overloaded | CallerError, state: ServerState) -> tuple[int, bytes, bytes]:
    """Return status, head without its last line, and body of the answer to *error*."""
    status, body, headers = problem_for(error)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head = b"HTTP/1.1 %d %b\r\n%b%bcontent-length: %d\r\n" % (
        status,
        _REASONS[status],
        date_line(state),
        lines.encode(),
        len(body),
    )
    return status, head, body


def date_line(state: ServerState) -> bytes:
    """Return the default header lines uvicorn would send."""
    return b"".join(b"%b: %b\r\n" % pair for pair in state.default_headers)
