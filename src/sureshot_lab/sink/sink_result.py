"""What a sink saw in a run, read from its ledger; also from one that ends too early."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hdrh.histogram import HdrHistogram

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.sink.histogram import HIGHEST_US, fold, new_histogram
from sureshot_lab.sink.ledger import ANSWERED, BAD_SIGNATURE, DELIVERED, FIRST, KIND, UNNAMED, Chunk
from sureshot_lab.sink.ledger_file import SavedLedger, read_ledger
from sureshot_lab.sink.stats import Stats
from sureshot_lab.sink.tally import Second, Tally


@dataclass(frozen=True, kw_only=True)
class SinkResult:
    """Everything a run's receivers know.

    ``ids``: webhooks in the order they came first; ``delivered_ids``: those that were
    answered with success. ``attempts[n]``: how many webhooks came n times.
    ``duplicates`` came again after a success, ``retries`` again without one.
    ``latencies_us``: end to end, of first receipts; ``until_success_us``: of first
    successes, so with retries and the receiver's own time. ``untimed`` first receipts
    had no usable time in their payload. ``unverified``: requests no secret was known for.
    ``unrouted``: requests for no endpoint, not in ``received``. ``in_flight_max``,
    ``cpu_s`` and ``unrouted`` are 0 when the process died.

    ``incomplete``: the figures are true and not all there is; ``reason`` says why.
    """

    received: int
    ids: list[str]
    delivered_ids: frozenset[str]
    duplicates: int
    retries: int
    bad_signatures: int
    unverified: int
    unnamed: int
    untimed: int
    unrouted: int
    attempts: dict[int, int]
    latencies_us: HdrHistogram
    until_success_us: HdrHistogram
    seconds: list[Second]
    in_flight_max: int
    cpu_s: float
    ledger: Path
    incomplete: bool = False
    reason: str = ""

    @property
    def started_at_s(self) -> float:
        """When the first of ``seconds`` began, seconds since the epoch; 0.0 without any."""
        return self.seconds[0].at_s if self.seconds else 0.0


def read_sink_result(
    ledger: Path, stats: Stats | None, problem: str = "", origin_s: float = 0.0
) -> SinkResult:
    """Return what *ledger* holds; seconds are counted from *origin_s*, since the epoch.

    *stats* is what the sink told at its end, None when it could not; *problem* why.
    """
    try:
        saved = read_ledger(ledger)
    except UnreadableResult as error:
        saved = SavedLedger([], str(error))
    tally = Tally(origin_s)
    for chunk in saved.chunks:
        tally.add(chunk)
    ids, delivered, attempts = _webhooks(saved.chunks)
    until_success_us = new_histogram()
    fold(until_success_us, np.fromiter(_until_success_us(saved.chunks), dtype=np.int64))
    reason = problem or (stats.problem if stats else "") or saved.problem
    if not reason and stats is not None and stats.received != tally.received:
        reason = f"the ledger holds {tally.received} requests, the sink counted {stats.received}"
    return SinkResult(
        received=tally.received,
        ids=ids,
        delivered_ids=delivered,
        duplicates=tally.duplicates,
        retries=tally.retries,
        bad_signatures=tally.bad_signatures,
        unverified=tally.unverified,
        unnamed=tally.unnamed,
        untimed=tally.untimed,
        unrouted=stats.unrouted if stats else 0,
        attempts=attempts,
        latencies_us=tally.latencies_us,
        until_success_us=until_success_us,
        seconds=tally.seconds(),
        in_flight_max=stats.in_flight_max if stats else 0,
        cpu_s=stats.cpu_s if stats else 0.0,
        ledger=ledger,
        incomplete=bool(reason),
        reason=reason,
    )


def latencies_of(ledger: SavedLedger, endpoints: Collection[int]) -> HdrHistogram:
    """Return the end-to-end latencies of first receipts at *endpoints* alone, microseconds."""
    histogram = new_histogram()
    wanted = np.fromiter(endpoints, dtype=np.uint32)
    for chunk in ledger.chunks:
        at_us = np.frombuffer(chunk.at_us, dtype=np.uint64).astype(np.int64)
        latencies_us = at_us - np.frombuffer(chunk.sent_us, dtype=np.uint64).astype(np.int64)
        kinds = np.frombuffer(chunk.marks, dtype=np.uint8) & np.uint8(KIND)
        here = np.isin(np.frombuffer(chunk.endpoint, dtype=np.uint32), wanted)
        timed = (latencies_us >= 0) & (latencies_us <= HIGHEST_US)
        fold(histogram, latencies_us[here & timed & (kinds == FIRST)])
    return histogram


def _webhooks(chunks: list[Chunk]) -> tuple[list[str], frozenset[str], dict[int, int]]:
    ids: list[str] = []
    delivered: set[str] = set()
    again: Counter[str] = Counter()
    for chunk in chunks:
        for raw, mark in zip(chunk.ids, chunk.marks, strict=True):
            kind = mark & KIND
            if kind in {UNNAMED, BAD_SIGNATURE}:
                continue
            name = raw.decode("latin-1")
            if kind == FIRST:
                ids.append(name)
            elif kind != ANSWERED:
                again[name] += 1
            if mark & DELIVERED:
                delivered.add(name)
    attempts = Counter(1 + count for count in again.values())
    once = len(ids) - len(again)
    return ids, frozenset(delivered), {1: once, **attempts} if once else dict(attempts)


def _until_success_us(chunks: list[Chunk]) -> Iterator[int]:
    """Yield how long each webhook took from its payload's time to its first success."""
    waiting: dict[bytes, int] = {}
    for chunk in chunks:
        rows = zip(chunk.ids, chunk.at_us, chunk.sent_us, chunk.marks, strict=True)
        for name, at_us, sent_us, mark in rows:
            if not mark & DELIVERED:
                if mark & KIND == FIRST:
                    waiting[name] = sent_us
                continue
            # The row of an answer does not say again when its webhook was sent.
            took_us = at_us - waiting.pop(name, sent_us)
            if 0 <= took_us <= HIGHEST_US:
                yield took_us
