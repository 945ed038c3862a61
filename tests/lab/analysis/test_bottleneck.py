"""Which resource was full first, as load rises; and when none was."""

from __future__ import annotations

from typing import Any

import pytest

from sureshot_lab.analysis.bottleneck import bottleneck, uses
from sureshot_lab.analysis.resources import Owner
from sureshot_lab.result import RunResult
from tests.lab.analysis.runs import Curve, a_run, conditions, samples, seconds

RISING = 40
"""Seconds in which the load rises by 50/s each."""


def rising(*, settings: dict[str, Any] | None = None, **curves: Curve | float) -> RunResult:
    return a_run(
        intervals=seconds(RISING, rate=lambda s: 50 * (s + 1)),
        samples=samples(RISING, **curves),
        conditions=conditions(service={"settings": settings or {}}),
    )


def up_to(share: float, at_s: float) -> Curve:
    """Rise evenly to *share* at *at_s* and stay there."""
    return lambda second: share * min(1.0, second / at_s)


def test_the_services_process_is_full_first() -> None:
    run = rising(
        service__cpu_cores_max=up_to(0.99, 20), host__cpu_share=up_to(0.8, 40), sink__cpu_cores=0.2
    )
    found = bottleneck(run)
    assert found.first is not None
    assert found.first.resource.owner is Owner.SERVICE
    assert found.first.full_at_s == 19
    assert found.offered_per_s == 1000
    assert found.evidence["CPU of the service's busiest process"] == pytest.approx(0.99)
    assert found.evidence["CPU of the machine"] == pytest.approx(0.74)
    assert found.sentence == (
        "CPU of the service's busiest process was full first: 99 % of it, from second 19 on at "
        "1,000/s. Next: CPU of the machine 74 %, CPU of the sink 20 %."
    )


def test_what_is_full_earlier_comes_first() -> None:
    run = rising(service__cpu_cores_max=up_to(1.0, 30), host__iowait_share=up_to(0.9, 30))
    found = bottleneck(run)
    assert found.first is not None
    assert found.first.resource.name == "waiting for the disk"


def test_a_limit_of_the_laboratory_is_told_as_such() -> None:
    found = bottleneck(rising(generator__cpu_cores_max=up_to(0.95, 10), host__cpu_share=0.5))
    assert found.first is not None
    assert found.first.resource.owner is Owner.LABORATORY
    assert "the service can do this much, maybe more" in found.sentence


def test_cpu_taken_by_the_hypervisor_is_told() -> None:
    found = bottleneck(rising(host__steal_share=0.12, service__cpu_cores_max=0.5))
    assert found.first is not None
    assert found.first.resource.name == "CPU taken by the hypervisor"


@pytest.mark.parametrize(
    ("name", "value", "settings", "resource"),
    [
        ("metrics__database_connections", 95, {}, "database connections"),
        ("metrics__in_flight", 980, {"max_in_flight": 1000}, "webhooks in flight"),
        ("service__rss_bytes", 5e8, {"memory_bytes": 512e6}, "memory of the service"),
        ("service__fds", 250, {"descriptors": 256}, "file descriptors of the service"),
        ("postgres__cpu_cores", 1.95, {}, "CPU of the store"),
        ("sink__cpu_cores_max", 0.9, {}, "CPU of the sink"),
        ("sampler__lag_s", 0.6, {}, "time of the sampler's own loop"),
    ],
)
def test_every_resource_may_be_the_one(
    name: str, value: float, settings: dict[str, Any], resource: str
) -> None:
    found = bottleneck(rising(settings=settings, **{name: value}, host__cpu_share=0.3))
    assert found.first is not None
    assert found.first.resource.name == resource


def test_nothing_is_saturated_on_an_easy_load() -> None:
    found = bottleneck(rising(service__cpu_cores_max=0.3, host__cpu_share=0.4))
    assert found.first is None
    assert found.sentence == (
        "Nothing was saturated; nearest to it was CPU of the machine with 40 %, full at 90 %."
    )


def test_the_nearest_is_by_what_is_full_for_each() -> None:
    found = bottleneck(rising(service__cpu_cores_max=0.6, host__iowait_share=0.2))
    assert "nearest to it was waiting for the disk with 20 %, full at 25 %" in found.sentence


def test_a_moment_is_no_saturation() -> None:
    found = bottleneck(rising(service__cpu_cores_max=lambda s: 1.0 if s in {10, 11} else 0.3))
    assert found.first is None


def test_a_queue_that_grows_though_nothing_is_full_is_told() -> None:
    found = bottleneck(
        rising(service__cpu_cores_max=0.3, metrics__queue_depth=lambda second: 100 * second)
    )
    assert found.first is None
    assert found.backlog_per_s is not None
    assert found.backlog_per_s.value == pytest.approx(100)
    assert found.evidence["backlog_growth_per_s"] == pytest.approx(100)
    assert "Yet work waits" in found.sentence
    assert "The queue grew by 100 a second" in found.sentence


def test_what_was_sampled_after_the_load_does_not_count() -> None:
    run = a_run(
        intervals=[*seconds(20), *seconds(60, rate=0)[20:]],
        samples=samples(60, host__cpu_share=lambda s: 0.99 if s > 25 else 0.2),
    )
    assert bottleneck(run).first is None


def test_without_samples_nothing_is_claimed() -> None:
    assert uses(a_run(intervals=seconds(20))) == []
    assert "No resource was sampled" in bottleneck(a_run(intervals=seconds(20))).sentence
    assert bottleneck(a_run()).first is None


def test_a_resource_of_unknown_size_is_left_out() -> None:
    names = [use.resource.name for use in uses(rising(metrics__in_flight=980, service__fds=50))]
    assert names == []
