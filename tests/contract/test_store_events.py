"""Events in a Store: with all their webhooks, or not at all."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from sureshot.domain.errors import StoreUnavailable
from sureshot.ports import Added, KeyConflict, KnownEvent, Store, WebhookFilter
from tests.contract.conftest import Reopen
from tests.support.builders import event, keyed, terms, webhook
from tests.support.clock import NOON

LATER = NOON + timedelta(minutes=1)


async def _webhooks(store: Store) -> list[str]:
    return [
        one.id for one in (await store.list_webhooks("default", WebhookFilter(), None, 200)).items
    ]


async def test_an_event_comes_back_without_its_key(reopen: Reopen) -> None:
    store = await reopen()
    made = event(key="k", webhooks=2, payload=b"\x00 \xc3\xa4", event_type="a.b")
    await store.add_event(made, [(webhook(), False), (webhook(), True)], terms())
    store = await reopen()
    assert await store.event("default", made.id) == msgspec.structs.replace(made, idempotency=None)
    assert await store.event("other", made.id) is None
    for absent in (event().id, "", "ev_1", webhook().id, made.id.replace("ev", "wh")):
        assert await store.event("default", absent) is None


async def test_its_webhooks_are_stored_leased_or_free_as_asked(store: Store) -> None:
    leased, free = webhook(endpoint_id="ep_1", url=None, lane="ep_1"), webhook()
    result = await store.add_event(event(webhooks=2), [(leased, True), (free, False)], terms())
    assert isinstance(result, list)
    first, second = result
    assert first.lease is not None
    assert first.lease.webhook_id == leased.id
    assert second == Added(None)
    found = await store.lease_due(10, 10, NOON, terms())
    assert [lease.webhook_id for lease in found.leases] == [free.id]


async def test_nobody_subscribed_is_an_event_all_the_same(store: Store) -> None:
    made = event(key="k")
    assert await store.add_event(made, [], terms()) == []
    assert await store.add_event(event(key="k"), [], terms()) == KnownEvent(made.id, 0)


async def test_a_known_key_stores_nothing(store: Store) -> None:
    made, hook = event(key="k", webhooks=1), webhook()
    await store.add_event(made, [(hook, False)], terms())
    again = event(key="k", webhooks=3)
    assert await store.add_event(again, [(webhook(), False)], terms()) == KnownEvent(made.id, 1)
    other = event(key="k", fingerprint=b"other")
    assert await store.add_event(other, [(webhook(), True)], terms()) == KeyConflict(made.id)
    assert await store.event("default", again.id) is None
    assert await store.event("default", other.id) is None
    assert await _webhooks(store) == [hook.id]


async def test_a_key_is_known_for_a_day_and_to_its_tenant(store: Store) -> None:
    await store.add_event(event(key="k"), [], terms())
    assert await store.add_event(event(key="k", tenant="other"), [], terms()) == []
    nearly, day = timedelta(hours=23, minutes=59), timedelta(hours=24)
    late = event(key="k", created_at=NOON + nearly)
    assert isinstance(await store.add_event(late, [], terms()), KnownEvent)
    assert await store.add_event(event(key="k", created_at=NOON + day), [], terms()) == []


async def test_keys_of_events_and_of_webhooks_are_two_things(store: Store) -> None:
    await store.add([(keyed("k", b"webhook"), False)], terms())
    assert await store.add_event(event(key="k"), [], terms()) == []
    (result,) = await store.add([(keyed("k", b"other"), False)], terms())
    assert isinstance(result, KeyConflict)
    assert result.id.startswith("wh_")


async def test_all_or_nothing(store: Store) -> None:
    hook = webhook()
    made = event(key="k", webhooks=2)
    with pytest.raises(StoreUnavailable):
        await store.add_event(made, [(hook, False), (hook, False)], terms())
    assert await store.event("default", made.id) is None
    assert await _webhooks(store) == []
    assert await store.add_event(event(key="k"), [], terms()) == []


async def test_twins_at_once_are_one_event(store: Store) -> None:
    hooks = [webhook() for _ in range(20)]
    results = await asyncio.gather(
        *(store.add_event(event(key="k", webhooks=1), [(hook, False)], terms()) for hook in hooks)
    )
    (first,) = [one for one in results if isinstance(one, list)]
    assert len(first) == 1
    assert len({one.id for one in results if isinstance(one, KnownEvent)}) == 1
    assert len(await _webhooks(store)) == 1


async def test_old_events_are_forgotten_once_their_keys_are(store: Store) -> None:
    old = [event(key=f"k{n}") for n in range(3)]
    young = event(key="young", created_at=LATER)
    for one in [*old, young]:
        await store.add_event(one, [], terms())
    assert await store.forget_before(LATER, 2) == 0
    assert await store.forget_keys(NOON, 100) == 3
    assert await store.forget_before(LATER, 2) == 2
    assert await store.forget_before(LATER, 2) == 1
    assert await store.forget_before(LATER, 2) == 0
    assert [await store.event("default", one.id) for one in old] == [None] * 3
    assert await store.event("default", young.id) is not None
    assert await store.add_event(event(key="k0"), [], terms()) == []
