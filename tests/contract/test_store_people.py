"""What people ask of a Store: look, list, cancel, retry, and its endpoints and tokens."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

import msgspec
import pytest

from sureshot.domain.ids import IdSource
from sureshot.domain.model import Endpoint, Scope, Secret, Tenant, Token, WebhookState
from sureshot.ports import Added, Store, WebhookFilter
from tests.contract.conftest import Reopen
from tests.support.builders import (
    closing,
    delivered,
    endpoint,
    failed,
    retrying,
    terms,
    webhook,
)
from tests.support.clock import NOON

LATER = NOON + timedelta(minutes=1)
ANY = WebhookFilter()


async def _in_state(store: Store, state: WebhookState, **changes: object) -> str:
    new = webhook(**changes)
    (added,) = await store.add([(new, True)], terms())
    assert isinstance(added, Added)
    assert added.lease is not None
    if state is WebhookState.DELIVERED:
        await store.record([delivered(added.lease)])
    elif state is WebhookState.FAILED:
        await store.record([failed(added.lease)])
    elif state is WebhookState.RETRYING:
        await store.record([retrying(added.lease, LATER)])
    elif state is WebhookState.CANCELLED:
        await store.cancel(new.tenant, new.id)
    return new.id


async def test_a_tenant_sees_only_its_own(store: Store) -> None:
    mine = await _in_state(store, WebhookState.DELIVERED, tenant="a")
    assert await store.get("b", mine) is None
    assert await store.attempts("b", mine) == []
    assert await store.cancel("b", mine) is None
    assert await store.retry("b", mine, force=True, now=NOON) is None
    assert (await store.list_webhooks("b", ANY, None, 10)).items == []
    assert (await store.get("a", mine)) is not None


@pytest.mark.parametrize("text", ["", "x", "wh_1", "wh_01a20c895a3c7000aefd22c59884d29c"])
async def test_an_unknown_id_is_nothing(store: Store, text: str) -> None:
    assert await store.get("default", text) is None
    assert await store.attempts("default", text) == []


@pytest.mark.parametrize("state", list(WebhookState))
async def test_filters_by_state(store: Store, state: WebhookState) -> None:
    ids = {each: await _in_state(store, each) for each in WebhookState}
    page = await store.list_webhooks("default", WebhookFilter(state=state), None, 10)
    assert [item.id for item in page.items] == [ids[state]]


async def test_filters_by_endpoint_type_and_time(store: Store) -> None:
    early = webhook(endpoint_id="ep_1", url=None, event_type="a.b", created_at=NOON)
    wanted = webhook(endpoint_id="ep_1", url=None, event_type="a.b", created_at=LATER)
    others = [
        early,
        webhook(endpoint_id="ep_2", url=None, event_type="a.b", created_at=LATER),
        webhook(endpoint_id="ep_1", url=None, event_type="a.c", created_at=LATER),
        webhook(endpoint_id="ep_1", url=None, event_type="a.b", created_at=LATER + timedelta(1)),
    ]
    await store.add([(one, False) for one in [*others, wanted]], terms())
    which = WebhookFilter(None, "ep_1", "a.b", LATER, LATER + timedelta(hours=1))
    page = await store.list_webhooks("default", which, None, 10)
    assert [item.id for item in page.items] == [wanted.id]


async def test_a_burst_is_whole_in_the_windows_beside_each_other(store: Store) -> None:
    ids = IdSource(secrets.randbits)
    ids.use_slot(5)
    burst = [webhook(id=ids.new(NOON)) for _ in range(1000)]
    await store.add([(one, False) for one in burst], terms())
    cut = NOON + timedelta(milliseconds=1)
    until = await store.list_webhooks("default", WebhookFilter(until=cut), None, 2000)
    since = await store.list_webhooks("default", WebhookFilter(since=cut), None, 2000)
    assert len(until.items) == len(burst), "all were made before the cut, whatever their ids say"
    assert since.items == []


async def test_walking_pages_sees_each_once_newest_first(store: Store) -> None:
    rows = [webhook(tenant="a" if n % 3 else "b") for n in range(500)]
    await store.add([(row, False) for row in rows], terms())
    seen: list[str] = []
    after = None
    while True:
        page = await store.list_webhooks("a", ANY, after, 37)
        seen += [item.id for item in page.items]
        if page.next_after is None:
            break
        after = page.next_after
    assert seen == sorted((row.id for row in rows if row.tenant == "a"), reverse=True)


async def test_a_list_reads_payloads_only_when_asked_and_as_many_as_fit(store: Store) -> None:
    rows = [webhook(payload=b'"%b"' % (b"x" * size)) for size in (10, 400, 500, 600, 2000, 5)]
    await store.add([(row, False) for row in rows], terms())
    plain = await store.list_webhooks("default", ANY, None, 10)
    assert {item.payload for item in plain.items} == {b""}
    pages: list[list[bytes]] = []
    after = None
    while not pages or after is not None:
        page = await store.list_webhooks("default", ANY, after, 3, 1100)
        pages.append([item.payload for item in page.items])
        after = page.next_after
    five, large, *rest = [row.payload for row in reversed(rows)]
    assert [page for page in pages if page] == [[five], [large], rest[:1], rest[1:]]


async def test_a_list_shows_the_last_attempt(store: Store) -> None:
    await _in_state(store, WebhookState.FAILED)
    page = await store.list_webhooks("default", ANY, None, 10)
    assert page.items[0].last_attempt is not None
    assert page.items[0].last_attempt.outcome.status == 500


@pytest.mark.parametrize("state", list(WebhookState))
async def test_cancelling_moves_only_what_is_not_final(store: Store, state: WebhookState) -> None:
    webhook_id = await _in_state(store, state)
    before = await store.cancel("default", webhook_id)
    after = await store.get("default", webhook_id)
    assert before is not None
    assert after is not None
    assert before.state is state
    final = {WebhookState.DELIVERED, WebhookState.FAILED}
    assert after.state is (state if state in final else WebhookState.CANCELLED)
    found = await store.lease_due(10, 10, LATER + timedelta(days=9), terms())
    assert found.leases == []


@pytest.mark.parametrize("state", list(WebhookState))
@pytest.mark.parametrize("force", [False, True])
async def test_retrying_restarts_the_schedule_and_counts_on(
    store: Store, state: WebhookState, force: bool
) -> None:
    webhook_id = await _in_state(store, state)
    before = await store.retry("default", webhook_id, force=force, now=LATER)
    assert before is not None
    assert before.state is state
    found = await store.lease_due(10, 10, LATER, terms(now=LATER))
    if state is WebhookState.DELIVERED and not force:
        assert found.leases == []
        return
    (lease,) = found.leases
    assert lease.schedule_step == 1
    assert lease.attempt_number == before.attempts + 1
    after = await store.get("default", webhook_id)
    assert after is not None
    assert after.delivered_at is None
    assert after.state in {WebhookState.QUEUED, WebhookState.RETRYING}


async def test_counts_tell_what_waits_and_since_when(store: Store) -> None:
    empty = await store.counts(NOON)
    assert (empty.backlog, empty.free, empty.oldest_due_at) == (0, 0, None)
    for state in WebhookState:
        await _in_state(store, state)
    early = NOON - timedelta(minutes=3)
    await store.add([(webhook(due_at=early), False), (webhook(due_at=LATER), False)], terms())
    counts = await store.counts(NOON)
    assert (counts.backlog, counts.free, counts.oldest_due_at) == (4, 3, early)


async def test_the_latest_id_is_known(reopen: Reopen) -> None:
    store = await reopen()
    assert await store.latest_id() is None
    rows = [webhook() for _ in range(3)]
    await store.add([(row, False) for row in rows], terms())
    store = await reopen()
    assert await store.latest_id() == rows[-1].id


async def test_endpoints_tenants_and_tokens_come_back_as_they_were(reopen: Reopen) -> None:
    store = await reopen()
    one = endpoint(
        headers=(("X-A", "1"),),
        rate_limit_per_s=0.5,
        retry_schedule_s=(1.0, 2.0),
        secrets=(Secret("new"), Secret("old", LATER)),
        disabled_reason="gone",
        metadata={"k": "v"},
    )
    two = endpoint()
    tenant = Tenant("default", (Secret("whsec_x"),))
    token = Token("tok_1", b"\x00\xff" * 16, "default", frozenset({Scope.READ}), "ci", NOON)
    for write in (store.put_endpoint(one), store.put_endpoint(two), store.put_tenant(tenant),
                  store.put_token(token)):  # fmt: skip
        await write
    store = await reopen()
    assert await store.endpoints() == [one, two]
    assert await store.tenants() == [tenant]
    assert await store.tokens() == [token]
    await store.delete_token(token.id)
    await store.delete_token("tok_unknown")
    assert await store.tokens() == []


async def test_deleting_an_endpoint_cancels_what_waits_for_it(store: Store) -> None:
    one, two = endpoint(), endpoint()
    await store.put_endpoint(one)
    await store.put_endpoint(two)
    waiting = webhook(endpoint_id=one.id, url=None, lane=one.id)
    other = webhook(endpoint_id=two.id, url=None, lane=two.id)
    await store.add([(waiting, False), (other, False)], terms())
    await store.change_lanes(closing(one.id, None, "disabled"))
    await store.delete_endpoint(one.id)
    gone = await store.get("default", waiting.id)
    assert gone is not None
    assert gone.state is WebhookState.CANCELLED
    assert await store.endpoints() == [two]
    assert await store.closed_lanes() == []
    found = await store.lease_due(10, 10, NOON, terms())
    assert [lease.webhook_id for lease in found.leases] == [other.id]


async def test_deleting_an_endpoint_leaves_what_was_sent_to_its_url(store: Store) -> None:
    """It waits in the endpoint's lane, and yet asked for a url and not for the endpoint."""
    made = endpoint()
    await store.put_endpoint(made)
    free, leased = webhook(lane=made.id), webhook(lane=made.id)
    await store.add([(free, False), (leased, True)], terms())
    await store.delete_endpoint(made.id)
    for one in (free, leased):
        found = await store.get("default", one.id)
        assert found is not None
        assert found.state is WebhookState.QUEUED
    due = await store.lease_due(10, 10, NOON, terms())
    assert [lease.webhook_id for lease in due.leases] == [free.id]


