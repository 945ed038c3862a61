"""What housekeeping and operators do to a Store: forgetting in time, many lanes, a new key."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sureshot.domain.model import KEY_LIFETIME, Scope, Secret, Tenant, Token
from sureshot.ports import Added, ClosedLane, KnownEvent, Store, Twin, WebhookFilter
from sureshot.store import postgres_reads, sqlite_reads
from sureshot.store.sealing import Sealer
from tests.support.builders import (
    audit_entry,
    delivered,
    endpoint,
    event,
    keyed,
    terms,
    webhook,
)
from tests.support.clock import NOON

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


async def _finished(store: Store, key: str) -> str:
    (added,) = await store.add([(keyed(key), True)], terms())
    assert isinstance(added, Added)
    assert added.lease is not None
    await store.record([delivered(added.lease)])
    return added.lease.webhook_id


async def test_a_key_stands_for_its_request_as_long_as_it_lives(store: Store) -> None:
    """However short the retention is, what the key names is kept too."""
    first = await _finished(store, "k")
    published = event(key="k")
    await store.add_event(published, [], terms())
    assert await store.forget_before(NOON + 13 * HOUR, 100) == 0
    assert await store.forget_keys(NOON - HOUR, 100) == 0
    at = NOON + 13 * HOUR
    (again,) = await store.add([(keyed("k", created_at=at), True)], terms())
    assert isinstance(again, Twin)
    assert again.id == first
    known = await store.add_event(event(key="k", created_at=at), [], terms())
    assert known == KnownEvent(published.id, 0)


async def test_keys_are_forgotten_by_their_own_age_a_few_at_a_time(store: Store) -> None:
    for number in range(5):
        await _finished(store, f"k{number}")
    await store.add_event(event(key="k"), [], terms())
    late = NOON + HOUR
    await store.add([(keyed("late", created_at=late), False)], terms(now=late))
    forgotten = [await store.forget_keys(NOON, 2) for _ in range(4)]
    assert forgotten == [3, 2, 1, 0]
    assert await store.forget_before(NOON + HOUR, 100) == 6
    (again,) = await store.add([(keyed("late", created_at=late + HOUR), False)], terms())
    assert isinstance(again, Twin)


async def test_a_key_is_forgotten_a_day_after_it_came(store: Store) -> None:
    await _finished(store, "k")
    assert await store.forget_keys(NOON - KEY_LIFETIME + DAY - HOUR, 100) == 0
    assert await store.forget_keys(NOON - KEY_LIFETIME + DAY, 100) == 1


async def test_old_entries_of_the_audit_log_are_forgotten_a_few_at_a_time(store: Store) -> None:
    for name in ("a", "b"):
        await store.put_tenant(Tenant(name, (Secret("whsec_x"),)))
    old = [audit_entry(tenant=tenant) for tenant in ("a", "b", "a", "b")]
    young = [audit_entry(tenant=tenant, at=NOON + DAY) for tenant in ("a", "b")]
    await store.add_audit([*old, *young])
    assert [await store.forget_audit(NOON + HOUR, 3) for _ in range(3)] == [3, 1, 0]
    assert await store.audit("a", None, 10) == [young[0]]
    assert await store.audit("b", None, 10) == [young[1]]


async def test_many_lanes_are_closed_and_opened_at_once(store: Store) -> None:
    until = NOON + HOUR
    shut = {f"l{n}": ClosedLane(f"l{n}", until, "breaker_open") for n in range(1000)}
    await store.change_lanes(shut)
    assert {one.lane: one for one in await store.closed_lanes()} == shut
    longer = ClosedLane("l1", until + HOUR, "overloaded")
    await store.change_lanes({"l0": None, "l1": longer, "l2": None, "never closed": None})
    found = {one.lane: one for one in await store.closed_lanes()}
    assert found == {name: shut[name] for name in shut if name not in {"l0", "l2"}} | {"l1": longer}


async def test_a_place_between_pages_names_nobody_elses_webhook(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (postgres_reads, sqlite_reads):
        monkeypatch.setattr(module, "ROWS_PER_PAGE", 10)
    theirs = [webhook(tenant="theirs") for _ in range(25)]
    mine = webhook(tenant="mine")
    await store.add([(one, False) for one in [mine, *theirs]], terms())
    after, places, seen = None, set[str | None](), list[str]()
    while True:
        page = await store.list_webhooks("mine", WebhookFilter(), after, 5)
        seen += [one.id for one in page.items]
        after = page.next_after
        if after is None:
            break
        places.add(after)
    assert seen == [mine.id]
    assert len(places) >= 2
    assert not places & {one.id for one in theirs}


async def test_every_secret_is_encrypted_anew_and_reads_as_before(store: Store) -> None:
    one, tenant = endpoint(), Tenant("default", (Secret("whsec_x"),))
    token = Token("tok_1", b"d" * 32, "default", frozenset({Scope.READ}), "ci", NOON)
    await store.put_endpoint(one)
    await store.put_tenant(tenant)
    await store.put_token(token)
    store._sealer = Sealer(b"n" * 32, b"k" * 32)  # type: ignore[attr-defined]
    assert await store.reencrypt() == 3
    store._sealer = Sealer(b"n" * 32)  # type: ignore[attr-defined]
    assert await store.endpoints() == [one]
    assert await store.tenants() == [tenant]
    assert await store.tokens() == [token]
