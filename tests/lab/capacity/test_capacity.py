"""What a plan follows from: figures put in by hand, and a calibration of a real service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sureshot_lab.capacity.basis import fit_basis
from sureshot_lab.capacity.calibrate import MOST_PER_S, calibrate, rates_towards
from sureshot_lab.capacity.observation import Observation, observe
from sureshot_lab.capacity.plan import Demand, plan_capacity
from sureshot_lab.capacity.prediction import check_prediction
from sureshot_lab.capacity.quantities import duration_s, rate_per_s, size_bytes
from sureshot_lab.errors import LabError
from sureshot_lab.result import Verdict
from sureshot_lab.runs.options import Options

DEMAND = Demand(rate_per_s=1000.0, p95_s=0.5, payload_bytes=2000.0, receiver_s=0.3)


def _seen(rate: float, **changes: Any) -> Observation:
    """Return a run of a service whose core does 500 webhooks a second, and half as many more."""
    figures: dict[str, Any] = {
        "run": f"run-{rate:.0f}", "profile": "cluster", "rate_per_s": rate,
        "payload_bytes": 1000.0, "cores": rate / (500 + rate / 2), "processes": 3.0,
        "in_flight": rate * 0.11, "receiver_s": 0.1, "end_to_end_p95_s": 0.05, "api_share": 0.4,
        "commits": 0.5, "wal_bytes": 3000.0, "disk_bytes": 1500.0, "rss_bytes": 2.0**26,
        "database_connections": 5.0,
    }  # fmt: skip
    return Observation(**{**figures, **changes})


def test_quantities_are_read_as_people_write_them() -> None:
    assert rate_per_s("50000/min") == pytest.approx(833.33, abs=0.01)
    assert rate_per_s("1_200/s") == 1200
    assert duration_s("300ms") == pytest.approx(0.3)
    assert size_bytes("2KB") == 2048
    for wrong in ("fast", "-3/s", "10/fortnight", "0/s"):
        with pytest.raises(LabError, match="must be a rate"):
            rate_per_s(wrong)


def test_a_core_does_more_the_busier_it_is_and_in_flight_is_littles_law() -> None:
    basis = fit_basis([_seen(100), _seen(300), _seen(500)])
    assert basis.value("per_core_s") == pytest.approx(500)
    assert basis.value("gain") == pytest.approx(0.5)
    assert basis.cores(200) == pytest.approx(200 / 600)
    # Past the highest rate measured nothing more is taken to be gained.
    assert basis.cores(1000) == pytest.approx(1000 / 750)
    for rate in (50, 300, 500, 900):
        assert basis.rate_per_s(basis.cores(rate)) == pytest.approx(rate)
    assert basis.in_flight(1000, 0.3) == pytest.approx(310)


def test_a_plan_has_one_replica_more_than_the_cpu_target_asks_for() -> None:
    plan = plan_capacity(DEMAND, fit_basis([_seen(300), _seen(500)]))
    # 70 % of a core do 1,312 webhooks a second of the API's part and 875 of the worker's.
    assert plan.need("API replicas") == 1 + 1
    assert plan.need("worker replicas") == 2 + 1
    twice = plan_capacity(
        Demand(rate_per_s=2000.0, p95_s=0.5, payload_bytes=2000.0, receiver_s=0.3),
        fit_basis([_seen(300), _seen(500)]),
    )
    assert twice.need("worker replicas") == 3 + 1
    assert plan.need("in flight") == pytest.approx(310)
    assert plan.need("WAL a day") == pytest.approx(4000 * 86.4e6 / 2**30)
    assert plan.need("disk kept") == pytest.approx(7 * 2500 * 86.4e6 / 2**30)
    assert plan.kept


def test_slow_receivers_need_workers_for_what_they_hold_and_break_the_promise() -> None:
    demand = Demand(
        rate_per_s=1000.0, p95_s=0.5, payload_bytes=1000.0, receiver_s=2.0, max_in_flight=500
    )
    plan = plan_capacity(demand, fit_basis([_seen(300), _seen(500)]))
    assert plan.need("worker replicas") == 6 + 1
    assert plan.kept is False


def test_a_million_costs_the_replicas_hour_by_the_rate() -> None:
    demand = Demand(
        rate_per_s=1000.0, p95_s=0.5, payload_bytes=1000.0, receiver_s=0.1, price_core_hour=0.9
    )
    plan = plan_capacity(demand, fit_basis([_seen(300), _seen(500)]))
    assert plan.need("cost of a million") == pytest.approx(5 * 0.9 / 3.6)


def test_what_is_not_measured_is_said() -> None:
    plan = plan_capacity(DEMAND, fit_basis([_seen(300, api_share=None)]))
    assert any("api_share" in warning for warning in plan.warnings)
    assert any("3.3 times the highest rate" in warning for warning in plan.warnings)


def test_one_embedded_process_is_all_there_can_be() -> None:
    plan = plan_capacity(DEMAND, fit_basis([_seen(300, profile="embedded")]))
    assert plan.need("processes") == 1
    assert plan.need("headroom") < 0
    assert any("take the profile postgres" in warning for warning in plan.warnings)


def test_runs_of_two_profiles_are_no_basis() -> None:
    with pytest.raises(LabError, match="of one profile"):
        fit_basis([_seen(100), _seen(300, profile="embedded")])


def test_a_check_never_uses_the_run_it_predicts() -> None:
    odd = _seen(400, cores=1.0, in_flight=40.0)
    found = {one.what: one for one in check_prediction([_seen(100), _seen(300), odd], odd)}
    assert found["CPU"].predicted == pytest.approx(400 / 650)
    assert found["CPU"].error == pytest.approx(400 / 650 - 1)
    assert found["in flight"].predicted == pytest.approx(44)
    with pytest.raises(LabError, match="needs other runs"):
        check_prediction([odd], odd)


def test_a_calibration_measures_every_rate_twice_up_and_down() -> None:
    assert rates_towards(600.0) == (120.0, 300.0, 600.0, 600.0, 300.0, 120.0)
    assert max(rates_towards(5000.0)) == MOST_PER_S


async def test_a_calibration_measures_what_a_plan_needs(tmp_path: Path) -> None:
    [(result, folder)] = await calibrate(
        "embedded", 0.1, (100.0,), Options(runs=tmp_path, engine="native"), 3.0
    )
    seen = observe(result)
    assert (folder / "report.html").exists()
    assert seen.receiver_s == 0.1
    # Little's law, loosely: three looks at a machine with other work.
    assert seen.in_flight is not None
    assert 5 < seen.in_flight < 60
    basis = fit_basis([seen])
    assert 1e6 * basis.cores(100) / 100 > 50
    invalid = msgspec.structs.replace(result, verdict=Verdict.INVALID, reasons=["a"])
    with pytest.raises(LabError, match="no basis"):
        observe(invalid)
