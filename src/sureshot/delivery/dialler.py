"""Opening a connection: resolve, judge every address, dial exactly the one that was judged."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import os
import socket
import ssl
from collections.abc import Iterator
from typing import TypeVar
from urllib.parse import unquote

from sureshot.delivery.lookups import Lookups, Resolve, resolve_name
from sureshot.delivery.sender_limits import SenderLimits
from sureshot.delivery.tls import Egress, client_context
from sureshot.domain.address import AddressPolicy
from sureshot.domain.errors import ConfigurationError
from sureshot.domain.model import ErrorKind
from sureshot.domain.url import Target, parse_url
from sureshot.telemetry.logging import get_logger

log = get_logger()

P = TypeVar("P", bound=asyncio.Protocol)
MAX_PROXY_REPLY_BYTES = 8192


class DialError(Exception):
    """No connection, and the reason as a receiver's failure."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class Dialler:
    """Dials targets past the address policy, through the operator's proxy if there is one."""

    def __init__(
        self,
        policy: AddressPolicy,
        limits: SenderLimits,
        egress: Egress,
        resolve: Resolve = resolve_name,
    ) -> None:
        self._policy = policy
        self._limits = limits
        self._lookups = Lookups(resolve)
        self._tls = client_context(egress)
        self._proxy = None if egress.proxy_url is None else _parse_proxy(egress.proxy_url)

    async def dial(self, target: Target, protocol: P, owner: str = "") -> None:
        """Connect *protocol* to *target* in *owner*'s name; raises ``DialError``.

        Each address is judged right before its use, on every call; Host and
        SNI stay the target's name.
        """
        addresses = await self._judged_addresses(target, owner)
        failure: DialError | None = None
        share_s = self._limits.connect_timeout_s / len(addresses)
        for address in addresses:
            try:
                sock = await self._connect(address, target, share_s)
            except DialError as error:
                log.debug("dial.failed", host=target.host, address=address, why=error.detail)
                failure = error
                continue
            await self._attach(sock, target, protocol)
            return
        raise failure or DialError(ErrorKind.DNS_FAILED, f"{target.host} has no address")

    async def _judged_addresses(self, target: Target, owner: str) -> list[str]:
        addresses = [target.host] if target.is_literal else await self._lookup(target.host, owner)
        for address in addresses:
            why = self._policy.denied(address)
            if why is not None:
                log.debug("dial.denied", host=target.host, address=address, why=why)
                raise DialError(ErrorKind.ADDRESS_DENIED, _denial(target, why))
        return addresses[: self._limits.max_dns_answers]

    async def _lookup(self, name: str, owner: str) -> list[str]:
        try:
            async with asyncio.timeout(self._limits.dns_timeout_s):
                addresses = await self._lookups.addresses(name, owner)
        except TimeoutError as error:
            raise DialError(ErrorKind.DNS_TIMEOUT, f"looking up {name} took too long") from error
        except (OSError, UnicodeError) as error:
            raise DialError(ErrorKind.DNS_FAILED, f"{name}: {error}") from error
        if not addresses:
            raise DialError(ErrorKind.DNS_FAILED, f"{name} has no address")
        return addresses

    def close(self) -> None:
        """Give up the lookups under way."""
        self._lookups.close()

    async def _connect(self, address: str, target: Target, within_s: float) -> socket.socket:
        if self._proxy is not None:
            within_s = self._limits.connect_timeout_s
            return await self._proxy.connect(address, target.port, within_s)
        where = target.origin.removeprefix(f"{target.scheme}://")
        sock = await _open(address, target.port, within_s, where)
        with _closing_on_error(sock):
            _check_peer(sock, address, target)
        return sock

    async def _attach(self, sock: socket.socket, target: Target, protocol: P) -> None:
        loop = asyncio.get_running_loop()
        if target.scheme == "http":
            try:
                with _closing_on_error(sock):
                    await loop.create_connection(lambda: protocol, sock=sock)
            except OSError as error:
                raise DialError(ErrorKind.CONNECT_FAILED, str(error)) from error
            return
        name = target.host
        try:
            with _closing_on_error(sock):
                async with asyncio.timeout(self._limits.tls_timeout_s):
                    await loop.create_connection(
                        lambda: protocol, sock=sock, ssl=self._tls, server_hostname=name
                    )
        except TimeoutError as error:
            raise DialError(ErrorKind.TLS_TIMEOUT, "the TLS handshake took too long") from error
        except ssl.SSLCertVerificationError as error:
            raise DialError(ErrorKind.TLS_FAILED, error.verify_message) from error
        except (OSError, ssl.SSLError) as error:
            detail = str(error) or "closed during the TLS handshake"
            raise DialError(ErrorKind.TLS_FAILED, detail) from error


