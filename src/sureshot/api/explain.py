"""In plain words: why a webhook is not delivered yet, what happens next and when."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sureshot.api.submission import instant_text
from sureshot.delivery.lane_status import LaneStatus
from sureshot.domain.model import Attempt, Endpoint, Webhook, WebhookState

CLOSED_BECAUSE = {
    "breaker_open": "its receiver failed too often in a row, so the circuit breaker is open",
    "overloaded": "its receiver asked for patience",
    "full": "as many requests as its rate limit or in-flight cap allow are already waiting",
    "disabled": "its endpoint is disabled",
}


class LaneView(msgspec.Struct, frozen=True, rename="camel"):
    """The path to the receiver: its breaker, and what is on it now."""

    breaker: str
    closed_reason: str | None
    closed_until: str | None
    in_flight: int
    waiting: int
    learned_limit: int | None = None


class Explanation(msgspec.Struct, frozen=True, rename="camel"):
    """An answer to "where is my webhook?"."""

    id: str
    status: str
    explanation: str
    next_attempt_at: str | None
    lane: LaneView


def explain(
    webhook: Webhook,
    lane: LaneStatus,
    endpoint: Endpoint | None,
    schedule_s: tuple[float, ...],
    now: datetime,
    *,
    paused: bool,
) -> Explanation:
    """Return the explanation; *schedule_s* is the retry schedule that applies."""
    waiting = webhook.state in {WebhookState.QUEUED, WebhookState.RETRYING}
    sentences = [_state(webhook, deleted=endpoint is None and webhook.endpoint_id is not None)]
    if webhook.last_attempt is not None and webhook.state is not WebhookState.DELIVERED:
        sentences.append(_last_attempt(webhook.last_attempt))
    if waiting:
        sentences.append(_next(webhook, lane, endpoint, now, paused=paused))
        left = max(0, len(schedule_s) + 1 - webhook.schedule_step)
        sentences.append(f"{left} of {len(schedule_s) + 1} attempts of its schedule are left.")
    view = LaneView(
        lane.breaker,
        lane.closed_reason,
        None if lane.closed_until is None else instant_text(lane.closed_until),
        lane.in_flight,
        lane.waiting,
        lane.learned_limit,
    )
    next_at = instant_text(webhook.due_at) if waiting else None
    return Explanation(webhook.id, webhook.state.value, " ".join(sentences), next_at, view)


def _state(webhook: Webhook, *, deleted: bool) -> str:
    over, after_all = "retry it to start over", "retry it to send it after all"
    if deleted:
        over = after_all = "its endpoint is deleted"
    attempts = f"{webhook.attempts} attempt{'' if webhook.attempts == 1 else 's'}"
    match webhook.state:
        case WebhookState.DELIVERED:
            at = instant_text(webhook.delivered_at or webhook.created_at)
            return f"It was delivered at {at}, with {attempts}."
        case WebhookState.FAILED:
            return f"It failed for good after {attempts}; {over}."
        case WebhookState.CANCELLED:
            return f"It was cancelled after {attempts}; {after_all}."
        case WebhookState.RETRYING:
            return f"It is not delivered yet, after {attempts}."
        case _:
            return "It is stored and no attempt was made yet."


def _last_attempt(attempt: Attempt) -> str:
    outcome = attempt.outcome
    at = instant_text(attempt.started_at)
    if outcome.status is not None:
        return f"The last one, at {at}, was answered with status {outcome.status}."
    reason = str(outcome.error or "no answer").replace("_", " ")
    detail = f" ({outcome.detail})" if outcome.detail else ""
    return f"The last one, at {at}, brought no answer: {reason}{detail}."


def _next(
    webhook: Webhook,
    lane: LaneStatus,
    endpoint: Endpoint | None,
    now: datetime,
    *,
    paused: bool,
) -> str:
    if paused:
        return "Sending is paused for the whole service; it goes on when that is resumed."
    if endpoint is not None and not endpoint.enabled:
        return (
            f"Its endpoint is disabled ({endpoint.disabled_reason}); "
            "it is held and sent when the endpoint is enabled."
        )
    if webhook.due_at > now:
        return f"The next attempt is due at {instant_text(webhook.due_at)}."
    if webhook.leased:
        return f"It is in the queue or being sent right now{_held_to(lane)}."
    if lane.closed_reason is not None:
        because = CLOSED_BECAUSE.get(lane.closed_reason, lane.closed_reason)
        until = "" if lane.closed_until is None else f" until {instant_text(lane.closed_until)}"
        return f"It is due, but the path to its receiver is closed{until}: {because}."
    return f"It is due and will be sent as soon as the queue has room{_held_to(lane)}."


def _held_to(lane: LaneStatus) -> str:
    if lane.learned_limit is None:
        return ""
    return f"; its receiver is sent {lane.learned_limit} at once, as many as it has shown to bear"
