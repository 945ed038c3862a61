"""What a sink tells of itself while it runs."""

from __future__ import annotations

import msgspec

from sureshot_lab.sink.config import Mode
from sureshot_lab.sink.tally import Second


class Stats(msgspec.Struct, kw_only=True):
    """What the sink has seen; latencies are end to end, of first receipts.

    ``unique`` webhooks came, ``delivered`` of them were answered with success.
    ``duplicates`` came again after a success, ``retries`` again without one.
    ``in_flight``: requests not answered yet, and the most there were. ``unrouted``:
    requests for no endpoint; they are not in ``received``. ``seconds``: the last
    sixty. ``cpu_s``: of the process since its start. ``descriptors``: how many
    it may have open, so about how many connections. ``problem``: why the ledger is
    not whole, empty if it is.
    """

    mode: Mode
    received: int
    unique: int
    delivered: int
    duplicates: int
    retries: int
    bad_signatures: int
    unverified: int
    unnamed: int
    unrouted: int
    untimed: int
    in_flight: int
    in_flight_max: int
    connections: int
    connections_max: int
    cpu_s: float
    descriptors: int
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    seconds: list[Second] = []
    problem: str = ""
