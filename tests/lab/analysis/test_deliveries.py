"""Deliveries by the second in which they were submitted, and when the backlog was gone."""

from __future__ import annotations

import numpy as np
import pytest

from sureshot_lab.analysis.deliveries import backlog_gone_s, delivery_seconds
from sureshot_lab.analysis.recovery import recovery
from sureshot_lab.sink.fates import NEVER, Fates, fates_of
from sureshot_lab.sink.ledger import Ledger
from sureshot_lab.sink.ledger_file import SavedLedger
from tests.lab.analysis.runs import Curve, seconds

RATE = 100


def fates(count_s: int, took_s: Curve) -> Fates:
    """Return a hundred webhooks a second, each delivered after *took_s* of when it was sent."""
    sent_s = np.arange(count_s * RATE) / RATE
    ends = [NEVER if took_s(at_s) < 0 else round((at_s + took_s(at_s)) * 1e6) for at_s in sent_s]
    return Fates(np.round(sent_s * 1e6).astype(np.int64), np.array(ends, dtype=np.int64))


def test_receivers_that_failed_are_felt_by_deliveries_and_not_by_submissions() -> None:
    """What came while they failed waits for them; what comes later still waits behind it."""
    offered = seconds(60, rate=RATE, p95_s=0.003)
    slow = fates(60, lambda at_s: 27.0 - at_s if 20 <= at_s < 27 else 0.002)
    assert recovery(offered, 20.0, 25.0).after_s == 0  # type: ignore[union-attr]
    found = recovery(delivery_seconds(offered, slow), 20.0, 25.0)
    assert found is not None
    assert found.before_s == 0.002
    assert found.after_s == 2


def test_the_backlog_is_gone_with_the_last_that_was_sent_before() -> None:
    slow = fates(60, lambda at_s: 11.5 if 20 <= at_s < 25 else 0.002)
    assert backlog_gone_s(slow, 25.0) == pytest.approx(11.49)
    assert backlog_gone_s(slow, 20.0) == 0
    assert backlog_gone_s(slow, 50.0) == 0


def test_a_webhook_that_was_never_answered_with_success_is_not_gone() -> None:
    stuck = fates(60, lambda at_s: -1 if at_s == 22 else 0.002)
    assert backlog_gone_s(stuck, 25.0) is None
    assert backlog_gone_s(stuck, 21.0) == 0


def test_a_second_whose_webhooks_are_never_delivered_is_not_well() -> None:
    offered = seconds(60, rate=RATE)
    lossy = fates(60, lambda at_s: -1 if 20 <= at_s < 31 and at_s % 1 < 0.05 else 0.002)
    found = recovery(delivery_seconds(offered, lossy), 20.0, 25.0)
    assert found is not None
    assert found.after_s == 6


def test_a_second_of_which_nothing_came_is_not_well() -> None:
    offered = seconds(60, rate=RATE)
    gap = fates(60, lambda _at_s: 0.002)
    kept = (gap.sent_us < 20_000_000) | (gap.sent_us >= 29_000_000)
    silent = Fates(gap.sent_us[kept], gap.delivered_us[kept])
    found = recovery(delivery_seconds(offered, silent), 20.0, 25.0)
    assert found is not None
    assert found.after_s == 4


def test_fates_are_read_from_the_ledger() -> None:
    """First at once, second after two refusals, third when its slow answer came, fourth never."""
    ledger, begin_us = Ledger(), 1_700_000_000_000_000
    ledger.enter(b"at-once", begin_us + 1500, begin_us + 1000, 0, 200)
    ledger.enter(b"retried", begin_us + 2500, begin_us + 2000, 0, 503)
    ledger.enter(b"slow", begin_us + 3500, begin_us + 3000, 0, 0)
    ledger.enter(b"never", begin_us + 4500, begin_us + 4000, 0, 503)
    ledger.enter(b"retried", begin_us + 900_000, begin_us + 2000, 0, 503)
    ledger.enter(b"retried", begin_us + 1_900_000, begin_us + 2000, 0, 200)
    ledger.enter(b"retried", begin_us + 5_000_000, begin_us + 2000, 0, 200)
    ledger.enter_answer(b"slow", begin_us + 700_000, 0, 200)
    found = fates_of(SavedLedger([ledger.take()], ""), begin_us / 1e6)
    assert found.sent_us.tolist() == [1000, 2000, 3000, 4000]
    assert found.delivered_us.tolist() == [1500, 1_900_000, 700_000, NEVER]
