"""What is written down belongs to the lease it was done with."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from sureshot.delivery.backlog import Backlog
from sureshot.delivery.recorder import UNWRITTEN, Recorder
from sureshot.delivery.slots import Slots
from sureshot.domain.model import Lease, WebhookState
from sureshot.ports import Added, LeaseTerms
from sureshot.queue.memory import MemoryQueue
from sureshot.store.sealing import Sealer
from sureshot.store.sqlite import SqliteStore
from sureshot.telemetry.metrics import Metrics
from tests.support.builders import lease, retrying, terms, webhook
from tests.support.clock import NOON, ManualClock


async def test_a_renewal_of_the_lease_before_does_not_make_a_result_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renewed here, it was voided by others, and this process was given the next one."""
    store, slots = SqliteStore(tmp_path / "store.db", Sealer(b"k" * 32)), Slots(9, 999)
    await store.open(NOON, "p_1")
    queue = MemoryQueue(100, 1 << 20)
    backlog = Backlog(store, ManualClock(), 100)
    recorder = Recorder(store, queue, slots, backlog, Metrics(), lambda: None)
    new = webhook()
    (added,) = await store.add([(new, True)], terms())
    assert isinstance(added, Added)
    assert added.lease is not None
    before = added.lease
    monkeypatch.setattr(queue, "overdue", lambda: [before])
    await recorder.renew_overdue(terms())
    await store.cancel(new.tenant, new.id)
    await store.retry(new.tenant, new.id, force=False, now=NOON)
    (again,) = (await store.lease_due(1, 1, NOON, terms())).leases
    slots.take([again])
    recorder.record(retrying(again, NOON + timedelta(hours=1)))
    await asyncio.wait_for(recorder.drain(), 5)
    found = await store.get(new.tenant, new.id)
    await store.close()
    assert found is not None
    assert (found.state, found.leased) == (WebhookState.RETRYING, False)


async def test_what_waits_for_its_renewal_counts_as_unwritten_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, slots = SqliteStore(tmp_path / "store.db", Sealer(b"k" * 32)), Slots(9999, 1 << 30)
    await store.open(NOON, "p_1")
    queue = MemoryQueue(100, 1 << 20)
    backlog = Backlog(store, ManualClock(), 100)
    recorder = Recorder(store, queue, slots, backlog, Metrics(), lambda: None)
    leases = [lease() for _ in range(UNWRITTEN)]
    slots.take(leases)
    goes_on = asyncio.Event()

    async def hangs(_leases: list[Lease], _terms: LeaseTerms) -> list[Lease]:
        await goes_on.wait()
        return []

    monkeypatch.setattr(queue, "overdue", lambda: leases)
    monkeypatch.setattr(store, "renew", hangs)
    renewing = asyncio.create_task(recorder.renew_overdue(terms()))
    await asyncio.sleep(0.05)
    for one in leases:
        recorder.record(retrying(one, NOON + timedelta(hours=1)))
    assert recorder.behind
    goes_on.set()
    await renewing
    async with asyncio.timeout(10):
        await recorder.keeps_up()
    assert not recorder.behind
    await recorder.drain()
    await store.close()
