"""One webhook as it came in, and the fast way to read it when it came in one piece."""

from __future__ import annotations

import re

import msgspec

SENT_AT = re.compile(rb'"sent_at_(us|ms)"\s*:\s*(\d{1,16})\b')
SENT_WITHIN_BYTES = 512
"""How far into a body its timestamp is looked for."""


class Request(msgspec.Struct, frozen=True, gc=False, eq=False):
    """One request; ``path`` is without its query. Headers that were missing are empty."""

    path: bytes
    webhook_id: bytes
    timestamp: bytes
    signatures: bytes
    body: bytes
    method: bytes = b"POST"
    keep_alive: bool = True


def sent_at_us(body: bytes) -> int:
    """Return the time in *body*, microseconds since the epoch; 0 when it names none."""
    found = SENT_AT.search(body, 0, SENT_WITHIN_BYTES)
    if found is None:
        return 0
    return int(found[2]) * (1000 if found[1] == b"ms" else 1)


def whole_webhook(data: bytes) -> Request | None:
    """Return the webhook *data* is, when it is exactly one in its usual form, else None.

    None is no verdict: such bytes are for the full parser, which reads every form.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0 or not data.startswith(b"POST /e/"):
        return None
    # Names of headers come in any case; values are taken from the original.
    head = data[: end + 2].lower()
    length = _value(data, head, b"\r\ncontent-length:")
    if not length.isdigit() or len(data) != end + 4 + int(length):
        return None
    if b"\r\nconnection:" in head or b"\r\ntransfer-encoding:" in head or b"\r\nexpect:" in head:
        return None
    line = head[: head.find(b"\r\n")]
    if not line.endswith(b" http/1.1") or b"?" in line:
        return None
    return Request(
        data[5 : len(line) - 9],
        _value(data, head, b"\r\nwebhook-id:"),
        _value(data, head, b"\r\nwebhook-timestamp:"),
        _value(data, head, b"\r\nwebhook-signature:"),
        data[end + 4 :],
    )


def _value(data: bytes, head: bytes, name: bytes) -> bytes:
    at = head.find(name)
    if at < 0:
        return b""
    at += len(name)
    return data[at : data.find(b"\r\n", at)].strip()
