"""More replicas do more of the same load: on real processes, and by a stand-in for kubectl."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from sureshot_lab.errors import LabError
from sureshot_lab.result import RunResult, Verdict, read_result
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.own_service import own_service
from sureshot_lab.sampler.source import SourceUnreadable
from sureshot_lab.scale.kubernetes import KubernetesScale
from sureshot_lab.scale.offered import offered_rate_per_s, own_scenario, replica_counts
from sureshot_lab.scale.page import write_page
from sureshot_lab.scale.processes import ProcessScale
from sureshot_lab.scale.series import Step, analyse, run_series, step_of, uneven
from sureshot_lab.scenario import Service
from tests.cli.command import HereRuns
from tests.lab.scale.results import result_with
from tests.support.servers import fresh_database

MANIFESTS = Path(__file__).parents[3] / "manifests"
STAND_IN = """\
#!/bin/sh
# A stand-in for kubectl that writes down what it is asked: no cluster is behind it.
echo "$@" >> {log}
[ "$3" != "rollout" ] || exit {code}
"""


def _result(per_s: int, taken: list[float] | None = None) -> RunResult:
    return result_with({}, delivered=[0, 0, *[per_s] * 8], intended=300, taken=taken)


def _steps(**per_s: int) -> list[Step]:
    return [step_of(int(name[1:]), _result(rate)) for name, rate in per_s.items()]


def test_the_load_is_more_than_the_most_replicas_can_do_and_the_same_for_all() -> None:
    assert replica_counts("5,1,3") == [1, 3, 5]
    assert offered_rate_per_s([1, 3, 5]) == pytest.approx(300)
    for wrong in ("0,1", "1,1", "a", ""):
        with pytest.raises(LabError, match="--replicas"):
            replica_counts(wrong)
    with pytest.raises(LabError, match="only cluster and postgres"):
        own_scenario(2, 100.0, 5.0, "embedded")


def test_speed_up_and_fairness_are_of_the_steady_seconds() -> None:
    steps = _steps(n1=50, n3=120)
    assert steps[0].per_s == 50
    series = analyse(steps, 300.0, 2)
    assert series.scaled[1].speed_up == pytest.approx(2.4)
    assert series.scaled[1].efficiency == pytest.approx(0.8)
    assert series.usl is None
    assert any("2 cores for 3 replicas" in remark for remark in series.remarks)
    assert step_of(2, _result(80, [30, 10])).jain == pytest.approx(0.8)
    assert step_of(2, _result(80, [40, 0])).jain == pytest.approx(0.5)


def test_workers_that_do_not_share_evenly_are_told_with_their_step() -> None:
    even, uneven_one = step_of(2, _result(80, [20, 20])), step_of(3, _result(120, [30, 10, 20]))
    assert uneven([even, *_steps(n4=100)]) == []
    [told] = uneven([even, uneven_one])
    assert "at 3x the workers did not share evenly" in told
    assert "0.857" in told
    assert told in analyse([even, uneven_one], 300.0, None).remarks
    assert any("not known at 4x" in one for one in analyse(_steps(n4=100), 300.0, None).remarks)


@pytest.mark.parametrize(
    ("taken", "verdict", "code"),
    [
        ([20.0, 20.0], Verdict.PASS, 0), ([30.0, 10.0], Verdict.PASS, 1),
        ([30.0, 10.0], Verdict.INVALID, 2),
    ],
)  # fmt: skip
def test_the_exit_code_tells_an_invalid_step_before_an_uneven_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    taken: list[float], verdict: Verdict, code: int,
) -> None:  # fmt: skip
    counts = []

    async def step(_self: ProcessScale, replicas: int) -> RunResult:
        counts.append(replicas)
        return structs.replace(_result(50 * replicas, taken), verdict=verdict)

    monkeypatch.setattr(ProcessScale, "step", step)
    ran = HereRuns(tmp_path, monkeypatch, capsys)("lab", "scale")
    assert ran.code == code, ran.err
    assert counts == [1, 2, 3, 4, 5]
    assert "scalability law: " in ran.out
    assert "predicted for 5 from the others" in ran.out
    assert ("did not share evenly" in ran.out) is bool(code)
    for count in (1, 3, 5):
        assert (tmp_path / "results" / f"scale-{count}x.json").exists()


def test_four_counts_are_enough_for_the_scalability_law() -> None:
    series = analyse(_steps(n1=100, n2=182, n4=308, n8=470), 1000.0, None)
    assert series.usl is not None
    assert series.usl.contention.value == pytest.approx(0.1, abs=0.02)
    assert not any("cores" in remark for remark in series.remarks)


def test_a_fifth_count_is_predicted_from_the_others_and_shown_beside_them(tmp_path: Path) -> None:
    four = analyse(_steps(n1=100, n2=182, n4=308, n8=470), 1000.0, None)
    assert four.held is None
    assert any("that needs 5" in remark for remark in four.remarks)
    five = analyse(_steps(n1=100, n2=182, n4=308, n6=400, n8=300), 1000.0, None)
    assert five.held is not None
    assert five.held.error > 0.4
    page = write_page(tmp_path, five).read_text()
    assert "measured were 300/s: an error of +" in page
    for line in ("ideal", "fitted law", "measured", "predicted from the others"):
        assert page.count(f'data-name="{line}"') == 3, line


def test_workers_that_were_not_fed_and_a_busy_machine_are_told() -> None:
    step = _steps(n1=10)[0]
    metrics = {**step.result.metrics, "slots_used_share": 0.2, "host_cpu_share": 0.97}
    starved = replace(step, result=structs.replace(step.result, metrics=metrics))
    remarks = " ".join(analyse([starved], 300.0, None).remarks)
    assert "1x 20 % of their slots" in remarks
    assert "at 1x this machine's CPU was used up" in remarks


def test_where_the_load_is_the_limit_it_is_said() -> None:
    series = analyse(_steps(n1=100, n3=299), 300.0, None)
    assert any("at 3x everything offered" in remark for remark in series.remarks)


@pytest.mark.slow
async def test_two_workers_share_the_load_and_keep_to_their_slots(tmp_path: Path) -> None:
    async with fresh_database():
        pass  # It skips where there is no server.
    driver = ProcessScale(120.0, 4.0, Options(runs=tmp_path, engine="native"), "postgres")
    [step] = await run_series(driver, [2], tmp_path / "results")
    kept = read_result(tmp_path / "results" / "scale-2x.json")
    assert kept.metrics["replicas"] == 2
    assert kept.metrics["steady_delivered_per_s"] == step.per_s > 5
    assert step.jain is not None
    assert step.jain > 0.95
    rows = next(table.rows for table in kept.tables if table.name == "takes")
    assert len(rows) == 2
    assert 0 < kept.metrics["slots_used_share"] <= 1
    # No more than its slots allow a worker: 2 x 5 at 100 ms each.
    assert step.per_s < 105


def _stand_in(folder: Path, code: int = 0) -> Path:
    kubectl = folder / "kubectl-stand-in"
    kubectl.write_text(STAND_IN.format(log=folder / "asked.txt", code=code))
    kubectl.chmod(0o755)
    return kubectl


@pytest.mark.slow
async def test_kubernetes_is_scaled_and_waited_for_before_the_load(tmp_path: Path) -> None:
    async with own_service(Service(), tmp_path / "elsewhere") as service:
        options = Options(
            runs=tmp_path / "runs", target=service.url, token=service.token,
            admin_token=service.admin_token, engine="native",
        )  # fmt: skip
        driver = KubernetesScale(
            20.0, 3.0, options, "worker", "hooks", kubectl=str(_stand_in(tmp_path))
        )  # fmt: skip
        [step] = await run_series(driver, [3], tmp_path / "results")
    assert (tmp_path / "asked.txt").read_text().splitlines() == [
        "--namespace hooks scale deployment/worker --replicas=3",
        "--namespace hooks rollout status deployment/worker --timeout=300s",
    ]
    assert step.result.metrics["lost"] == 0
    assert step.result.metrics["accepted"] == 60
    assert step.jain is None


@pytest.mark.slow
@pytest.mark.parametrize(("pods", "jain"), [(1, 1.0), (2, None)])
async def test_pods_tell_by_their_metrics_what_each_took_if_all_are_read(
    tmp_path: Path, pods: int, jain: float | None
) -> None:
    async with own_service(Service(), tmp_path / "elsewhere") as service:
        options = Options(
            runs=tmp_path / "runs", target=service.url, token=service.token,
            admin_token=service.admin_token, engine="native",
        )  # fmt: skip
        driver = KubernetesScale(
            20.0, 3.0, options, "worker", "hooks", service.metrics_urls, str(_stand_in(tmp_path))
        )  # fmt: skip
        steps = await run_series(driver, [pods, pods], tmp_path / "results")
    assert [step.jain for step in steps] == [jain, jain]
    if jain:
        tables = [next(t for t in step.result.tables if t.name == "takes") for step in steps]
        # With the warm-up, and since the step began: not since the pod did.
        assert [table.rows for table in tables] == [[[1, 40 + 60, 100.0]]] * 2


async def test_pods_that_do_not_become_ready_end_the_series(tmp_path: Path) -> None:
    options = Options(runs=tmp_path, target="http://127.0.0.1:1")
    driver = KubernetesScale(
        20.0, 3.0, options, "worker", "hooks", kubectl=str(_stand_in(tmp_path, code=1))
    )  # fmt: skip
    with pytest.raises(SourceUnreadable):
        await driver.step(3)
    with pytest.raises(LabError, match="needs --target"):
        KubernetesScale(20.0, 3.0, Options(), "worker", "hooks")


def test_a_driver_nobody_knows_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = HereRuns(tmp_path, monkeypatch, capsys)("lab", "scale", "--driver", "boats")
    assert ran.code == 3
    assert "must be processes or kubernetes" in ran.err


def test_kubernetes_demands_a_rate_and_scales_the_workers_of_our_manifests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = HereRuns(tmp_path, monkeypatch, capsys)
    there = ("lab", "scale", "--driver", "kubernetes", "--target", "http://127.0.0.1:1")
    ran = here(*there)
    assert ran.code == 3
    assert "needs --rate" in ran.err
    folder = tmp_path / "bin"
    folder.mkdir()
    _stand_in(folder, code=1).rename(folder / "kubectl")
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    assert here(*there, "--rate", "20").code == 3
    asked = (folder / "asked.txt").read_text().splitlines()[0]
    worker = (MANIFESTS / "base" / "webhook-worker.yaml").read_text()
    namespace = (MANIFESTS / "base" / "namespace.yaml").read_text()
    assert asked == "--namespace webhook-service scale deployment/webhook-worker --replicas=1"
    assert "kind: Deployment\nmetadata:\n  name: webhook-worker" in worker
    assert "name: webhook-service" in namespace
