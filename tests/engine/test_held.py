"""Messages of the broker: which lease keeps which one, through redelivery and retries."""

from __future__ import annotations

from collections import deque

from sureshot.domain.model import Lease
from sureshot.queue.held import Held, Message
from tests.support.builders import lease
from tests.support.clock import NOON


def message(*leases: Lease, tag: int = 1) -> Message:
    return Message(None, tag, NOON, deque(leases))


def held() -> Held:
    return Held(lambda: 0.0)


def test_a_message_is_settled_with_its_last_lease() -> None:
    keeping, one, two = held(), lease(), lease()
    both = message(one, two)
    keeping.take(both, 10)
    assert keeping.settle(one) is None
    assert keeping.settle(two) is both


def test_a_redelivered_lease_in_flight_moves_to_the_new_message() -> None:
    keeping, one = held(), lease()
    first, again = message(one), message(one, tag=2)
    keeping.take(first, 10)
    assert keeping.adopt(again) == [first]
    assert not again.waiting
    assert keeping.settle(one) is again


def test_a_retry_while_in_flight_keeps_the_new_lease_and_lets_the_old_message_go() -> None:
    keeping = held()
    old = lease(token=1)
    new = lease(token=3, webhook_id=old.webhook_id)
    first, second = message(old), message(new, tag=2)
    keeping.take(first, 10)
    assert keeping.adopt(second) == []
    assert keeping.take(second, 10) == [new]
    assert keeping.replaced() == [first]
    assert keeping.settle(old) is None, "the late end of the old attempt settles nothing"
    assert keeping.settle(new) is second


def test_an_old_lease_delivered_again_after_a_newer_one_is_dropped() -> None:
    keeping = held()
    new = lease(token=3)
    old = lease(token=1, webhook_id=new.webhook_id)
    keeping.take(message(new), 10)
    again = message(old, tag=2)
    keeping.adopt(again)
    assert again.settled


def test_a_renewed_lease_settles_the_message_of_the_one_before() -> None:
    keeping, one = held(), lease(token=1)
    first = message(one)
    keeping.take(first, 10)
    assert keeping.settle(lease(token=2, webhook_id=one.webhook_id)) is first
