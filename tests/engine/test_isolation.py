"""One receiver's trouble stays its own; overload is answered, not suffered."""

from __future__ import annotations

import asyncio
import socket
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sureshot.cli.sink_server import Behaviour, Receipt, SinkServer
from sureshot.domain.errors import ConfigurationError
from sureshot.service import Service
from tests.support.http import admin, call, submit, tenant_token, wait_for_status
from tests.support.load import submit_many
from tests.support.service import running_service, settings

E = "/api/v1/endpoints"


async def _drained(service: Service, within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while (await service.engine.counts()).backlog:
            await asyncio.sleep(0.05)


async def _p95_s(service: Service, count: int = 200) -> float:
    """Return the healthy endpoint's p95 from submission to receipt, at a steady pace."""
    arrived: dict[str, float] = {}

    def note(receipt: Receipt) -> None:
        arrived[receipt.webhook_id] = time.time()

    sink = SinkServer(on_receipt=note)
    target = f"http://127.0.0.1:{await sink.start()}/"
    sent: dict[str, float] = {}
    for _ in range(count):
        began_s = time.time()
        sent[await submit(service.url, url=target)] = began_s
        await asyncio.sleep(0.004)
    async with asyncio.timeout(20):
        while len(arrived) < count:
            await asyncio.sleep(0.02)
    await sink.stop()
    waits = sorted(arrived[webhook_id] - sent[webhook_id] for webhook_id in sent)
    return statistics.quantiles(waits, n=20)[-1]


@pytest.mark.slow
async def test_dead_hanging_and_slow_receivers_leave_a_healthy_one_alone(tmp_path: Path) -> None:
    hanging, slow = SinkServer(Behaviour.HANGING), SinkServer(Behaviour.SLOW, delay_s=10)
    ports = [await hanging.start(), await slow.start(), 1]
    async with running_service(tmp_path, timeout_s=15) as service:
        alone, beside = [], []
        for _ in range(3):
            alone.append(await _p95_s(service))
            troubles = [
                asyncio.create_task(
                    submit_many(service.url, 200, f"http://127.0.0.1:{port}/", rate_per_s=150)
                )
                for port in ports
            ]
            beside.append(await _p95_s(service))
            await asyncio.gather(*troubles)
        # The floor keeps scheduling noise of a few milliseconds from deciding.
        assert min(beside) < max(2 * min(alone), 0.02), (alone, beside)
    await hanging.stop()
    await slow.stop()


async def test_a_tenant_whose_names_hang_does_not_keep_another_from_being_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, look_up = threading.Event(), socket.getaddrinfo

    def hang_or_look_up(host: Any, *rest: Any, **more: Any) -> Any:
        if str(host).startswith("hang"):
            gate.wait(60)
            raise OSError("no such name")
        return look_up(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hang_or_look_up)
    sink = SinkServer()
    port = await sink.start()
    async with running_service(tmp_path) as service:
        token = await tenant_token(service.url, "acme", "submit")
        for i in range(250):
            hook = {"url": f"http://hang{i}.example/", "payload": 1}
            answer = await call(service.url, "POST", "/api/v1/webhooks", hook, token=token)
            assert answer.status == 202
        await asyncio.sleep(0.5)
        webhook_id = await submit(service.url, url=f"http://localhost:{port}/")
        await wait_for_status(service.url, webhook_id, "delivered", within_s=4)
        gate.set()
    await sink.stop()


@pytest.mark.slow
async def test_a_lane_that_opens_under_full_load_multiplies_nothing_and_recovers(
    tmp_path: Path,
) -> None:
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    changes: dict[str, Any] = {"breaker_threshold": 5, "breaker_open_s": 1.0,
                               "retry_schedule_s": (0.2, 0.2, 0.2, 0.2, 0.2, 0.2)}  # fmt: skip
    async with running_service(tmp_path, **changes) as service:
        load = asyncio.create_task(submit_many(service.url, 6000, target, connections=32))
        while sink.received < 1000:
            await asyncio.sleep(0.01)
        sink.behaviour = Behaviour.FAILING
        connections_before = sink.connections
        await asyncio.sleep(1.5)
        failing = sink.received
        sink.behaviour = Behaviour.OK
        submitted = await load
        await _drained(service)
        stats = (await admin(service.url, "GET", "/api/v1/admin/stats")).json
        assert stats["finished"] == {"delivered": 6000}
        assert len(submitted.accepted) == 6000
        assert sink.unique == 6000
        assert sink.connections - connections_before <= 300
        # While failing only what was in flight when the breaker opened, and its probes, got out.
        assert stats["attempts"].get("5xx", 0) <= 600, (failing, stats)
    await sink.stop()


@pytest.mark.slow
async def test_a_disabled_endpoints_huge_backlog_costs_the_others_nothing(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        alone = min([await _p95_s(service) for _ in range(2)])
        made = await call(service.url, "POST", E, {"name": "A", "url": "http://127.0.0.1:1/"})
        endpoint_id = made.json["id"]
        await call(service.url, "POST", f"{E}/{endpoint_id}/disable")
        batch = {"webhooks": [{"endpointId": endpoint_id, "payload": n} for n in range(1000)]}
        for _ in range(100):
            answer = await call(service.url, "POST", "/api/v1/webhooks/batch", batch)
            assert answer.status == 202
        assert (await service.engine.counts()).free == 100_000
        beside = min([await _p95_s(service) for _ in range(2)])
        assert beside < max(3 * alone, 0.03), (alone, beside)


async def test_no_lane_takes_more_than_half_of_the_slots_while_others_wait(tmp_path: Path) -> None:
    greedy, modest = SinkServer(Behaviour.HANGING), SinkServer()
    urls = [f"http://127.0.0.1:{await sink.start()}/" for sink in (greedy, modest)]
    async with running_service(tmp_path, max_in_flight=100, drain_s=0.2) as service:
        first = await submit(service.url, url=urls[1])
        await wait_for_status(service.url, first, "delivered")
        modest.behaviour = Behaviour.HANGING
        await submit(service.url, url=urls[1])
        while not modest.in_flight:
            await asyncio.sleep(0.01)
        await submit_many(service.url, 300, urls[0])
        await asyncio.sleep(0.3)
        assert greedy.max_in_flight == 50
        modest.behaviour = Behaviour.OK
        others = [await submit(service.url, url=urls[1]) for _ in range(20)]
        for webhook_id in others:
            await wait_for_status(service.url, webhook_id, "delivered", within_s=5)
    await greedy.stop()
    await modest.stop()


async def test_beyond_the_backlog_limit_submissions_are_refused_fast_and_whole(
    tmp_path: Path,
) -> None:
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path, backlog_limit=200) as service:
        await service.engine.pause()
        submitted = await submit_many(service.url, 1000, target)
        assert len(submitted.accepted) == 200
        assert submitted.refused == {503: 800}
        assert (await service.engine.counts()).backlog == 200
        batch = {"webhooks": [{"url": target, "payload": n} for n in range(10)]}
        refused = await call(service.url, "POST", "/api/v1/webhooks/batch", batch)
        assert refused.status == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert (await service.engine.counts()).backlog == 200
        text = (await call(service.url, "GET", "/metrics", token=None)).body.decode()
        assert 'sureshot_rejected_total{reason="backlog_full"} 801.0' in text
        await service.engine.resume()
        await _drained(service)
        assert sink.unique == 200
    await sink.stop()


async def test_the_queue_overflows_into_the_store_and_drains_from_it(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.SLOW, delay_s=0.01)
    target = f"http://127.0.0.1:{await sink.start()}/"
    changes: dict[str, Any] = {"queue_limit": 20, "max_in_flight": 10}
    async with running_service(tmp_path, **changes) as service:
        depths = []
        load = asyncio.create_task(submit_many(service.url, 800, target))
        while not load.done():
            depths.append(service.queue.depth())
            await asyncio.sleep(0.005)
        await _drained(service)
        assert max(depths) <= 20
        assert (sink.unique, sink.duplicates) == (800, 0)
        assert sink.max_in_flight <= 10
    await sink.stop()


async def test_memory_bounds_by_bytes_hold_back_big_payloads(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.SLOW, delay_s=0.02)
    target = f"http://127.0.0.1:{await sink.start()}/"
    changes: dict[str, Any] = {"queue_bytes": 1 << 20, "in_flight_bytes": 1 << 20}
    async with running_service(tmp_path, **changes) as service:
        await submit_many(service.url, 60, target, connections=4, payload_bytes=200_000)
        await _drained(service)
        assert (sink.unique, sink.duplicates) == (60, 0)
        assert sink.max_in_flight <= 12
    await sink.stop()


async def test_a_second_process_on_the_same_file_is_refused(tmp_path: Path) -> None:
    async with running_service(tmp_path):
        with pytest.raises(ConfigurationError, match="in use by process"):
            await Service(settings(tmp_path)).start()


async def test_stopping_finishes_what_is_in_flight_and_keeps_the_rest(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.SLOW, delay_s=0.5)
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path, max_in_flight=20) as service:
        submitted = await submit_many(service.url, 50, target)
        await asyncio.sleep(0.1)
    assert 20 <= sink.received < 50
    before = sink.received
    sink.behaviour = Behaviour.OK
    async with running_service(tmp_path) as service:
        await _drained(service)
        for webhook_id in submitted.accepted:
            assert (await wait_for_status(service.url, webhook_id, "delivered"))["attempts"] == 1
    assert sink.received == 50
    assert sink.duplicates == 0
    assert before < 50
    await sink.stop()


async def test_a_drain_gives_up_on_what_hangs_and_sends_it_after_the_restart(
    tmp_path: Path,
) -> None:
    sink = SinkServer(Behaviour.HANGING)
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path, drain_s=0.3) as service:
        webhook_id = await submit(service.url, url=target)
        while not sink.in_flight:
            await asyncio.sleep(0.01)
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 5
    sink.behaviour = Behaviour.OK
    async with running_service(tmp_path) as service:
        await wait_for_status(service.url, webhook_id, "delivered")
    assert (sink.received, sink.unique) == (2, 1)
    await sink.stop()


async def test_leases_too_short_for_an_attempt_are_renewed_before_it(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.SLOW, delay_s=2.5)
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path, lease_s=22, timeout_s=12) as service:
        # Not renewed, such a lease would run out while the receiver thinks, and be sent again.
        service.intake._limits = service.intake._limits.__class__(lease_s=1.0)
        webhook_id = await submit(service.url, url=target)
        status = await wait_for_status(service.url, webhook_id, "delivered")
        assert status["attempts"] == 1
    assert sink.received == 1
    await sink.stop()
