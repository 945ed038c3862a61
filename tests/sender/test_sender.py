"""What the sender makes of receivers: good, odd and hostile."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from sureshot.clock import SystemClock
from sureshot.delivery.sender import HttpSender
from sureshot.delivery.sender_limits import SenderLimits
from sureshot.domain.address import AddressPolicy
from sureshot.domain.model import ErrorKind, Outcome
from sureshot.domain.url import parse_url
from sureshot.ports import OutgoingRequest
from tests.sender.receivers import (
    Handler,
    answering,
    answering_early,
    endless,
    hang,
    read_request,
    receiver,
    reset_at_once,
)

LOCAL = AddressPolicy(["127.0.0.0/8", "::1/128"])
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
LIMITS = SenderLimits(connect_timeout_s=0.5, dns_timeout_s=0.3, tls_timeout_s=0.5)


@pytest.fixture
async def sender() -> AsyncIterator[HttpSender]:
    made = HttpSender(LOCAL, SystemClock(), LIMITS)
    yield made
    await made.close()


def send(
    sender: HttpSender,
    url: str,
    body: bytes = b"{}",
    *,
    timeout_s: float = 1.0,
    headers: str = "x-test: 1\r\n",
    method: str = "POST",
    owner: str = "",
) -> asyncio.Future[Outcome]:
    """Send and return a future of the outcome; a second outcome would raise."""
    outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    request = OutgoingRequest(parse_url(url), method, headers, body, timeout_s, owner)
    sender.send(request, outcome.set_result)
    return outcome


async def outcome_of(sender: HttpSender, handler: Handler, timeout_s: float = 1.0) -> Outcome:
    async with receiver(handler) as at, asyncio.timeout(10):
        return await send(sender, f"http://127.0.0.1:{at.port}/", timeout_s=timeout_s)


# -- the ordinary -----------------------------------------------------------


async def test_the_request_is_exactly_what_was_asked_for(sender: HttpSender) -> None:
    async with receiver(answering(OK)) as at:
        body = '{"a":"ä"}'.encode()
        outcome = await send(sender, f"http://127.0.0.1:{at.port}/p?q=1", body, method="PUT")
    assert (
        at.requests[0]
        == (
            b"PUT /p?q=1 HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nx-test: 1\r\naccept-encoding: identity\r\n"
            b"content-length: 10\r\n\r\n" % at.port
        )
        + body
    )
    assert (outcome.status, outcome.error, outcome.response_body) == (200, None, b"ok")
    assert outcome.response_headers == b"content-length: 2\r\n"


async def test_connections_are_kept_and_used_again(sender: HttpSender) -> None:
    async with receiver(answering(OK)) as at:
        for _ in range(20):
            assert (await send(sender, f"http://127.0.0.1:{at.port}/")).status == 200
        assert at.connections == 1
        outcomes = await asyncio.gather(
            *(send(sender, f"http://127.0.0.1:{at.port}/") for _ in range(30))
        )
        assert {outcome.status for outcome in outcomes} == {200}
        assert at.connections <= 31


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, b"ok"),
        (b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n", 307, b""),
        (b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", 410, b""),
        (b"HTTP/1.1 599 ?\r\ncontent-length: 0\r\n\r\n", 599, b""),
    ],
)
async def test_answers_of_every_shape(
    sender: HttpSender, answer: bytes, status: int, body: bytes
) -> None:
    for pieces in ((answer,), tuple(answer[i : i + 7] for i in range(0, len(answer), 7))):
        outcome = await outcome_of(sender, answering(*pieces), 5)
        assert (outcome.status, outcome.error, outcome.response_body) == (status, None, body)


async def test_without_a_length_the_end_of_the_connection_is_the_end(sender: HttpSender) -> None:
    outcome = await outcome_of(sender, answering(b"HTTP/1.0 200 OK\r\n\r\nall of it", close=True))
    assert (outcome.status, outcome.error) == (200, None)
    assert outcome.response_body == b"all of it"


async def test_interim_heads_are_not_taken_for_the_final_one(sender: HttpSender) -> None:
    interim = b"HTTP/1.1 102 P\r\nx-interim: 1\r\n\r\n"
    outcome = await outcome_of(sender, answering(interim + interim + OK))
    assert outcome.response_headers == b"content-length: 2\r\n"


async def test_the_first_16_kib_of_a_body_are_kept(sender: HttpSender) -> None:
    body = b"x" * 30_000
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 30000\r\n\r\n"
    outcome = await outcome_of(sender, answering(head + body))
    assert (outcome.status, outcome.error) == (200, None)
    assert outcome.response_body == body[:16384]


@pytest.mark.parametrize("seconds", [True, False])
async def test_retry_after_is_read_in_both_forms(sender: HttpSender, seconds: bool) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    value = b"100" if seconds else later.encode()
    answer = b"HTTP/1.1 503 Busy\r\nRetry-After:  %b\r\ncontent-length: 0\r\n\r\n" % value
    outcome = await outcome_of(sender, answering(answer))
    assert outcome.retry_after_s == pytest.approx(100, abs=5)


async def test_a_large_request_goes_through(sender: HttpSender) -> None:
    async with receiver(answering(OK)) as at:
        body = b"x" * (3 << 20)
        outcome = await send(sender, f"http://127.0.0.1:{at.port}/", body, timeout_s=10)
        assert outcome.status == 200
        assert at.requests[0].endswith(body)


# -- failures, each with its own name ---------------------------------------


async def test_nobody_listens(sender: HttpSender) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    outcome = await send(sender, f"http://127.0.0.1:{port}/")
    assert outcome.error is ErrorKind.CONNECT_REFUSED


async def test_nobody_answers_the_connection(sender: HttpSender) -> None:
    with socket.socket() as deaf, socket.socket() as one, socket.socket() as two:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for filler in (one, two):
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        await asyncio.sleep(0.05)
        outcome = await send(sender, f"http://127.0.0.1:{deaf.getsockname()[1]}/", timeout_s=5)
    assert outcome.error is ErrorKind.CONNECT_TIMEOUT


HOSTILE = [
    ("hangs", hang, ErrorKind.FIRST_BYTE_TIMEOUT, None),
    ("resets", reset_at_once, ErrorKind.DISCONNECTED, None),
    ("says nothing", answering(close=True), ErrorKind.DISCONNECTED, None),
    ("garbage", answering(b"\x00\x01garbage\r\n\r\n"), ErrorKind.MALFORMED_RESPONSE, None),
    ("HTTP/0.9", answering(b"<html>hello</html>", close=True), ErrorKind.MALFORMED_RESPONSE, None),
    ("status 99999", answering(b"HTTP/1.1 99999 X\r\n\r\n"), ErrorKind.MALFORMED_RESPONSE, None),
    ("switches protocols", answering(b"HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
     ErrorKind.MALFORMED_RESPONSE, None),
    ("two lengths", answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok"),
     ErrorKind.MALFORMED_RESPONSE, None),
    ("drips a head", endless(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n", 0.05),
     ErrorKind.TOTAL_TIMEOUT, None),
    ("endless head", endless(b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 4000 + b"\r\n"),
     ErrorKind.HEADERS_TOO_LARGE, None),
    ("huge head", answering(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 5_000_000 + b"\r\n\r\n"),
     ErrorKind.HEADERS_TOO_LARGE, None),
    ("200 headers", answering(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200 + b"content-length: 0\r\n\r\n"),
     ErrorKind.TOO_MANY_HEADERS, None),
    ("fast interim flood", endless(b"", b"HTTP/1.1 103 E\r\n\r\n" * 100),
     ErrorKind.TOO_MANY_INTERIM_RESPONSES, None),
    ("slow interim flood", endless(b"", b"HTTP/1.1 103 E\r\n\r\n", 0.3), ErrorKind.TOTAL_TIMEOUT, None),
    ("drips a body", endless(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", b"x", 0.05),
     ErrorKind.TOTAL_TIMEOUT, 200),
    ("endless chunks", endless(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                               b"400\r\n" + b"x" * 1024 + b"\r\n"), ErrorKind.BODY_TOO_LARGE, 200),
    ("100 MB promised", endless(b"HTTP/1.1 500 No\r\ncontent-length: 100000000\r\n\r\n", b"x" * 65536),
     ErrorKind.BODY_TOO_LARGE, 500),
    ("gzip bomb", answering(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 65250\r\n\r\n"
                            + b"\x1f\x8b" + b"\x00" * 65248), None, 200),
    ("2xx, then reset", answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", close=True),
     ErrorKind.DISCONNECTED, 200),
    ("chunk size overflow", answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                                      b"ffffffffffffffffff\r\n"), ErrorKind.MALFORMED_RESPONSE, 200),
    ("1 MB chunk extension", answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                                       b"2;" + b"x" * 1_000_000, close=True), None, 200),
]  # fmt: skip


@pytest.mark.parametrize(
    ("handler", "error", "status"),
    [pytest.param(*case[1:], id=case[0]) for case in HOSTILE],
)
async def test_a_hostile_receiver_ends_as_a_precise_outcome(
    sender: HttpSender, handler: Handler, error: ErrorKind | None, status: int | None
) -> None:
    began_s = asyncio.get_running_loop().time()
    outcome = await outcome_of(sender, handler)
    assert asyncio.get_running_loop().time() - began_s < 4
    assert outcome.status == status
    if error is not None:
        assert outcome.error is error
    assert len(outcome.response_body) <= 16384
    assert len(outcome.response_headers) <= LIMITS.max_header_bytes


async def test_a_receiver_that_does_not_read_is_a_write_timeout() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(30)

    limits = SenderLimits(write_timeout_s=0.5)
    sender = HttpSender(LOCAL, SystemClock(), limits)
    async with receiver(deaf) as at:
        body = b"x" * (30 << 20)
        outcome = await send(sender, f"http://127.0.0.1:{at.port}/", body, timeout_s=5)
    assert outcome.error is ErrorKind.WRITE_TIMEOUT
    await sender.close()


async def test_hostile_receivers_leave_nothing_behind(sender: HttpSender) -> None:
    async def round_trip() -> None:
        await asyncio.gather(*(outcome_of(sender, case[1], 0.5) for case in HOSTILE))

    await round_trip()
    await asyncio.sleep(0.3)
    descriptors, tasks = len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())
    for _ in range(2):
        await round_trip()
    await asyncio.sleep(0.5)
    gc.collect()
    assert sender.connections <= len(HOSTILE)
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors + 4
    assert len(asyncio.all_tasks()) <= tasks + 2


async def test_bytes_after_a_response_spoil_only_the_connection(sender: HttpSender) -> None:
    async with receiver(answering(OK + OK)) as at:
        for _ in range(3):
            outcome = await send(sender, f"http://127.0.0.1:{at.port}/")
            assert outcome.status == 200
        assert at.connections == 3


async def test_data_on_an_idle_connection_closes_it(sender: HttpSender) -> None:
    async def chatty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await asyncio.sleep(0.05)
        writer.write(OK)
        await reader.read(-1)

    async with receiver(chatty) as at:
        assert (await send(sender, f"http://127.0.0.1:{at.port}/")).status == 200
        await asyncio.sleep(0.15)
        assert sender.connections == 0
        assert (await send(sender, f"http://127.0.0.1:{at.port}/")).status == 200


async def test_a_connection_closed_while_idle_costs_no_attempt(sender: HttpSender) -> None:
    async with receiver(answering(OK, times=1)) as at:
        for _ in range(5):
            outcome = await send(sender, f"http://127.0.0.1:{at.port}/")
            assert (outcome.status, outcome.error) == (200, None)


async def test_a_close_that_crosses_the_request_is_sent_again_once(sender: HttpSender) -> None:
    async def close_on_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await read_request(reader)
        writer.transport.abort()

    async with receiver(close_on_second) as at:
        assert (await send(sender, f"http://127.0.0.1:{at.port}/")).status == 200
        assert (await send(sender, f"http://127.0.0.1:{at.port}/")).status == 200
        assert at.connections == 2


@pytest.mark.parametrize(("status", "size"), [(413, 8 << 20), (413, 200_000), (202, 8 << 20)])
async def test_an_answer_before_the_body_was_read_leaves_nothing_in_the_next_ones_way(
    sender: HttpSender, status: int, size: int
) -> None:
    async with receiver(answering_early(status)) as at, asyncio.timeout(10):
        url = f"http://127.0.0.1:{at.port}/"
        assert (await send(sender, url, b"x" * size, timeout_s=5)).status == status
        assert (await send(sender, url)).status == 200
        assert at.connections == 2


# -- addresses and names ----------------------------------------------------


async def test_a_denied_address_is_never_dialled() -> None:
    sender = HttpSender(AddressPolicy(), SystemClock(), LIMITS)
    async with receiver(answering(OK)) as at:
        outcome = await send(sender, f"http://127.0.0.1:{at.port}/")
        assert outcome.error is ErrorKind.ADDRESS_DENIED
        outcome = await send(sender, f"http://localhost:{at.port}/")
        assert outcome.error is ErrorKind.ADDRESS_DENIED
        assert at.connections == 0
    await sender.close()


@pytest.mark.parametrize("answers", [["127.0.0.1", "10.0.0.1"], ["::ffff:10.0.0.1"], ["fe80::1%1"]])
async def test_one_denied_answer_among_many_denies_all(answers: list[str]) -> None:
    async def resolve(name: str) -> list[str]:
        return answers

    sender = HttpSender(LOCAL, SystemClock(), LIMITS, resolve=resolve)
    outcome = await send(sender, "http://hooks.example/")
    assert outcome.error is ErrorKind.ADDRESS_DENIED
    await sender.close()


@pytest.mark.parametrize(
    ("address", "kind"),
    [("10.1.2.3", "private"), ("127.0.0.1", "loopback"), ("169.254.169.254", "link-local"),
     ("fd00::1", "unique local")],
)  # fmt: skip
async def test_a_denial_says_what_kind_of_address_a_name_has_and_not_which(
    address: str, kind: str
) -> None:
    async def resolve(name: str) -> list[str]:
        return [address]

    sender = HttpSender(AddressPolicy(), SystemClock(), LIMITS, resolve=resolve)
    outcome = await send(sender, "http://hooks.example/")
    expected = f"hooks.example resolves to an address that may not be dialled ({kind})"
    assert outcome.detail == expected
    shown = f"[{address}]" if ":" in address else address
    outcome = await send(sender, f"http://{shown}/")
    assert outcome.detail == f"{address} may not be dialled ({kind})"
    await sender.close()


async def test_a_failure_to_connect_does_not_tell_the_address_of_a_name() -> None:
    async def resolve(name: str) -> list[str]:
        return ["127.0.0.9"]

    sender = HttpSender(LOCAL, SystemClock(), LIMITS, resolve=resolve)
    outcome = await send(sender, "http://closed.example:1/")
    assert outcome.error is ErrorKind.CONNECT_REFUSED
    assert outcome.detail == "closed.example:1 refused the connection"
    await sender.close()


async def test_a_name_is_judged_again_on_every_connection() -> None:
    answers = [["127.0.0.1"], ["192.168.0.1"]]

    async def resolve(name: str) -> list[str]:
        return answers.pop(0)

    sender = HttpSender(LOCAL, SystemClock(), LIMITS, resolve=resolve)
    async with receiver(answering(OK, close=True)) as at:
        url = f"http://rebinding.example:{at.port}/"
        assert (await send(sender, url)).status == 200
        await asyncio.sleep(0.05)
        assert (await send(sender, url)).error is ErrorKind.ADDRESS_DENIED
        assert b"host: rebinding.example:%d\r\n" % at.port in at.requests[0]
    await sender.close()


async def test_lookups_of_one_name_at_the_same_time_are_one() -> None:
    lookups = 0

    async def resolve(name: str) -> list[str]:
        nonlocal lookups
        lookups += 1
        await asyncio.sleep(0.1)
        return ["127.0.0.1"]

    sender = HttpSender(LOCAL, SystemClock(), LIMITS, resolve=resolve)
    async with receiver(answering(OK)) as at:
        url = f"http://many.example:{at.port}/"
        outcomes = await asyncio.gather(*(send(sender, url) for _ in range(8)))
        assert {outcome.status for outcome in outcomes} == {200}
        assert lookups == 1
    await sender.close()


async def test_a_second_address_is_tried_when_the_first_refuses() -> None:
    async def resolve(name: str) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    sender = HttpSender(LOCAL, SystemClock(), LIMITS, resolve=resolve)
    async with receiver(answering(OK)) as at:
        assert (await send(sender, f"http://two.example:{at.port}/")).status == 200
    await sender.close()


async def test_a_name_that_does_not_resolve(sender: HttpSender) -> None:
    async def never(name: str) -> list[str]:
        await asyncio.sleep(30)
        return []

    async def nothing(name: str) -> list[str]:
        raise OSError("no such name")

    for resolve, error in ((never, ErrorKind.DNS_TIMEOUT), (nothing, ErrorKind.DNS_FAILED)):
        made = HttpSender(LOCAL, SystemClock(), LIMITS, resolve=resolve)
        outcome = await send(made, "http://gone.example/", timeout_s=5)
        assert outcome.error is error
        await made.close()


# -- many, and the end ------------------------------------------------------


async def test_two_thousand_requests_are_held_at_once_on_as_many_connections() -> None:
    release = asyncio.Event()
    held = 0

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal held
        await read_request(reader)
        held += 1
        await release.wait()
        writer.write(OK)
        await writer.drain()
        await reader.read(-1)

    sender = HttpSender(LOCAL, SystemClock(), SenderLimits())
    async with receiver(hold) as at, asyncio.timeout(60):
        url = f"http://127.0.0.1:{at.port}/"
        outcomes = [send(sender, url, timeout_s=50) for _ in range(2000)]
        while held < 2000:
            await asyncio.sleep(0.05)
        release.set()
        assert {(await outcome).status for outcome in outcomes} == {200}
        assert at.connections == 2000
        await sender.close()


async def test_closing_ends_everything_under_way() -> None:
    sender = HttpSender(LOCAL, SystemClock(), LIMITS)
    async with receiver(hang) as at:
        under_way = [send(sender, f"http://127.0.0.1:{at.port}/", timeout_s=30) for _ in range(5)]
        await asyncio.sleep(0.1)
        under_way.append(send(sender, "http://127.0.0.1:1/", timeout_s=30))
        await sender.close()
        assert {(await one).error for one in under_way[:5]} == {ErrorKind.SENDER_CLOSED}
        late = await send(sender, f"http://127.0.0.1:{at.port}/")
        assert late.error is ErrorKind.SENDER_CLOSED
    assert sender.connections == 0
