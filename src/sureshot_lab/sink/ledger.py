"""What arrived: every request as a row of columns, and which webhooks came before."""

from __future__ import annotations

from array import array
from enum import IntEnum

import msgspec

SHARDS = 256
"""Dictionaries grow in jumps; in so many parts no jump takes a millisecond."""
DELIVERED = 0x10
"""Added to a kind: this answer is the webhook's first success."""
UNVERIFIED = 0x20
"""Added to a kind: no secret was known to check the signature with."""
KIND = 0x0F


class Kind(IntEnum):
    """What a row tells."""

    FIRST = 0
    """A webhook came for the first time."""
    RETRY = 1
    """It came again, not answered with success before."""
    DUPLICATE = 2
    """It came again although it had been answered with success."""
    BAD_SIGNATURE = 3
    """No known secret signed it: it is no receipt."""
    UNNAMED = 4
    """It has no ``webhook-id``."""
    ANSWERED = 5
    """A webhook that had to wait for its answer got it; ``at_us`` is when."""


FIRST, RETRY, DUPLICATE, BAD_SIGNATURE, UNNAMED, ANSWERED = map(int, Kind)
"""The same as plain numbers, for the hot path."""


class Chunk(msgspec.Struct, frozen=True, eq=False):
    """Rows as columns of equal length, in the order of what happened.

    ``at_us`` is when, ``sent_us`` what the payload says it was sent at, both
    microseconds since the epoch, ``sent_us`` 0 when it says nothing. ``status``
    is 0 while there is no answer. ``marks`` are a ``Kind`` and what is added to it.
    """

    ids: list[bytes]
    at_us: array[int]
    sent_us: array[int]
    endpoint: array[int]
    status: array[int]
    marks: bytearray


def empty_chunk() -> Chunk:
    """Return a chunk without rows."""
    return Chunk([], array("Q"), array("Q"), array("I"), array("H"), bytearray())


class Ledger:
    """Collects rows in memory until they are taken.

    *lose_every*: so many-th webhooks are forgotten on purpose (0: none).
    """

    def __init__(self, lose_every: int = 0) -> None:
        self._lose_every = lose_every
        self._rows = empty_chunk()
        self._firsts = 0
        self._succeeded: list[dict[bytes, bool]] = [{} for _ in range(SHARDS)]

    def enter(
        self,
        webhook_id: bytes,
        at_us: int,
        sent_us: int,
        endpoint: int,
        status: int,
        added: int = 0,
    ) -> None:
        """Enter a request; *status* is its answer's, or 0 when that is still to come.

        *added* is ``UNVERIFIED`` or 0.
        """
        success = 200 <= status < 300
        shard = self._succeeded[hash(webhook_id) % SHARDS]
        before = shard.get(webhook_id)
        if before is not None:
            mark = DUPLICATE if before else RETRY
        elif not webhook_id:
            self.append(webhook_id, at_us, sent_us, endpoint, status, UNNAMED | added)
            return
        else:
            mark = FIRST
            self._firsts += 1
            if self._lose_every and self._firsts % self._lose_every == 0:
                return
            shard[webhook_id] = success
        if success and not before:
            mark |= DELIVERED
            shard[webhook_id] = True
        self.append(webhook_id, at_us, sent_us, endpoint, status, mark | added)

    def enter_answer(self, webhook_id: bytes, at_us: int, endpoint: int, status: int) -> None:
        """Enter the answer of a request that was entered without one."""
        shard = self._succeeded[hash(webhook_id) % SHARDS]
        before = shard.get(webhook_id)
        if before is None:
            return
        mark = ANSWERED
        if 200 <= status < 300 and not before:
            mark |= DELIVERED
            shard[webhook_id] = True
        self.append(webhook_id, at_us, 0, endpoint, status, mark)

    def append(
        self, webhook_id: bytes, at_us: int, sent_us: int, endpoint: int, status: int, mark: int
    ) -> None:
        """Append a row as it is."""
        rows = self._rows
        rows.ids.append(webhook_id)
        rows.at_us.append(at_us)
        rows.sent_us.append(sent_us)
        rows.endpoint.append(endpoint)
        rows.status.append(status)
        rows.marks.append(mark)

    def take(self) -> Chunk:
        """Return the rows since the last time, and begin anew."""
        rows, self._rows = self._rows, empty_chunk()
        return rows
