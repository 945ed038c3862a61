"""What the line needs of a Store: add, lease, record, renew, release."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import msgspec
import pytest

from sureshot.domain.model import ErrorKind, Lease, NewWebhook, Outcome, WebhookState
from sureshot.ports import FULL, Added, KeyConflict, Store, Twin
from tests.contract.conftest import Reopen
from tests.support.builders import (
    closing,
    delivered,
    failed,
    keyed,
    retrying,
    terms,
    webhook,
)
from tests.support.clock import NOON

LATER = NOON + timedelta(seconds=30)


async def _lease(store: Store, new: NewWebhook | None = None) -> Lease:
    (result,) = await store.add([(new or webhook(), True)], terms())
    assert isinstance(result, Added)
    assert result.lease is not None
    return result.lease


async def _due(store: Store, now=NOON, limit: int = 100, per_lane: int = 100) -> list[Lease]:  # type: ignore[no-untyped-def]
    found = await store.lease_due(limit, per_lane, now, terms(now=now))
    return found.leases


async def test_a_webhook_is_born_leased_or_free_as_asked(store: Store) -> None:
    born, free = webhook(), webhook()
    results = await store.add([(born, True), (free, False)], terms())
    assert [type(result) for result in results] == [Added, Added]
    assert results[0].lease is not None  # type: ignore[union-attr]
    assert results[1].lease is None  # type: ignore[union-attr]
    assert [lease.webhook_id for lease in await _due(store)] == [free.id]


async def test_a_lease_carries_what_the_attempt_needs(store: Store) -> None:
    new = webhook(
        headers=(("X-B", "2"), ("X-A", "1")),
        payload='{"a": "ä€😀",  "b":1.0e3 }'.encode(),
        method="PUT",
        timeout_s=7.5,
    )
    born = await _lease(store, new)
    await store.release([born], None)
    (again,) = await _due(store)
    for lease in (born, again):
        assert lease.payload == new.payload
        assert lease.headers == new.headers
        assert (lease.method, lease.url, lease.timeout_s) == ("PUT", new.url, 7.5)
        assert (lease.attempt_number, lease.schedule_step) == (1, 1)
        assert lease.created_at == NOON
    assert again.token > born.token


@pytest.mark.parametrize("payload", [b"0", b'"' + b"x" * (1 << 20) + b'"'])
async def test_payloads_of_any_size_come_back_byte_for_byte(store: Store, payload: bytes) -> None:
    new = webhook(payload=payload)
    await store.add([(new, False)], terms())
    assert (await _due(store))[0].payload == payload


async def test_everything_survives_a_restart_and_no_lease_does(reopen: Reopen) -> None:
    first = await reopen()
    new = webhook(due_at=NOON - timedelta(minutes=5))
    await _lease(first, new)
    second = await reopen()
    (lease,) = await _due(second)
    assert lease.webhook_id == new.id
    stored = await second.get("default", new.id)
    assert stored is not None
    assert stored.due_at == new.due_at


async def test_a_batch_that_fails_leaves_nothing(store: Store) -> None:
    twice = webhook()
    with pytest.raises(Exception, match=r"\w"):
        await store.add([(webhook(), False), (twice, False), (twice, False)], terms())
    assert (await store.counts(NOON)).backlog == 0


async def test_one_batch_that_fails_does_not_take_others_along(store: Store) -> None:
    twice, good = webhook(), webhook()
    outcomes = await asyncio.gather(
        store.add([(twice, False), (twice, False)], terms()),
        store.add([(good, False)], terms()),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], BaseException)
    assert [lease.webhook_id for lease in await _due(store)] == [good.id]


# -- idempotency keys -------------------------------------------------------


async def test_the_same_key_and_request_give_the_original(reopen: Reopen) -> None:
    store = await reopen()
    first = keyed("k")
    await store.add([(first, False)], terms())
    store = await reopen()
    (twin,) = await store.add([(keyed("k"), True)], terms())
    assert twin == Twin(first.id, NOON, WebhookState.QUEUED)
    assert (await store.counts(NOON)).backlog == 1


async def test_a_twin_tells_the_current_state(store: Store) -> None:
    first = keyed("k")
    await store.record([delivered(await _lease(store, first))])
    (twin,) = await store.add([(keyed("k"), True)], terms())
    assert isinstance(twin, Twin)
    assert twin.state is WebhookState.DELIVERED


async def test_a_known_key_with_another_request_is_a_conflict(store: Store) -> None:
    first = keyed("k")
    await store.add([(first, False)], terms())
    (result,) = await store.add([(keyed("k", b"other"), True)], terms())
    assert result == KeyConflict(first.id)


async def test_twins_inside_one_batch_are_merged(store: Store) -> None:
    one, two, three = keyed("k"), keyed("k"), keyed("k", b"other")
    results = await store.add([(one, True), (two, True), (three, True)], terms())
    assert isinstance(results[0], Added)
    assert results[1] == Twin(one.id, NOON, WebhookState.QUEUED)
    assert results[2] == KeyConflict(one.id)


async def test_keys_of_different_tenants_and_old_keys_do_not_meet(store: Store) -> None:
    a_day = timedelta(hours=24, seconds=1)
    batch = [(keyed("k"), False), (keyed("k", tenant="other"), False)]
    results = await store.add(batch, terms())
    results += await store.add([(keyed("k", b"other", created_at=NOON + a_day), False)], terms())
    assert all(isinstance(result, Added) for result in results)


# -- leasing what is due ----------------------------------------------------


async def test_nothing_is_leased_before_it_is_due(store: Store) -> None:
    await store.add([(webhook(due_at=LATER), False)], terms())
    found = await store.lease_due(10, 10, NOON, terms())
    assert found.leases == []
    assert found.next_due_at == LATER
    assert len(await _due(store, LATER)) == 1


async def test_with_nothing_waiting_there_is_no_next_time(store: Store) -> None:
    assert (await store.lease_due(10, 10, NOON, terms())).next_due_at is None


async def test_no_lane_gets_more_than_its_share(store: Store) -> None:
    rows = [(webhook(lane="rich"), False) for _ in range(50)]
    rows += [(webhook(lane=f"poor-{n}"), False) for n in range(5)]
    await store.add(rows, terms())
    leases = await _due(store, per_lane=3)
    lanes = [lease.lane for lease in leases]
    assert lanes.count("rich") == 3
    assert {lane for lane in lanes if lane != "rich"} == {f"poor-{n}" for n in range(5)}
    found = await store.lease_due(7, 100, NOON, terms())
    assert len(found.leases) == 7
    assert found.next_due_at is not None
    assert found.next_due_at <= NOON


async def test_bytes_bound_a_call_but_never_stop_it(store: Store) -> None:
    rows = [(webhook(payload=b'"' + b"x" * 1000 + b'"'), False) for _ in range(10)]
    await store.add(rows, terms())
    found = await store.lease_due(10, 10, NOON, terms(), limit_bytes=2500)
    assert len(found.leases) == 3
    assert len((await store.lease_due(10, 10, NOON, terms(), limit_bytes=1)).leases) == 1


async def test_concurrent_callers_never_share_a_webhook(store: Store) -> None:
    await store.add([(webhook(lane=f"l{n % 7}"), False) for n in range(200)], terms())
    calls = [store.lease_due(40, 10, NOON, terms(f"p_{n}")) for n in range(8)]
    leased = [lease.webhook_id for due in await asyncio.gather(*calls) for lease in due.leases]
    assert len(leased) == len(set(leased))
    assert len(leased) >= 100


async def test_a_lease_that_ran_out_is_found_again_and_the_old_one_is_stale(store: Store) -> None:
    old = await _lease(store)
    assert await _due(store, NOON + timedelta(seconds=59)) == []
    (new,) = await _due(store, NOON + timedelta(seconds=61))
    assert new.webhook_id == old.webhook_id
    assert await store.record([failed(old)]) == [False]
    assert await store.record([delivered(new)]) == [True]


async def test_leases_that_a_clock_set_forward_has_ended_still_count(store: Store) -> None:
    """The clock was set forward by 100 s while a lease of 60 s ran."""
    lease = await _lease(store)
    for passed_s, found in ((100, 0), (159, 0), (161, 1)):
        now = NOON + timedelta(seconds=passed_s)
        after_step = msgspec.structs.replace(terms(now=now), grace=timedelta(seconds=100))
        due = await store.lease_due(10, 10, now, after_step)
        assert len(due.leases) == found, f"{passed_s} s by the clock"
        if not found:
            assert due.next_due_at == NOON + timedelta(seconds=160)
    assert await store.record([delivered(lease)]) == [False]


async def test_a_closed_lane_is_passed_over_until_it_opens(store: Store) -> None:
    await store.add([(webhook(lane="shut"), False), (webhook(lane="open"), False)], terms())
    await store.change_lanes(closing("shut", LATER, "breaker_open"))
    found = await store.lease_due(10, 10, NOON, terms())
    assert [lease.lane for lease in found.leases] == ["open"]
    assert found.next_due_at == LATER
    await store.change_lanes({"shut": None})
    assert [lease.lane for lease in await _due(store)] == ["shut"]


async def test_lanes_to_pass_over_are_passed_over_and_nothing_is_woken_for_them(
    store: Store,
) -> None:
    free = [webhook(lane=lane) for lane in ("full", "open", "shut")]
    await store.add([(new, False) for new in free], terms())
    await store.change_lanes(closing("shut", LATER, "breaker_open"))
    found = await store.lease_due(10, 10, NOON, terms(), besides=frozenset({"full", "shut"}))
    assert [lease.lane for lease in found.leases] == ["open"]
    assert found.next_due_at is None or found.next_due_at > LATER
    assert [lease.lane for lease in await _due(store, LATER)] == ["full", "shut"]


async def test_only_what_is_closed_as_full_is_opened_as_full(store: Store) -> None:
    await store.change_lanes(
        closing("full", LATER, FULL)
        | closing("resting", LATER, "overloaded")
        | closing("off", None, "disabled")
    )
    await store.open_full(["full", "resting", "off", "never closed"])
    closed = {one.lane: one.reason for one in await store.closed_lanes()}
    assert closed == {"resting": "overloaded", "off": "disabled"}


async def test_a_probe_that_found_no_room_is_made_as_soon_as_there_is(store: Store) -> None:
    """The lane of a receiver that works again must not wait for a lease nobody has."""
    first = [(webhook(lane="a busy one"), False) for _ in range(3)]
    await store.add([*first, (webhook(lane="half open"), False)], terms())
    await store.change_lanes(closing("half open", NOON, "breaker_open"))
    now = NOON + timedelta(seconds=1)
    leased = [lease.lane for _ in range(4) for lease in await _due(store, now, limit=1)]
    assert sorted(leased) == ["a busy one"] * 3 + ["half open"]


async def test_a_half_open_lane_gives_one_probe_at_a_time(reopen: Reopen) -> None:
    store = await reopen()
    await store.add([(webhook(lane="shut"), False) for _ in range(5)], terms())
    await store.change_lanes(closing("shut", LATER, "breaker_open"))
    store = await reopen()
    assert len(await _due(store, LATER)) == 1
    assert await _due(store, LATER) == []
    await store.change_lanes({"shut": None})
    assert len(await _due(store, LATER)) == 4


async def test_a_lane_closed_for_good_stays_closed_over_a_restart(reopen: Reopen) -> None:
    store = await reopen()
    await store.add([(webhook(lane="shut"), False)], terms())
    await store.change_lanes(closing("shut", None, "disabled"))
    store = await reopen()
    found = await store.lease_due(10, 10, NOON + timedelta(days=900), terms())
    assert (found.leases, found.next_due_at) == ([], None)
    assert [closed.reason for closed in await store.closed_lanes()] == ["disabled"]


async def test_a_closed_lanes_backlog_costs_the_others_nothing(store: Store) -> None:
    await store.add([(webhook(lane="open"), False) for _ in range(200)], terms())

    async def cost_s() -> float:
        began_s = time.perf_counter()
        for _ in range(50):
            (lease,) = await _due(store, limit=1)
            await store.release([lease], None)
        return time.perf_counter() - began_s

    alone_s = min([await cost_s() for _ in range(3)])
    for _ in range(20):
        await store.add([(webhook(lane="huge"), False) for _ in range(5000)], terms())
    await store.change_lanes(closing("huge", None, "disabled"))
    beside_s = min([await cost_s() for _ in range(3)])
    assert beside_s < 3 * alone_s


async def test_a_pause_leases_nothing_and_outlives_a_restart(reopen: Reopen) -> None:
    store = await reopen()
    await store.add([(webhook(), False)], terms())
    await store.set_paused(paused=True)
    store = await reopen()
    assert await store.paused()
    assert await _due(store) == []
    await store.set_paused(paused=False)
    assert len(await _due(store)) == 1


async def test_a_webhook_that_keeps_killing_its_owner_ends_as_crashed(reopen: Reopen) -> None:
    """Each new opening is that of another process: the one that held the lease is gone."""
    new = webhook()
    store = await reopen()
    await _lease(store, new)
    for taken in range(1, 9):
        store = await reopen()
        leases = await _due(store)
        assert len(leases) == (1 if taken < 8 else 0), taken
    stored = await store.get("default", new.id)
    assert stored is not None
    assert stored.state is WebhookState.FAILED
    (attempt,) = await store.attempts("default", new.id)
    assert attempt.outcome.error is ErrorKind.WORKER_CRASHED


async def test_a_lease_that_only_ran_out_is_no_crash(store: Store) -> None:
    """It waited too long in a queue, or its worker is slow: nobody died."""
    new = webhook()
    await _lease(store, new)
    now = NOON
    for _ in range(20):
        now += timedelta(seconds=61)
        (lease,) = (await store.lease_due(10, 10, now, terms(now=now))).leases
        assert lease.webhook_id == new.id


async def test_a_suspect_is_leased_alone(reopen: Reopen) -> None:
    suspect = webhook(lane="a")
    await _lease(await reopen(), suspect)
    for _ in range(4):
        await _due(await reopen())
    store = await reopen()
    await store.add([(webhook(lane="b"), False), (webhook(lane="a"), False)], terms())
    batches = [await _due(store) for _ in range(3)]
    alone = [batch for batch in batches if suspect.id in [lease.webhook_id for lease in batch]]
    assert [len(batch) for batch in alone] == [1]


async def test_what_is_given_back_as_suspect_is_leased_alone_and_then_given_up(
    store: Store,
) -> None:
    bad = webhook(lane="a")
    lease = await _lease(store, bad)
    await store.add([(webhook(lane="a"), False), (webhook(lane="b"), False)], terms())
    await store.suspect([lease])
    batches = [await _due(store) for _ in range(3)]
    (alone,) = [batch for batch in batches if bad.id in [lease.webhook_id for lease in batch]]
    assert len(alone) == 1
    await store.suspect([lease])
    await store.suspect(alone)
    await _due(store)
    stored = await store.get("default", bad.id)
    assert stored is not None
    assert stored.state is WebhookState.FAILED


async def test_lanes_with_much_to_do_do_not_take_every_turn(store: Store) -> None:
    """Two lanes could fill every call; a third one, later in the alphabet, still has its turn."""
    for lane in ("a", "b"):
        await store.add([(webhook(lane=lane), False) for _ in range(500)], terms())
    late = webhook(lane="c")
    await store.add([(late, False)], terms())
    first, second = [await store.lease_due(100, 50, NOON, terms()) for _ in range(2)]
    assert {lease.lane for lease in first.leases} == {"a", "b"}
    assert late.id in [lease.webhook_id for lease in second.leases]
    assert second.next_due_at is not None
    assert second.next_due_at <= NOON


async def test_a_late_success_beside_the_current_result_of_its_webhook_counts(store: Store) -> None:
    old = await _lease(store)
    (new,) = await store.renew([old], terms(now=LATER))
    await store.record([delivered(old), retrying(new, LATER)])
    stored = await store.get("default", old.webhook_id)
    assert stored is not None
    assert stored.state is WebhookState.DELIVERED
    assert len(await store.attempts("default", old.webhook_id)) == 2


# -- renew and release ------------------------------------------------------


async def test_renewing_gives_a_new_token_and_spoils_the_old(store: Store) -> None:
    old = await _lease(store)
    (new,) = await store.renew([old], terms(now=LATER))
    assert new.token != old.token
    assert new.expires_at == LATER + timedelta(seconds=60)
    assert await store.renew([old], terms()) == []
    assert await store.record([delivered(old)]) == [False]


async def test_only_what_nobody_else_took_is_renewed(store: Store) -> None:
    mine, lost = await _lease(store), await _lease(store)
    await store.release([lost], None)
    assert [one.webhook_id for one in await store.renew([mine, lost], terms())] == [mine.webhook_id]


async def test_releasing_spends_no_attempt_and_sets_the_time(store: Store) -> None:
    lease = await _lease(store)
    await store.release([lease], LATER)
    assert await _due(store) == []
    (again,) = await _due(store, LATER)
    assert again.attempt_number == 1
    await store.release([lease], NOON)
    assert await _due(store, LATER) == []


async def test_releasing_often_is_no_crash(store: Store) -> None:
    lease = await _lease(store)
    for _ in range(20):
        await store.release([lease], None)
        (lease,) = await _due(store)
    assert await store.record([delivered(lease)]) == [True]


# -- record -----------------------------------------------------------------


async def test_an_outcome_is_kept_as_it_was(store: Store) -> None:
    lease = await _lease(store)
    result = retrying(lease, LATER)
    kept = Outcome(503, ErrorKind.DISCONNECTED, 1.25, 17.0, b"a: b\r\n", b"\xff" * 16384, "why")
    result = msgspec.structs.replace(
        result, attempt=msgspec.structs.replace(result.attempt, outcome=kept)
    )
    assert await store.record([result]) == [True]
    (attempt,) = await store.attempts("default", lease.webhook_id)
    assert attempt.outcome == kept
    assert attempt.started_at == NOON


async def test_a_retry_is_due_when_decided_and_counts_on(store: Store) -> None:
    lease = await _lease(store)
    await store.record([retrying(lease, LATER)])
    (second,) = await _due(store, LATER)
    assert (second.attempt_number, second.schedule_step) == (2, 2)
    await store.record([delivered(second, at=LATER)])
    stored = await store.get("default", lease.webhook_id)
    assert stored is not None
    assert (stored.state, stored.attempts) == (WebhookState.DELIVERED, 2)
    assert stored.delivered_at == LATER + timedelta(seconds=0.25)
    numbers = [attempt.number for attempt in await store.attempts("default", stored.id)]
    assert numbers == [1, 2]


async def test_a_stale_lease_is_logged_and_decides_nothing(store: Store) -> None:
    old = await _lease(store)
    (new,) = await _due(store, NOON + timedelta(seconds=61))
    fresh = await _lease(store)
    assert await store.record([failed(old), delivered(fresh)]) == [False, True]
    stored = await store.get("default", old.webhook_id)
    assert stored is not None
    assert stored.state is WebhookState.QUEUED
    assert await store.record([delivered(new)]) == [True]
    numbers = [attempt.number for attempt in await store.attempts("default", old.webhook_id)]
    assert numbers == [1, 2]


async def test_a_late_success_finishes_what_is_not_final(store: Store) -> None:
    old = await _lease(store)
    (new,) = await _due(store, NOON + timedelta(seconds=61))
    assert await store.record([delivered(old)]) == [False]
    stored = await store.get("default", old.webhook_id)
    assert stored is not None
    assert stored.state is WebhookState.DELIVERED
    assert await store.record([failed(new)]) == [False]
    again = await store.get("default", old.webhook_id)
    assert again is not None
    assert again.state is WebhookState.DELIVERED


async def test_a_late_success_does_not_undo_a_cancel(store: Store) -> None:
    lease = await _lease(store)
    await store.cancel("default", lease.webhook_id)
    assert await store.record([delivered(lease)]) == [False]
    stored = await store.get("default", lease.webhook_id)
    assert stored is not None
    assert (stored.state, stored.attempts) == (WebhookState.CANCELLED, 1)


async def test_more_lanes_than_one_call_looks_at_are_all_served_and_then_it_sleeps(
    store: Store,
) -> None:
    rows = [(webhook(lane=f"lane-{n:05}", due_at=LATER), False) for n in range(4500)]
    await store.add(rows, terms())
    await store.add([(webhook(lane="zzz"), False)], terms())
    found: list[Lease] = []
    for _ in range(10):
        due = await store.lease_due(100, 10, NOON, terms())
        found += due.leases
        if due.next_due_at is None or due.next_due_at > NOON:
            break
    assert [lease.lane for lease in found] == ["zzz"]
    assert due.next_due_at == LATER
