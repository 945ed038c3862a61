"""A list with payloads, on both stores: ``GET /api/v1/webhooks?include=payload``."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import SECRET_KEY
from tests.support.http import call, submit
from tests.support.servers import fresh_database
from tests.support.service import running_service

W = "/api/v1/webhooks"
NOWHERE = "http://127.0.0.1:9/"
PAYLOADS = ['{ "ä": [1.0, 1e2],"b" :null}', "[1, 2]", "17", '"text"', "null"]


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Return the address of a service on either store, paused: what it has stays as it is."""
    async with contextlib.AsyncExitStack() as stack:
        changes: dict[str, Any] = {}
        if request.param == "postgres":
            url = await stack.enter_async_context(fresh_database())
            changes = {"database_url": url, "secret_key": SECRET_KEY}
        service = await stack.enter_async_context(running_service(tmp_path, **changes))
        await service.engine.pause()
        yield service.url


async def walk(url: str, query: str) -> list[list[dict[str, Any]]]:
    """Return every page of a list."""
    pages, cursor = [], ""
    while True:
        page = (await call(url, "GET", f"{W}?{query}{cursor}")).json
        pages.append(page["items"])
        if page["nextCursor"] is None:
            return pages
        cursor = f"&cursor={page['nextCursor']}"


async def test_each_item_is_what_the_call_for_one_answers(url: str) -> None:
    ids = [await submit(url, url=NOWHERE, eventType="a.b", headers={"X-A": "1"})]
    for payload in PAYLOADS:
        body = f'{{"url":"{NOWHERE}","payload":{payload}}}'.encode()
        ids.append((await call(url, "POST", W, body=body)).json["id"])
    listed = await call(url, "GET", f"{W}?include=payload")
    for item in listed.json["items"]:
        assert item == (await call(url, "GET", f"{W}/{item['id']}")).json
    assert [item["id"] for item in listed.json["items"]] == ids[::-1]
    for payload in PAYLOADS:
        assert f'"payload":{payload}'.encode() in listed.body


async def test_without_it_a_list_is_as_short_as_ever(url: str) -> None:
    webhook_id = await submit(url, url=NOWHERE, eventType="a.b")
    (item,) = (await call(url, "GET", W)).json["items"]
    assert item == (await call(url, "GET", f"{W}/{webhook_id}/status")).json


async def test_filters_limits_and_cursors_work_with_it(url: str) -> None:
    ids = [await submit(url, url=NOWHERE, eventType=f"t.{n % 2}") for n in range(9)]
    pages = await walk(url, "include=payload&eventType=t.0&limit=2")
    assert [item["id"] for page in pages for item in page] == ids[::2][::-1]
    assert {item["eventType"] for page in pages for item in page} == {"t.0"}
    assert max(len(page) for page in pages) == 2


async def test_large_payloads_end_a_page_early_and_none_is_passed_over(url: str) -> None:
    almost = "x" * 1_000_000
    ids = [await submit(url, url=NOWHERE, payload=almost) for _ in range(10)]
    pages = await walk(url, "include=payload&limit=200")
    assert [item["id"] for page in pages for item in page] == ids[::-1]
    assert [len(page) for page in pages] == [4, 4, 2]


async def test_anything_else_to_include_is_refused_in_a_sentence(url: str) -> None:
    for wrong in ("attempts", "payload,attempts", "true"):
        refused = await call(url, "GET", f"{W}?include={wrong}")
        assert refused.status == 422
        (error,) = refused.json["errors"]
        assert error == {"field": "include", "detail": "must be payload, or left out"}


async def test_it_is_documented(url: str) -> None:
    document = (await call(url, "GET", "/openapi.json", token=None)).json
    named = {one["name"]: one for one in document["paths"][W]["get"]["parameters"]}
    assert "4 MiB" in named["include"]["description"]
    item = document["components"]["schemas"]["ListedWebhook"]
    assert "payload" in item["properties"]
    assert "payload" not in item["required"]
