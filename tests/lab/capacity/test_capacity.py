"""What a plan follows from: figures put in by hand, and a calibration of a real service."""

from __future__ import annotations

import contextlib
import dataclasses
from inspect import signature
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
import pytest
import yaml

from sureshot.config import Settings
from sureshot_lab.capacity.basis import Basis, fit_basis
from sureshot_lab.capacity.calibrate import MOST_PER_S, calibrate, scenario_of, steps_towards
from sureshot_lab.capacity.cpu import fit_cpu
from sureshot_lab.capacity.demand import (
    IN_FLIGHT_BYTES,
    PAYLOAD_BYTES_AT_MOST,
    SCHEDULER_CORES,
    Demand,
)
from sureshot_lab.capacity.observation import observe
from sureshot_lab.capacity.plan import plan_capacity
from sureshot_lab.capacity.prediction import check_prediction
from sureshot_lab.capacity.quantities import duration_s, rate_per_s, size_bytes
from sureshot_lab.cli.capacity_commands import capacity
from sureshot_lab.errors import LabError
from sureshot_lab.result import RunResult, Verdict
from sureshot_lab.runs.options import Options
from sureshot_lab.traffic.payloads import make_payloads
from tests.lab.capacity.observations import each_s, observation

ROOT = Path(__file__).parents[3]
REPEATS = 2

DEMAND = Demand(rate_per_s=1000.0, p95_s=0.5, payload_bytes=2000.0, receiver_s=0.3)


def _basis(*rates: float, **changes: Any) -> Basis:
    return fit_basis(
        [observation(rate, **changes) for rate in rates or (100.0, 300.0, 600.0, 1000.0)]
    )


def _demand(**changes: Any) -> Demand:
    return dataclasses.replace(DEMAND, **changes)


def test_quantities_are_read_as_people_write_them() -> None:
    assert rate_per_s("50000/min") == pytest.approx(833.33, abs=0.01)
    assert rate_per_s("1_200/s") == 1200
    assert duration_s("300ms") == pytest.approx(0.3)
    assert size_bytes("2KB") == 2048
    for wrong in ("fast", "-3/s", "10/fortnight", "0/s"):
        with pytest.raises(LabError, match="must be a rate"):
            rate_per_s(wrong)


def test_a_webhook_costs_less_the_more_come_and_in_flight_is_littles_law() -> None:
    basis = _basis()
    for rate in (50, 200, 800, 3000):
        assert basis.cores(rate, 1000) == pytest.approx(rate * each_s(rate), rel=0.01)
    for rate in (50, 300, 900):
        found = basis.sure_rate_per_s(basis.cores(rate, 1000), 1000)
        assert found == pytest.approx(rate)
    # However little CPU that seems to take, a replica is counted on for what was measured.
    assert basis.sure_rate_per_s(2.0, 1000) == pytest.approx(1.1 * 1000)
    assert basis.in_flight(1000, 0.3) == pytest.approx(310)


def test_a_rate_that_was_left_out_is_foretold_beyond_the_others_too() -> None:
    for held in (100.0, 1000.0, 2000.0):
        rest = [rate for rate in (100.0, 250.0, 500.0, 1000.0) if rate != held]
        foretold = _basis(*rest).cores(held, 1000)
        assert foretold == pytest.approx(held * each_s(held), rel=0.1), held


def test_two_runs_at_one_rate_tell_nothing_of_what_is_shared() -> None:
    seen = [
        observation(rate, cores=rate * cost_us / 1e6)
        for rate, cost_us in ((99.9, 2000.0), (100.2, 1900.0))
    ]
    law = fit_cpu(seen)
    assert law.cores(1000, 312) == pytest.approx(10 * law.cores(100, 312))


