"""Which endpoints only ever fail."""

from __future__ import annotations

from datetime import timedelta

from sureshot.ports import Added, Store
from tests.support.builders import delivered, failed, retrying, terms, webhook
from tests.support.clock import NOON

DAY = timedelta(days=1)
SINCE = NOON - 5 * DAY


async def _attempt(
    store: Store, endpoint_id: str, days_ago: float, *, ends: str, made_days_ago: float = 0.0
) -> None:
    at = NOON - days_ago * DAY
    made_at = NOON - max(days_ago, made_days_ago) * DAY
    new = webhook(endpoint_id=endpoint_id, url=None, lane=endpoint_id, created_at=made_at)
    (added,) = await store.add([(new, True)], terms(now=at))
    assert isinstance(added, Added)
    assert added.lease is not None
    results = {
        "delivered": delivered(added.lease, at=at),
        "failed": failed(added.lease, at=at),
        "retrying": retrying(added.lease, at + DAY, at=at),
    }
    await store.record([results[ends]])


async def test_only_what_failed_all_the_time_is_failing(store: Store) -> None:
    for name, days_ago, ends in [
        ("ep_always", 6, "failed"), ("ep_always", 3, "failed"), ("ep_always", 0.1, "retrying"),
        ("ep_new", 2, "failed"), ("ep_new", 0.1, "retrying"),
        ("ep_idle", 8, "failed"), ("ep_idle", 7, "retrying"),
        ("ep_mixed", 6, "failed"), ("ep_mixed", 2, "delivered"), ("ep_mixed", 0.1, "failed"),
        ("ep_fine", 6, "delivered"), ("ep_fine", 0.1, "delivered"),
    ]:  # fmt: skip
        await _attempt(store, name, days_ago, ends=ends)
    names = ["ep_always", "ep_new", "ep_idle", "ep_mixed", "ep_fine", "ep_unknown"]
    assert await store.failing(names, SINCE) == ["ep_always"]


async def test_a_delivery_makes_older_failures_count_for_nothing(store: Store) -> None:
    await _attempt(store, "ep_1", 20, ends="failed")
    for days_ago in (19, 15, 10, 6):
        await _attempt(store, "ep_1", days_ago, ends="delivered")
    await _attempt(store, "ep_1", 0.01, ends="retrying")
    assert await store.failing(["ep_1"], SINCE) == []
    await _attempt(store, "ep_1", 5.5, ends="failed")
    assert await store.failing(["ep_1"], SINCE) == ["ep_1"], "it has failed since that one"
    await _attempt(store, "ep_1", 3, ends="delivered", made_days_ago=5.7)
    assert await store.failing(["ep_1"], SINCE) == [], "it works, if only for an older webhook"


async def test_what_was_to_be_sent_later_did_not_fail_when_it_was_made(store: Store) -> None:
    for made_days_ago in (20, 10, 1):
        await _attempt(store, "ep_1", 0.1, ends="failed", made_days_ago=made_days_ago)
    assert await store.failing(["ep_1"], SINCE) == []


async def test_a_receiver_that_works_off_its_backlog_again_is_not_failing(store: Store) -> None:
    for days_ago in (6.0, 5.5, 4.0):
        await _attempt(store, "ep_1", days_ago, ends="failed")
    made = [
        webhook(endpoint_id="ep_1", url=None, lane="ep_1", created_at=NOON - DAY)
        for _ in range(1000)
    ]
    await store.add([(one, False) for one in made], terms())
    assert await store.failing(["ep_1"], SINCE) == ["ep_1"]
    await _attempt(store, "ep_1", 0.001, ends="delivered", made_days_ago=3.9)
    assert await store.failing(["ep_1"], SINCE) == []
