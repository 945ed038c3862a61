"""Runs as a plan sees them, made up: what they say is known exactly."""

from __future__ import annotations

from typing import Any

from sureshot_lab.capacity.observation import Observation


def observation(rate: float, **changes: Any) -> Observation:
    """Return a run whose webhooks cost 400 us each, and 1,600 us more that they share."""
    figures: dict[str, Any] = {
        "run": f"run-{rate:.0f}", "profile": "cluster", "rate_per_s": rate,
        "payload_bytes": 1000.0, "cores": rate * each_s(rate), "processes": 3.0,
        "in_flight": rate * 0.11, "receiver_s": 0.1, "end_to_end_p95_s": 0.05, "api_share": 0.4,
        "commits": 0.5, "wal_bytes": 3000.0, "disk_bytes": 1500.0, "rss_bytes": 2.0**26,
        "database_connections": 5.0,
    }  # fmt: skip
    return Observation(**{**figures, **changes})


def each_s(rate: float) -> float:
    """Return the CPU seconds of a webhook of ``observation``."""
    return 4e-4 + 1.6e-3 / (1 + rate / 200)
