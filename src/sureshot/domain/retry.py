"""The retry policy: from one attempt's outcome to what happens next."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from sureshot.domain.model import Decision, ErrorKind, Outcome, WebhookState

STANDARD_SCHEDULE_S = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Waits after attempts 1..9 (Standard Webhooks, example schedule); the tenth failure is final."""

LONGEST_PATIENCE_S = 86400.0
"""No receiver may ask for more than a day."""

SLOWING_STATUSES = frozenset({429, 502, 503, 504})
DEFAULT_SLOW_DOWN_S = 5.0

STRAIN = frozenset({
    ErrorKind.CONNECT_REFUSED,
    ErrorKind.CONNECT_TIMEOUT,
    ErrorKind.TLS_TIMEOUT,
    ErrorKind.WRITE_TIMEOUT,
    ErrorKind.FIRST_BYTE_TIMEOUT,
    ErrorKind.TOTAL_TIMEOUT,
    ErrorKind.DISCONNECTED,
})  # fmt: skip
"""How a receiver that has too much to do fails without saying so."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A backoff schedule with symmetric jitter; ``jitter=0.2`` means +/- 20 %."""

    schedule_s: tuple[float, ...] = STANDARD_SCHEDULE_S
    jitter: float = 0.2

    def decide(
        self, outcome: Outcome, schedule_step: int, now: datetime, rng: random.Random
    ) -> Decision:
        """Return what follows the attempt that brought *outcome*.

        *schedule_step* counts attempts since the schedule was last restarted,
        from 1. 2xx succeeds, 410 disables the endpoint, everything else
        retries until the schedule is used up. Pure: the same arguments and
        rng state give the same decision.
        """
        status = outcome.status
        if status is not None and 200 <= status < 300:
            return Decision(WebhookState.DELIVERED)
        if status == 410:
            return Decision(WebhookState.FAILED, disable_endpoint=True)
        if schedule_step > len(self.schedule_s):
            return Decision(WebhookState.FAILED)
        wait_s = self._wait_s(schedule_step, outcome, rng)
        return Decision(WebhookState.RETRYING, due_at=now + timedelta(seconds=wait_s))

    def _wait_s(self, schedule_step: int, outcome: Outcome, rng: random.Random) -> float:
        step_s = self.schedule_s[schedule_step - 1]
        wait_s = step_s * rng.uniform(1 - self.jitter, 1 + self.jitter)
        if outcome.retry_after_s is None:
            return wait_s
        # Having asked for patience, the receiver is never called earlier than it said.
        asked_s = min(outcome.retry_after_s, LONGEST_PATIENCE_S)
        return max(step_s, asked_s) * rng.uniform(1, 1 + self.jitter)


def is_strain(outcome: Outcome) -> bool:
    """Whether *outcome* looks like a receiver that has too much to do.

    An error in its program (500), of its name, of TLS or of our policy does not.
    """
    if outcome.status is None:
        return outcome.error in STRAIN
    return outcome.status in SLOWING_STATUSES


def slow_down_s(outcome: Outcome) -> float | None:
    """Return for how long the whole endpoint is left alone after *outcome*, if at all."""
    if outcome.status not in SLOWING_STATUSES:
        return None
    if outcome.retry_after_s is None:
        return DEFAULT_SLOW_DOWN_S
    return min(outcome.retry_after_s, LONGEST_PATIENCE_S)
