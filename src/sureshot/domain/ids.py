"""Time-ordered ids (UUIDv7, RFC 9562) with a prefix for people: ``wh_0192…``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

SLOT_BITS = 7
AHEAD_MS = 30_000
"""No key is further ahead of its instant, while the clock does not go back.

It runs ahead by what was made and not stored yet, 32 ids a millisecond in a slot,
for no process stores as many: intake holds ``SURESHOT_INTAKE_LIMIT`` webhooks, and
fans out as many again or one event to ``SURESHOT_ENDPOINT_LIMIT``. At the defaults
that is 3.5 s; this is room for 960,000.
"""
_TAIL_BITS = 62
_TAILS_AT_ONCE = 64
_VARIANT = 0b10 << _TAIL_BITS
_SHAPE = re.compile(r"([a-z]+)_([0-9a-f]{12})7([0-9a-f]{3})([89ab][0-9a-f]{15})", re.ASCII)


class IdSource:
    """Makes ids whose 60-bit key (milliseconds, then a 12-bit sequence) only ever grows.

    When 4,096 ids are used up within one millisecond, or the clock goes back,
    it borrows from the next millisecond. *random_bits* returns that many random
    bits; 62 of them make an id unguessable.

    Processes that make ids beside each other need a slot each: its 7 bits take
    the end of the sequence, so that no two of them ever make the same key.
    """

    def __init__(self, random_bits: Callable[[int], int]) -> None:
        self._random_bits = random_bits
        self._last = 0
        self._slot_bits = 0
        self._slot = 0
        self._tails: list[int] = []

    def use_slot(self, slot: int) -> None:
        """Make only keys that end in *slot*, from 0 to 127, from now on."""
        self._slot_bits, self._slot = SLOT_BITS, slot

    def raise_floor(self, key: int) -> None:
        """Keep every further key above *key*, the highest one known from before."""
        self._last = max(self._last, key)

    def new(self, now: datetime, prefix: str = "wh") -> str:
        """Return a new id; keys of one source are strictly increasing."""
        key = int(now.timestamp() * 1000) << 12 | self._slot
        if key <= self._last:
            key = ((self._last >> self._slot_bits) + 1) << self._slot_bits | self._slot
        self._last = key
        if not self._tails:
            self._tails = self._draw_tails()
        return f"{prefix}_{key >> 12:012x}7{key & 0xFFF:03x}{_VARIANT | self._tails.pop():016x}"

    def _draw_tails(self) -> list[int]:
        """Draw many at once: each draw from the system is a system call."""
        bits = self._random_bits(_TAIL_BITS * _TAILS_AT_ONCE)
        mask = (1 << _TAIL_BITS) - 1
        return [bits >> _TAIL_BITS * index & mask for index in range(_TAILS_AT_ONCE)]


def format_id(key: int, tail: int, prefix: str = "wh") -> str:
    """Return the id of a 60-bit *key* and a 62-bit *tail*; the inverse of ``parse_id``."""
    return f"{prefix}_{key >> 12:012x}7{key & 0xFFF:03x}{_VARIANT | tail:016x}"


def parse_id(text: str, prefix: str = "wh") -> tuple[int, int] | None:
    """Return the key and the tail of an id, or None when *text* is not one of *prefix*."""
    found = _SHAPE.fullmatch(text)
    if found is None or found[1] != prefix:
        return None
    return int(found[2] + found[3], 16), int(found[4], 16) & ((1 << _TAIL_BITS) - 1)
