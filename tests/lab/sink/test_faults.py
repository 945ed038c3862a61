"""The switch for the whole sink, over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sureshot_lab.scenario import Behaviour
from tests.lab.sink.webhooks import Listening, listening, timed, webhook


async def switch(sink: Listening, mode: str) -> int:
    body = b'{"mode":"%b"}' % mode.encode()
    head = f"POST /.sink/fault HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n"
    return await sink.status(head.encode() + body)


async def test_a_failing_sink_answers_503_until_it_is_normal_again(tmp_path: Path) -> None:
    async with listening(tmp_path, Behaviour(share=0.25, hang=True)) as sink:
        assert await switch(sink, "fails") == 200
        assert [await sink.status(webhook(f"wh_{n}", endpoint=n)) for n in range(4)] == [503] * 4
        assert await switch(sink, "normal") == 200
        assert await sink.status(webhook("wh_1", endpoint=1)) == 200
        stats = sink.server.stats()
    assert (stats.received, stats.delivered, stats.retries) == (5, 1, 1)


async def test_a_hanging_sink_answers_late_what_came_meanwhile(tmp_path: Path) -> None:
    async with listening(tmp_path, Behaviour(share=0.25, delay_s=0.1)) as sink:
        slow = asyncio.create_task(timed(sink.port, webhook("wh_slow")))
        await asyncio.sleep(0.02)
        await switch(sink, "hangs")
        quick = asyncio.create_task(timed(sink.port, webhook("wh_quick", endpoint=1)))
        await asyncio.sleep(0.4)
        assert not slow.done()
        assert not quick.done()
        stats = sink.server.stats()
        assert (stats.mode, stats.in_flight, stats.delivered) == ("hangs", 2, 0)
        await switch(sink, "normal")
        assert [(await task)[0] for task in (slow, quick)] == [200, 200]
        assert sink.server.stats().delivered == 2
        assert (await timed(sink.port, webhook("wh_3", endpoint=1)))[1] < 0.1


@pytest.mark.parametrize(
    ("request_line", "body", "status", "said"),
    [
        ("POST /.sink/fault", b'{"mode":"sulks"}', 400, b"sulks"),
        ("POST /.sink/fault", b"", 400, b"JSON"),
        ("POST /.sink/secrets", b'{"secrets":{"9":["whsec_eA=="]}}', 400, b"no endpoint 9"),
        ("GET /.sink/nothing", b"", 404, b"GET /.sink/stats"),
        ("GET /.sink/stats", b"", 200, b'"mode":"normal"'),
    ],
)
async def test_a_wrong_request_of_the_control_is_told_what_would_be_right(
    request_line: str, body: bytes, status: int, said: bytes, tmp_path: Path
) -> None:
    async with listening(tmp_path) as sink:
        head = f"{request_line} HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n"
        answer = await sink.answer(head.encode() + body)
        assert sink.server.stats().received == 0
    assert answer.status == status
    assert said in answer.body
