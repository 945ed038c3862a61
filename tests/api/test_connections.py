"""One connection, whatever a client sends on it: bounded, in step, and closed in the end."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator

import pytest

from sureshot.service import Service
from tests.api.test_bad_input import hook
from tests.support.http import build, exchange, read_answer, submit
from tests.support.service import API_TOKEN

W = "/api/v1/webhooks"
PING = build("GET", "/healthz", token=None)
OFFER = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAAB"}
CHUNKED = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}


@contextlib.asynccontextmanager
async def connected(
    url: str,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open one connection; it is torn down when the block ends."""
    host, _colon, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(30):
            yield reader, writer
    finally:
        writer.transport.abort()


async def ids(url: str) -> set[str]:
    (page,) = await exchange(url, build("GET", f"{W}?limit=200"))
    return {item["id"] for item in page.json["items"]}


def chunked(body: bytes, trailers: bytes = b"", token: str | None = API_TOKEN) -> bytes:
    head = build("POST", W, b"", CHUNKED, token)
    return head + b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailers)


# -- an offer of another protocol is passed over --------------------------------


@pytest.mark.parametrize("late", [False, True], ids=["at once", "body later"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_an_offer_of_http2_is_passed_over_and_the_body_is_read(
    url: str, framing: str, *, late: bool
) -> None:
    request = build("POST", W, hook(), OFFER)
    if framing == "chunks":
        head = build("POST", W, b"", {**OFFER, **CHUNKED})
        request = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(hook()), hook())
    async with connected(url) as (reader, writer):
        for _ in range(2):
            end = request.index(b"\r\n\r\n") + 4
            writer.write(request[:end] if late else request)
            if late:
                await asyncio.sleep(0.05)
                writer.write(request[end:])
            assert (await read_answer(reader)).status == 202
        writer.write(PING)
        assert (await read_answer(reader)).status == 200
    assert len(await ids(url)) == 2


async def test_offers_behind_each_other_are_answered_in_order(url: str) -> None:
    requests = [build("POST", W, hook(), OFFER), PING, build("GET", "/nothing", b"", OFFER)] * 20
    answers = await exchange(url, b"".join(requests), len(requests))
    assert [answer.status for answer in answers] == [202, 200, 404] * 20


async def test_a_body_behind_an_offer_is_never_the_next_request(url: str) -> None:
    inner = build("GET", f"{W}?limit=1")
    outer = build("POST", "/healthz", b"", {**OFFER, "Content-Length": str(len(inner))}, None)
    async with connected(url) as (reader, writer):
        writer.write(outer)
        await asyncio.sleep(0.05)
        writer.write(inner + PING)
        assert (await read_answer(reader)).status == 405
        assert (await read_answer(reader)).json == {"status": "ok"}


async def test_a_tunnel_is_refused_and_what_follows_is_not_read(url: str) -> None:
    for offer in ({}, OFFER):
        async with connected(url) as (reader, writer):
            writer.write(build("CONNECT", "example.com:80", b"", offer, None) + PING)
            assert (await read_answer(reader)).status == 400
            assert await reader.read() == b""


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_that_offers_http2_is_answered(url: str) -> None:
    curl = await asyncio.create_subprocess_exec(
        "curl", "-s", "-m", "20", "--http2", "-w", "%{http_code}", "-d", hook().decode(),
        "-H", f"Authorization: Bearer {API_TOKEN}", "-H", "Content-Type: application/json",
        f"{url}{W}", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    shown, _nothing = await curl.communicate()
    assert shown[-3:] == b"202"


# -- a head is bounded -----------------------------------------------------------


def fields(count: int, value: str = "v") -> bytes:
    """Return a head of *count* fields besides Host and its request line."""
    lines = "".join(f"x-{number}: {value}\r\n" for number in range(count))
    return f"GET /healthz HTTP/1.1\r\nHost: test\r\n{lines}\r\n".encode()


LARGE = {
    "many fields": fields(100),
    "a long value": fields(1, "v" * 65_536),
    "long values": fields(90, "v" * 800),
    "a long path": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: test\r\n\r\n",
}


@pytest.mark.parametrize("pieces", [1, 9])
@pytest.mark.parametrize("name", LARGE)
async def test_a_head_that_is_too_large_is_refused_and_the_connection_closed(
    url: str, name: str, pieces: int
) -> None:
    request = LARGE[name]
    size = len(request) // pieces + 1
    async with connected(url) as (reader, writer):
        writer.write(PING)
        assert (await read_answer(reader)).status == 200
        for start in range(0, len(request), size):
            writer.write(request[start : start + size])
            await asyncio.sleep(0.02)
        refused = await read_answer(reader)
        assert refused.status == 431
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["connection"] == "close"
        assert refused.json["type"] == "/problems/head-too-large"
        assert await reader.read() == b""


async def test_each_head_of_one_read_has_its_bounds(url: str) -> None:
    async with connected(url) as (reader, writer):
        writer.write(PING + LARGE["a long value"] + PING)
        assert (await read_answer(reader)).status == 200
        assert await reader.read() == b""


async def test_a_head_just_within_its_bounds_is_read(url: str) -> None:
    body = build("POST", W, b"x" * 200_000)
    for request in (fields(99), fields(1, "v" * 65_000), body + fields(99)):
        for whole in (True, False):
            async with connected(url) as (reader, writer):
                cut = len(request) if whole else len(request) - 500
                writer.write(request[:cut])
                await asyncio.sleep(0.02)
                writer.write(request[cut:])
                if request.startswith(body):
                    assert (await read_answer(reader)).status == 400
                assert (await read_answer(reader)).status == 200


ENDLESS = {
    "path": (b"GET /", b"a" * 1000),
    "value": (b"GET / HTTP/1.1\r\nx: ", b"v" * 1000),
    "fields": (b"GET / HTTP/1.1\r\n", b"x: v\r\n" * 200),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_a_head_without_an_end_is_not_read_on(service: Service, name: str) -> None:
    start, endless = ENDLESS[name]
    sent = 0
    async with connected(service.url) as (reader, writer):
        writer.write(start)
        with contextlib.suppress(ConnectionError):
            while sent < 64 << 20 and not reader.at_eof():
                writer.write(endless)
                sent += len(endless)
                await writer.drain()
                await asyncio.sleep(0)
    assert sent < 16 << 20
    (alive,) = await exchange(service.url, PING)
    assert alive.status == 200


async def test_an_earlier_request_is_answered_before_the_connection_ends(url: str) -> None:
    for broken in (fields(101), b"NONSENSE\r\n\r\n"):
        async with connected(url) as (reader, writer):
            writer.write(build("POST", W, hook()) + broken)
            first = await read_answer(reader)
            assert first.status == 202
            assert await reader.read() == b""


# -- trailers --------------------------------------------------------------------


async def test_a_trailer_is_no_header(url: str) -> None:
    trailer = f"Authorization: Bearer {API_TOKEN}\r\nx: y\r\n".encode()
    (refused,) = await exchange(url, chunked(hook(), trailer, None))
    assert refused.status == 401
    keyed = chunked(hook(), b"Idempotency-Key: one\r\n")
    answers = await exchange(url, keyed * 2 + build("POST", W, hook()), 3)
    assert [answer.status for answer in answers] == [202] * 3
    assert len({answer.json["id"] for answer in answers}) == 3


@pytest.mark.parametrize("endless", [b"x: v\r\n" * 2000, b"x" * 10_000])
async def test_trailers_without_an_end_end_the_connection(url: str, endless: bytes) -> None:
    async with connected(url) as (reader, writer):
        writer.write(chunked(hook())[:-2])
        with contextlib.suppress(ConnectionError):
            for _ in range(20):
                writer.write(endless)
                await asyncio.sleep(0.01)
            assert await reader.read() == b""


async def test_a_body_in_many_small_chunks_is_read(url: str) -> None:
    body = hook(payload="x" * 20_000)
    chunks = b"".join(b"1;an=extension\r\n%c\r\n" % byte for byte in body)
    (answer,) = await exchange(url, build("POST", W, b"", CHUNKED) + chunks + b"0\r\n\r\n")
    assert answer.status == 202


# -- who does not take the answers ------------------------------------------------


@contextlib.asynccontextmanager
async def unread(
    service: Service, request: bytes, buffer_bytes: int = 4096
) -> AsyncIterator[socket.socket]:
    """Open a connection that sends *request* and takes no answer by itself."""
    host, _colon, port = service.url.removeprefix("http://").partition(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        client.connect((host, int(port)))
        client.setblocking(False)
        client.send(request)
        await asyncio.sleep(0.5)
        yield client


async def open_connections(service: Service) -> int:
    """Return how many connections are open once those that were cut off are gone."""
    assert service.http is not None
    await asyncio.sleep(0.2)
    return len(service.http.connections)


@pytest.mark.parametrize("closing", [False, True], ids=["kept", "closing"])
async def test_who_takes_no_answers_is_cut_off(service: Service, *, closing: bool) -> None:
    large = [await submit(service.url, url="http://127.0.0.1:9/", payload="x" * 900_000)
             for _ in range(4)]  # fmt: skip
    wanted = [build("GET", f"{W}/{one}") for one in large * 3]
    if closing:
        wanted = [build("GET", f"{W}?include=payload", b"", {"Connection": "close"})]
    assert service.http is not None
    now_s = asyncio.get_running_loop().time
    async with unread(service, b"".join(wanted)):
        for later_s in (0, 29):
            for connection in service.http.connections:
                connection.sweep(now_s() + later_s)
            assert await open_connections(service) == 1
        for connection in service.http.connections:
            connection.sweep(now_s() + 31)
        assert await open_connections(service) == 0


async def test_who_takes_answers_slowly_keeps_its_connection(service: Service) -> None:
    webhook_id = await submit(service.url, url="http://127.0.0.1:9/", payload="x" * 900_000)
    assert service.http is not None
    loop = asyncio.get_running_loop()
    wanted = build("GET", f"{W}/{webhook_id}") * 12
    async with unread(service, wanted, 64 << 10) as client, asyncio.timeout(20):
        for step in range(20):
            for connection in service.http.connections:
                connection.sweep(loop.time() + 20 * step)
            taken = 0
            while taken < 200_000:
                got = await loop.sock_recv(client, 65_536)
                assert got
                taken += len(got)
        assert await open_connections(service) == 1


async def test_no_request_is_read_while_the_answers_are_not_taken(service: Service) -> None:
    request = build("GET", "/openapi.json", token=None) * 500
    async with unread(service, request) as client:
        sent, full = 0, 0
        while full < 100 and sent < 16 << 20:
            try:
                sent += client.send(request)
                full = 0
            except BlockingIOError:
                full += 1
            await asyncio.sleep(0.005)
        assert full == 100
    (alive,) = await exchange(service.url, PING)
    assert alive.status == 200
