"""What a plan is asked for, with what the service does where nothing else is said."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024.0**2

# The laboratory does not import the service: a test holds these against its settings.
RETENTION_DAYS = 30.0
MAX_IN_FLIGHT = 10_000
DATABASE_POOL = 8
IN_FLIGHT_BYTES = 128 * MIB
PAYLOAD_BYTES_AT_MOST = (64 + 64 + 128) * MIB
"""Payload a process holds at most: waiting for its commit, for a worker, and in flight."""

SCHEDULER_CORES = 0.25
"""Of one core, as the manifests ask for it; a test holds it against them."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What is wanted. ``max_in_flight``: of a worker, as SURESHOT_MAX_IN_FLIGHT.

    ``database_pool``: of a process, as SURESHOT_DATABASE_POOL.
    """

    rate_per_s: float
    p95_s: float
    payload_bytes: float
    receiver_s: float
    retention_days: float = RETENTION_DAYS
    max_in_flight: int = MAX_IN_FLIGHT
    database_pool: int = DATABASE_POOL
    price_core_hour: float | None = None
    price_gb_month: float | None = None

    @property
    def slots(self) -> float:
        """How many a worker holds at once: by its count, and by its bytes of payload."""
        return min(self.max_in_flight, IN_FLIGHT_BYTES / self.payload_bytes)
