"""What one broker message looks like: a committed batch of leases, in MessagePack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from sureshot.domain.model import Lease

LEASES_PER_MESSAGE = 100
BYTES_PER_MESSAGE = 1 << 20
VERSION = 1


class Batch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Leases with the instant they were published; new fields go to the end."""

    version: int
    published_at: datetime
    leases: list[Lease]


class Undecodable(Exception):
    """The message is none of ours, or of a version this one does not know."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Batch).decode


def encode(leases: list[Lease], published_at: datetime) -> bytes:
    """Return the message that carries *leases*."""
    return _encode(Batch(VERSION, published_at, leases))


def decode(body: bytes) -> Batch:
    """Return what a message carries; raises ``Undecodable``."""
    try:
        batch = _decode(body)
    except msgspec.MsgspecError as error:
        raise Undecodable(str(error)) from error
    if batch.version != VERSION or not batch.leases:
        raise Undecodable(f"version {batch.version} with {len(batch.leases)} leases")
    return batch


def split(leases: Sequence[Lease]) -> Iterator[list[Lease]]:
    """Yield *leases* in messages of at most 100, and 1 MiB unless one alone is larger."""
    batch: list[Lease] = []
    size = 0
    for lease in leases:
        size += len(lease.payload)
        if batch and (len(batch) == LEASES_PER_MESSAGE or size > BYTES_PER_MESSAGE):
            yield batch
            batch, size = [], len(lease.payload)
        batch.append(lease)
    if batch:
        yield batch
