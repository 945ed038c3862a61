"""Strict parsing of destination urls: only what every HTTP client reads the same way.

Parsers disagree about odd spellings, and a disagreement between the one that
checks and the one that dials is how guards are passed. So odd spellings are
refused, with a sentence that says what would be right.
"""

from __future__ import annotations

import ipaddress
import re

import idna
import msgspec

MAX_URL_LENGTH = 2048
MAX_HOST_LENGTH = 253

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_NUMERIC_LABEL = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PATH = re.compile(r"[!$&-;=?-Z\[\]_a-z~%]*", re.ASCII)


class Target(msgspec.Struct, frozen=True, gc=False):
    """A checked destination.

    ``host`` is lower-case ASCII without brackets (IDNA encoded), ``path`` begins
    with ``/`` and includes the query, ``authority`` is the Host header's value
    (port only when not the scheme's default), ``origin`` is
    ``scheme://host:port`` with the port always there. ``is_literal`` tells an
    IP address from a name.
    """

    scheme: str
    host: str
    port: int
    path: str
    authority: str
    origin: str
    is_literal: bool


def parse_url(text: str) -> Target:
    """Return the target *text* names.

    Raises ``ValueError`` with a sentence that says what is wrong and what would
    be right.
    """
    _check_characters(text)
    scheme, rest = _split_scheme(text)
    authority, path = _split_path(rest)
    host_text, port = _split_port(authority, scheme)
    host, is_literal = _canonical_host(host_text)
    shown = f"[{host}]" if ":" in host else host
    return Target(
        scheme=scheme,
        host=host,
        port=port,
        path=path,
        authority=shown if port == _DEFAULT_PORTS[scheme] else f"{shown}:{port}",
        origin=f"{scheme}://{shown}:{port}",
        is_literal=is_literal,
    )


def _check_characters(text: str) -> None:
    if not text:
        raise ValueError("is empty; give an absolute http or https url")
    if len(text) > MAX_URL_LENGTH:
        raise ValueError(f"is {len(text)} characters long; at most {MAX_URL_LENGTH} are allowed")
    for character in text:
        if character <= " " or character == "\x7f":
            raise ValueError(
                f"contains a space or control character ({character!r}); percent-encode it"
            )
    if "\\" in text:
        raise ValueError("contains a backslash; use / between path segments")


def _split_scheme(text: str) -> tuple[str, str]:
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in _DEFAULT_PORTS:
        raise ValueError("must begin with http:// or https://")
    return scheme.lower(), rest


def _split_path(rest: str) -> tuple[str, str]:
    if "#" in rest:
        raise ValueError("contains a fragment (#...), which is never sent; leave it out")
    ends = [index for index in (rest.find("/"), rest.find("?")) if index >= 0]
    end = min(ends, default=len(rest))
    authority, path = rest[:end], rest[end:]
    if not path.startswith("/"):
        path = "/" + path
    if not path.isascii():
        raise ValueError("has non-ASCII characters in its path or query; percent-encode them")
    if _BAD_PERCENT.search(path):
        raise ValueError("has a % that two hexadecimal digits do not follow; write %25 for it")
    if not _PATH.fullmatch(path):
        raise ValueError("has a character that no url may contain as it is; percent-encode it")
    return authority, path


def _split_port(authority: str, scheme: str) -> tuple[str, int]:
    if "@" in authority:
        raise ValueError("contains user information (user:password@); send a header instead")
    if "%" in authority:
        raise ValueError("has a % in its host; write the host plainly, without a zone")
    if authority.startswith("["):
        host, bracket, after = authority.partition("]")
        if not bracket or (after and not after.startswith(":")):
            raise ValueError("has a malformed IPv6 host; write it as [2001:db8::1]")
        host, colon, port_text = host + "]", after[:1], after[1:]
    else:
        host, colon, port_text = authority.partition(":")
    if not colon:
        return host, _DEFAULT_PORTS[scheme]
    if not (port_text.isascii() and port_text.isdigit() and len(port_text) <= 5):
        raise ValueError(f"has {port_text!r} for a port; give a decimal number from 1 to 65535")
    port = int(port_text)
    if not 1 <= port <= 65535:
        raise ValueError(f"has port {port}; ports go from 1 to 65535")
    return host, port


def _canonical_host(host: str) -> tuple[str, bool]:
    if not host:
        raise ValueError("has no host")
    if host.startswith("["):
        return _ipv6(host[1:-1]), True
    host = _to_ascii(host)
    if len(host) > MAX_HOST_LENGTH:
        raise ValueError(f"has a host of {len(host)} characters; at most {MAX_HOST_LENGTH}")
    if host.endswith("."):
        raise ValueError("has a trailing dot in its host; leave it out")
    labels = host.split(".")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        return _ipv4(host), True
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise ValueError(
                f"has {label!r} in its host; each part has 1 to 63 of a-z, 0-9, - and _, "
                "and no - at either end"
            )
        if label.startswith("xn--"):
            _check_punycode(label)
    return host, False


def _to_ascii(host: str) -> str:
    if host.isascii():
        return host.lower()
    if any(dot in host for dot in "\u3002\uff0e\uff61"):
        raise ValueError("has an ideographic or full-width dot in its host; write a plain one")
    try:
        # Without UTS 46 mapping: circled digits and full-width dots stay what they are, invalid.
        return idna.encode(host.lower(), uts46=False).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"has a host that is no valid internationalised name: {error}") from error


def _check_punycode(label: str) -> None:
    try:
        idna.decode(label)
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"has {label!r} in its host, which is invalid punycode") from error


def _ipv4(host: str) -> str:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError as error:
        raise ValueError(
            f"has {host!r} for a host: a numeric host must be four decimal numbers from 0 to "
            "255 without leading zeros, such as 192.0.2.1"
        ) from error


def _ipv6(host: str) -> str:
    try:
        return str(ipaddress.IPv6Address(host))
    except ValueError as error:
        raise ValueError(f"has [{host}] for a host, which is no IPv6 address") from error
