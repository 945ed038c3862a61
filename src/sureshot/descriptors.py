"""The process's file descriptors: raised as far as the system lets us, then shared out."""

from __future__ import annotations

import resource

import msgspec

from sureshot.telemetry.logging import get_logger

OWN = 64
"""For the store, its journal, listeners, the log, name lookups: these must never run out."""
FEWEST = 16
BESIDES = 25_000
"""Wanted besides those of deliveries, half for clients and half for idle connections."""
ENOUGH = 4_000
"""With so many besides nothing has to be given up."""

log = get_logger()


class Shares(msgspec.Struct, frozen=True):
    """How many connections each side may have: clients, deliveries, idle ones kept for reuse."""

    clients: int
    in_flight: int
    idle: int


def raise_descriptor_limit(wanted: int) -> int:
    """Raise the soft limit to *wanted*, or to the hard limit with a warning; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = wanted
    target = min(wanted, hard)
    if target > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
        soft = target
    if soft < wanted:
        log.warning("descriptors.limited", limit=soft, wanted=wanted)
    return soft


def share_out(limit: int, max_in_flight: int) -> Shares:
    """Divide *limit* descriptors, for at most *max_in_flight* deliveries at once.

    With too few for everything a quarter goes to clients, and a quarter of the
    rest to idle connections: a flood from one side must not starve the store.
    """
    rest = max(4 * FEWEST, limit - OWN)
    if rest - max_in_flight >= ENOUGH:
        half = (rest - max_in_flight) // 2
        return Shares(half, max_in_flight, half)
    clients = rest // 4
    idle = (rest - clients) // 4
    return Shares(clients, min(max_in_flight, rest - clients - idle), idle)
