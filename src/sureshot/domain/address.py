"""Which network addresses may be dialled: the guard against server-side request forgery."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable

from sureshot.domain.address_table import DENIED_V4, DENIED_V6, GLOBAL_V6, NEVER_ALLOWED

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_V4 = tuple((ipaddress.IPv4Network(cidr), why) for cidr, why in DENIED_V4)
_V6 = tuple((ipaddress.IPv6Network(cidr), why) for cidr, why in DENIED_V6)
_GLOBAL_V6 = ipaddress.IPv6Network(GLOBAL_V6)
_NEVER = tuple(ipaddress.ip_network(cidr) for cidr in NEVER_ALLOWED)

DECISIONS_REMEMBERED = 10_000


class AddressPolicy:
    """Judges addresses; *allowed_networks* are CIDRs an operator opens although private.

    Raises ``ValueError`` naming the first CIDR that is none.
    """

    def __init__(self, allowed_networks: Iterable[str] = ()) -> None:
        self._allowed = tuple(_network(cidr) for cidr in allowed_networks)
        self.denied = functools.lru_cache(DECISIONS_REMEMBERED)(self._denied)

    def _denied(self, address: str) -> str | None:
        """Return None when *address* may be dialled, else why it may not."""
        if "%" in address:
            return "an address with a zone"
        try:
            judged: Address = ipaddress.ip_address(address)
        except ValueError:
            return "not an address"
        if isinstance(judged, ipaddress.IPv6Address) and judged.ipv4_mapped is not None:
            judged = judged.ipv4_mapped
        if any(judged in network for network in _NEVER):
            return _why(judged) or "never allowed"
        if any(judged in network for network in self._allowed):
            return None
        return _why(judged)


def _why(address: Address) -> str | None:
    if isinstance(address, ipaddress.IPv4Address):
        return next((why for network, why in _V4 if address in network), None)
    found = next((why for network, why in _V6 if address in network), None)
    return found or (None if address in _GLOBAL_V6 else "outside global unicast")


def _network(cidr: str) -> Network:
    try:
        return ipaddress.ip_network(cidr.strip())
    except ValueError as error:
        raise ValueError(f"{cidr!r} is no network; give a CIDR such as 10.1.0.0/16") from error
