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
from tests.sender.receivers import answering, hang, receiver
from tests.sender.test_sender import LIMITS, LOCAL, send

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