def _denial(target: Target, why: str) -> str:
    """Say what is wrong with the address, and not which one: a name's is none of a tenant's."""
    if target.is_literal:
        return f"{target.host} may not be dialled ({why})"
    return f"{target.host} resolves to an address that may not be dialled ({why})"


def _check_peer(sock: socket.socket, address: str, target: Target) -> None:
    """Make sure the judged address was reached, before the first byte."""
    try:
        peer = ipaddress.ip_address(sock.getpeername()[0])
    except OSError as error:
        raise DialError(ErrorKind.CONNECT_FAILED, f"{target.host}: {_reason(error)}") from error
    if peer != ipaddress.ip_address(address):
        log.debug("dial.diverted", host=target.host, address=address, peer=str(peer))
        detail = f"{target.host}: another address answered than the one that was dialled"
        raise DialError(ErrorKind.ADDRESS_DENIED, detail)


class _Proxy:
    """An HTTP CONNECT proxy (RFC 9110, 9.3.6); it is told the judged address, never the name."""

    def __init__(self, host: str, port: int, authorization: str | None) -> None:
        self._host = host
        self._port = port
        self._authorization = authorization

    async def connect(self, address: str, port: int, within_s: float) -> socket.socket:
        shown = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        lines = [f"CONNECT {shown} HTTP/1.1", f"host: {shown}"]
        if self._authorization is not None:
            lines.append(f"proxy-authorization: {self._authorization}")
        try:
            async with asyncio.timeout(within_s):
                (proxy_address, *_rest) = await resolve_name(self._host)
                sock = await _open(proxy_address, self._port, within_s, "it")
                with _closing_on_error(sock):
                    await self._ask(sock, ("\r\n".join(lines) + "\r\n\r\n").encode())
                    return sock
        except DialError as error:
            raise DialError(ErrorKind.PROXY_FAILED, f"the proxy: {error.detail}") from error
        except (OSError, TimeoutError) as error:
            detail = str(error) or "no answer in time"
            raise DialError(ErrorKind.PROXY_FAILED, f"the proxy: {detail}") from error

    async def _ask(self, sock: socket.socket, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, request)
        reply = b""
        while not reply.endswith(b"\r\n\r\n"):
            # One byte at a time: what follows the reply belongs to the receiver.
            more = await loop.sock_recv(sock, 1)
            reply += more
            if not more or len(reply) > MAX_PROXY_REPLY_BYTES:
                raise DialError(ErrorKind.PROXY_FAILED, "it broke off its answer")
        status = reply.split(b" ", 2)[1:2]
        if not reply.startswith(b"HTTP/1.") or not status or not status[0].startswith(b"2"):
            line = reply.partition(b"\r\n")[0].decode("latin-1")
            raise DialError(ErrorKind.PROXY_FAILED, f"it answered {line!r}")


def _parse_proxy(text: str) -> _Proxy:
    scheme, separator, rest = text.partition("://")
    credentials, at, authority = rest.rpartition("@")
    try:
        target = parse_url(f"http://{authority}" if separator else authority)
    except ValueError as error:
        raise ConfigurationError(f"SURESHOT_PROXY_URL {error}") from error
    if scheme.lower() != "http":
        raise ConfigurationError("SURESHOT_PROXY_URL must begin with http://")
    authorization = None
    if at:
        encoded = base64.b64encode(unquote(credentials).encode()).decode()
        authorization = f"Basic {encoded}"
    return _Proxy(target.host, target.port, authorization)


async def _open(address: str, port: int, within_s: float, where: str) -> socket.socket:
    """Connect to *address*; errors say *where*, since the address is the operator's to know."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
        with _closing_on_error(sock):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(within_s):
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except TimeoutError as error:
        raise DialError(ErrorKind.CONNECT_TIMEOUT, f"{where} did not answer") from error
    except ConnectionRefusedError as error:
        raise DialError(ErrorKind.CONNECT_REFUSED, f"{where} refused the connection") from error
    except OSError as error:
        raise DialError(ErrorKind.CONNECT_FAILED, f"{where}: {_reason(error)}") from error
    return sock


def _reason(error: OSError) -> str:
    """Return what the system says, without the address that asyncio adds."""
    return os.strerror(error.errno) if error.errno else "no connection"


@contextlib.contextmanager
def _closing_on_error(sock: socket.socket) -> Iterator[None]:
    try:
        yield
    except BaseException:
        sock.close()
        raise
