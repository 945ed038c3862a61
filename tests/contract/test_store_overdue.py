"""What a Store tells of lateness: since when something could be sent, and when it was due."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from sureshot.ports import DISABLED, FULL, Store
from tests.support.builders import closing, endpoint, retrying, terms, webhook
from tests.support.clock import NOON


@pytest.mark.parametrize("reason", [DISABLED, "breaker_open", "overloaded"])
async def test_what_is_held_back_for_its_receiver_is_not_overdue(store: Store, reason: str) -> None:
    early, later = NOON - timedelta(hours=3), NOON - timedelta(minutes=1)
    await store.add([(webhook(lane="held", due_at=early), False)], terms())
    until = None if reason == DISABLED else NOON + timedelta(seconds=30)
    await store.change_lanes(closing("held", until, reason))
    held = await store.counts(NOON)
    assert (held.backlog, held.free, held.oldest_due_at) == (1, 1, None)
    await store.add([(webhook(lane="other", due_at=later), False)], terms())
    assert (await store.counts(NOON)).oldest_due_at == later


async def test_a_lane_that_nobody_opens_in_time_is_overdue_from_then_on(store: Store) -> None:
    await store.add([(webhook(lane="held", due_at=NOON - timedelta(hours=3)), False)], terms())
    opens = NOON - timedelta(minutes=2)
    await store.change_lanes(closing("held", opens, "breaker_open"))
    assert (await store.counts(NOON)).oldest_due_at == opens


async def test_what_waits_because_its_lane_is_full_is_overdue(store: Store) -> None:
    early = NOON - timedelta(hours=3)
    await store.add([(webhook(lane="busy", due_at=early), False)], terms())
    await store.change_lanes(closing("busy", NOON + timedelta(seconds=30), FULL))
    assert (await store.counts(NOON)).oldest_due_at == early


async def test_a_disabled_endpoints_webhooks_are_overdue_when_it_is_enabled(store: Store) -> None:
    one = endpoint()
    early = NOON - timedelta(days=2)
    waiting = webhook(endpoint_id=one.id, url=None, lane=one.id, due_at=early)
    await store.put_endpoint(msgspec.structs.replace(one, disabled_reason="gone"))
    await store.add([(waiting, False)], terms())
    assert (await store.counts(NOON)).oldest_due_at is None
    await store.put_endpoint(one)
    assert (await store.counts(NOON)).oldest_due_at == early


async def test_a_lease_tells_when_a_scheduled_webhook_became_due(store: Store) -> None:
    at_once, later = webhook(), webhook(due_at=NOON + timedelta(hours=1))
    await store.add([(at_once, False), (later, False)], terms())
    now = NOON + timedelta(hours=2)
    found = await store.lease_due(10, 10, now, terms(now=now))
    told = {lease.webhook_id: (lease.created_at, lease.due_at) for lease in found.leases}
    assert told == {at_once.id: (NOON, None), later.id: (NOON, NOON + timedelta(hours=1))}


async def test_a_retry_tells_no_time(store: Store) -> None:
    await store.add([(webhook(), False)], terms())
    (lease,) = (await store.lease_due(10, 10, NOON, terms())).leases
    again = NOON + timedelta(seconds=5)
    await store.record([retrying(lease, again)])
    (second,) = (await store.lease_due(10, 10, again, terms(now=again))).leases
    assert (second.attempt_number, second.due_at) == (2, None)
