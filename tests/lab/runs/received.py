"""What receivers saw, made up for tests: every webhook once, in 5 ms, or as told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sureshot_lab.sink.histogram import new_histogram
from sureshot_lab.sink.sink_result import SinkResult


def receipts(folder: Path, ids: Sequence[str], **changes: Any) -> SinkResult:
    """Return receipts of *ids*, all answered with success but for *changes*."""
    latencies_us = new_histogram()
    for _one in ids:
        latencies_us.record_value(5000)
    plain = SinkResult(
        received=len(ids), ids=list(ids), delivered_ids=frozenset(ids), duplicates=0, retries=0,
        bad_signatures=0, unverified=0, unnamed=0, untimed=0, unrouted=0, attempts={1: len(ids)},
        latencies_us=latencies_us, until_success_us=latencies_us, seconds=[], in_flight_max=1,
        cpu_s=0.0, ledger=folder / "ledger",
    )  # fmt: skip
    return replace(plain, **changes)
