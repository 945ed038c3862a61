"""What a receiver may make us wait for and keep: every bound of the sender."""

from __future__ import annotations

import msgspec


class SenderLimits(msgspec.Struct, frozen=True):
    """Bounds per attempt; the total time is the request's own ``timeout_s``.

    ``kept_body_bytes`` of a response are kept; a body over ``max_body_bytes``
    is not read on: the connection is closed and the status stands. Of
    ``max_dials`` one owner has at most half.
    """

    dns_timeout_s: float = 5.0
    connect_timeout_s: float = 5.0
    tls_timeout_s: float = 5.0
    write_timeout_s: float = 10.0
    idle_timeout_s: float = 30.0
    max_dns_answers: int = 16
    max_dials: int = 512
    max_header_count: int = 100
    max_header_bytes: int = 32 * 1024
    max_interim_responses: int = 8
    kept_body_bytes: int = 16 * 1024
    max_body_bytes: int = 64 * 1024
    max_idle_connections: int = 20_000
