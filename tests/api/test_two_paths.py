"""The express path and the falcon path: one contract, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sureshot.api import express_answer
from sureshot.service import Service
from tests.api.test_bad_input import hook
from tests.support.http import build, exchange
from tests.support.service import running_service

W = "/api/v1/webhooks"
PING = build("GET", "/healthz", token=None)


@contextlib.asynccontextmanager
async def both(folder: Path, **changes: Any) -> AsyncIterator[list[Service]]:
    """Run two services that differ in nothing but the path."""
    async with (
        running_service(folder / "express", express=True, **changes) as express,
        running_service(folder / "falcon", express=False, **changes) as falcon,
    ):
        yield [express, falcon]


def _plain(raw: bytes) -> bytes:
    """Blank what differs between any two calls: the id and the instant."""
    raw = re.sub(rb"wh_[0-9a-f]{32}", b"wh_ID", raw)
    return re.sub(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", b"INSTANT", raw)


def submission(body: bytes | None = None, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return build("POST", W, hook() if body is None else body, named)


CASES: dict[str, tuple[bytes, int]] = {
    "plain": (submission(), 1),
    "with a key": (submission(idempotency_key="k"), 1),
    "the same key again": (submission(idempotency_key="k"), 1),
    "the key with another body": (submission(hook(payload=2), idempotency_key="k"), 1),
    "charset": (submission(Content_Type="application/json; charset=utf-8"), 1),
    "a type that only begins like JSON": (submission(Content_Type="application/jsonx"), 1),
    "upper case type": (submission(Content_Type="Application/JSON"), 1),
    "bearer in lower case": (submission(Authorization="bearer test-api-token"), 1),
    "wrong token": (submission(Authorization="Bearer no"), 1),
    "malformed": (submission(b"{"), 1),
    "invalid": (submission(b"{}"), 1),
    "close": (submission(Connection="close"), 1),
    "two pipelined": (submission() * 2, 2),
    "five pipelined with others between": (
        submission() + PING + submission() + PING + submission(),
        5,
    ),
    "pipelined behind a bad one": (submission(b"{}") + submission() + submission(b"{") + PING, 4),
    "pipelined, closing last": (submission() + submission(Connection="close"), 2),
    "query string": (build("POST", W + "?x=1", hook()), 1),
    "chunked": (
        build("POST", W, b"", {"Transfer-Encoding": "chunked", "Content-Type": "application/json"})
        + b"%x\r\n%b\r\n0\r\n\r\n" % (len(hook()), hook()),
        1,
    ),
    "expect continue refused early": (submission(b"{}", Content_Type="text/plain"), 1),
    "duplicate header": (
        submission().replace(b"\r\n\r\n", b"\r\nx-a: 1\r\nx-a: 2\r\n\r\n", 1),
        1,
    ),
    "HTTP/1.0": (submission(Connection="keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0", 1), 1),
}


@pytest.mark.parametrize("half_close", [False, True], ids=["open", "half-closed"])
async def test_both_paths_answer_the_same_bytes(tmp_path: Path, half_close: bool) -> None:
    async with both(tmp_path) as services:
        for name, (request, count) in CASES.items():
            answers = [
                await exchange(service.url, request, count, half_close=half_close)
                for service in services
            ]
            express, falcon = ([_plain(one.raw) for one in each] for each in answers)
            assert express == falcon, name
            assert all(one.status < 500 for one in answers[0]), name


@pytest.mark.parametrize("pieces", [1, 7, 100])
async def test_a_request_in_pieces_is_understood(tmp_path: Path, pieces: int) -> None:
    request = submission(hook(payload="x" * 50_000))
    size = len(request) // pieces + 1
    async with both(tmp_path) as services:
        for service in services:
            host, _colon, port = service.url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            for start in range(0, len(request), size):
                writer.write(request[start : start + size])
                await writer.drain()
                await asyncio.sleep(0.001)
            line = await asyncio.wait_for(reader.readline(), 10)
            assert line == b"HTTP/1.1 202 Accepted\r\n"
            writer.close()
            await writer.wait_closed()


async def test_overload_looks_the_same_on_both(tmp_path: Path) -> None:
    async with both(tmp_path, backlog_limit=1) as services:
        seen = []
        for service in services:
            await service.engine.pause()
            answers = [(await exchange(service.url, submission()))[0] for _ in range(2)]
            seen.append(re.sub(rb"\d+ webhooks", b"N webhooks", answers[1].raw))
            assert answers[0].status == 202
            assert answers[1].status == 503
            assert answers[1].headers["retry-after"] == "5"
            assert answers[1].json["type"] == "/problems/overloaded"
            assert (await service.engine.counts()).backlog == 1
        assert seen[0] == seen[1]


REFUSED: dict[str, tuple[bytes, int]] = {
    "plain": (submission(), 1),
    "large": (submission(hook(payload="x" * 300_000)), 1),
    "malformed, but nobody looks": (submission(b"{"), 1),
    "wrong token": (submission(Authorization="Bearer no"), 1),
    "three pipelined with another between": (submission() * 2 + PING + submission(), 4),
    "closing": (submission(Connection="close"), 1),
}


async def test_a_flood_is_refused_with_the_same_bytes_on_both(tmp_path: Path) -> None:
    async with both(tmp_path, backlog_limit=1) as services:
        for service in services:
            await service.engine.pause()
            await exchange(service.url, submission())
        for name, (request, count) in REFUSED.items():
            answers = [await exchange(service.url, request, count) for service in services]
            express, falcon = ([_plain(one.raw) for one in each] for each in answers)
            assert express == falcon, name
            wanted = 401 if name == "wrong token" else 503
            assert answers[0][0].status == wanted, name


async def test_a_connection_that_was_refused_is_served_when_there_is_room(tmp_path: Path) -> None:
    async with running_service(tmp_path, backlog_limit=1) as service:
        await service.engine.pause()
        host, _colon, port = service.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        for wanted in (b"202", b"503", b"503"):
            writer.write(submission())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            assert head.split()[1] == wanted
            (length,) = re.findall(rb"content-length: (\d+)", head)
            await reader.readexactly(int(length))
        service.backlog.finished(1)
        writer.write(submission())
        assert b" 202 " in await asyncio.wait_for(reader.readline(), 10)
        assert service.metrics.rejections["backlog_full"] == 2
        writer.close()
        await writer.wait_closed()


async def test_in_a_flood_who_was_refused_is_not_listened_to_for_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(express_answer, "AT_ONCE_PER_S", 0)
    loop = asyncio.get_running_loop()
    async with running_service(tmp_path, backlog_limit=1) as service:
        await service.engine.pause()
        await exchange(service.url, submission())
        host, _colon, port = service.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        _gone, hangs_up = await asyncio.open_connection(host, int(port))
        at_s = []
        for _ in range(2):
            for each in (writer, hangs_up):
                each.write(submission())
            assert b" 503 " in await asyncio.wait_for(reader.readuntil(b"}"), 10)
            at_s.append(loop.time())
            hangs_up.transport.abort()
            # Everybody else is served meanwhile.
            assert (await exchange(service.url, PING))[0].status == 200
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(1.1)
    assert 0.9 < at_s[1] - at_s[0] < 6
    assert not caplog.records


async def test_a_client_that_hangs_up_does_not_stop_the_others(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        host, _colon, port = service.url.removeprefix("http://").partition(":")
        for _ in range(50):
            _reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(submission())
            writer.transport.abort()
        answers = await asyncio.gather(*(exchange(service.url, submission()) for _ in range(20)))
        assert {answer.status for (answer,) in answers} == {202}


@pytest.mark.parametrize("refused", [False, True], ids=["accepted", "refused"])
async def test_an_idle_connection_is_closed_in_the_end(tmp_path: Path, refused: bool) -> None:
    async with running_service(tmp_path, backlog_limit=1) as service:
        await service.engine.pause()
        if refused:
            await exchange(service.url, submission())
        host, _colon, port = service.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(submission())
        assert (b" 503 " if refused else b" 202 ") in await reader.readline()
        assert service.http is not None
        for connection in service.http.connections:
            connection.sweep(asyncio.get_running_loop().time() + 3600)
        await asyncio.wait_for(reader.read(), 5)
        assert reader.at_eof()
        writer.close()
        await writer.wait_closed()
