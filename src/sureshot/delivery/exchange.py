"""One request on its way to one outcome, whichever connection carries it."""

from __future__ import annotations

from collections.abc import Callable

from sureshot.domain.model import ErrorKind, Outcome
from sureshot.ports import OutgoingRequest


class Exchange:
    """A request, its deadline (monotonic), and the callback that gets its outcome once."""

    __slots__ = ("_on_outcome", "began_s", "deadline_s", "request", "retried", "settled")

    def __init__(
        self, request: OutgoingRequest, on_outcome: Callable[[Outcome], None], now_s: float
    ) -> None:
        self.request = request
        self._on_outcome = on_outcome
        self.began_s = now_s
        self.deadline_s = now_s + request.timeout_s
        self.retried = False
        self.settled = False

    def settle(self, outcome: Outcome) -> None:
        """Hand *outcome* over; a second call does nothing."""
        if not self.settled:
            self.settled = True
            self._on_outcome(outcome)

    def fail(self, kind: ErrorKind, detail: str, now_s: float) -> None:
        """End without a response."""
        self.settle(Outcome(None, kind, now_s - self.began_s, detail=detail))
