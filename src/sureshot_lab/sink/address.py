"""Where a sink listens so that a service elsewhere reaches it, and what that service is told."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

from sureshot_lab.errors import LabError

HOST = "127.0.0.1"
EVERYWHERE = {4: "0.0.0.0", 6: "::"}  # noqa: S104 - only for a service on another machine


def listening_host(told: str) -> str:
    """Return the address to listen on for those who were told *told*.

    That address itself if it is one of this machine's; else, for a name or an address
    that a router translates, every interface.

    Raises:
        LabError: *told* is neither a name nor an address.

    """
    if told in {HOST, "localhost"}:
        return HOST
    if not told or "/" in told or (":" in told and _address(told) is None):
        raise LabError(
            f"--sink-host {told!r}: must be a name or an address, such as 10.0.0.5; the port is "
            "--sink-port"
        )
    address = _address(told)
    if address is not None and _is_here(told, address.version):
        return told
    return EVERYWHERE[4 if address is None else address.version]


def in_url(host: str) -> str:
    """Return *host* as a URL writes it: an address of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _address(told: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(told)
    return None


def _is_here(host: str, version: int) -> bool:
    with socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True
