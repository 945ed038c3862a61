"""An offer carried out by k6, with what it measured in the same terms as our own generator's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hdrh.histogram import HdrHistogram

from sureshot_lab.errors import LabError
from sureshot_lab.load.draws import thresholds
from sureshot_lab.load.k6 import Finished, Outcome, find_k6, k6_version, run_script
from sureshot_lab.load.k6_pipe import PointsPipe
from sureshot_lab.load.k6_points import Points
from sureshot_lab.load.offer import (
    DIGITS,
    HIGHEST_US,
    LOWEST_US,
    Offer,
    Offered,
    Watch,
    refuse_unusable,
)
from sureshot_lab.load.schedule import intended
from sureshot_lab.load.submissions import begin_of, end_of
from sureshot_lab.result import Interval
from sureshot_lab.scenario import Model

SCENARIO = Path(__file__).with_name("scenario.js")
LONGEST_REQUEST_S = 30.0
"""What ``scenario.js`` waits for a reply, and for the last ones at its end."""


async def offer_k6(
    offer: Offer,
    folder: Path,
    *,
    watch: Watch | None = None,
    stop: asyncio.Event | None = None,
) -> Offered:
    """Offer *offer* by k6 and return what came of it, as ``offer_native`` does.

    ``lags_us`` stays empty, ``generators`` is not heeded, and ``sent_at_us`` is
    when k6 began the request, in whole milliseconds: an arrival leaves on time or is
    dropped. k6 is stopped before a cancellation goes on. Raises as ``run_k6`` does.
    """
    loop = asyncio.get_running_loop()
    halt = threading.Event()

    def show(interval: Interval) -> None:
        if watch is not None:
            loop.call_soon_threadsafe(watch, interval)

    async def heed(stop: asyncio.Event) -> None:
        await stop.wait()
        halt.set()

    running = asyncio.ensure_future(asyncio.to_thread(run_k6, offer, folder, show=show, stop=halt))
    heeding = None if stop is None else asyncio.ensure_future(heed(stop))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        halt.set()
        with contextlib.suppress(LabError):
            await running
        raise
    finally:
        if heeding is not None:
            heeding.cancel()


def run_k6(
    offer: Offer,
    folder: Path,
    *,
    show: Callable[[Interval], None] | None = None,
    stop: threading.Event | None = None,
    k6: Path | None = None,
) -> Offered:
    """Offer *offer*; blocks as long as its stages and up to 30 s more.

    In *folder* remain ``k6.csv.gz`` (the rows of every request), ``k6.json`` (k6's
    own summary) and ``k6-parts.json``. *show* is told each second, in a thread.

    Raises:
        LabError: the offer can't be carried out.
        K6Failed, ToolMissing: as ``run_script``; also when k6 was killed.
        UnreadableResult: not one request was sent.

    """
    refuse_unusable(offer)
    tool = k6 or find_k6()
    kept, summary, parts = (folder / name for name in ("k6.csv.gz", "k6.json", "k6-parts.json"))
    summary.unlink(missing_ok=True)
    parts.write_text(json.dumps(_parts(offer)))
    points = Points(None if offer.model is Model.CLOSED else intended(offer.stages))
    tell = show or (lambda _interval: None)
    with PointsPipe(points, kept, tell) as pipe:
        finished = run_script(
            SCENARIO,
            env={
                "LOAD": json.dumps(_told(offer)),
                "PARTS": str(parts.resolve()),
                "API_TOKEN": offer.token,
                "SUMMARY": str(summary.resolve()),
                "K6_CSV_TIME_FORMAT": "unix_milli",
                "K6_CSV_SAVE_INTERVAL": "200ms",
            },
            timeout_s=sum(stage[0] for stage in offer.stages) + 2 * LONGEST_REQUEST_S,
            arguments=["--out", f"csv={pipe.path}"],
            stop=stop,
            k6=tool,
            descriptors=[pipe.descriptor],
        )
    points.end(stopped=finished.outcome is not Outcome.PASSED)
    for interval in points.rest():
        tell(interval)
    return _offered(
        offer, points, finished, k6_version(tool), {"k6.csv.gz": kept, "k6.json": summary}
    )


def _offered(
    offer: Offer, points: Points, finished: Finished, version: str, files: dict[str, Path]
) -> Offered:
    stopped = finished.outcome is not Outcome.PASSED
    duration_s = 0.0 if stopped else sum(stage[0] for stage in offer.stages)
    seconds = points.intervals()
    return Offered(
        engine="k6",
        version=version,
        started_at_s=points.started_at_s,
        wall_s=max(duration_s, points.ended_s),
        cpu_shares=[finished.cpu_s / finished.wall_s],
        latencies_us=points.latencies_us,
        service_us=points.latencies_us,
        refused_us=points.refused_us,
        lags_us=HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS),
        intervals=seconds,
        errors=points.errors,
        intended=sum(second.intended for second in seconds),
        sent=sum(second.sent for second in seconds),
        accepted=sum(second.succeeded for second in seconds),
        failed=sum(second.failed for second in seconds),
        dropped=sum(second.dropped for second in seconds),
        accepted_ids=points.accepted_ids,
        stopped_early=stopped,
        files={name: path for name, path in files.items() if path.exists()},
    )


def _told(offer: Offer) -> dict[str, Any]:
    return {
        "base_url": offer.base_url.rstrip("/"),
        "stages": [list(stage) for stage in offer.stages],
        "worst_s": offer.worst_s,
        "seed": offer.seed,
        "connections": offer.connections if offer.model is Model.CLOSED else 0,
    }


def _parts(offer: Offer) -> dict[str, Any]:
    """Return what bodies are put together from; a file, for it may be large."""
    return {
        "begins": [begin_of(place, offer.run) for place in offer.places],
        "weights": thresholds(offer.weights),
        "ends": [end_of(payload) for payload in offer.payloads],
    }
