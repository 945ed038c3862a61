"""What is scraped, alerted on and scaled by is what the service really says."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sureshot.api.routes import ROUTES
from sureshot_lab.targets import load_targets
from tests.manifests.built import (
    Built,
    component,
    container,
    labels,
    overlay,
    resource,
    selects,
    with_component,
)
from tests.manifests.rules import COPY, prometheus_rule
from tests.support.cluster import cluster
from tests.support.http import admin, call
from tests.support.service import running_service

METRIC = re.compile(r"\bsureshot_\w+")
JOB = re.compile(r'job="(\w+)"')
ROLE = re.compile(r'role=~"(\w+)\|all\|"')


def expressions(built: Built) -> list[str]:
    """Return what every rule evaluates."""
    (rule,) = built.of("PrometheusRule")
    return [one["expr"] for group in rule["spec"]["groups"] for one in group["rules"]]


def queries(built: Built) -> list[str]:
    """Return what KEDA asks Prometheus."""
    triggers = [one for scaled in built.of("ScaledObject") for one in scaled["spec"]["triggers"]]
    return [one["metadata"]["query"] for one in triggers if one["type"] == "prometheus"]


def test_the_operator_gets_the_rules_there_are() -> None:
    assert COPY.read_text() == prometheus_rule(), "run: python -m tests.manifests.rules"


def test_every_line_of_the_table_has_an_alert_at_its_figure(built: Built) -> None:
    for row in load_targets().resource:
        apart = re.sub(r"^(sum|max)", r"\1 by (job, namespace) ", row.expression)
        wanted = f"{apart.replace('$window', '5m')} > {row.alert:.15g}"
        found = [one for one in expressions(built) if re.sub(r"\{[^}]*\}", "", one) == wanted]
        assert len(found) == 1, wanted


def test_every_process_is_scraped_by_the_names_the_rules_use(built: Built) -> None:
    (monitor,) = built.of("PodMonitor")
    (scraped,) = monitor["spec"]["podMetricsEndpoints"]
    matched = [one for one in built.workloads if selects(monitor["spec"]["selector"], labels(one))]
    assert {component(one) for one in matched} == {"api", "worker", "scheduler"}
    jobs = {job for one in expressions(built) for job in JOB.findall(one)}
    for workload in matched:
        assert scraped["port"] in {one["name"] for one in container(workload)["ports"]}
        assert {labels(workload)[monitor["spec"]["jobLabel"]]} == jobs
    roles = {role for one in expressions(built) for role in ROLE.findall(one)}
    assert roles == {component(one) for one in matched}
    (relabeling,) = scraped["relabelings"]
    assert relabeling["targetLabel"] == "role"
    assert relabeling["sourceLabels"] == ["__meta_kubernetes_pod_label_app_kubernetes_io_component"]


async def test_every_metric_keda_asks_for_is_where_prometheus_scrapes(tmp_path: Path) -> None:
    built = with_component("keda-prometheus", tmp_path / "build")
    asked = {name for query in queries(built) for name in METRIC.findall(query)}
    assert asked == {"sureshot_queue_depth", "sureshot_in_flight"}
    (monitor,) = built.of("PodMonitor")
    (scraped,) = monitor["spec"]["podMetricsEndpoints"]
    async with running_service(tmp_path) as service:
        answer = await call(service.url, "GET", scraped["path"], token=None)
    assert asked <= set(re.findall(r"^(\w+)", answer.body.decode(), re.MULTILINE))


def test_depth_and_flight_add_workers_before_the_target_is_passed(tmp_path: Path) -> None:
    built = with_component("keda-prometheus", tmp_path)
    (scaled,) = built.of("ScaledObject")
    thresholds = {
        METRIC.findall(one["metadata"]["query"])[0]: float(one["metadata"]["threshold"])
        for one in scaled["spec"]["triggers"]
        if one["type"] == "prometheus"
    }
    (production,) = overlay("production").of("ScaledObject")
    least = production["spec"]["minReplicaCount"]
    assert thresholds["sureshot_queue_depth"] * least == resource("queue-depth").target
    assert thresholds["sureshot_in_flight"] == 0.7 * 10_000


@pytest.mark.slow
@pytest.mark.parametrize("servers", ["postgres-rabbitmq"])
async def test_keda_finds_the_number_of_workers_in_the_answer(tmp_path: Path, servers: str) -> None:
    """Asked of roles apart, as the manifests run them."""
    assert servers
    built = overlay("production")
    (scaled,) = built.of("ScaledObject")
    (trigger,) = (one for one in scaled["spec"]["triggers"] if one["type"] == "metrics-api")
    path = urlsplit(trigger["metadata"]["url"]).path
    assert path in {route.path for route in ROUTES}
    (authentication,) = built.of("TriggerAuthentication")
    assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
    assert trigger["metadata"]["authMode"] == "bearer"
    async with cluster(tmp_path, "api", "worker", "scheduler") as deployed:
        assert (await call(deployed.url, "GET", path, token=None)).status == 401
        await asyncio.sleep(1.5)
        value = (await admin(deployed.url, "GET", path)).json
    for key in trigger["metadata"]["valueLocation"].split("."):
        value = value[key]
    assert value >= 1