def test_noise_makes_no_webhook_free_and_none_dearer_in_company() -> None:
    falling = [observation(100), observation(400, cores=0.1), observation(1000, cores=0.05)]
    basis = fit_basis(falling)
    assert basis.cores(2000, 1000) > basis.cores(1000, 1000) > basis.cores(400, 1000) > 0
    rising = fit_basis([observation(100, cores=0.1), observation(400, cores=0.8)])
    assert rising.cores(800, 1000) == pytest.approx(2 * rising.cores(400, 1000))


def test_a_larger_payload_costs_cpu_replicas_headroom_and_memory() -> None:
    # 20 us a KiB.
    cores = 300 * (each_s(300) + 20e-6 * 32)
    large = observation(300, run="large", payload_bytes=33 * 1024.0, cores=cores)
    basis = fit_basis(
        [*(observation(rate, payload_bytes=1024.0) for rate in (100, 300, 1000)), large]
    )
    assert basis.value("kib_us") == pytest.approx(20, rel=0.02)
    plans = {kib: plan_capacity(_demand(payload_bytes=kib * 1024.0), basis) for kib in (1, 100)}
    more = plans[100].need("CPU") - plans[1].need("CPU")
    assert more == pytest.approx(1000 * 20e-6 * 99, rel=0.02)
    assert plans[100].need("worker replicas") > plans[1].need("worker replicas")
    assert plans[100].need("API replicas") > plans[1].need("API replicas")
    grown = plans[100].need("memory of a worker") - 64
    workers = plans[100].need("worker replicas") - 1
    assert grown == pytest.approx(310 / workers * (4096 + 102_400) / 2**20)
    assert not any("payloads" in warning for plan in plans.values() for warning in plan.warnings)
    held = _demand(payload_bytes=900_000.0, receiver_s=2.0, rate_per_s=500.0)
    # 128 MiB in flight are 149 such payloads: 1,005 in flight need ten workers at 70 % of it.
    assert plan_capacity(held, basis).need("worker replicas") == 10 + 1


def test_a_payload_far_beyond_what_was_measured_is_said() -> None:
    basis = _basis(payload_bytes=300.0)
    far = plan_capacity(_demand(payload_bytes=65_536.0), basis).warnings
    assert any("payloads of 64 KiB are 218 times the largest measured (300 B)" in w for w in far)
    near = plan_capacity(_demand(payload_bytes=1000.0), basis).warnings
    assert not any("payloads" in warning for warning in near)


def test_a_plan_has_one_replica_more_than_the_cpu_target_asks_for() -> None:
    plan = plan_capacity(DEMAND, _basis())
    # By CPU 70 % of a core are more than 1,500/s of either's part; measured was up to 1,000/s.
    assert plan.need("API replicas") == 1 + 1
    assert plan.need("worker replicas") == 1 + 1
    twice = plan_capacity(_demand(rate_per_s=2000.0), _basis())
    assert twice.need("API replicas") == 2 + 1
    assert twice.need("worker replicas") == 2 + 1
    # Twice as dear, and measured further: now the worker's 60 % of the CPU are the limit.
    rates = (300.0, 1000.0, 3000.0)
    dear = fit_basis([observation(rate, cores=2 * rate * each_s(rate)) for rate in rates])
    plan_of_dear = plan_capacity(_demand(rate_per_s=2000.0), dear)
    assert plan_of_dear.need("API replicas") == 2 + 1
    assert plan_of_dear.need("worker replicas") == 3 + 1
    assert plan.need("in flight") == pytest.approx(310)
    assert plan.need("WAL a day") == pytest.approx(4000 * 86.4e6 / 2**30)
    assert plan.need("disk kept") == pytest.approx(30 * 2500 * 86.4e6 / 2**30)
    assert plan.kept


def test_connections_are_told_as_seen_and_as_the_pools_allow() -> None:
    plan = plan_capacity(DEMAND, _basis())
    processes = 2 + 2 + 1
    assert plan.need("database connections") == 5 * processes
    assert plan.need("connections at most") == (8 + 1) * processes
    larger = plan_capacity(_demand(database_pool=20), _basis())
    assert larger.need("connections at most") == 21 * processes


