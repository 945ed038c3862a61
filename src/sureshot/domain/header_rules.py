"""Which headers callers may put on a webhook, and what they may contain (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_HEADERS = 32
MAX_HEADER_BYTES = 4096

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}", re.ASCII)
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?", re.ASCII)

_OURS = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "trailers",
        "upgrade",
        "expect",
        "accept-encoding",
        "x-sureshot-signature",
    }
)
_OUR_PREFIXES = ("webhook-", "proxy-")


def check_header(name: str, value: str) -> str | None:
    """Return None when this header may be sent, else what is wrong with it."""
    if not _TOKEN.fullmatch(name):
        return "is no header name; use letters, digits and - (RFC 9110 token)"
    lowered = name.lower()
    if lowered in _OURS or lowered.startswith(_OUR_PREFIXES):
        return "is set by Sureshot or by the connection; leave it out"
    if len(value) > MAX_HEADER_BYTES:
        return f"is {len(value)} bytes long; at most {MAX_HEADER_BYTES} are allowed"
    if value and not _VALUE.fullmatch(value):
        return "has a value with control or non-ASCII characters, or spaces at an end"
    return None


def check_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return ``(name, problem)`` for each header that may not be sent."""
    problems, seen, count = [], set[str](), 0
    for name, value in headers:
        count += 1
        problem = check_header(name, value)
        if problem is None and name.lower() in seen:
            problem = "is given twice; header names are case-insensitive"
        seen.add(name.lower())
        if problem is not None:
            problems.append((name, problem))
    if count > MAX_HEADERS:
        problems.append(("", f"{count} headers are given; at most {MAX_HEADERS} are allowed"))
    return problems
