"""Dead letters: listed, streamed, and brought back at a bounded rate."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from sureshot.api import dead_letters
from sureshot.cli.sink_server import SinkServer
from sureshot.service import Service
from tests.support.http import Answer, admin, build, call, submit, wait_for_status
from tests.support.service import ADMIN_TOKEN

D, E, W = "/api/v1/admin/dead-letters", "/api/v1/endpoints", "/api/v1/webhooks"
AGES_AGO = "2020-01-01T00:00:00Z"
NOWHERE = "http://127.0.0.1:9/hook"


async def hopeless(url: str) -> str:
    """Create an endpoint whose webhooks fail at the first attempt."""
    body = {"name": "down", "url": NOWHERE, "retryScheduleSeconds": []}
    return str((await call(url, "POST", E, body)).json["id"])


async def let_fail(url: str, endpoint_id: str, many: int, **fields: Any) -> list[str]:
    """Return webhooks of the endpoint that failed, oldest first."""
    ids = [await submit(url, endpointId=endpoint_id, **fields) for _ in range(many)]
    for webhook_id in ids:
        await wait_for_status(url, webhook_id, "failed")
    return ids


async def recover(url: str, endpoint_id: str, **fields: Any) -> Answer:
    return await call(url, "POST", f"{E}/{endpoint_id}/recover", {"since": AGES_AGO, **fields})


async def stream(url: str, path: str = D, token: str = ADMIN_TOKEN) -> tuple[str, list[Any]]:
    """Return content type and lines of a streamed answer."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    headers = {"Accept": "application/x-ndjson", "Connection": "close"}
    writer.write(build("GET", path, b"", headers, token))
    head, _blank, body = (await asyncio.wait_for(reader.read(), 20)).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert head.startswith(b"HTTP/1.1 200 ")
    (kind,) = [
        line.partition(b": ")[2].decode()
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-type")
    ]
    text = b""
    while body:
        size, _crlf, body = body.partition(b"\r\n")
        text, body = text + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return kind, [msgspec.json.decode(line) for line in text.splitlines()]


async def test_dead_letters_are_listed_page_by_page_and_filtered(url: str) -> None:
    one, two = await hopeless(url), await hopeless(url)
    ids = await let_fail(url, one, 5, eventType="a.b")
    others = await let_fail(url, two, 1)
    page = (await admin(url, "GET", f"{D}?limit=4")).json
    more = (await admin(url, "GET", f"{D}?limit=4&cursor={page['nextCursor']}")).json
    assert [item["id"] for item in page["items"] + more["items"]] == [*others, *reversed(ids)]
    assert more["nextCursor"] is None
    first = more["items"][-1]
    assert (first["endpointId"], first["eventType"], first["attempts"]) == (one, "a.b", 1)
    assert first["lastAttempt"]["error"] == "connect_refused"
    for query in (f"endpointId={one}", "eventType=a.b"):
        found = (await admin(url, "GET", f"{D}?{query}")).json["items"]
        assert [item["id"] for item in found] == ids[::-1]
    assert (await admin(url, "GET", f"{D}?until={AGES_AGO}")).json["items"] == []
    assert (await admin(url, "GET", f"{D}?status=failed")).status == 422


async def test_all_of_them_can_be_streamed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "READ_AT_ONCE", 3)
    name = await hopeless(url)
    assert await stream(url) == ("application/x-ndjson", [])
    ids = await let_fail(url, name, 7)
    kind, lines = await stream(url)
    assert kind == "application/x-ndjson"
    assert [line["id"] for line in lines] == ids[::-1]
    listed = (await admin(url, "GET", D)).json["items"]
    assert lines == listed
    assert (await stream(url, f"{D}?endpointId=ep_other"))[1] == []


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "text/html", "application/json, */*"]
)
async def test_json_is_the_answer_unless_lines_are_asked_for(url: str, accept: str) -> None:
    answer = await call(url, "GET", D, headers={"Accept": accept}, token=ADMIN_TOKEN)
    assert (answer.status, answer.json) == (200, {"items": [], "nextCursor": None})


