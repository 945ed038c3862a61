from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot.domain.model import ErrorKind, Outcome, WebhookState
from sureshot.domain.retry import STANDARD_SCHEDULE_S, RetryPolicy, slow_down_s

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
POLICY = RetryPolicy()


def _outcome(status: int | None = 500, retry_after_s: float | None = None) -> Outcome:
    error = ErrorKind.CONNECT_REFUSED if status is None else None
    return Outcome(status, error, 0.1, retry_after_s)


@given(st.integers(200, 299), st.integers(1, 50))
def test_every_2xx_is_success(status: int, step: int) -> None:
    decision = POLICY.decide(_outcome(status), step, NOW, random.Random(1))
    assert decision.state is WebhookState.DELIVERED


def test_a_status_counts_although_the_body_broke_off() -> None:
    broken = Outcome(200, ErrorKind.DISCONNECTED, 0.1)
    decision = POLICY.decide(broken, 1, NOW, random.Random(1))
    assert decision.state is WebhookState.DELIVERED


def test_410_fails_at_once_and_disables_the_endpoint() -> None:
    decision = POLICY.decide(_outcome(410), 1, NOW, random.Random(1))
    assert decision.state is WebhookState.FAILED
    assert decision.disable_endpoint


def test_the_schedule_spans_the_published_waits() -> None:
    assert sum(STANDARD_SCHEDULE_S) == timedelta(hours=75, minutes=35, seconds=5).total_seconds()
    assert POLICY.decide(_outcome(), 10, NOW, random.Random(1)).state is WebhookState.FAILED


@given(
    st.sampled_from([None, 100, 301, 307, 400, 404, 429, 500, 503]),
    st.integers(1, 9),
    st.integers(0, 2**32),
)
def test_without_a_wish_the_wait_is_the_step_within_a_fifth(
    status: int | None, step: int, seed: int
) -> None:
    decision = POLICY.decide(_outcome(status), step, NOW, random.Random(seed))
    assert decision.state is WebhookState.RETRYING
    assert decision.due_at is not None
    wait_s = (decision.due_at - NOW).total_seconds()
    assert 0.8 * STANDARD_SCHEDULE_S[step - 1] <= wait_s <= 1.2 * STANDARD_SCHEDULE_S[step - 1] + 1


@given(st.floats(0, 1e9), st.integers(1, 9), st.integers(0, 2**32))
def test_a_receiver_is_never_called_earlier_than_it_asked(
    asked_s: float, step: int, seed: int
) -> None:
    decision = POLICY.decide(_outcome(503, asked_s), step, NOW, random.Random(seed))
    assert decision.due_at is not None
    wait_s = (decision.due_at - NOW).total_seconds()
    least_s = max(STANDARD_SCHEDULE_S[step - 1], min(asked_s, 86400))
    assert least_s - 0.001 <= wait_s <= 1.2 * least_s + 0.001


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_overloaded_receiver_slows_its_whole_endpoint(status: int) -> None:
    assert slow_down_s(_outcome(status, 30)) == 30
    assert slow_down_s(_outcome(status, 1e9)) == 86400
    assert slow_down_s(_outcome(status)) == 5


@pytest.mark.parametrize("status", [None, 200, 400, 404, 500, 501])
def test_other_answers_slow_nothing(status: int | None) -> None:
    assert slow_down_s(_outcome(status, 30)) is None
