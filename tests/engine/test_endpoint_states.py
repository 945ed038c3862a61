"""Deleted, disabled and unknown endpoints: what was meant for them neither spins nor gets stuck."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sureshot.cli.sink_server import Behaviour, SinkServer
from sureshot.domain.errors import StoreUnavailable
from sureshot.domain.model import Endpoint, Secret
from sureshot.ports import Added, ClosedLane
from sureshot.service import Service
from sureshot.store.sqlite import SqliteStore
from tests.support.builders import terms, webhook
from tests.support.http import call, submit, wait_for_status
from tests.support.service import running_service

W, E = "/api/v1/webhooks", "/api/v1/endpoints"


class Leases:
    """Counts what the scheduler leases."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken = 0
        real = service.store.lease_due

        async def lease_due(*args: Any, **kwargs: Any) -> Any:
            due = await real(*args, **kwargs)
            self.taken += len(due.leases)
            return due

        monkeypatch.setattr(service.store, "lease_due", lease_due)


async def _endpoint(service: Service, target: str = "http://127.0.0.1:9/", **body: Any) -> str:
    made = await call(service.url, "POST", E, {"name": "A", "url": target, **body})
    return str(made.json["id"])


async def _store(service: Service, endpoint_id: str, *, leased: bool = False) -> str:
    """Store a webhook behind the API's back, as a batch does that commits a moment too late."""
    now = service.clock.now()
    new = webhook(endpoint_id=endpoint_id, lane=endpoint_id, url=None, created_at=now)
    (added,) = await service.store.add([(new, leased)], terms(service.owner, now=now))
    assert isinstance(added, Added)
    if added.lease is not None:
        await service.queue.publish([added.lease])
    service.engine.wake()
    return new.id


async def _stored(service: Service, endpoint_id: str) -> Endpoint | None:
    return await service.store.endpoint(endpoint_id)


async def test_a_webhook_of_a_deleted_endpoint_is_not_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_service(tmp_path) as service:
        endpoint_id = await _endpoint(service)
        later = (service.clock.now() + timedelta(hours=1)).isoformat()
        webhook_id = await submit(service.url, endpointId=endpoint_id, deliverAt=later)
        await call(service.url, "DELETE", f"{E}/{endpoint_id}")
        await wait_for_status(service.url, webhook_id, "cancelled")
        leases = Leases(service, monkeypatch)
        answer = await call(service.url, "POST", f"{W}/{webhook_id}/retry")
        assert answer.status == 409
        assert "deleted" in answer.json["detail"]
        await asyncio.sleep(0.2)
        assert leases.taken == 0
        await wait_for_status(service.url, webhook_id, "cancelled")
        explained = (await call(service.url, "GET", f"{W}/{webhook_id}/explain")).json
        assert explained["explanation"].endswith("its endpoint is deleted.")


@pytest.mark.parametrize("leased", [False, True])
async def test_what_is_stored_after_its_endpoint_was_deleted_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leased: bool
) -> None:
    async with running_service(tmp_path) as service:
        endpoint_id = await _endpoint(service)
        await call(service.url, "DELETE", f"{E}/{endpoint_id}")
        leases = Leases(service, monkeypatch)
        webhook_id = await _store(service, endpoint_id, leased=leased)
        status = await wait_for_status(service.url, webhook_id, "cancelled")
        assert status["attempts"] == 0
        await asyncio.sleep(0.2)
        assert leases.taken == (0 if leased else 1)
        assert (await service.engine.counts()).backlog == 0
        assert service.engine.in_flight == 0


async def test_an_endpoint_made_a_moment_ago_elsewhere_is_looked_up(tmp_path: Path) -> None:
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        endpoint_id = await _endpoint(service, target)
        service.directory._note(endpoint_id, None)
        webhook_id = await _store(service, endpoint_id)
        await wait_for_status(service.url, webhook_id, "delivered")
    assert sink.received == 1
    await sink.stop()


async def test_a_disabled_endpoint_whose_lane_is_open_does_not_spin_and_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_service(tmp_path) as service:
        assert isinstance(service.store, SqliteStore)
        endpoint_id = await _endpoint(service)
        await call(service.url, "POST", f"{E}/{endpoint_id}/disable")
        await service.store._writer.run(lambda connection: connection.execute(
            "DELETE FROM closed_lanes").fetchall())  # fmt: skip
        service.store._lanes.forget([endpoint_id])
        leases = Leases(service, monkeypatch)
        webhook_id = await _store(service, endpoint_id)
        await asyncio.sleep(0.3)
        assert leases.taken == 1
        closed = [(one.lane, one.reason) for one in await service.store.closed_lanes()]
        assert closed == [(endpoint_id, "disabled")]
        await wait_for_status(service.url, webhook_id, "queued")