async def _closed(store: Store) -> dict[str, str]:
    return {one.lane: one.reason for one in await store.closed_lanes()}


async def test_an_endpoints_lane_is_closed_and_opened_with_it(reopen: Reopen) -> None:
    store = await reopen()
    one, other = endpoint(disabled_reason="manual"), endpoint()
    await store.put_endpoint(one)
    await store.put_endpoint(other)
    await store.change_lanes(closing(other.id, LATER, "breaker_open"))
    assert await _closed(store) == {one.id: "disabled", other.id: "breaker_open"}
    for late in (closing(one.id, LATER, "breaker_open"), {one.id: None}):
        await store.change_lanes(late)
        assert (await _closed(store))[one.id] == "disabled"
    store = await reopen()
    for changed in (one, other):
        enabled = msgspec.structs.replace(changed, disabled_reason=None)
        assert await store.update_endpoint(changed.id, lambda _found: enabled) == enabled  # noqa: B023
    assert await _closed(store) == {other.id: "breaker_open"}, "only what is disabled is enabled"


async def test_an_endpoint_is_changed_as_it_is_and_never_made_by_that(store: Store) -> None:
    made = endpoint(name="old")
    await store.put_endpoint(made)

    def add(found: Endpoint) -> Endpoint:
        return msgspec.structs.replace(found, name=found.name + "+")

    await asyncio.gather(*(store.update_endpoint(made.id, add) for _ in range(5)))
    assert (await store.endpoints())[0].name == "old+++++"
    await store.delete_endpoint(made.id)
    assert await store.update_endpoint(made.id, add) is None
    assert await store.endpoints() == []


