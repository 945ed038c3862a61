"""The audit log of a Store: nothing is lost, nothing of others is seen."""

from __future__ import annotations

from datetime import timedelta

from sureshot.domain.model import Action
from sureshot.ports import Store
from tests.contract.conftest import Reopen
from tests.support.builders import audit_entry
from tests.support.clock import NOON


async def test_entries_survive_and_come_back_as_they_were(reopen: Reopen) -> None:
    store = await reopen()
    entries = [audit_entry(action=action, subject=f"s {action} ü") for action in Action]
    await store.add_audit(entries)
    store = await reopen()
    assert await store.audit("default", None, 100) == list(reversed(entries))


async def test_walking_pages_sees_each_once_newest_first(store: Store) -> None:
    entries = [
        audit_entry(at=NOON + timedelta(milliseconds=n // 3), tenant="a" if n % 2 else "b")
        for n in range(100)
    ]
    await store.add_audit(entries[:50])
    await store.add_audit(entries[50:])
    seen: list[str] = []
    after = None
    while page := await store.audit("a", after, 7):
        seen += [entry.id for entry in page]
        after = seen[-1]
    assert seen == sorted((one.id for one in entries if one.tenant == "a"), reverse=True)


async def test_a_tenant_sees_only_its_own(store: Store) -> None:
    mine = audit_entry(tenant="a")
    await store.add_audit([mine])
    assert await store.audit("b", None, 10) == []
    assert await store.audit("a", None, 10) == [mine]


async def test_no_entries_is_no_error(store: Store) -> None:
    await store.add_audit([])
    assert await store.audit("default", None, 10) == []