def test_one_process_has_no_spare_one_and_says_when_it_is_too_little() -> None:
    embedded = _basis(profile="embedded")
    plan = plan_capacity(_demand(rate_per_s=300.0), embedded)
    assert plan.need("processes") == 1
    [headroom] = [one for one in plan.needs if one.what == "headroom"]
    assert "one replica gone" not in headroom.how
    assert not any("one only" in one for one in plan.warnings)
    more = plan_capacity(_demand(rate_per_s=1090.0), embedded)
    assert any("more than 70 % of a core" in one and "one only" in one for one in more.warnings)
    assert more.need("headroom") < 0


def test_slow_receivers_need_workers_for_what_they_hold_and_break_the_promise() -> None:
    plan = plan_capacity(_demand(receiver_s=2.0, max_in_flight=500), _basis())
    assert plan.need("worker replicas") == 6 + 1
    assert plan.kept is False


def test_headroom_ends_where_the_slots_do() -> None:
    plan = plan_capacity(_demand(receiver_s=30.0), _basis(100.0, 1000.0, 3000.0))
    # Five workers hold 70 % of 10,000 for 30.01 s each.
    assert plan.need("worker replicas") == 5 + 1
    assert plan.capacity_per_s == pytest.approx(5 * 7000 / 30.01)
    assert plan.need("headroom") == pytest.approx(16.6, abs=0.1)
    [headroom] = [one for one in plan.needs if one.what == "headroom"]
    assert "slots at their target" in headroom.how
    # And where nothing more was measured: no headroom that nobody saw.
    assert plan_capacity(DEMAND, _basis()).need("headroom") == pytest.approx(10)


def test_memory_has_every_process_and_what_is_in_flight() -> None:
    plan = plan_capacity(_demand(receiver_s=30.0), _basis())
    assert plan.need("memory of a worker") == pytest.approx(64 + 6002 * (4096 + 2000) / 2**20)
    processes = 2 + 6 + 1
    in_flight = 30_010 * (4096 + 2000)
    assert plan.need("memory") == pytest.approx((processes * 2**26 + in_flight) / 2**30)


def test_a_million_costs_the_replicas_hour_by_the_rate_and_the_schedulers_part() -> None:
    demand = _demand(payload_bytes=1000.0, price_core_hour=0.9)
    assert plan_capacity(demand, _basis()).need("cost of a million") == pytest.approx(
        (2 + 2 + 0.25) * 0.9 / 3.6
    )
    postgres = plan_capacity(demand, _basis(profile="postgres"))
    assert postgres.need("cost of a million") == pytest.approx(2 * 0.9 / 3.6)


def test_where_nothing_is_said_a_plan_takes_what_the_service_does() -> None:
    settings, limits = Settings(), PAYLOAD_BYTES_AT_MOST
    assert DEMAND.retention_days == settings.retention_days
    assert DEMAND.max_in_flight == settings.max_in_flight
    assert DEMAND.database_pool == settings.database_pool
    assert settings.in_flight_bytes == IN_FLIGHT_BYTES
    assert limits == settings.intake_bytes + settings.queue_bytes + settings.in_flight_bytes
    typed = signature(capacity).parameters
    for name in ("retention_days", "max_in_flight", "database_pool"):
        assert typed[name].default == getattr(settings, name), name


def test_the_schedulers_part_of_a_core_is_what_the_manifests_ask_for() -> None:
    file = ROOT / "manifests/base/webhook-scheduler.yaml"
    deployment = next(iter(yaml.safe_load_all(file.read_text())))
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"]["cpu"] == f"{1000 * SCHEDULER_CORES:.0f}m"


def test_what_is_not_measured_is_said() -> None:
    plan = plan_capacity(DEMAND, _basis(300, api_share=None))
    assert any("api_share" in warning for warning in plan.warnings)
    assert any("3.3 times the highest rate measured (300/s)" in w for w in plan.warnings)
    assert plan.need("worker replicas") == 4 + 1
    for rate, warns in ((320, False), (340, True)):
        plan = plan_capacity(_demand(rate_per_s=float(rate)), _basis(100, 300))
        assert any("highest rate" in warning for warning in plan.warnings) is warns


