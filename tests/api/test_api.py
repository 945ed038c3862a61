"""The API as its users see it."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from sureshot.cli.sink_server import Behaviour, SinkServer
from sureshot.service import Service
from tests.support.http import admin, build, call, exchange, submit, wait_for_status
from tests.support.service import ADMIN_TOKEN, running_service

W = "/api/v1/webhooks"
E = "/api/v1/endpoints"


@pytest.fixture
async def sink_url(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    sink = SinkServer()
    port = await sink.start()
    yield f"http://127.0.0.1:{port}/hook"
    await sink.stop()


async def test_a_webhook_from_submission_to_its_attempts(url: str, sink_url: str) -> None:
    payload = '{ "ä": [1.0, 1e2],"b" :null}'.encode()
    body = b'{"url":"%b","eventType":"a.b","payload":%b}' % (sink_url.encode(), payload)
    answer = await call(url, "POST", W, body=body)
    assert answer.status == 202
    accepted = answer.json
    assert answer.headers["location"] == f"{W}/{accepted['id']}"
    assert accepted["status"] == "queued"
    status = await wait_for_status(url, accepted["id"], "delivered")
    assert status["attempts"] == 1
    assert status["lastAttempt"]["statusCode"] == 200
    assert status["createdAt"] == accepted["createdAt"]
    assert status["deliveredAt"] >= status["createdAt"]
    whole = await call(url, "GET", f"{W}/{accepted['id']}")
    assert payload in whole.body
    (attempt,) = (await call(url, "GET", f"{W}/{accepted['id']}/attempts")).json["items"]
    assert attempt["responseBody"] == "ok"
    assert ["content-length", "2"] in attempt["responseHeaders"]
    explained = (await call(url, "GET", f"{W}/{accepted['id']}/explain")).json
    assert "delivered at" in explained["explanation"]


async def test_a_batch_answers_item_by_item(url: str, sink_url: str) -> None:
    items = [
        {"url": sink_url, "payload": 1},
        {"url": "nonsense", "payload": 1},
        {"url": sink_url, "payload": 2, "idempotencyKey": "k"},
        {"url": sink_url, "payload": 2, "idempotencyKey": "k"},
        {"url": sink_url, "payload": 3, "idempotencyKey": "k"},
        17,
    ]
    answer = await call(url, "POST", f"{W}/batch", {"webhooks": items})
    assert answer.status == 202
    results = answer.json["webhooks"]
    assert [("id" in one) for one in results] == [True, False, True, True, False, False]
    assert results[1]["error"]["errors"][0]["field"] == "url"
    assert results[2]["id"] == results[3]["id"]
    assert results[4]["error"]["status"] == 409
    await wait_for_status(url, results[0]["id"], "delivered")


async def test_a_repeated_submission_is_one_webhook(url: str, sink_url: str) -> None:
    fields = {"url": sink_url, "payload": {"a": 1}}
    first = await call(url, "POST", W, fields, headers={"Idempotency-Key": '"k-1"'})
    again = await call(url, "POST", W, {**fields, "idempotencyKey": "k-1"})
    assert again.status == 202
    assert again.json["id"] == first.json["id"]
    assert again.json["createdAt"] == first.json["createdAt"]
    await wait_for_status(url, first.json["id"], "delivered")
    later = await call(url, "POST", W, fields, headers={"Idempotency-Key": "k-1"})
    assert later.json["status"] == "delivered"
    other = await call(url, "POST", W, {"url": sink_url, "payload": 2, "idempotencyKey": "k-1"})
    assert (other.status, other.json["type"]) == (409, "/problems/idempotency-conflict")


async def test_fifty_twins_at_once_are_one_webhook(url: str, sink_url: str) -> None:
    fields = {"url": sink_url, "payload": 1, "idempotencyKey": "twins"}
    answers = await asyncio.gather(*(call(url, "POST", W, fields) for _ in range(50)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1


async def test_a_list_can_be_walked_and_filtered(url: str, sink_url: str) -> None:
    ids = [await submit(url, url=sink_url, eventType=f"t.{n % 2}") for n in range(7)]
    for webhook_id in ids:
        await wait_for_status(url, webhook_id, "delivered")
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await call(url, "GET", f"{W}?limit=3{cursor}")).json
        seen += [item["id"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == list(reversed(ids))
    odd = (await call(url, "GET", f"{W}?eventType=t.1&status=delivered")).json
    assert [item["id"] for item in odd["items"]] == list(reversed(ids[1::2]))
    assert (await call(url, "GET", f"{W}?status=failed")).json["items"] == []


async def test_a_delivery_in_the_future_waits_and_can_be_cancelled(url: str, sink_url: str) -> None:
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    webhook_id = await submit(url, url=sink_url, deliverAt=at)
    explained = (await call(url, "GET", f"{W}/{webhook_id}/explain")).json
    assert "due at" in explained["explanation"]
    assert explained["nextAttemptAt"] > datetime.now(UTC).isoformat()
    cancelled = await call(url, "POST", f"{W}/{webhook_id}/cancel")
    assert (cancelled.status, cancelled.json["status"]) == (202, "cancelled")
    again = await call(url, "POST", f"{W}/{webhook_id}/cancel")
    assert (again.status, again.json["type"]) == (409, "/problems/illegal-transition")
    await call(url, "POST", f"{W}/{webhook_id}/retry")
    await wait_for_status(url, webhook_id, "delivered")


async def test_a_near_future_is_kept_to(url: str, sink_url: str) -> None:
    due_at = datetime.now(UTC) + timedelta(seconds=1)
    webhook_id = await submit(url, url=sink_url, deliverAt=due_at.isoformat())
    status = await wait_for_status(url, webhook_id, "delivered")
    started_at = datetime.fromisoformat(status["lastAttempt"]["startedAt"])
    assert timedelta(0) <= started_at - due_at + timedelta(milliseconds=2) < timedelta(seconds=2)


async def test_what_is_delivered_is_sent_again_only_by_force(url: str, sink_url: str) -> None:
    webhook_id = await submit(url, url=sink_url)
    await wait_for_status(url, webhook_id, "delivered")
    refused = await call(url, "POST", f"{W}/{webhook_id}/retry")
    assert refused.status == 409
    assert "force" in refused.json["detail"]
    assert (await call(url, "POST", f"{W}/{webhook_id}/retry?force=true")).status == 202
    async with asyncio.timeout(10):
        while (await wait_for_status(url, webhook_id, "delivered"))["attempts"] < 2:
            await asyncio.sleep(0.02)


async def test_an_endpoints_life(url: str, sink_url: str) -> None:
    made = await call(url, "POST", E, {"name": "A", "url": sink_url, "metadata": {"k": "v"}})
    assert made.status == 200
    assert made.json["secretKey"].startswith("whsec_")
    endpoint_id = made.json["id"]
    shown = (await call(url, "GET", f"{E}/{endpoint_id}")).json
    assert "secretKey" not in shown
    assert shown["metadata"] == {"k": "v"}
    changed = await call(url, "PATCH", f"{E}/{endpoint_id}", {"name": "B", "rateLimitPerSecond": 5})
    assert (changed.json["name"], changed.json["rateLimitPerSecond"]) == ("B", 5)
    back = await call(url, "PATCH", f"{E}/{endpoint_id}", {"rateLimitPerSecond": None})
    assert back.json["rateLimitPerSecond"] is None
    assert [e["id"] for e in (await call(url, "GET", E)).json["items"]] == [endpoint_id]
    tested = await call(url, "POST", f"{E}/{endpoint_id}/test")
    await wait_for_status(url, tested.json["id"], "delivered")
    assert (await call(url, "DELETE", f"{E}/{endpoint_id}")).status == 204
    assert (await call(url, "GET", f"{E}/{endpoint_id}")).status == 404


async def test_a_short_secret_is_taken_with_a_warning(url: str, sink_url: str) -> None:
    made = await call(url, "POST", E, {"name": "A", "url": sink_url, "secretKey": "short"})
    assert made.json["warnings"]
    good = await call(url, "POST", E, {"name": "A", "url": sink_url})
    assert "warnings" not in good.json
    pair = await call(url, "POST", E, {"name": "A", "url": sink_url, "algorithm": "ed25519"})
    assert pair.json["publicKey"].startswith("whpk_")


async def test_operators_see_depth_and_statistics(service: Service, sink_url: str) -> None:
    url = service.url
    webhook_id = await submit(url, url=sink_url)
    await wait_for_status(url, webhook_id, "delivered")
    depth = (await admin(url, "GET", "/api/v1/admin/queue/depth")).json
    assert depth == {"depth": 0, "backlog": 0, "inFlight": 0, "oldestDueSeconds": 0.0}
    stats = (await admin(url, "GET", "/api/v1/admin/stats")).json
    assert stats["accepted"] == 1
    assert stats["finished"] == {"delivered": 1}
    tenant = (await call(url, "GET", "/api/v1/tenant")).json
    assert tenant["secretKey"].startswith("whsec_")


async def test_health_needs_no_token_and_metrics_have_their_names(url: str, sink_url: str) -> None:
    webhook_id = await submit(url, url=sink_url)
    await wait_for_status(url, webhook_id, "delivered")
    assert (await call(url, "GET", "/healthz", token=None)).status == 200
    assert (await call(url, "GET", "/readyz", token=None)).status == 200
    text = (await call(url, "GET", "/metrics", token=None)).body.decode()
    for line in (
        "sureshot_webhooks_accepted_total 1.0",
        'sureshot_attempts_total{outcome="2xx"} 1.0',
        'sureshot_attempts_total{outcome="connect_refused"} 0.0',
        'sureshot_webhooks_finished_total{status="delivered"} 1.0',
        'sureshot_queue_latency_seconds_bucket{le="0.01"}',
        "sureshot_queue_latency_seconds_count 1.0",
        "sureshot_delivery_duration_seconds_count 1.0",
        "sureshot_end_to_end_seconds_count 1.0",
        "sureshot_queue_depth 0.0",
        "sureshot_backlog 0.0",
        "sureshot_in_flight 0.0",
        "sureshot_oldest_due_seconds 0.0",
        "sureshot_breaker_open 0.0",
        'sureshot_batch_size_count{stage="intake"} 1.0',
        'http_requests_total{endpoint="/api/v1/webhooks",method="POST",status="202"} 1.0',
        'http_request_duration_seconds_count{endpoint="/api/v1/webhooks",method="POST"} 1.0',
        "process_resident_memory_bytes",
    ):
        assert line in text, line


async def test_the_openapi_document_covers_every_route_and_refers_to_nothing_missing(
    url: str,
) -> None:
    answer = await call(url, "GET", "/openapi.json", token=None)
    document = answer.json
    assert document["openapi"].startswith("3.1")
    submission = document["components"]["schemas"]["SubmissionBody"]["properties"]
    assert set(submission) == {
        "url", "endpointId", "method", "payload", "headers", "eventType", "idempotencyKey",
        "deliverAt", "timeoutSeconds",
    }  # fmt: skip
    for path, item in document["paths"].items():
        for method in set(item) - {"parameters"}:
            concrete = path.replace("{webhook_id}", "x").replace("{endpoint_id}", "x")
            (found,) = await exchange(url, build(method.upper(), concrete, token=ADMIN_TOKEN))
            assert found.status != 405, (method, path)
    text = answer.body.decode()
    for name in set(msgspec.json.decode(text)["components"]["schemas"]):
        text = text.replace(f'"#/components/schemas/{name}"', "")
    assert "#/components/schemas/" not in text


async def test_the_docs_page_names_every_route(url: str) -> None:
    page = (await call(url, "GET", "/docs", token=None)).body.decode()
    document = (await call(url, "GET", "/openapi.json", token=None)).json
    for path in document["paths"]:
        assert path in page
    assert "<script" not in page
    assert "http://127.0.0.1:8080" in page


async def test_pausing_holds_everything_and_resuming_delivers_it(url: str) -> None:
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    assert (await admin(url, "POST", "/api/v1/admin/pause")).json == {"paused": True}
    ids = [await submit(url, url=target) for _ in range(20)]
    await asyncio.sleep(0.3)
    assert sink.received == 0
    explained = (await call(url, "GET", f"{W}/{ids[0]}/explain")).json
    assert "paused" in explained["explanation"]
    await admin(url, "POST", "/api/v1/admin/resume")
    for webhook_id in ids:
        await wait_for_status(url, webhook_id, "delivered")
    assert (sink.received, sink.duplicates) == (20, 0)
    await sink.stop()


@pytest.mark.parametrize("behaviour", [Behaviour.FAILING, Behaviour.RESET])
async def test_a_failure_is_explained_in_words(url: str, behaviour: Behaviour) -> None:
    sink = SinkServer(behaviour)
    webhook_id = await submit(url, url=f"http://127.0.0.1:{await sink.start()}/")
    status = await wait_for_status(url, webhook_id, "retrying")
    assert status["nextAttemptAt"] > status["createdAt"]
    explained = (await call(url, "GET", f"{W}/{webhook_id}/explain")).json
    wanted = "status 500" if behaviour is Behaviour.FAILING else "disconnected"
    assert wanted in explained["explanation"]
    assert "9 of 10 attempts" in explained["explanation"]
    await sink.stop()


async def test_the_metrics_port_serves_health_and_metrics_and_nothing_else(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with running_service(tmp_path, metrics_port=port):
        url = f"http://127.0.0.1:{port}"
        assert (await call(url, "GET", "/readyz", token=None)).status == 200
        metrics = await call(url, "GET", "/metrics", token=None)
        assert b"sureshot_backlog" in metrics.body
        refused = await call(url, "POST", W, {"url": "http://127.0.0.1:9/", "payload": 1})
        assert (refused.status, refused.json["type"]) == (404, "/problems/not-found")


async def test_no_more_endpoints_are_made_than_the_service_holds(tmp_path: Path) -> None:
    async with running_service(tmp_path, endpoint_limit=2) as service:
        body = {"name": "one", "url": "http://127.0.0.1:9/"}
        made = [await call(service.url, "POST", "/api/v1/endpoints", body) for _ in range(3)]
        assert [answer.status for answer in made] == [200, 200, 503]
        assert made[2].headers["retry-after"] == "60"
        assert "SURESHOT_ENDPOINT_LIMIT" in made[2].json["detail"]
        await call(service.url, "DELETE", f"/api/v1/endpoints/{made[0].json['id']}")
        assert (await call(service.url, "POST", "/api/v1/endpoints", body)).status == 200
