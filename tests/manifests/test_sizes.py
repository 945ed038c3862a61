"""Numbers that depend on each other: the targets, the pods, the database, the time to stop."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sureshot.domain.scaling.behaviour import Behaviour, Direction, Policy, Select, Unit
from sureshot.http_server import FINISH_S, LINGER_S
from sureshot_lab.scaling.policies import KEDA_BEHAVIOUR
from tests.manifests.built import (
    OVERLAYS,
    ROOT,
    Built,
    Document,
    component,
    container,
    example_secrets,
    overlay,
    pod,
    quantity,
    resource,
    with_component,
)

SECRETS = dict.fromkeys(example_secrets(), "x")


def bounds(built: Built, workload: Document) -> tuple[int, int]:
    """Return the least and the most pods there may be."""
    for scaler in built.of("HorizontalPodAutoscaler", "ScaledObject"):
        spec = scaler["spec"]
        if spec["scaleTargetRef"]["name"] == workload["metadata"]["name"]:
            low, high = ("minReplicas", "maxReplicas")
            if scaler["kind"] == "ScaledObject":
                low, high = ("minReplicaCount", "maxReplicaCount")
            return spec[low], spec[high]
    return workload["spec"]["replicas"], workload["spec"]["replicas"]


def connections(built: Built, workload: Document) -> int:
    """Return how many connections one of its pods opens at most: a pool, and one to listen."""
    return int(built.settings_of(workload, SECRETS)["SURESHOT_DATABASE_POOL"]) + 1


def connections_at_most(built: Built) -> int:
    """Return what all pods open, when there are as many as there may be."""
    return sum(bounds(built, one)[1] * connections(built, one) for one in built.processes)


def test_memory_is_that_of_the_table(built: Built) -> None:
    memory = resource("memory")
    for workload in built.processes:
        resources = container(workload)["resources"]
        assert quantity(resources["requests"]["memory"]) == memory.target
        assert quantity(resources["limits"]["memory"]) == memory.limit


def test_what_may_be_written_to_memory_is_a_small_part_of_it(built: Built) -> None:
    for workload in built.processes:
        volumes = [one["emptyDir"] for one in pod(workload)["spec"]["volumes"]]
        assert all(one["medium"] == "Memory" for one in volumes)
        assert sum(quantity(one["sizeLimit"]) for one in volumes) < 0.1 * resource("memory").target


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_cpu_target_of_the_table_is_what_autoscalers_hold(name: str) -> None:
    built = overlay(name)
    percent = round(resource("cpu").target * 100)
    (hpa,) = built.of("HorizontalPodAutoscaler")
    (metric,) = hpa["spec"]["metrics"]
    assert metric["resource"]["name"] == "cpu"
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": percent}
    # Utilization is a share of the request; a process has one core and cannot use more.
    for workload in built.processes:
        if component(workload) != "scheduler":
            assert quantity(container(workload)["resources"]["requests"]["cpu"]) == 1.0


@pytest.mark.parametrize("name", ["staging", "production"])
def test_autoscalers_grow_at_once_and_shrink_after_five_minutes(name: str) -> None:
    built = overlay(name)
    (hpa,) = built.of("HorizontalPodAutoscaler")
    assert behaviour(hpa["spec"]["behavior"]) == Behaviour(
        down=Direction(300.0, (Policy(Unit.PERCENT, 50, 60.0),))
    )


@pytest.mark.parametrize("name", ["staging", "production"])
def test_workers_are_as_many_as_the_service_wants_without_a_second_window(name: str) -> None:
    (scaled,) = overlay(name).of("ScaledObject")
    # A CPU trigger beside it would need the window that the service's number has already.
    assert [one["type"] for one in scaled["spec"]["triggers"]] == ["metrics-api"]
    # And it is what `lab autoscale` compares with the others.
    assert _behaviour_of_keda(scaled) == KEDA_BEHAVIOUR
    assert KEDA_BEHAVIOUR.down.window_s == 0


def test_workers_by_metrics_have_their_cpu_beside_them_and_are_steadied(tmp_path: Path) -> None:
    built = with_component("keda-prometheus", tmp_path)
    (scaled,) = built.of("ScaledObject")
    (cpu,) = (one for one in scaled["spec"]["triggers"] if one["type"] == "cpu")
    percent = str(round(resource("cpu").target * 100))
    assert (cpu["metricType"], cpu["metadata"]) == ("Utilization", {"value": percent})
    (hpa,) = built.of("HorizontalPodAutoscaler")
    assert _behaviour_of_keda(scaled) == behaviour(hpa["spec"]["behavior"])
    assert "fallback" not in scaled["spec"]


def behaviour(spec: Document) -> Behaviour:
    """Return an HPA's ``behavior`` as the laboratory's model of it has it."""
    return Behaviour(up=_direction(spec["scaleUp"]), down=_direction(spec["scaleDown"]))


def _direction(spec: Document) -> Direction:
    policies = [
        Policy(Unit(one["type"]), one["value"], float(one["periodSeconds"]))
        for one in sorted(spec["policies"], key=lambda one: str(one["type"]), reverse=True)
    ]
    select = Select(spec.get("selectPolicy", "Max"))
    return Direction(float(spec["stabilizationWindowSeconds"]), tuple(policies), select)


def _behaviour_of_keda(scaled: Document) -> Behaviour:
    return behaviour(scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"])


@pytest.mark.parametrize("name", ["staging", "production"])
def test_no_fallback_sets_a_number_whatever_the_load_is(name: str) -> None:
    (scaled,) = overlay(name).of("ScaledObject")
    assert "fallback" not in scaled["spec"]
    # Workers that are none take nothing, and nothing then tells how many are wanted.
    assert scaled["spec"]["minReplicaCount"] >= 1


def test_staging_is_production_at_a_quarter() -> None:
    staging, production = overlay("staging"), overlay("production")
    for small, large in zip(staging.processes, production.processes, strict=True):
        assert pod(small)["spec"] == pod(large)["spec"], "the same pods"
        low, high = bounds(staging, small)
        assert bounds(production, large) == (4 * low, 4 * high)
    assert staging.of("ConfigMap") == production.of("ConfigMap")
    assert staging.of("NetworkPolicy") == production.of("NetworkPolicy")


def test_the_database_is_not_asked_for_more_connections_than_the_table_allows(
    built: Built,
) -> None:
    table = resource("database-connections")
    most = connections_at_most(built)
    assert most < table.target
    # While pods are replaced each Deployment has one more.
    surging = sum(connections(built, one) for one in built.processes)
    for workload in built.processes:
        assert workload["spec"]["strategy"]["rollingUpdate"] == {
            "maxSurge": 1,
            "maxUnavailable": 0,
        }
    assert most + surging < table.alert


def test_a_pod_has_the_time_to_stop_that_its_process_may_take(built: Built) -> None:
    for workload in built.processes:
        spec = pod(workload)["spec"]
        lifecycle = container(workload).get("lifecycle", {})
        wait_s = lifecycle.get("preStop", {}).get("sleep", {}).get("seconds", 0)
        drain_s = float(built.settings_of(workload, SECRETS)["SURESHOT_DRAIN_S"])
        # The API's server and the one of the metrics are stopped one after the other.
        servers = 2 if component(workload) == "api" else 1
        needed_s = wait_s + servers * (LINGER_S + FINISH_S) + drain_s
        assert spec["terminationGracePeriodSeconds"] > needed_s
        # Without the wait, connections opened meanwhile would be refused.
        assert (wait_s > 0) == (component(workload) == "api")


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_sizes_on_the_page_are_those_of_the_overlays(name: str) -> None:
    built = overlay(name)
    shown = {}
    for workload in built.processes:
        low, high = bounds(built, workload)
        words = str(low) if low == high else f"{low} to {high}"
        free = name == "loadtest" and component(workload) != "scheduler"
        shown[component(workload)] = f"{words}, by `kubectl scale`" if free else words
    row = f"| `{name}` | {shown['api']} | {shown['worker']} | {shown['scheduler']} |"
    page = (ROOT / "docs" / "how-to" / "run-on-kubernetes.md").read_text()
    assert f"{row} {connections_at_most(built)} |" in page


def test_the_page_names_folders_that_are_there() -> None:
    page = (ROOT / "docs" / "how-to" / "run-on-kubernetes.md").read_text()
    for path in re.findall(r"(?:manifests|scripts)/[\w./-]*\w", page):
        assert path == "manifests/secrets.yaml" or (ROOT / path).exists(), path
    folders = {path.name for path in (ROOT / "manifests" / "components").iterdir()}
    assert folders == set(re.findall(r"^\| `([a-z-]+)` \| [^|]+\| [^|]+\|$", page, re.MULTILINE))
