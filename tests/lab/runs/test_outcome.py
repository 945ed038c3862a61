"""What a load came to: its busiest generator at its peak, and what left in time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
from hdrh.histogram import HdrHistogram

from sureshot_lab.load.offer import DIGITS, HIGHEST_US, LOWEST_US, Offered
from sureshot_lab.result import Interval, Phase, Sample, Verdict
from sureshot_lab.runs.load_run import LoadRun
from sureshot_lab.runs.measure import measure
from sureshot_lab.runs.outcome import result_of
from sureshot_lab.runs.whereabouts import Whereabouts
from sureshot_lab.scenario import load_scenario
from sureshot_lab.sink.reconciliation import reconcile
from tests.lab.analysis.runs import conditions
from tests.lab.runs.received import receipts

SECONDS, RATE = 40, 10


def timed(latency_us: int) -> HdrHistogram:
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    histogram.record_value(latency_us, SECONDS * RATE)
    return histogram


def a_load(folder: Path, generator_cores: dict[int, float], late: int = 0) -> LoadRun:
    """Return a load with nothing wrong; the last *late* arrivals left after its end.

    *generator_cores*: what was sampled of the generator, by the second; else 0.1.
    """
    ids = [f"wh_{number}" for number in range(SECONDS * RATE)]
    sent = [RATE] * SECONDS + [late]
    sent[SECONDS - 1] -= late
    intervals = [
        Interval(
            at_s=float(n), intended=RATE * (n < SECONDS), sent=count,
            succeeded=RATE * (n < SECONDS), failed=0,
        )
        for n, count in enumerate(sent)
    ]  # fmt: skip
    offered = Offered(
        engine="native", version="1", started_at_s=0.0, wall_s=SECONDS, cpu_shares=[0.3],
        latencies_us=timed(5000), service_us=timed(5000), refused_us=timed(1), lags_us=timed(100),
        intervals=intervals, errors=[], intended=len(ids), sent=len(ids), accepted=len(ids),
        failed=0, dropped=0, accepted_ids=ids,
    )  # fmt: skip
    received = receipts(folder, ids)
    found = reconcile(ids, received)
    samples = [
        Sample(at_s=float(n), values={"generator.cpu_cores_max": generator_cores.get(n, 0.1)})
        for n in range(SECONDS + 1)
    ]
    return LoadRun(
        offered=offered, received=received, found=Whereabouts(found=found),
        measured=measure(offered, received, found, SECONDS),
        phases=[Phase(name="load", start_s=0, end_s=SECONDS)], events=[], samples=samples,
        service_metrics={}, drained=True, unread=[],
    )  # fmt: skip


def test_a_generator_at_its_limit_only_at_the_peak_makes_the_run_invalid(tmp_path: Path) -> None:
    scenario = load_scenario("smoke")
    peak = dict.fromkeys(range(15, 28), 0.97)
    result = result_of("run", scenario, conditions(), a_load(tmp_path, peak), 0)
    assert result.verdict is Verdict.INVALID
    assert result.reasons[0] == "the generator used 97% of its core: the limit was its own"
    calm = result_of("run", scenario, conditions(), a_load(tmp_path, {}), 0)
    assert calm.metrics["generator_cpu_share"] == 0.3, "what it tells itself, if that is more"
    assert calm.verdict is not Verdict.INVALID


def test_accepted_webhooks_nobody_can_name_leave_the_ledger_incomplete(tmp_path: Path) -> None:
    done = a_load(tmp_path, {})
    done = replace(done, found=msgspec.structs.replace(done.found, unnamed=3))
    result = result_of("run", load_scenario("smoke"), conditions(), done, 0)
    assert result.verdict is Verdict.INVALID
    assert "3 of 400 answers with 202 told no id" in result.reasons[0]


def test_what_left_after_the_end_was_not_achieved_and_is_no_fault_of_the_generator(
    tmp_path: Path,
) -> None:
    done = a_load(tmp_path, {}, late=8)
    result = result_of("run", load_scenario("smoke"), conditions(), done, 0)
    assert result.metrics["requests"] == SECONDS * RATE
    assert result.metrics["offered_per_s"] == 10.0
    assert result.metrics["achieved_per_s"] == 9.8
    assert result.verdict is not Verdict.INVALID
    assert "The service held the load up" in [finding.what for finding in result.findings]
