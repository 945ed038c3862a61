"""One receiver's answer never costs another its outcome."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from sureshot.clock import SystemClock
from sureshot.delivery.sender import HttpSender
from sureshot.domain.model import ErrorKind, Outcome
from sureshot.domain.url import parse_url
from sureshot.ports import OutgoingRequest
from tests.sender.receivers import answering, hang, read_request, receiver
from tests.sender.test_sender import LIMITS, LOCAL, OK, send

HUGE_YEAR = b"HTTP/1.1 503 No\r\nretry-after: Mon, 01 Jan 99999999999 00:00:00 GMT\r\n"


@pytest.mark.parametrize(
    ("rest", "error"),
    [(b"content-length: 0\r\n\r\n", None), (b"content-length: 9\r\n\r\n", ErrorKind.TOTAL_TIMEOUT)],
)
async def test_a_retry_after_of_a_huge_year_is_ignored_and_nobody_else_waits(
    rest: bytes, error: ErrorKind | None
) -> None:
    sender = HttpSender(LOCAL, SystemClock(), LIMITS)
    async with receiver(answering(HUGE_YEAR + rest)) as at, receiver(hang) as other:
        async with asyncio.timeout(5):
            outcome = await send(sender, f"http://127.0.0.1:{at.port}/", timeout_s=0.5)
            assert (outcome.status, outcome.error, outcome.retry_after_s) == (503, error, None)
            outcome = await send(sender, f"http://127.0.0.1:{other.port}/", timeout_s=0.5)
            assert outcome.error is ErrorKind.FIRST_BYTE_TIMEOUT
        await sender.close()


class _BrokenClock(SystemClock):
    """Cannot tell the date."""

    def now(self) -> datetime:
        raise OverflowError("no date")


async def test_an_answer_that_cannot_be_read_is_a_failed_attempt_that_says_so() -> None:
    sender = HttpSender(LOCAL, _BrokenClock(), LIMITS)
    answer = b"HTTP/1.1 503 No\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n"
    async with receiver(answering(answer)) as at, asyncio.timeout(5):
        outcome = await send(sender, f"http://127.0.0.1:{at.port}/")
        assert (outcome.status, outcome.error) == (503, ErrorKind.MALFORMED_RESPONSE)
        assert outcome.detail == "its headers could not be read"
        await sender.close()


async def test_deadlines_hold_after_an_outcome_nobody_could_take() -> None:
    sender = HttpSender(LOCAL, SystemClock(), LIMITS)

    def fail(outcome: Outcome) -> None:
        raise RuntimeError("an error nobody foresaw")

    async with receiver(hang) as at, asyncio.timeout(5):
        url = f"http://127.0.0.1:{at.port}/"
        sender.send(OutgoingRequest(parse_url(url), "POST", "", b"", 0.3), fail)
        await asyncio.sleep(1)
        outcome = await send(sender, url, timeout_s=0.3)
        assert outcome.error is ErrorKind.FIRST_BYTE_TIMEOUT
        await sender.close()


# -- heads ------------------------------------------------------------------

LONG_LINE = b"x: " + b"y" * 4000 + b"\r\n"
EARLY = b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (EARLY + b"HTTP/1.1 200 OK\r\n", LONG_LINE),
        (b"\r\n\r\nHTTP/1.1 200 OK\r\n", LONG_LINE),
        (EARLY + b"HTTP/1.1 103 Early\r\n", LONG_LINE),
        (EARLY, b"\r\n" * 2000),
    ],
    ids=["after an interim head", "after empty lines", "an interim head", "empty lines"],
)
async def test_an_endless_head_is_too_large_whatever_came_before_it(
    first: bytes, again: bytes
) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()
            sent += len(again)

    sender = HttpSender(LOCAL, SystemClock(), LIMITS)
    async with receiver(flood) as at, asyncio.timeout(10):
        outcome = await send(sender, f"http://127.0.0.1:{at.port}/", timeout_s=2)
        assert (outcome.status, outcome.error) == (None, ErrorKind.HEADERS_TOO_LARGE)
        # What the sockets hold comes on top of what was read.
        assert sent < 16 << 20
        await sender.close()


async def test_a_large_interim_head_is_too_large_also_when_it_ends() -> None:
    answer = b"HTTP/1.1 103 Early\r\n" + LONG_LINE * 20 + b"\r\n" + OK
    sender = HttpSender(LOCAL, SystemClock(), LIMITS)
    async with receiver(answering(answer)) as at, asyncio.timeout(5):
        outcome = await send(sender, f"http://127.0.0.1:{at.port}/")
        assert (outcome.status, outcome.error) == (None, ErrorKind.HEADERS_TOO_LARGE)
        await sender.close()


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_interim_heads_and_empty_lines_leave_the_final_head_whole(size: int) -> None:
    final = b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\nno"
    answer = b"\r\n\r\n" + EARLY * 8 + b"\r\n\r\n" + final
    pieces = [answer[i : i + size] for i in range(0, len(answer), size)]
    sender = HttpSender(LOCAL, SystemClock(), LIMITS)
    async with receiver(answering(*pieces)) as at, asyncio.timeout(5):
        outcome = await send(sender, f"http://127.0.0.1:{at.port}/")
        assert (outcome.status, outcome.error, outcome.retry_after_s) == (503, None, 7)
        assert outcome.response_headers == b"retry-after: 7\r\ncontent-length: 2\r\n"
        assert outcome.response_body == b"no"
        await sender.close()


@pytest.mark.parametrize("answer", [EARLY, b"HTTP/1.1 200 OK\r\n\r\n"])
async def test_a_receiver_that_stops_after_a_head_is_not_called_silent(answer: bytes) -> None:
    sender = HttpSender(LOCAL, SystemClock(), LIMITS)
    async with receiver(answering(answer)) as at, asyncio.timeout(5):
        outcome = await send(sender, f"http://127.0.0.1:{at.port}/", timeout_s=0.3)
        assert outcome.error is ErrorKind.TOTAL_TIMEOUT
        await sender.close()
