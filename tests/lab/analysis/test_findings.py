"""What a run makes the laboratory say: with evidence, with figures, and nothing without cause."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sureshot_lab.analysis.findings import findings
from sureshot_lab.result import ErrorCount, Event, Finding, RunResult, Table
from tests.lab.analysis.runs import a_run, conditions, gate, latency, samples, seconds

MB = 1e6
WELL = {
    "requests": 18_000,
    "offered_per_s": 300.0,
    "achieved_per_s": 300.0,
    "delivered": 18_000,
    "delivered_per_s": 300.0,
    "submission_p99_s": 0.015,
    "end_to_end_p95_s": 0.030,
}


def a_load(metrics: dict[str, float] | None = None, **changes: Any) -> RunResult:
    """Return a minute of 300/s with nothing wrong but *changes*."""
    plain: dict[str, Any] = {
        "metrics": {**WELL, **(metrics or {})},
        "intervals": seconds(60),
        "latencies": {"submission": latency()},
    }
    return a_run(**{**plain, **changes})


def told(run: RunResult, words: str) -> Finding:
    """Return the one finding whose head has *words*."""
    found = [one for one in findings(run) if words in one.what]
    assert len(found) == 1, [one.what for one in findings(run)]
    return found[0]


def test_a_run_with_nothing_to_tell_has_no_findings() -> None:
    assert findings(a_load()) == []
    assert findings(a_run()) == []


def test_the_weightiest_comes_first() -> None:
    run = a_load(
        {"dropped_requests": 5, "service_cpu_us_per_webhook": 800, "retries": 9000},
        errors=[ErrorCount(what="status 503", count=20, first_at_s=1)],
    )
    assert [one.severity for one in findings(run)] == ["critical", "warning", "note", "note"]


def test_dropped_arrivals() -> None:
    found = told(a_load({"dropped_requests": 2000}), "Arrivals were dropped")
    assert found.severity == "critical"
    assert "2,000 of 20,000 arrivals" in found.evidence


def test_a_load_that_was_not_offered() -> None:
    found = told(a_load({"achieved_per_s": 240}), "intended load was not offered")
    assert "240/s were sent of 300/s" in found.evidence


def test_a_load_the_service_held_up_is_not_the_generators_fault() -> None:
    run = a_load({"achieved_per_s": 240, "generator_lag_p99_s": 0.001})
    found = told(run, "service held the load up")
    assert found.severity == "warning"
    assert "240/s were sent of 300/s" in found.evidence


def test_a_generator_that_was_late_by_itself() -> None:
    found = told(a_load({"generator_lag_p99_s": 0.4}), "late by itself")
    assert "400 ms after its time" in found.evidence


def test_a_generator_at_its_limit_is_told_what_it_could_do() -> None:
    found = told(a_load({"generator_cpu_share": 0.96}), "generator was at its own limit")
    assert "96 % of a core at 300/s" in found.evidence
    assert "at most 250/s" in found.recommendation


def test_a_host_that_takes_cpu_away() -> None:
    assert "8 %" in told(a_load({"host_steal_share": 0.08}), "host took CPU away").evidence


def test_measurements_that_disagree() -> None:
    run = a_load(
        intervals=seconds(60, in_flight=60), latencies={"submission": latency(mean_s=0.05)}
    )
    assert "60 in flight were counted, 15 follow" in told(run, "Little's law").evidence


def test_a_warm_up_and_how_much_to_leave_out() -> None:
    run = a_load(intervals=seconds(60, p95_s=lambda s: 0.08 if s < 5 else 0.01))
    restless = a_load(intervals=seconds(60, p95_s=lambda s: 0.5 - 0.008 * s))
    assert "120 s or more" in told(restless, "never came to rest").recommendation
    assert told(run, "begins with a warm-up").recommendation.startswith("Set `load.warm_up_s` 5 s")


def test_a_load_that_changes_has_no_warm_up() -> None:
    run = a_load(
        intervals=seconds(60, rate=lambda s: 100 + 20 * s, p95_s=lambda s: 0.08 if s < 5 else 0.01)
    )
    assert findings(run) == []


def test_few_requests_for_a_percentile() -> None:
    found = told(a_load(latencies={"submission": latency(count=900)}), "rests on few requests")
    assert "Of 900 requests 9 are beyond it" in found.evidence


def test_a_broken_promise_with_its_distance() -> None:
    run = a_load(gates=[gate("submission_p99_s", 0.135, "<", 0.100)])
    found = told(run, "promise broken")
    assert found.severity == "critical"
    assert found.evidence == "135 ms, to be < 100 ms: +35.0 % from the limit."
    assert "commit time" in found.recommendation


def test_a_promise_hardly_kept() -> None:
    run = a_load(gates=[gate("submission_p99_s", 0.096, "<", 0.100)])
    assert "4 % from the limit" in told(run, "hardly kept").evidence
    assert findings(a_load(gates=[gate("submission_p99_s", 0.050, "<", 0.100)])) == []


def test_promises_of_shares_and_of_none_at_all() -> None:
    lost = a_load(gates=[gate("lost", 3, "==", 0, "count")])
    assert told(lost, "promise broken").evidence == "3, to be == 0."
    failing = a_load(gates=[gate("success_share", 0.97, ">", 0.999, "share")])
    assert told(failing, "promise broken").evidence == "97 %, to be > 99.9 %."
    well = [gate("success_share", 0.9995, ">", 0.999, "share"), gate("lost", 0, "==", 0, "count")]
    assert findings(a_load(gates=well)) == []


def test_a_promise_without_a_title_goes_by_its_name() -> None:
    untitled = msgspec.structs.replace(gate("own_s", 3, "<", 2), title="", name="own")
    assert told(a_load(gates=[untitled]), "own: promise broken").recommendation


def test_a_promise_not_measured_is_not_called_broken() -> None:
    unknown = msgspec.structs.replace(gate("own_s", 1, "<", 2), value=None, passed=None)
    assert findings(a_load(gates=[unknown])) == []


def test_a_capacity_beside_what_is_promised() -> None:
    run = a_run(
        metrics={"capacity_per_s": 1500, "capacity_low_per_s": 1400, "capacity_high_per_s": 1600},
        gates=[gate("throughput_per_min", 90_000, ">=", 10_000, "per_min")],
    )
    found = told(run, "kept up to 1,500/s")
    assert "between 1,400 and 1,600" in found.evidence
    assert "9 times the 167/s promised" in found.evidence
    assert "1,050/s" in found.recommendation


def test_a_bottleneck_of_the_service_is_a_warning_and_of_the_laboratory_critical() -> None:
    ours = a_load(samples=samples(60, service__cpu_cores_max=0.97))
    assert told(ours, "Bottleneck: CPU of the service's").severity == "warning"
    theirs = a_load(samples=samples(60, sink__cpu_cores_max=0.97))
    assert told(theirs, "Bottleneck: CPU of the sink").severity == "critical"


def test_a_full_cpu_asks_for_a_profile_and_with_one_names_its_functions() -> None:
    full = a_load(samples=samples(60, service__cpu_cores_max=0.97))
    found = told(full, "Bottleneck: CPU of the service's busiest process")
    assert f"`sureshot lab profile {full.scenario}`" in found.recommendation
    table = Table(
        name="functions", title="", columns=["function", "where", "own_percent", "with"],
        rows=[["send", "sender.py:5", 31.2, 40.0], ["interpreter", "", 9.0, 9.0]],
    )  # fmt: skip
    profiled = told(msgspec.structs.replace(full, tables=[table]), "Bottleneck: CPU of the")
    assert profiled.evidence.endswith(
        " Of the service's own CPU most went into send (sender.py:5) 31.2 %, interpreter 9.0 %."
    )
    assert "lab profile" not in profiled.recommendation
    search = msgspec.structs.replace(full, metrics={**full.metrics, "capacity_per_s": 900.0})
    assert "`sureshot lab profile load`" in told(search, "Bottleneck: CPU").recommendation


def test_nothing_saturated_is_told_too() -> None:
    run = a_load(samples=samples(60, service__cpu_cores_max=0.30))
    assert "with 30 %" in told(run, "Nothing was saturated").evidence


def test_a_leak_with_the_time_it_leaves() -> None:
    run = a_load(
        {"service_rss_max_bytes": 100 * MB},
        samples=samples(60, service__rss_bytes=lambda s: 80 * MB + 300_000 * s),
    )
    found = told(run, "memory of the service grows")
    assert "reached in 0.902 h" in found.recommendation
    assert found.evidence.startswith("It grows by 293 KiB [293 KiB, 293 KiB] a second, ")


@pytest.mark.parametrize(
    ("count", "severity", "what", "advice"),
    [
        (60, "warning", "grows, or is not full yet", "at least 5 minutes of the same load"),
        (900, "critical", "grows without end", "Find what holds on to it"),
    ],
)
def test_only_a_long_run_calls_growth_a_leak(
    count: int, severity: str, what: str, advice: str
) -> None:
    fds = samples(count, service__fds=lambda s: 50 + 3 * s)
    run = a_load(intervals=seconds(count), samples=fds)
    found = told(run, "file descriptors of the service")
    assert (found.severity, found.what.endswith(what)) == (severity, True)
    assert advice in found.recommendation


def test_memory_that_stays_is_not_told() -> None:
    run = a_load(samples=samples(60, service__rss_bytes=80 * MB, metrics__queue_depth=5))
    assert findings(run) == []


def test_descriptors_that_leak_have_no_limit_of_memory() -> None:
    run = a_load(
        {"service_rss_max_bytes": 100 * MB}, samples=samples(60, service__fds=lambda s: 50 + 3 * s)
    )
    found = told(run, "file descriptors of the service grows")
    assert "limit of" not in found.recommendation


def test_a_growing_queue_with_what_is_missing() -> None:
    run = a_load(samples=samples(60, metrics__queue_depth=lambda s: 60 * s))
    found = told(run, "More is accepted than delivered")
    assert "The queue depth grew by 60 [60, 60] a second" in found.evidence
    assert "20 % faster than its 300/s" in found.recommendation


def test_the_cost_of_a_webhook_and_the_cores_for_twice_the_load() -> None:
    found = told(a_load({"service_cpu_us_per_webhook": 2000}), "costs 2,000 µs of CPU")
    assert "about 450/s at 90 %" in found.evidence
    assert "Twice this run's 300/s takes 2 cores" in found.recommendation


def test_a_gauge_above_its_target() -> None:
    found = told(a_load({"service_rss_max_bytes": 700 << 20}), "Memory per pod above its target")
    assert found.severity == "warning"
    assert "700 MiB; the target is 512 MiB, the limit 1 GiB" in found.evidence
    assert "26.9 % less of it" in found.recommendation
    over = told(a_load({"queue_depth_max": 12_000}), "Queue depth above its alert")
    assert over.severity == "critical"
    assert over.evidence.startswith("12,000; the target is 1,000,")


def test_a_database_that_reads_from_disk_or_deadlocks() -> None:
    run = a_load({"database_cache_hit_share": 0.93, "database_deadlocks": 2})
    assert "93 %" in told(run, "reads from disk").evidence
    assert told(run, "deadlocks").severity == "critical"


def test_stalls_with_the_seconds_they_are_in() -> None:
    run = a_load(
        latencies={"submission": latency(p50_s=0.002, p99_s=0.400)},
        intervals=seconds(60, p95_s=lambda s: 0.3 if s in {17, 42} else 0.005),
    )
    found = told(run, "stall")
    assert "p99 is 400 ms, 200 times the median of 2 ms" in found.evidence
    assert found.evidence.endswith("2 of 60 seconds hold the slowest: 17, 42.")


def test_time_spent_waiting_to_be_sent() -> None:
    run = a_load(
        latencies={"submission": latency(p99_s=0.2), "submission_service": latency(p99_s=0.02)}
    )
    assert "200 ms from the intended time and 20 ms" in told(run, "waited for those").evidence
    slow = a_load(
        latencies={"submission": latency(p99_s=0.09), "submission_service": latency(p99_s=0.08)}
    )
    assert findings(slow) == []


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("queue_latency_p95_s", "wait in the queue"),
        ("delivery_duration_p95_s", "Receivers are slow"),
        ("submission_p95_s", "Accepting takes"),
    ],
)
def test_where_most_of_the_time_goes(metric: str, words: str) -> None:
    run = a_load({"end_to_end_p95_s": 0.400, metric: 0.300})
    assert "(75 %)" in told(run, words).evidence
    assert findings(a_load({"end_to_end_p95_s": 0.400, metric: 0.100})) == []
    assert findings(a_load({"end_to_end_p95_s": 0.004, metric: 0.003})) == []


def test_latency_that_drifts_under_a_steady_load() -> None:
    run = a_load(intervals=seconds(60, p95_s=lambda s: 0.010 + 0.00003 * s))
    assert "changes by +1" in told(run, "Latency drifts").evidence
    worse = a_load(intervals=seconds(60, p95_s=lambda s: 0.010 + 0.0002 * s))
    assert [one.what for one in findings(worse)] == ["The run never came to rest"]


def test_recovery_from_what_was_done() -> None:
    killed = [Event(at_s=20, what="kill worker")]
    well = a_load(events=killed, intervals=seconds(60, p95_s=lambda s: 1 if 20 <= s < 27 else 0.01))
    assert "7 s after it" in told(well, "kill worker: recovered").evidence
    ill = a_load(events=killed, intervals=seconds(60, p95_s=lambda s: 1 if s >= 20 else 0.01))
    assert told(ill, "kill worker: not recovered").severity == "critical"


def test_what_was_done_before_the_load_cannot_be_compared() -> None:
    assert findings(a_load(events=[Event(at_s=-1, what="restart")])) == []


def test_errors_with_their_share_and_meaning() -> None:
    errors = [
        ErrorCount(what="status 503", count=1800, first_at_s=12.3),
        ErrorCount(what="timeout", count=9, first_at_s=20),
    ]
    found = told(a_load(errors=errors), "status 503")
    assert found.evidence == "1,800 (10 % of 18,000), the first 12.3 s after the begin."
    assert "intake or queue was full" in found.recommendation
    assert "No answer came in time" in told(a_load(errors=errors), "timeout").recommendation


def test_three_kinds_of_errors_are_enough() -> None:
    errors = [ErrorCount(what=f"status 5{n:02d}", count=n, first_at_s=1) for n in range(1, 6)]
    found = [one.what for one in findings(a_load(errors=errors))]
    assert found == [f"Submissions ended in status 50{n}" for n in (5, 4, 3)]


def test_duplicates_are_told_once() -> None:
    broken = [gate("duplicate_share", 0.02, "<", 0.01, "share")]
    found = findings(a_load({"duplicates": 400}, gates=broken))
    assert [one.what for one in found] == ["duplicate_share: promise broken"]
    others = [gate("lost", 3, "==", 0, "count")]
    assert told(a_load({"duplicates": 4}, gates=others), "delivered twice").severity == "note"


def test_retries_duplicates_and_what_is_left() -> None:
    run = a_load({"retries": 9000, "breaker_open_max": 3, "duplicates": 4, "pending": 7})
    assert "Up to 3 lanes were closed" in told(run, "several attempts").evidence
    assert "4 of 18,000" in told(run, "delivered twice").evidence
    assert "7 accepted webhooks" in told(run, "did not drain").evidence


def test_every_finding_has_evidence_and_a_figure() -> None:
    run = a_load(
        {
            "dropped_requests": 5,
            "host_steal_share": 0.08,
            "service_cpu_us_per_webhook": 800,
            "retries": 9000,
            "queue_depth_max": 2000,
            "pending": 3,
        },
        samples=samples(60, service__cpu_cores_max=0.97, metrics__queue_depth=lambda s: 60 * s),
        gates=[gate("submission_p99_s", 0.135, "<", 0.100)],
        conditions=conditions(),
    )
    found = findings(run)
    assert len(found) >= 9
    for one in found:
        assert any(letter.isdigit() for letter in one.evidence), one
        assert one.evidence.endswith(".")
        assert one.what[0].isupper() or one.what == "submission_p99_s: promise broken"
