"""A mix of payload kinds with the mean size asked for."""

from __future__ import annotations

from itertools import pairwise

from sureshot_lab.scenario import Payload

SMALL = Payload().mix
"""What scenarios send where they say nothing else."""
LADDER: tuple[tuple[dict[str, float], float], ...] = (
    (SMALL, 312.0),
    ({"invoice.issued": 1.0}, 5160.0),
    ({"catalog.updated": 1.0}, 32_660.0),
    ({"document.exported": 1.0}, 93_000.0),
)
"""Kinds by their mean size in bytes."""


def mix_of(payload_bytes: float) -> dict[str, float]:
    """Return a mix with a mean of *payload_bytes*, else the smallest or the largest there is."""
    for (small, least), (large, most) in pairwise(LADDER):
        if payload_bytes <= least:
            return dict(small)
        if payload_bytes < most:
            part = (payload_bytes - least) / (most - least)
            return {kind: share * (1 - part) for kind, share in small.items()} | {
                kind: share * part for kind, share in large.items()
            }
    return dict(LADDER[-1][0])