@pytest.mark.parametrize("action", ["disable", "enable"])
async def test_a_call_that_failed_half_way_may_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        endpoint_id = await _endpoint(service, target)
        if action == "enable":
            await call(service.url, "POST", f"{E}/{endpoint_id}/disable")
        wanted = {"disable": "queued", "enable": "delivered"}[action]

        async def refuse(*_args: object) -> None:
            raise StoreUnavailable("the disk is full")

        with monkeypatch.context() as broken:
            # Whichever of them is written first: nothing or everything of it is done.
            broken.setattr(service.store, "change_lanes", refuse)
            broken.setattr(service.store, "update_endpoint", refuse)
            answer = await call(service.url, "POST", f"{E}/{endpoint_id}/{action}")
            assert answer.status == 503
        assert (await call(service.url, "POST", f"{E}/{endpoint_id}/{action}")).status == 200
        webhook_id = await submit(service.url, endpointId=endpoint_id)
        await asyncio.sleep(0.2)
        await wait_for_status(service.url, webhook_id, wanted)
        closed = await service.store.closed_lanes()
        assert [one.reason for one in closed] == (["disabled"] if action == "disable" else [])
    await sink.stop()


async def test_enabling_opens_a_lane_whatever_closed_it(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.FAILING)
    target = f"http://127.0.0.1:{await sink.start()}/"
    changes: dict[str, Any] = {"breaker_threshold": 1, "breaker_open_s": 600.0,
                               "retry_schedule_s": (0.1,)}  # fmt: skip
    async with running_service(tmp_path, **changes) as service:
        endpoint_id = await _endpoint(service, target)
        webhook_id = await submit(service.url, endpointId=endpoint_id)
        await wait_for_status(service.url, webhook_id, "retrying")
        sink.behaviour = Behaviour.OK
        async with asyncio.timeout(5):
            while not await service.store.closed_lanes():
                await asyncio.sleep(0.01)
        await call(service.url, "POST", f"{E}/{endpoint_id}/enable")
        await wait_for_status(service.url, webhook_id, "delivered")
    await sink.stop()


async def test_a_410_does_not_bring_a_deleted_endpoint_back(tmp_path: Path) -> None:
    sink = SinkServer(status=410, delay_s=0.3)
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        endpoint_id = await _endpoint(service, target)
        await submit(service.url, endpointId=endpoint_id)
        while not sink.in_flight:
            await asyncio.sleep(0.01)
        # Another process deletes it, and this one has not heard of that yet.
        await service.store.delete_endpoint(endpoint_id)
        while service.engine.in_flight:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert await _stored(service, endpoint_id) is None
        assert (await call(service.url, "GET", f"{E}/{endpoint_id}")).status == 404
        assert await service.store.closed_lanes() == []
    await sink.stop()


async def test_a_410_leaves_a_secret_alone_that_was_rotated_meanwhile(tmp_path: Path) -> None:
    sink = SinkServer(status=410, delay_s=0.3)
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        endpoint_id = await _endpoint(service, target)
        webhook_id = await submit(service.url, endpointId=endpoint_id)
        while not sink.in_flight:
            await asyncio.sleep(0.01)
        rotated = (Secret("new"),)
        await service.store.update_endpoint(
            endpoint_id, lambda found: msgspec.structs.replace(found, secrets=rotated)
        )
        await wait_for_status(service.url, webhook_id, "failed")
        async with asyncio.timeout(5):
            while (found := await _stored(service, endpoint_id)) is None or found.enabled:
                await asyncio.sleep(0.01)
        assert (found.secrets, found.disabled_reason) == (rotated, "gone")
    await sink.stop()


async def test_a_patch_does_not_bring_a_deleted_endpoint_back(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        endpoint_id = await _endpoint(service)
        for method, path in (("PATCH", ""), ("POST", "/rotate-secret"), ("POST", "/enable")):
            known = service.directory.endpoint(endpoint_id)
            await service.store.delete_endpoint(endpoint_id)
            body = {"name": "B"} if method == "PATCH" else None
            answer = await call(service.url, method, f"{E}/{endpoint_id}{path}", body)
            assert answer.status == 404
            assert await _stored(service, endpoint_id) is None
            service.directory._note(endpoint_id, known)


async def test_a_breaker_that_opens_late_does_not_end_a_disabling(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        endpoint_id = await _endpoint(service)
        await call(service.url, "POST", f"{E}/{endpoint_id}/disable")
        soon = ClosedLane(endpoint_id, service.clock.now(), "breaker_open")
        await service.store.change_lanes({endpoint_id: soon})
        await service.store.change_lanes({endpoint_id: None})
        webhook_id = await _store(service, endpoint_id)
        await asyncio.sleep(0.1)
        assert service.engine.lane_status(endpoint_id).closed_reason == "disabled"
        assert [one.reason for one in await service.store.closed_lanes()] == ["disabled"]
        await wait_for_status(service.url, webhook_id, "queued")