def test_a_machine_without_cpu_to_spare_is_said() -> None:
    for share, warns in ((0.5, False), (0.99, True)):
        plan = plan_capacity(DEMAND, _basis(host_cpu_share=share))
        assert any("no CPU to spare" in warning for warning in plan.warnings) is warns


def test_one_embedded_process_is_all_there_can_be() -> None:
    plan = plan_capacity(_demand(rate_per_s=1500.0), _basis(profile="embedded"))
    assert plan.need("processes") == 1
    assert plan.need("headroom") < 0
    assert any("take the profile postgres" in warning for warning in plan.warnings)


def test_runs_of_two_profiles_are_no_basis() -> None:
    with pytest.raises(LabError, match="of one profile"):
        fit_basis([observation(100), observation(300, profile="embedded")])


def test_a_check_never_uses_the_run_it_predicts() -> None:
    odd = observation(400, cores=1.0, in_flight=40.0)
    rest = [observation(100), observation(300), observation(1000)]
    found = {one.what: one for one in check_prediction([*rest, odd], odd)}
    assert found["CPU"].predicted == pytest.approx(400 * each_s(400), rel=0.02)
    assert found["CPU"].error == pytest.approx(found["CPU"].predicted - 1)
    assert found["in flight"].predicted == pytest.approx(44)
    with pytest.raises(LabError, match="needs other runs"):
        check_prediction([odd], odd)


def test_a_calibration_measures_every_rate_twice_and_a_second_payload() -> None:
    assert steps_towards(600.0, 2048.0) == (
        (120.0, 2048.0), (300.0, 2048.0), (600.0, 2048.0),
        (600.0, 2048.0), (300.0, 2048.0), (120.0, 2048.0), (300.0, 32_660.0),
    )  # fmt: skip
    assert max(rate for rate, _payload in steps_towards(5000.0, 300.0)) == MOST_PER_S
    assert steps_towards(100.0, 30_000.0)[-1] == (50.0, 312.0)


@pytest.mark.parametrize("wanted", [312.0, 2048.0, 10_240.0, 60_000.0])
def test_a_calibration_sends_the_payload_that_was_asked_for(wanted: float) -> None:
    scenario = scenario_of("cluster", (100.0, wanted), 3.0, 0.3)
    sent = make_payloads(scenario.payload.mix, scenario.payload.seed, 512)
    assert fmean(len(one.encode()) for one in sent) == pytest.approx(wanted, rel=0.1)


async def _calibrated(runs: Path) -> tuple[RunResult, Path]:
    """Calibrate at one rate, again where the host had other guests to serve."""
    steps, options = ((100.0, 2048.0),), Options(runs=runs, engine="native")
    for _ in range(REPEATS):
        with contextlib.suppress(LabError):
            return (await calibrate("embedded", 0.1, steps, options, 3.0))[0]
    return (await calibrate("embedded", 0.1, steps, options, 3.0))[0]


@pytest.mark.slow
async def test_a_calibration_measures_what_a_plan_needs(tmp_path: Path) -> None:
    result, folder = await _calibrated(tmp_path)
    seen = observe(result)
    assert (folder / "report.html").exists()
    assert seen.receiver_s == 0.1
    # Little's law, loosely: three looks at a machine with other work.
    assert seen.in_flight is not None
    assert 5 < seen.in_flight < 60
    assert seen.payload_bytes == pytest.approx(2048, rel=0.1)
    basis = fit_basis([seen])
    assert 1e6 * basis.cores(100, 2048) / 100 > 50
    invalid = msgspec.structs.replace(result, verdict=Verdict.INVALID, reasons=["a"])
    with pytest.raises(LabError, match="no basis"):
        observe(invalid)