async def test_a_lane_written_without_its_endpoint_is_put_right(store: Store) -> None:
    made = endpoint(disabled_reason="gone")
    await store.put_endpoint(made)
    await store.put_endpoint(msgspec.structs.replace(made, disabled_reason=None))
    await store.change_lanes(closing(made.id, LATER, "breaker_open"))
    await store.put_endpoint(made)
    assert await store.update_endpoint(made.id, lambda found: found) == made
    assert await _closed(store) == {made.id: "disabled"}


async def test_closings_that_ended_a_day_ago_are_forgotten(reopen: Reopen) -> None:
    store = await reopen()
    await store.change_lanes(
        closing("old", NOON, "breaker_open")
        | closing("young", LATER, "breaker_open")
        | closing("for good", None, "disabled")
    )
    await store.prepare(NOON + timedelta(days=1))
    assert await _closed(store) == {"young": "breaker_open", "for good": "disabled"}
    store = await reopen()
    assert await _closed(store) == {"young": "breaker_open", "for good": "disabled"}


async def test_deleting_an_endpoint_again_cancels_what_came_in_since(store: Store) -> None:
    made = endpoint()
    await store.put_endpoint(made)
    await store.delete_endpoint(made.id)
    late = [webhook(endpoint_id=made.id, url=None, lane=made.id) for _ in range(2)]
    (_free, leased) = await store.add([(late[0], False), (late[1], True)], terms())
    assert isinstance(leased, Added)
    assert leased.lease is not None
    await store.delete_endpoint(made.id)
    for one in late:
        found = await store.get("default", one.id)
        assert found is not None
        assert found.state is WebhookState.CANCELLED
    assert await store.record([failed(leased.lease)]) == [False]


async def test_old_finished_webhooks_are_forgotten_and_nothing_else(store: Store) -> None:
    old = {each: await _in_state(store, each, created_at=NOON) for each in WebhookState}
    young = await _in_state(store, WebhookState.DELIVERED, created_at=LATER)
    assert await store.forget_before(LATER, 2) == 2
    assert await store.forget_before(LATER, 2) == 1
    assert await store.forget_before(LATER, 2) == 0
    final = {WebhookState.DELIVERED, WebhookState.FAILED, WebhookState.CANCELLED}
    for state, webhook_id in old.items():
        assert ((await store.get("default", webhook_id)) is None) == (state in final)
    assert await store.get("default", young) is not None
    assert await store.attempts("default", old[WebhookState.FAILED]) == []