async def test_recovering_sends_what_failed_and_nothing_else(url: str) -> None:
    sink = SinkServer()
    port = await sink.start()
    name, other = await hopeless(url), await hopeless(url)
    failed = await let_fail(url, name, 5)
    (untouched,) = await let_fail(url, other, 1)
    await call(url, "PATCH", f"{E}/{name}", {"url": f"http://127.0.0.1:{port}/hook"})
    answer = await recover(url, name)
    assert (answer.status, answer.json["recovered"], answer.json["nextCursor"]) == (200, 5, None)
    for webhook_id in failed:
        await wait_for_status(url, webhook_id, "delivered")
    assert (await call(url, "GET", f"{W}/{untouched}/status")).json["status"] == "failed"
    again = await recover(url, name)
    assert again.json == {"recovered": 0, "lastDueAt": None, "nextCursor": None}
    audit = (await admin(url, "GET", "/api/v1/admin/audit")).json["items"]
    acts = [(one["action"], one["subject"]) for one in audit]
    assert acts.count(("endpoint.recover", name)) == 1
    await sink.stop()


async def test_the_rate_is_kept_by_when_each_is_due(service: Service) -> None:
    url = service.url
    name = await hopeless(url)
    failed = await let_fail(url, name, 4)
    await service.engine.pause()
    at = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    answer = await recover(url, name, ratePerSecond=0.5, startAt=at.isoformat())
    stored = [await service.store.get("default", webhook_id) for webhook_id in failed]
    due = [one.due_at for one in stored if one is not None]
    assert due == [at + timedelta(seconds=2 * number) for number in range(4)]
    assert datetime.fromisoformat(answer.json["lastDueAt"]) == due[-1]


async def test_since_and_until_say_which(url: str) -> None:
    name = await hopeless(url)
    failed = await let_fail(url, name, 3)
    created = [(await call(url, "GET", f"{W}/{one}/status")).json["createdAt"] for one in failed]
    later = (datetime.fromisoformat(created[2]) + timedelta(days=1)).isoformat()
    assert (await recover(url, name, since=later)).json["recovered"] == 0
    assert (await recover(url, name, until=AGES_AGO)).json["recovered"] == 0
    assert (await recover(url, name, since=created[0], until=later)).json["recovered"] == 3


async def test_a_long_recovery_goes_on_where_it_stopped(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "RECOVERED_PER_CALL", 4)
    monkeypatch.setattr(dead_letters, "READ_AT_ONCE", 2)
    name = await hopeless(url)
    await let_fail(url, name, 10)
    seen, fields = 0, dict[str, Any]()
    for _ in range(9):
        done = (await recover(url, name, **fields)).json
        seen += done["recovered"]
        if done["nextCursor"] is None:
            break
        fields = {"cursor": done["nextCursor"]}
    assert seen == 10


async def test_what_fails_again_does_not_keep_a_recovery_busy_for_ever(url: str) -> None:
    name = await hopeless(url)
    failed = await let_fail(url, name, 3)
    assert (await recover(url, name)).json["recovered"] == 3
    for webhook_id in failed:
        async with asyncio.timeout(20):
            while (await call(url, "GET", f"{W}/{webhook_id}/status")).json["attempts"] != 2:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"since": "2020-01-01T00:00:00"}, "since"),
        ({"until": "2020-01-01T00:00:00"}, "until"),
        ({"startAt": "2020-01-01T00:00:00"}, "startAt"),
        ({"startAt": "2999-01-01T00:00:00Z"}, "startAt"),
        ({"since": "yesterday"}, "since"),
        ({"ratePerSecond": 0}, "ratePerSecond"),
        ({"ratePerSecond": 1e9}, "ratePerSecond"),
        ({"cursor": "x"}, "cursor"),
        ({"force": True}, "force"),
    ],
)
async def test_a_wrong_recovery_is_refused(url: str, fields: dict[str, Any], field: str) -> None:
    name = await hopeless(url)
    answer = await recover(url, name, **fields)
    assert answer.status == 422
    assert answer.json["errors"][0]["field"] == field
