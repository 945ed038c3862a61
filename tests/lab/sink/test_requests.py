"""The short way to read a webhook sees what the full parser sees, whatever form it comes in."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sureshot_lab.scenario import Sink
from sureshot_lab.sink.config import SinkConfig
from sureshot_lab.sink.ledger_file import Entry
from sureshot_lab.sink.request import Request, whole_webhook
from sureshot_lab.sink.request_parser import MAX_BODY_BYTES, RequestParser
from tests.lab.sink.webhooks import BODY, SECRET, Listening, listening, signed, webhook
from tests.support.http import exchange

SENT = [b'{"sent_at_us":%d}' % n for n in (17, 18, 19)]
VERIFYING = SinkConfig(sink=Sink(), endpoints=3, default_secrets=[SECRET])


def chunked(name: str, body: bytes, endpoint: int) -> bytes:
    head = f"POST /e/{endpoint} HTTP/1.1\r\nHost: sink\r\nWebhook-Id: {name}\r\n"
    pieces = b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (body[:5], len(body) - 5, body[5:])
    return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + pieces


def plain(number: int, extra: str = "") -> bytes:
    return webhook(f"wh_{number}", SENT[number], number, extra)


def seen(entries: list[Entry]) -> list[tuple[str, int, int]]:
    return [(e.webhook_id, e.sent_us, e.endpoint) for e in entries if e.kind.name == "FIRST"]


async def whole(sink: Listening) -> None:
    for number in range(3):
        assert await sink.status(plain(number)) == 200


async def pipelined(sink: Listening) -> None:
    answers = await exchange(sink.url, b"".join(plain(n) for n in range(3)), answers=3)
    assert [answer.status for answer in answers] == [200] * 3


async def byte_by_byte(sink: Listening) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
    for byte in b"".join(plain(n) for n in range(3)):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    for _number in range(3):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()


async def in_chunks(sink: Listening) -> None:
    for number in range(3):
        assert await sink.status(chunked(f"wh_{number}", SENT[number], number)) == 200


async def closing(sink: Listening) -> None:
    for number in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        writer.write(plain(number, "Connection: close\r\n"))
        assert (await asyncio.wait_for(reader.read(), 2)).startswith(b"HTTP/1.1 200")
        writer.close()


async def shouting(sink: Listening) -> None:
    for number in range(3):
        head, _blank, body = plain(number).partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        loud = [
            lines[0],
            *(n.upper() + b": " + v for n, _, v in (x.partition(b": ") for x in lines[1:])),
        ]
        assert await sink.status(b"\r\n".join(loud) + b"\r\n\r\n" + body) == 200


async def with_query(sink: Listening) -> None:
    for number in range(3):
        assert await sink.status(plain(number).replace(b" HTTP/1.1", b"?a=1 HTTP/1.1", 1)) == 200


async def test_every_form_of_a_request_gives_the_same_ledger(tmp_path: Path) -> None:
    ledgers = {}
    for form in (whole, pipelined, byte_by_byte, in_chunks, closing, shouting, with_query):
        async with listening(tmp_path / form.__name__) as sink:
            await form(sink)
            ledgers[form.__name__] = seen(await sink.entries())
    expected = [("wh_0", 17, 0), ("wh_1", 18, 1), ("wh_2", 19, 2)]
    assert ledgers == dict.fromkeys(ledgers, expected)


async def test_signatures_are_verified_in_split_requests_too(tmp_path: Path) -> None:
    async with listening(tmp_path, config=VERIFYING) as sink:
        for request in (signed("wh_1", SECRET), signed("wh_2", SECRET, sent=b'{"n":2}')):
            reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
            writer.write(request[:60])
            await asyncio.sleep(0.05)
            writer.write(request[60:])
            await reader.readuntil(b"\r\n\r\n")
            writer.close()
        stats = sink.server.stats()
    assert (stats.delivered, stats.bad_signatures) == (1, 1)


async def test_a_split_request_is_followed_by_whole_ones(tmp_path: Path) -> None:
    async with listening(tmp_path) as sink:
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        for request in (webhook("wh_1"), webhook("wh_2"), webhook("wh_3")):
            cut = 30 if b"wh_1" in request else len(request)
            writer.write(request[:cut])
            await asyncio.sleep(0.02)
            writer.write(request[cut:])
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()
        assert [e.webhook_id for e in await sink.entries()] == ["wh_1", "wh_2", "wh_3"]


async def test_what_is_no_http_is_answered_400_and_cut(tmp_path: Path) -> None:
    async with listening(tmp_path) as sink:
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        writer.write(b"no http at all\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 2)).startswith(b"HTTP/1.1 400")
        writer.close()
        assert await sink.status(webhook("wh_1")) == 200


async def test_a_body_over_the_limit_is_refused_413(tmp_path: Path) -> None:
    async with listening(tmp_path) as sink:
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        writer.write(webhook("wh_1", b"x" * (MAX_BODY_BYTES + 1)) + webhook("wh_2"))
        assert (await asyncio.wait_for(reader.read(100), 10)).startswith(b"HTTP/1.1 413")
        writer.close()
        assert sink.server.stats().received == 0


async def test_a_client_that_asks_first_is_invited(tmp_path: Path) -> None:
    async with listening(tmp_path) as sink:
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        head, blank, body = webhook("wh_1", extra="Expect: 100-continue\r\n").partition(b"\r\n\r\n")
        writer.write(head + blank)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        writer.write(body)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()


NAMES = st.sampled_from(
    ["webhook-id", "Webhook-Id", "webhook-timestamp", "WEBHOOK-SIGNATURE", "x-other", "host",
     "content-type", "connection", "transfer-encoding", "expect"]
)  # fmt: skip
VALUES = st.text("abc-:/. 1,=HTTP", max_size=20)
LENGTHS = st.sampled_from(["content-length", "Content-Length"])


@given(
    st.lists(st.tuples(NAMES, st.sampled_from([":", ": ", ":  "]), VALUES), max_size=8),
    LENGTHS,
    st.sampled_from(["/e/1", "/e/1?x=2", "/e/22", "/e/"]),
    st.sampled_from(["HTTP/1.1", "HTTP/1.0"]),
    st.binary(max_size=40),
)
def test_the_short_way_never_disagrees_with_the_parser(
    headers: list[tuple[str, str, str]], length: str, path: str, version: str, body: bytes
) -> None:
    lines = [f"POST {path} {version}", *(f"{n}{colon}{value}" for n, colon, value in headers)]
    data = "\r\n".join([*lines, f"{length}: {len(body)}", "", ""]).encode() + body
    short = whole_webhook(data)
    if short is None:
        return
    found: list[Request] = []
    assert RequestParser(found.append, lambda: None).feed(data) == 0
    (full,) = found
    for name in Request.__struct_fields__:
        assert getattr(short, name) == getattr(full, name), name


def test_the_service_s_own_form_goes_the_short_way() -> None:
    request = whole_webhook(signed("wh_1", SECRET, endpoint=7))
    assert request is not None
    assert (request.path, request.webhook_id, request.body) == (b"/e/7", b"wh_1", BODY)
    assert request.timestamp.isdigit()
    assert request.signatures.startswith(b"v1,")
