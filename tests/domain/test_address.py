from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot.domain.address import AddressPolicy
from sureshot.domain.address_table import DENIED_V4, DENIED_V6

POLICY = AddressPolicy()
LOOPBACK_OPEN = AddressPolicy(["127.0.0.0/8", "::1/128", "10.1.0.0/16"])


def _edges(cidr: str) -> list[str]:
    network = ipaddress.ip_network(cidr)
    middle = int(network.network_address) + network.num_addresses // 2
    kind = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address
    return [str(network[0]), str(network[-1]), str(kind(middle))]


@pytest.mark.parametrize(
    "cidr", [cidr for cidr, why in (*DENIED_V4, *DENIED_V6) if why != "IPv4-mapped"]
)
def test_every_denied_range_is_denied_to_its_edges(cidr: str) -> None:
    for address in _edges(cidr):
        assert POLICY.denied(address) is not None, address


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450::1"]
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert POLICY.denied(address) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "::ffff:127.0.0.1"])
def test_an_operator_can_open_private_networks(address: str) -> None:
    assert POLICY.denied(address) is not None
    assert LOOPBACK_OPEN.denied(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "0.0.0.0",
        "::",
        "224.0.0.1",
    ],
)
def test_metadata_and_link_local_stay_denied_whatever_is_opened(address: str) -> None:
    everything = AddressPolicy(["0.0.0.0/0", "::/0"])
    assert everything.denied(address) is not None


@pytest.mark.parametrize("text", ["fe80::1%eth0", "", "example.com", "127.1", "0x7f000001"])
def test_what_is_no_plain_address_is_denied(text: str) -> None:
    assert POLICY.denied(text) is not None


def test_a_wrong_network_is_named() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8"):
        AddressPolicy(["10.0.0.1/8"])


def _oracle(address: int, table: tuple[tuple[str, str], ...]) -> bool:
    for cidr, _why in table:
        network = ipaddress.ip_network(cidr)
        if int(network.network_address) <= address <= int(network.broadcast_address):
            return True
    return False


@given(st.integers(0, 2**32 - 1))
def test_ipv4_agrees_with_plain_arithmetic(number: int) -> None:
    denied = POLICY.denied(str(ipaddress.IPv4Address(number))) is not None
    assert denied == _oracle(number, DENIED_V4)


@given(st.integers(0, 2**128 - 1) | st.integers(0, 2**96).map(lambda n: (0x2001 << 112) + n))
def test_ipv6_agrees_with_plain_arithmetic(number: int) -> None:
    address = ipaddress.IPv6Address(number)
    expected = _oracle(number, DENIED_V6) or number >> 125 != 1
    if address.ipv4_mapped is not None:
        expected = _oracle(int(address.ipv4_mapped), DENIED_V4)
    assert (POLICY.denied(str(address)) is not None) == expected
