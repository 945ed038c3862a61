"""Which endpoints only ever fail."""

from __future__ import annotations

from datetime import timedelta

from sureshot.ports import Added, Store
from tests.support.builders import delivered, failed, retrying, terms, webhook
from tests.support.clock import NOON

DAY = timedelta(days=1)
SINCE = NOON - 5 * DAY


async def _attempt(store: Store, endpoint_id: str, days_ago: float, *, ends: str) -> None:
    at = NOON - days_ago * DAY
    new = webhook(endpoint_id=endpoint_id, url=None, lane=endpoint_id, created_at=at)
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
