"""The figures of a run, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sureshot_lab.result import Phase, Sample
from sureshot_lab.sampler.steps import highest_mean, integral, mean, rebase, steps_within
from sureshot_lab.sampler.summary import summarise
from sureshot_lab.targets import load_targets

MIB = 2.0**20


def samples(name: str, value: Callable[[int], float], until_s: int = 40) -> list[Sample]:
    """Return one sample a second of one value, the first without it, as rates are."""
    return [
        Sample(at_s=float(at_s), values={name: value(at_s)} if at_s else {})
        for at_s in range(until_s + 1)
    ]


def phase(name: str, start_s: float, end_s: float) -> Phase:
    return Phase(name=name, start_s=start_s, end_s=end_s)


RUN = [phase("warm-up", 0, 5), phase("steady", 5, 25), phase("drain", 25, 40)]


def test_cpu_share_is_the_highest_mean_of_ten_seconds() -> None:
    # Seconds 11 to 20 at 0.8, with one second at 0 and one at 1.0 in it; the rest at 0.2.
    busy = dict.fromkeys(range(11, 21), 0.8) | {12: 0.0, 15: 1.0}
    metrics = summarise(samples("service.cpu_cores_max", lambda s: busy.get(s, 0.2)), RUN)
    assert metrics["service_cpu_share"] == pytest.approx((8 * 0.8 + 0.0 + 1.0) / 10)


def test_warm_up_and_drain_do_not_count_for_shares() -> None:
    def busy(second: int) -> float:
        return 0.3 if 5 < second <= 25 else 1.0

    metrics = summarise(samples("service.cpu_cores_max", busy), RUN)
    assert metrics["service_cpu_share"] == pytest.approx(0.3)
    assert summarise(samples("service.cpu_cores_max", busy))["service_cpu_share"] == 1.0


def test_a_run_shorter_than_ten_seconds_is_taken_as_a_whole() -> None:
    metrics = summarise(samples("service.cpu_cores_max", lambda s: s / 10, until_s=4))
    assert metrics["service_cpu_share"] == pytest.approx((0.1 + 0.2 + 0.3 + 0.4) / 4)


def test_a_drain_counts_for_the_largest_values_and_a_warm_up_does_not() -> None:
    backlog = {3: 900.0, 20: 50.0, 30: 70.0}
    metrics = summarise(samples("metrics.backlog", lambda s: backlog.get(s, 1.0)), RUN)
    assert metrics["backlog_max"] == 70.0


def test_every_group_of_processes_has_its_figures() -> None:
    values = {
        "service.cpu_cores_max": 0.4,
        "service.rss_bytes": 150 * MIB, "service.rss_max_bytes": 90 * MIB, "service.fds": 40.0,
        "generator.cpu_cores_max": 0.5,
        "generator.rss_max_bytes": 30 * MIB, "generator.fds": 9.0,
    }  # fmt: skip
    used = {"service.cpu_s": 0.6, "generator.cpu_s": 0.5}
    taken = [
        Sample(at_s=float(s), values=values | {name: s * each for name, each in used.items()})
        for s in range(11)
    ]
    metrics = summarise(taken, delivered=2000)
    assert metrics == pytest.approx(
        {
            "service_cpu_share": 0.4,
            "service_rss_max_bytes": 90 * MIB,
            "service_fds_max": 40,
            # 0.6 s of CPU in each of 10 s, for 2,000 webhooks.
            "service_cpu_us_per_webhook": 3000,
            "generator_cpu_share": 0.5,
            "generator_rss_max_bytes": 30 * MIB,
            "generator_fds_max": 9,
            "generator_cpu_us_per_webhook": 2500,
        }
    )


def test_a_service_elsewhere_is_known_by_its_own_metrics() -> None:
    elsewhere, here = {"metrics.cpu_cores_max": 0.5}, {"service.cpu_cores_max": 0.3}
    both = [Sample(at_s=float(s), values=elsewhere | here) for s in range(5)]
    told = [Sample(at_s=float(s), values=elsewhere) for s in range(5)]
    assert summarise(told)["service_cpu_share"] == pytest.approx(0.5)
    assert summarise(both)["service_cpu_share"] == pytest.approx(0.3)


def test_steal_is_told_as_a_mean_and_at_its_worst() -> None:
    # 10 of the 20 s of load at 0.2.
    stolen = dict.fromkeys(range(6, 16), 0.2)
    metrics = summarise(samples("host.steal_share", lambda s: stolen.get(s, 0.0)), RUN)
    assert metrics["host_steal_share"] == pytest.approx(0.1)
    assert metrics["host_steal_share_max"] == pytest.approx(0.2)


def test_cpu_before_and_after_a_run_is_not_its_cost() -> None:
    taken = samples("service.cpu_s", float, until_s=60)
    for sample in taken:
        sample.values["service.cpu_cores_max"] = 1.0
    # 38 s of the samples' 60 lie in the run.
    run = [phase("warm-up", 2, 5), phase("steady", 5, 40)]
    assert summarise(taken, run, delivered=1000)["service_cpu_us_per_webhook"] == 38_000


def test_costs_are_of_the_whole_run() -> None:
    taken = samples("postgres.wal_bytes_per_s", lambda s: 1000.0 if s <= 30 else 0.0)
    assert summarise(taken, RUN, delivered=300)["database_wal_bytes_per_webhook"] == 100.0
    assert "database_wal_bytes_per_webhook" not in summarise(taken, RUN)
    assert "database_wal_bytes_per_webhook" not in summarise(taken, RUN, delivered=0)


def test_the_database_is_asked_before_the_service_is_believed() -> None:
    told = [Sample(at_s=0.0, values={"metrics.database_connections": 7.0})]
    asked = [
        Sample(at_s=float(s), values={"postgres.database_connections": open_, **told[0].values})
        for s, open_ in enumerate((3.0, 5.0, 4.0))
    ]
    assert summarise(told)["database_connections_max"] == 7
    assert summarise(asked)["database_connections_max"] == 5


def test_the_brokers_memory_and_the_pods_count_at_their_highest() -> None:
    taken = [
        Sample(
            at_s=float(s),
            values={
                "rabbitmq.unacked": held,
                "rabbitmq.memory_bytes": held * MIB,
                "kubernetes.memory_max_bytes": held * 2 * MIB,
            },
        )
        for s, held in enumerate((3.0, 5.0, 4.0))
    ]
    metrics = summarise(taken)
    assert metrics["queue_unacked_max"] == 5
    assert metrics["queue_memory_max_bytes"] == 5 * MIB
    assert metrics["pod_memory_max_bytes"] == 10 * MIB


def test_nothing_sampled_is_nothing_known() -> None:
    assert summarise([]) == {}
    assert summarise([Sample(at_s=0.0, values={"sampler.lag_s": 0.0})], RUN, delivered=5) == {}


def test_every_resource_of_the_targets_is_among_the_figures() -> None:
    names = ("service.cpu_cores_max", "service.rss_max_bytes", "metrics.queue_depth",
             "postgres.database_connections")  # fmt: skip
    taken = [Sample(at_s=float(s), values=dict.fromkeys(names, 1.0)) for s in range(12)]
    assert {one.metric for one in load_targets().resource} <= summarise(taken).keys()


def test_a_rate_counts_for_as_long_as_it_lies_in_a_phase() -> None:
    # Read at 0, 2 and 5 s: 10 a second for 2 s, 20 a second for 3 s.
    taken = [
        Sample(at_s=0.0, values={}),
        Sample(at_s=2.0, values={"rate": 10.0}),
        Sample(at_s=3.0, values={}),
        Sample(at_s=5.0, values={"rate": 20.0}),
    ]
    assert integral(steps_within(taken, "rate", [(0, 5)])) == 80
    assert integral(steps_within(taken, "rate", [(1, 3)])) == 30
    assert mean(steps_within(taken, "rate", [(1, 3)])) == 15
    assert steps_within(taken, "rate", [(6, 9)]) == []
    assert highest_mean([], 10) is None


def test_a_clock_is_moved() -> None:
    moved = rebase([Sample(at_s=3.0, values={"a": 1.0})], -3.0)
    assert moved == [Sample(at_s=0.0, values={"a": 1.0})]
