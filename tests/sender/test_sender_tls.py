"""TLS and CONNECT proxies."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import warnings
from pathlib import Path

import pytest

from sureshot.clock import SystemClock
from sureshot.delivery.sender import HttpSender
from sureshot.delivery.tls import Egress
from sureshot.domain.errors import ConfigurationError
from sureshot.domain.model import ErrorKind, Outcome
from tests.sender.certificates import Certificate, issue, server_context
from tests.sender.receivers import Handler, answering, answering_early, hang, receiver
from tests.sender.test_sender import LIMITS, LOCAL, OK, send


async def _local(name: str) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture
def authority(tmp_path: Path) -> Certificate:
    return issue(tmp_path, "test-authority", authority=True)


async def _outcome(context: ssl.SSLContext, egress: Egress, name: str = "hooks.example") -> Outcome:
    sender = HttpSender(LOCAL, SystemClock(), LIMITS, egress, resolve=_local)
    try:
        async with receiver(answering(OK), ssl=context) as at:
            return await send(sender, f"https://{name}:{at.port}/", timeout_s=3)
    finally:
        await sender.close()


async def test_a_custom_authority_is_trusted(tmp_path: Path, authority: Certificate) -> None:
    context = server_context(issue(tmp_path, "hooks.example", authority))
    outcome = await _outcome(context, Egress(ca_file=str(authority.cert)))
    assert (outcome.status, outcome.error) == (200, None)


async def test_connections_over_tls_are_kept(tmp_path: Path, authority: Certificate) -> None:
    context = server_context(issue(tmp_path, "hooks.example", authority))
    egress = Egress(ca_file=str(authority.cert))
    sender = HttpSender(LOCAL, SystemClock(), LIMITS, egress, resolve=_local)
    async with receiver(answering(OK), ssl=context) as at:
        for _ in range(5):
            outcome = await send(sender, f"https://hooks.example:{at.port}/", timeout_s=3)
            assert outcome.status == 200
        assert at.connections == 1
        await sender.close()


async def test_an_early_refusal_of_a_large_body_ends_the_connection(
    tmp_path: Path, authority: Certificate
) -> None:
    context = server_context(issue(tmp_path, "hooks.example", authority))
    egress = Egress(ca_file=str(authority.cert))
    sender = HttpSender(LOCAL, SystemClock(), LIMITS, egress, resolve=_local)
    async with receiver(answering_early(413), ssl=context) as at, asyncio.timeout(10):
        url = f"https://hooks.example:{at.port}/"
        assert (await send(sender, url, b"x" * (8 << 20), timeout_s=3)).status == 413
        assert (await send(sender, url, timeout_s=3)).status == 200
        await sender.close()


@pytest.mark.parametrize("case", ["self-signed", "unknown authority", "expired", "wrong name"])
async def test_a_bad_certificate_is_refused_and_named(
    tmp_path: Path, authority: Certificate, case: str
) -> None:
    certificate = {
        "self-signed": lambda: issue(tmp_path, "hooks.example"),
        "unknown authority": lambda: issue(
            tmp_path, "hooks.example", issue(tmp_path, "other", authority=True)
        ),
        "expired": lambda: issue(tmp_path, "hooks.example", authority, days=-1),
        "wrong name": lambda: issue(tmp_path, "evil.example", authority),
    }[case]()
    outcome = await _outcome(server_context(certificate), Egress(ca_file=str(authority.cert)))
    assert outcome.error is ErrorKind.TLS_FAILED
    assert outcome.detail


async def test_tls_below_1_2_is_refused(tmp_path: Path, authority: Certificate) -> None:
    context = server_context(issue(tmp_path, "hooks.example", authority))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.minimum_version = ssl.TLSVersion.TLSv1
    outcome = await _outcome(context, Egress(ca_file=str(authority.cert)))
    assert outcome.error is ErrorKind.TLS_FAILED


async def test_a_client_certificate_is_shown_when_asked(
    tmp_path: Path, authority: Certificate
) -> None:
    context = server_context(issue(tmp_path, "hooks.example", authority), authority)
    mine = issue(tmp_path, "sender", authority)
    with_it = Egress(None, str(authority.cert), str(mine.cert), str(mine.key))
    assert (await _outcome(context, with_it)).status == 200
    without = await _outcome(context, Egress(ca_file=str(authority.cert)))
    assert without.status is None


async def test_a_handshake_that_hangs_times_out() -> None:
    sender = HttpSender(LOCAL, SystemClock(), LIMITS, resolve=_local)
    async with receiver(hang) as at:
        outcome = await send(sender, f"https://hooks.example:{at.port}/", timeout_s=5)
    assert outcome.error is ErrorKind.TLS_TIMEOUT
    await sender.close()


@pytest.mark.parametrize(
    "egress", [Egress(ca_file="/nowhere.pem"), Egress(client_cert_file="/nowhere.pem"),
               Egress(proxy_url="https://proxy:1"), Egress(proxy_url="nonsense")]
)  # fmt: skip
def test_a_wrong_egress_is_a_configuration_error(egress: Egress) -> None:
    with pytest.raises(ConfigurationError, match="SURESHOT_"):
        HttpSender(LOCAL, SystemClock(), LIMITS, egress)


# -- proxies ----------------------------------------------------------------


def _proxy(asked: list[bytes], answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head)
        writer.write(answer)
        if b" 200 " not in answer:
            await writer.drain()
            return
        host, _colon, port = head.split(b" ")[1].rpartition(b":")
        upstream, down = await asyncio.open_connection(host.decode(), int(port))
        pipes = [
            asyncio.create_task(_pipe(reader, down)),
            asyncio.create_task(_pipe(upstream, writer)),
        ]
        try:
            await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pipe in pipes:
                pipe.cancel()
            down.transport.abort()
            await asyncio.gather(*pipes, return_exceptions=True)
            with contextlib.suppress(ConnectionError):
                await down.wait_closed()

    return handle


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_is_told_the_checked_address_and_never_the_name(
    tmp_path: Path, authority: Certificate, scheme: str
) -> None:
    asked: list[bytes] = []
    context = None
    if scheme == "https":
        context = server_context(issue(tmp_path, "hooks.example", authority))
    async with receiver(_proxy(asked)) as proxy, receiver(answering(OK), ssl=context) as at:
        egress = Egress(f"http://me:se%20cret@127.0.0.1:{proxy.port}", str(authority.cert))
        sender = HttpSender(LOCAL, SystemClock(), LIMITS, egress, resolve=_local)
        outcome = await send(sender, f"{scheme}://hooks.example:{at.port}/", timeout_s=3)
        assert (outcome.status, outcome.error) == (200, None)
        assert at.requests[0].startswith(b"POST / HTTP/1.1\r\nhost: hooks.example")
        await sender.close()
    assert asked[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % at.port)
    assert b"hooks.example" not in asked[0]
    credentials = base64.b64encode(b"me:se cret")
    assert b"proxy-authorization: Basic " + credentials in asked[0]


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 407 Who\r\n\r\n", b"nonsense\r\n\r\n", b"HTTP/1.1 200", b"x" * 9000]
)
async def test_a_proxys_failure_is_called_that(answer: bytes) -> None:
    async with receiver(_proxy([], answer)) as proxy:
        egress = Egress(f"http://127.0.0.1:{proxy.port}")
        sender = HttpSender(LOCAL, SystemClock(), LIMITS, egress, resolve=_local)
        outcome = await send(sender, "http://hooks.example/", timeout_s=3)
        assert outcome.error is ErrorKind.PROXY_FAILED
        await sender.close()


async def test_where_a_proxy_is_that_refuses_is_not_told() -> None:
    sender = HttpSender(LOCAL, SystemClock(), LIMITS, Egress("http://127.0.0.1:1"), resolve=_local)
    outcome = await send(sender, "http://hooks.example/", timeout_s=3)
    assert outcome.error is ErrorKind.PROXY_FAILED
    assert outcome.detail == "the proxy: it refused the connection"
    await sender.close()


async def test_a_proxy_does_not_open_denied_addresses() -> None:
    async def private(name: str) -> list[str]:
        return ["10.0.0.1"]

    asked: list[bytes] = []
    async with receiver(_proxy(asked)) as proxy:
        egress = Egress(f"http://127.0.0.1:{proxy.port}")
        sender = HttpSender(LOCAL, SystemClock(), LIMITS, egress, resolve=private)
        outcome = await send(sender, "http://hooks.example/", timeout_s=3)
        assert outcome.error is ErrorKind.ADDRESS_DENIED
        assert not asked
        await sender.close()


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    sender = HttpSender(LOCAL, SystemClock(), LIMITS)
    async with receiver(answering(OK)) as at:
        assert (await send(sender, f"http://127.0.0.1:{at.port}/")).status == 200
    await sender.close()
