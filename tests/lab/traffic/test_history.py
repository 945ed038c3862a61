"""A service's history, read from a real one: all of it, gently, and through its restarts."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sureshot_lab.errors import LabError, TargetUnreachable, TokenRefused
from sureshot_lab.traffic.history import History, Pace, Past, Window
from tests.lab.traffic.used_service import store
from tests.support.http import admin
from tests.support.own_servers import free_port
from tests.support.service import API_TOKEN, running_service

EAGER = Pace(per_s=1000, patience_s=20)


def lately() -> Window:
    now = datetime.now(UTC)
    return Window(now - timedelta(minutes=5), now + timedelta(minutes=5))


def read(history: History, window: Window | None = None) -> list[Past]:
    return list(history.webhooks(window or lately()))


def numbers(webhooks: list[Past]) -> list[int]:
    return [int(bytes(one.payload)) for one in webhooks]


async def test_every_webhook_is_read_once_newest_first(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        await admin(service.url, "POST", "/api/v1/admin/pause")
        await store(service.url, range(1500), eventType="a.b", method="PUT")
        history = History(service.url, API_TOKEN, EAGER)
        found = await asyncio.to_thread(read, history)
    assert numbers(found) == list(range(1500))[::-1]
    assert {(one.event_type, one.method) for one in found} == {("a.b", "PUT")}
    assert history.requests <= 10


async def test_only_what_was_created_in_the_window_is_read(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        await admin(service.url, "POST", "/api/v1/admin/pause")
        await store(service.url, [1])
        await asyncio.sleep(0.05)
        since = datetime.now(UTC)
        await store(service.url, [2])
        await asyncio.sleep(0.05)
        until = datetime.now(UTC)
        await store(service.url, [3])
        history = History(service.url, API_TOKEN, EAGER)
        assert numbers(await asyncio.to_thread(read, history, Window(since, until))) == [2]


async def test_large_payloads_are_asked_for_a_few_at_a_time(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        await admin(service.url, "POST", "/api/v1/admin/pause")
        await store(service.url, ["x" * 200_000] * 60)
        history = History(service.url, API_TOKEN, EAGER)
        assert len(await asyncio.to_thread(read, history)) == 60
    # 20 come at first, which end their page; then 5 a page, which are a MiB.
    assert 1 + 40 / 5 <= history.requests <= 10


async def test_it_asks_no_more_often_than_it_may(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        await admin(service.url, "POST", "/api/v1/admin/pause")
        await store(service.url, range(600))
        history = History(service.url, API_TOKEN, Pace(per_s=5, patience_s=0))
        began_s = time.monotonic()
        await asyncio.to_thread(read, history)
    assert time.monotonic() - began_s >= (history.requests - 1) / 5 > 0.5


async def test_a_service_that_comes_back_is_read_on_from_where_it_was(tmp_path: Path) -> None:
    why: list[str] = []
    port = free_port()
    async with running_service(tmp_path, port=port) as service:
        await admin(service.url, "POST", "/api/v1/admin/pause")
        await store(service.url, range(500))
        walk = History(service.url, API_TOKEN, EAGER, why.append).webhooks(lately())
        found = [await asyncio.to_thread(next, walk) for _ in range(50)]
    reading = asyncio.create_task(asyncio.to_thread(list, walk))
    while not why:
        await asyncio.sleep(0.01)
    async with running_service(tmp_path, port=port):
        found += await reading
    assert numbers(found) == list(range(500))[::-1]
    assert "does not answer" in why[0]


def test_a_service_that_stays_away_is_given_up(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    began_s = time.monotonic()
    with pytest.raises(TargetUnreachable, match=r"does not answer: .* for 0\.5 s"):
        read(History(url, API_TOKEN, Pace(per_s=5, patience_s=0.5)))
    assert time.monotonic() - began_s < 5


async def test_a_refused_token_is_told_at_once(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        with pytest.raises(TokenRefused, match="refuses the token with 401"):
            await asyncio.to_thread(read, History(service.url, "mistyped", EAGER))


async def test_a_service_too_old_to_list_payloads_is_told_so() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"title":"Invalid fields","errors":[{"field":"include"}]}'
        writer.write(b"HTTP/1.1 422 No\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(LabError, match="does not list webhooks with their payloads"):
            await asyncio.to_thread(read, History(url, API_TOKEN, EAGER))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:80", "http://", "http://a:b"])
def test_an_address_that_is_none_is_told_so(url: str) -> None:
    with pytest.raises(LabError, match="is no address"):
        History(url, API_TOKEN, EAGER)


@pytest.mark.parametrize("pace", [Pace(per_s=0), Pace(patience_s=-1)])
def test_an_impossible_pace_is_refused(pace: Pace) -> None:
    with pytest.raises(LabError, match="more than 0 requests"):
        History("http://127.0.0.1:80", API_TOKEN, pace)
