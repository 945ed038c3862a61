"""Retries, Retry-After, 410, breakers, limits and rotation, end to end over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from sureshot.cli.sink_server import Behaviour, SinkServer
from sureshot.domain.signature import verify
from sureshot.service import Service
from tests.sender.certificates import issue, server_context
from tests.sender.receivers import Handler, answering, receiver
from tests.support.clock import ManualClock
from tests.support.http import call, submit, wait_for_status
from tests.support.service import running_service

W = "/api/v1/webhooks"
E = "/api/v1/endpoints"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def status_line(status: int, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/1.1 %d X\r\n%bcontent-length: 0\r\n\r\n" % (status, lines)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def service(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Service]:
    async with running_service(tmp_path, clock=clock, breaker_threshold=100) as running:
        yield running


async def _attempts_reach(url: str, webhook_id: str, count: int) -> dict[str, object]:
    async with asyncio.timeout(15):
        while True:
            found = (await call(url, "GET", f"{W}/{webhook_id}/status")).json
            if found["attempts"] >= count:
                return dict(found)
            await asyncio.sleep(0.01)


def _wait(status: dict[str, object], clock: ManualClock) -> float:
    next_at = datetime.fromisoformat(str(status["nextAttemptAt"]))
    return (next_at - clock.now()).total_seconds()


async def _walk_schedule(service: Service, clock: ManualClock, handler: Handler) -> list[float]:
    """Follow one webhook to its end; return the waits between its attempts."""
    waits = []
    async with receiver(handler) as at:
        webhook_id = await submit(service.url, url=f"http://127.0.0.1:{at.port}/")
        for attempt in range(1, 11):
            status = await _attempts_reach(service.url, webhook_id, attempt)
            if status["status"] == "failed":
                break
            waits.append(_wait(status, clock))
            clock.advance(waits[-1] + 0.01)
            service.engine.wake()
        status = await wait_for_status(service.url, webhook_id, "failed")
        assert len(at.requests) == status["attempts"]
        assert {request.split(b"webhook-id: ")[1][:35] for request in at.requests} == {
            webhook_id.encode()
        }
    return waits


@pytest.mark.slow
async def test_a_failing_receiver_is_tried_ten_times_over_three_days(
    service: Service, clock: ManualClock
) -> None:
    waits = await _walk_schedule(service, clock, answering(status_line(500)))
    expected = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert len(waits) == 9
    for wait_s, step_s in zip(waits, expected, strict=True):
        assert 0.79 * step_s <= wait_s <= 1.21 * step_s


async def test_retry_after_lengthens_the_wait_up_to_a_day(
    service: Service, clock: ManualClock
) -> None:
    for asked, least, most in ((b"60", 59, 73), (b"999999", 86390, 103700), (b"1", 3.9, 6.1)):
        handler = answering(status_line(500, b"retry-after: " + asked))
        async with receiver(handler) as at:
            webhook_id = await submit(service.url, url=f"http://127.0.0.1:{at.port}/")
            status = await _attempts_reach(service.url, webhook_id, 1)
            assert least <= _wait(status, clock) <= most, asked


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_a_failure_and_not_followed(service: Service, status: int) -> None:
    async with receiver(answering(OK)) as elsewhere:
        location = b"location: http://127.0.0.1:%d/" % elsewhere.port
        async with receiver(answering(status_line(status, location))) as at:
            webhook_id = await submit(service.url, url=f"http://127.0.0.1:{at.port}/")
            found = await _attempts_reach(service.url, webhook_id, 1)
            assert found["status"] == "retrying"
            assert elsewhere.connections == 0


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_delivered(service: Service, status: int) -> None:
    answer = b"HTTP/1.1 %d X\r\n" % status
    answer += b"\r\n" if status == 204 else b"content-length: 0\r\n\r\n"
    async with receiver(answering(answer)) as at:
        webhook_id = await submit(service.url, url=f"http://127.0.0.1:{at.port}/")
        await wait_for_status(service.url, webhook_id, "delivered")


async def test_410_fails_at_once_and_disables_the_endpoint(service: Service) -> None:
    async with receiver(answering(status_line(410))) as at:
        made = await call(
            service.url, "POST", E, {"name": "A", "url": f"http://127.0.0.1:{at.port}/"}
        )
        endpoint_id = made.json["id"]
        webhook_id = await submit(service.url, endpointId=endpoint_id)
        status = await wait_for_status(service.url, webhook_id, "failed")
        assert status["attempts"] == 1
        shown = (await call(service.url, "GET", f"{E}/{endpoint_id}")).json
        assert (shown["enabled"], shown["disabledReason"]) == (False, "gone")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_an_overloaded_receiver_gets_a_rest_as_a_whole(
    service: Service, clock: ManualClock, status: int
) -> None:
    handler = answering(status_line(status, b"retry-after: 30"))
    async with receiver(handler) as at:
        target = f"http://127.0.0.1:{at.port}/"
        first = await submit(service.url, url=target)
        await _attempts_reach(service.url, first, 1)
        second = await submit(service.url, url=target)
        await asyncio.sleep(0.2)
        assert len(at.requests) == 1
        explained = (await call(service.url, "GET", f"{W}/{second}/explain")).json
        assert explained["lane"]["closedReason"] == "overloaded"
        assert "asked for patience" in explained["explanation"]
        clock.advance(31)
        service.engine.wake()
        await _attempts_reach(service.url, second, 1)


async def test_signatures_verify_with_an_independent_library(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service, receiver(answering(OK)) as at:
        target = f"http://127.0.0.1:{at.port}/"
        tenant = (await call(service.url, "GET", "/api/v1/tenant")).json
        direct = await submit(service.url, url=f"{target}direct", payload={"ä": "€"})
        made = (await call(service.url, "POST", E, {"name": "A", "url": f"{target}ep"})).json
        through = await submit(service.url, endpointId=made["id"], headers={"X-Mine": "1"})
        by_url = await submit(service.url, url=f"{target}ep")
        for webhook_id in (direct, through, by_url):
            await wait_for_status(service.url, webhook_id, "delivered")
        for request in at.requests:
            head, _end, body = request.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")[1:]
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
            secret = tenant["secretKey"] if b"/direct" in head else made["secretKey"]
            standardwebhooks.Webhook(secret).verify(body, headers)
            assert headers["content-type"] == "application/json"
            assert headers["user-agent"].startswith("Sureshot/")
        assert sum(b"X-Mine: 1" in request for request in at.requests) == 1


async def test_callers_and_endpoints_headers_win_over_ours(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service, receiver(answering(OK)) as at:
        target = f"http://127.0.0.1:{at.port}/"
        body = {"name": "A", "url": target, "headers": {"X-A": "endpoint", "X-B": "endpoint"}}
        made = (await call(service.url, "POST", E, body)).json
        webhook_id = await submit(
            service.url,
            endpointId=made["id"],
            headers={"x-a": "webhook", "Content-Type": "application/cloudevents+json"},
        )
        await wait_for_status(service.url, webhook_id, "delivered")
        (request,) = at.requests
        assert b"x-a: webhook\r\n" in request
        assert b"X-B: endpoint\r\n" in request
        assert b"X-A" not in request
        assert request.lower().count(b"content-type:") == 1
        assert b"application/cloudevents+json" in request


async def test_after_a_rotation_both_secrets_sign_until_the_overlap_ends(
    service: Service, clock: ManualClock
) -> None:
    async with receiver(answering(OK)) as at:
        made = (
            await call(service.url, "POST", E, {"name": "A", "url": f"http://127.0.0.1:{at.port}/"})
        ).json
        old = made["secretKey"]
        new = (await call(service.url, "POST", f"{E}/{made['id']}/rotate-secret")).json["secretKey"]
        for wait_s, old_signs in ((0.0, True), (86401.0, False)):
            clock.advance(wait_s)
            webhook_id = await submit(service.url, endpointId=made["id"])
            await wait_for_status(service.url, webhook_id, "delivered")
            head, _end, body = at.requests[-1].partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")[1:]
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
            assert verify([new], headers, body, clock.now()) is None
            assert (verify([old], headers, body, clock.now()) is None) == old_signs


async def test_a_disabled_endpoint_holds_its_backlog_and_delivers_it_when_enabled(
    service: Service, clock: ManualClock
) -> None:
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    endpoint_id = (await call(service.url, "POST", E, {"name": "A", "url": target})).json["id"]
    await call(service.url, "POST", f"{E}/{endpoint_id}/disable")
    ids = [await submit(service.url, endpointId=endpoint_id) for _ in range(10)]
    await asyncio.sleep(0.2)
    assert sink.received == 0
    explained = (await call(service.url, "GET", f"{W}/{ids[0]}/explain")).json
    assert "disabled (manual)" in explained["explanation"]
    await call(service.url, "POST", f"{E}/{endpoint_id}/enable")
    for webhook_id in ids:
        await wait_for_status(service.url, webhook_id, "delivered")
    assert sink.duplicates == 0
    await sink.stop()


async def test_an_edit_takes_effect_on_what_is_already_waiting(service: Service) -> None:
    first, second = SinkServer(), SinkServer()
    urls = [f"http://127.0.0.1:{await sink.start()}/" for sink in (first, second)]
    endpoint_id = (await call(service.url, "POST", E, {"name": "A", "url": urls[0]})).json["id"]
    await call(service.url, "POST", f"{E}/{endpoint_id}/disable")
    webhook_id = await submit(service.url, endpointId=endpoint_id)
    await call(service.url, "PATCH", f"{E}/{endpoint_id}", {"url": urls[1]})
    await call(service.url, "POST", f"{E}/{endpoint_id}/enable")
    await wait_for_status(service.url, webhook_id, "delivered")
    assert (first.received, second.received) == (0, 1)
    await first.stop()
    await second.stop()


async def test_a_rate_limit_is_kept_and_nothing_is_lost(tmp_path: Path) -> None:
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        body = {"name": "A", "url": target, "rateLimitPerSecond": 20}
        endpoint_id = (await call(service.url, "POST", E, body)).json["id"]
        began_s = asyncio.get_running_loop().time()
        ids = [await submit(service.url, endpointId=endpoint_id) for _ in range(60)]
        for webhook_id in ids:
            await wait_for_status(service.url, webhook_id, "delivered")
        took_s = asyncio.get_running_loop().time() - began_s
    assert took_s >= 1.9
    assert (sink.received, sink.duplicates) == (60, 0)
    await sink.stop()


async def test_an_in_flight_cap_is_kept_and_nothing_is_lost(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.SLOW, delay_s=0.02)
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        body = {"name": "A", "url": target, "maxInFlight": 3}
        endpoint_id = (await call(service.url, "POST", E, body)).json["id"]
        batch = [{"endpointId": endpoint_id, "payload": n} for n in range(600)]
        accepted = (await call(service.url, "POST", f"{W}/batch", {"webhooks": batch})).json
        for item in accepted["webhooks"]:
            await wait_for_status(service.url, item["id"], "delivered", within_s=40)
    assert sink.max_in_flight == 3
    assert (sink.received, sink.duplicates) == (600, 0)
    await sink.stop()


async def test_an_open_breaker_postpones_without_spending_attempts(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.FAILING)
    target = f"http://127.0.0.1:{await sink.start()}/"
    changes: dict[str, Any] = {"breaker_threshold": 3, "breaker_open_s": 0.5}
    async with running_service(tmp_path, **changes) as service:
        failing = [await submit(service.url, url=target) for _ in range(3)]
        for webhook_id in failing:
            await _attempts_reach(service.url, webhook_id, 1)
        held = [await submit(service.url, url=target) for _ in range(20)]
        explained = (await call(service.url, "GET", f"{W}/{held[0]}/explain")).json
        assert explained["lane"]["closedReason"] == "breaker_open"
        assert sink.received == 3
        sink.behaviour = Behaviour.OK
        for webhook_id in held:
            status = await wait_for_status(service.url, webhook_id, "delivered")
            assert status["attempts"] == 1
        assert service.engine.lane_status("default|" + target[:-1]).closed_reason is None
    await sink.stop()


async def test_cancelling_what_waits_in_memory_stops_it(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.SLOW, delay_s=0.3)
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        body = {"name": "A", "url": target, "maxInFlight": 1}
        endpoint_id = (await call(service.url, "POST", E, body)).json["id"]
        ids = [await submit(service.url, endpointId=endpoint_id) for _ in range(3)]
        answer = await call(service.url, "POST", f"{W}/{ids[2]}/cancel")
        assert answer.json["status"] == "cancelled"
        for webhook_id in ids[:2]:
            await wait_for_status(service.url, webhook_id, "delivered")
        await asyncio.sleep(0.5)
        assert sink.received == 2
        assert (await call(service.url, "GET", f"{W}/{ids[2]}/status")).json["attempts"] == 0
    await sink.stop()


async def test_a_per_webhook_timeout_is_kept(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.HANGING)
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        webhook_id = await submit(service.url, url=target, timeoutSeconds=1)
        status = await _attempts_reach(service.url, webhook_id, 1)
        last = status["lastAttempt"]
        assert isinstance(last, dict)
        assert last["error"] == "first_byte_timeout"
        assert 900 <= last["durationMs"] <= 5000
    await sink.stop()


async def test_a_schedule_of_its_own_and_a_restart_in_between(tmp_path: Path) -> None:
    sink = SinkServer(Behaviour.FAILING)
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with running_service(tmp_path) as service:
        body = {"name": "A", "url": target, "retryScheduleSeconds": [0.5, 0.5]}
        endpoint_id = (await call(service.url, "POST", E, body)).json["id"]
        webhook_id = await submit(service.url, endpointId=endpoint_id)
        await _attempts_reach(service.url, webhook_id, 1)
    async with running_service(tmp_path) as service:
        status = await wait_for_status(service.url, webhook_id, "failed")
        assert status["attempts"] == 3
        sink.behaviour = Behaviour.OK
        await call(service.url, "POST", f"{W}/{webhook_id}/retry")
        status = await wait_for_status(service.url, webhook_id, "delivered")
        assert status["attempts"] == 4
        assert timedelta(0) < datetime.fromisoformat(
            status["deliveredAt"]
        ) - datetime.fromisoformat(status["createdAt"])
    await sink.stop()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
async def test_every_method_carries_the_payload(service: Service, method: str) -> None:
    async with receiver(answering(OK)) as at:
        webhook_id = await submit(
            service.url, url=f"http://127.0.0.1:{at.port}/x", method=method, payload=[1, 2]
        )
        await wait_for_status(service.url, webhook_id, "delivered")
        assert at.requests[0].startswith(f"{method} /x HTTP/1.1\r\n".encode())
        assert at.requests[0].endswith(b"\r\n\r\n[1,2]")


async def test_the_settings_for_tls_reach_the_sender(tmp_path: Path) -> None:
    authority = issue(tmp_path, "test-authority", authority=True)
    mine = issue(tmp_path, "sender", authority)
    context = server_context(issue(tmp_path, "localhost", authority), authority)
    changes: dict[str, Any] = {
        "ca_file": str(authority.cert),
        "client_cert_file": str(mine.cert),
        "client_key_file": str(mine.key),
    }
    async with (
        running_service(tmp_path, **changes) as service,
        receiver(answering(OK), ssl=context) as at,
    ):
        webhook_id = await submit(service.url, url=f"https://localhost:{at.port}/")
        await wait_for_status(service.url, webhook_id, "delivered")


async def test_the_settings_for_a_proxy_reach_the_sender(tmp_path: Path) -> None:
    async with receiver(answering(b"HTTP/1.1 407 Who\r\n\r\n")) as proxy:
        changes: dict[str, Any] = {"proxy_url": f"http://127.0.0.1:{proxy.port}"}
        async with running_service(tmp_path, **changes) as service:
            webhook_id = await submit(service.url, url="http://127.0.0.1:9/")
            status = await _attempts_reach(service.url, webhook_id, 1)
            assert status["lastAttempt"]["error"] == "proxy_failed"  # type: ignore[index]
