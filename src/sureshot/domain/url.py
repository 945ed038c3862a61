"""Strict parsing of destination urls: only what every HTTP client reads the same way."""

from __future__ import annotations

import msgspec


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
    raise NotImplementedError
