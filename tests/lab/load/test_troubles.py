"""Servers that answer oddly, badly or not at all: each is told apart, none is taken for well."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from sureshot_lab.load.native import offer_native
from sureshot_lab.scenario import Model
from tests.lab.load.answering import ACCEPTED, CUT, RESET, Answer, accepted, answering
from tests.lab.load.offers import offer
from tests.sender.certificates import issue

HEAD = b"HTTP/1.1 202 Accepted\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"


def chunked(number: int) -> list[bytes]:
    body = ACCEPTED % number
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:3], body[3:]))
    return [HEAD + CHUNKED + chunks + b"0\r\n\r\n"]


def chunked_in_pieces(number: int) -> list[bytes]:
    whole = chunked(number)[0]
    return [whole[:50], whole[50:62], whole[62:]]


def in_pieces(number: int) -> list[bytes]:
    whole = accepted(number)[0]
    return [whole[:1], whole[1:12], whole[12:30], whole[30:-4], whole[-4:]]


def closing(number: int) -> list[bytes]:
    return [accepted(number)[0].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), CUT]


def until_the_end(number: int) -> list[bytes]:
    return [HEAD + b"content-type: application/json\r\n\r\n", ACCEPTED % number, CUT]


def old(number: int) -> list[bytes]:
    return [accepted(number)[0].replace(b"HTTP/1.1", b"HTTP/1.0"), CUT]


def continued(number: int) -> list[bytes]:
    return [b"HTTP/1.1 100 Continue\r\n\r\n" + accepted(number)[0]]


def hinted_until_the_end(number: int) -> list[bytes]:
    return [b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n", *until_the_end(number)]


def long(number: int) -> list[bytes]:
    body = ACCEPTED % number + b" " * 200_000
    return [HEAD + b"Content-Length:%d\r\n\r\n%b" % (len(body), body)]


@pytest.mark.parametrize(
    "answer",
    [
        accepted, chunked, chunked_in_pieces, in_pieces, closing, until_the_end, old, continued,
        hinted_until_the_end, long,
    ],
)  # fmt: skip
@pytest.mark.parametrize("model", [Model.OPEN, Model.CLOSED])
async def test_any_valid_answer_is_read(answer: Answer, model: Model, tmp_path: Path) -> None:
    async with answering(answer) as server:
        run = await offer_native(
            offer(server.url, (0.5, 60, 60), model=model, connections=3), tmp_path
        )
    assert run.errors == []
    assert run.accepted == run.sent == len(server.requests) >= 9
    assert len(set(run.accepted_ids)) == run.accepted
    assert all(one.startswith("wh_") for one in run.accepted_ids)


async def test_connections_are_kept_and_not_more_are_opened_than_needed(tmp_path: Path) -> None:
    async with answering() as server:
        run = await offer_native(offer(server.url, (1, 200, 200)), tmp_path)
    assert run.accepted == 200
    assert server.connections < 40


async def test_a_closed_model_has_so_many_connections(tmp_path: Path) -> None:
    async with answering(in_pieces) as server:
        closed = offer(server.url, (1, 0, 0), model=Model.CLOSED, connections=7, generators=2)
        await offer_native(closed, tmp_path)
    assert server.connections == server.most_open == 7


def cut_early(number: int) -> list[bytes]:
    return [accepted(number)[0][:-4], CUT]


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (lambda _number: [CUT], "closed"),
        (lambda _number: [RESET], "reset"),
        (cut_early, "closed"),
        (lambda number: [*chunked_in_pieces(number)[:2], CUT], "closed"),
        (lambda _number: [b"SSH-2.0-OpenSSH_9.2\r\n"], "unreadable answer"),
        (lambda number: [accepted(number)[0] * 2], "unreadable answer"),
        (lambda _number: [b"HTTP/1.1 101 Switching Protocols\r\n\r\n"], "unreadable answer"),
        (lambda _number: [b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"], "status 200"),
        (lambda _number: [b"HTTP/1.1 429 X\r\ncontent-length: 2\r\n\r\n{}"], "status 429"),
    ],
)
async def test_what_is_no_good_answer_is_named(answer: Answer, what: str, tmp_path: Path) -> None:
    async with answering(answer) as server:
        run = await offer_native(offer(server.url, (1, 20, 20)), tmp_path)
    assert [(error.what, error.count) for error in run.errors] == [(what, 20)]
    assert (run.sent, run.accepted, run.failed) == (20, 0, 20)
    assert run.accepted_ids == []
    assert run.latencies_us.get_total_count() == (20 if what.startswith("status") else 0)


@pytest.mark.parametrize("model", [Model.OPEN, Model.CLOSED])
async def test_a_service_that_is_not_there_is_named_refused(model: Model, tmp_path: Path) -> None:
    gone = offer("http://127.0.0.1:9", (1, 50, 50), model=model, connections=5)
    run = await offer_native(gone, tmp_path)
    assert [error.what for error in run.errors] == ["refused"]
    assert run.failed == run.sent == run.intended == pytest.approx(50, abs=10)
    assert run.intervals[0].p50_s is None


async def test_arrivals_that_cannot_leave_are_dropped_and_counted(tmp_path: Path) -> None:
    with socket.socket() as hung:
        # Its backlog is soon full, as that of a process that was stopped.
        hung.bind(("127.0.0.1", 0))
        hung.listen(1)
        url = f"http://127.0.0.1:{hung.getsockname()[1]}"
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(4, stop.set)
        run = await offer_native(offer(url, (2, 100, 100), worst_s=0.5), tmp_path, stop=stop)
    assert run.dropped >= 150
    assert run.dropped + run.sent == run.intended == 200
    assert run.sent == run.failed
    assert {error.what for error in run.errors} == {"stopped"}
    assert sum(second.dropped for second in run.intervals) == run.dropped


@pytest.mark.slow
async def test_an_answer_that_never_comes_is_a_timeout(tmp_path: Path) -> None:
    async with answering(lambda _number: []) as server:
        run = await offer_native(offer(server.url, (1, 10, 10)), tmp_path)
    assert [(error.what, error.count) for error in run.errors] == [("timeout", 10)]
    assert (run.sent, run.failed, run.dropped) == (10, 10, 0)
    assert 30 < run.wall_s < 45


async def test_a_server_that_closes_idle_connections_fails_nothing(tmp_path: Path) -> None:
    async with answering(lambda number: [*accepted(number), CUT]) as server:
        run = await offer_native(offer(server.url, (2, 4, 4)), tmp_path)
    assert (run.accepted, run.errors) == (8, [])
    assert server.connections == 8


async def test_tls_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = issue(tmp_path, "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.cert, certificate.key)
    async with answering(tls=context) as server:
        refused = await offer_native(offer(server.url, (0.5, 20, 20)), tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.cert))
        trusted = await offer_native(offer(server.url, (0.5, 20, 20)), tmp_path)
    assert [error.what for error in refused.errors] == ["tls"]
    assert (trusted.accepted, trusted.errors) == (10, [])
