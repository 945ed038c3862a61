"""What is written down belongs to the lease it was done with."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from sureshot.delivery.backlog import Backlog
from sureshot.delivery.recorder import Recorder
from sureshot.delivery.slots import Slots
from sureshot.domain.model import WebhookState
from sureshot.ports import Added
from sureshot.queue.memory import MemoryQueue
from sureshot.store.sealing import Sealer
from sureshot.store.sqlite import SqliteStore
from sureshot.telemetry.metrics import Metrics
from tests.support.builders import retrying, terms, webhook
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
    (lease,) = (await store.lease_due(1, 1, NOON, terms())).leases
    slots.take([lease])
    recorder.record(retrying(lease, NOON + timedelta(hours=1)))
    await asyncio.wait_for(recorder.drain(), 5)
    found = await store.get(new.tenant, new.id)
    await store.close()
    assert found is not None
    assert (found.state, found.leased) == (WebhookState.RETRYING, False)
