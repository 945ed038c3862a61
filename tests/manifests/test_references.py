"""Every name in the manifests leads to something: pods, ports, keys, settings, commands."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from typer.testing import CliRunner

from sureshot.api.routes import ROUTES
from sureshot.cli.app import app
from sureshot.config import KNOBS, variable
from sureshot.config_sources import load_settings
from tests.manifests.built import (
    MANIFESTS,
    OVERLAYS,
    ROOT,
    Built,
    Document,
    component,
    container,
    example_secrets,
    labels,
    overlay,
    pod,
    selects,
    with_component,
)

MOST_REPLICAS = 5
"""Of scripts/scalability-test.sh: 1, 3 and 5."""
KNOWN = {variable(name) for name in KNOBS}
FILLED = {
    "webhook-postgres/url": "postgresql://sureshot:x@db/sureshot",
    "webhook-rabbitmq/url": "amqp://sureshot:x@mq:5672/",
    "webhook-tokens/secret-key": "a" * 43 + "=",
    "webhook-tokens/api-token": "api",
    "webhook-tokens/admin-token": "admin",
    "webhook-proxy/url": "http://proxy:3128",
}


def ports(workload: Document) -> dict[str, int]:
    """Return the ports of its container by name."""
    return {one["name"]: one["containerPort"] for one in container(workload).get("ports", [])}


def test_the_three_roles_the_migration_and_their_names(built: Built) -> None:
    assert {one["metadata"]["name"]: container(one)["args"] for one in built.processes} == {
        "webhook-service": ["serve", "--role", "api"],
        "webhook-worker": ["serve", "--role", "worker"],
        "webhook-scheduler": ["serve", "--role", "scheduler"],
    }
    (job,) = built.of("Job")
    assert container(job)["args"] == ["migrate"]
    assert {one["metadata"].get("namespace", "webhook-service") for one in built.documents} == {
        "webhook-service"
    }


def test_every_command_is_one_the_program_knows(built: Built) -> None:
    for workload in built.workloads:
        assert "command" not in container(workload), "the image's entry point is sureshot"
        arguments = [*container(workload)["args"], "--help"]
        assert CliRunner().invoke(app, arguments).exit_code == 0, arguments


def test_workloads_select_their_own_pods_and_no_others(built: Built) -> None:
    for owner in built.of("Deployment"):
        matched = [
            one["metadata"]["name"]
            for one in built.workloads
            if selects(owner["spec"]["selector"], labels(one))
        ]
        assert matched == [owner["metadata"]["name"]]


def test_every_service_leads_to_ports_of_pods(built: Built) -> None:
    services = built.of("Service")
    assert len(services) >= 3
    for service in services:
        (workload,) = (
            one
            for one in built.workloads
            if selects({"matchLabels": service["spec"]["selector"]}, labels(one))
        )
        assert workload["metadata"]["name"] == service["metadata"]["name"]
        for port in service["spec"]["ports"]:
            assert ports(workload)[port["targetPort"]] == port["port"]


def test_ports_have_one_name_and_are_those_of_the_settings(built: Built) -> None:
    for workload in built.processes:
        settings = built.settings_of(workload, FILLED)
        wanted = {"metrics": int(settings["SURESHOT_METRICS_PORT"])}
        if component(workload) == "api":
            wanted["http"] = int(settings["SURESHOT_PORT"])
        assert ports(workload) == wanted
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container(workload)[probe]["httpGet"]["port"] in wanted


def test_every_setting_is_known_and_every_key_exists(built: Built) -> None:
    for workload in built.workloads:
        settings = built.settings_of(workload, dict.fromkeys(example_secrets(), "x"))
        assert settings.keys() <= KNOWN or container(workload)["args"][0] == "sink"


def test_the_settings_of_every_pod_are_accepted(built: Built) -> None:
    for workload in built.workloads:
        load_settings(built.settings_of(workload, FILLED), None, {})


def test_an_optional_proxy_is_a_setting_of_workers_alone(tmp_path: Path) -> None:
    built = with_component("egress-proxy", tmp_path)
    having = {
        component(one)
        for one in built.processes
        if "SURESHOT_PROXY_URL" in built.settings_of(one, FILLED)
    }
    assert having == {"worker"}
    (rule,) = built.named("NetworkPolicy", "receivers")["spec"]["egress"]
    assert "ipBlock" not in str(rule)


def test_every_volume_that_is_mounted_is_declared(built: Built) -> None:
    accounts = {one["metadata"]["name"] for one in built.of("ServiceAccount")}
    for workload in built.workloads:
        declared = {one["name"] for one in pod(workload)["spec"].get("volumes", [])}
        mounted = {one["name"] for one in container(workload).get("volumeMounts", [])}
        assert mounted == declared
        assert pod(workload)["spec"]["serviceAccountName"] in accounts


def test_every_deployment_has_a_budget_and_spreads_over_zones_and_nodes(built: Built) -> None:
    for workload in built.processes:
        budgets = [
            one
            for one in built.of("PodDisruptionBudget")
            if selects(one["spec"]["selector"], labels(workload))
        ]
        assert len(budgets) == 1
        spread = pod(workload)["spec"]["topologySpreadConstraints"]
        assert {one["topologyKey"] for one in spread} == {
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        }
        for one in spread:
            assert selects(one["labelSelector"], labels(workload))


@pytest.mark.parametrize("name", ["staging", "production"])
def test_every_autoscaler_scales_what_is_there_by_what_its_pods_ask_for(name: str) -> None:
    built = overlay(name)
    scalers = built.of("HorizontalPodAutoscaler", "ScaledObject")
    targets = [one["spec"]["scaleTargetRef"] for one in scalers]
    assert sorted(one["name"] for one in targets) == ["webhook-service", "webhook-worker"]
    for target in targets:
        workload = built.named(target["kind"], target["name"])
        assert workload["apiVersion"] == target["apiVersion"]
        # Of a number that is given here and one that an autoscaler keeps, each apply picks another.
        assert "replicas" not in workload["spec"]
        assert "cpu" in container(workload)["resources"]["requests"]


def test_a_load_test_has_no_autoscaler_until_one_is_applied() -> None:
    assert overlay("loadtest").of("HorizontalPodAutoscaler", "ScaledObject") == []
    alone = yaml.safe_load((MANIFESTS / "hpa.yaml").read_text())
    (built,) = overlay("staging").of("HorizontalPodAutoscaler")
    assert alone["metadata"]["name"] == built["metadata"]["name"] == "webhook-service-hpa"
    # But for the bounds: as many pods as scaling tests go to, wherever `kubectl scale` left them.
    assert alone["spec"] | {"maxReplicas": 2} == built["spec"]
    assert alone["spec"]["maxReplicas"] >= max(MOST_REPLICAS, *_scaled_by_hand())


def _scaled_by_hand() -> list[int]:
    """Return the numbers of API pods that the page has people ask for."""
    page = (ROOT / "docs" / "how-to" / "run-on-kubernetes.md").read_text()
    return [int(one) for one in re.findall(r"webhook-service --replicas=(\d+)", page)]


def test_what_the_pages_tell_kubectl_to_touch_is_there() -> None:
    built = overlay("production")
    there = {one["metadata"]["name"] for one in built.documents} | {"webhook-service"}
    pages = "\n".join(page.read_text() for page in (ROOT / "docs").rglob("*.md"))
    told = re.findall(r"^kubectl (?!create).*$", pages, re.MULTILINE)
    names = {word for line in told for word in re.findall(r"(?<![=/.\w-])webhook-[a-z-]+", line)}
    assert len(names) >= 4
    assert names <= there, names - there
    every = re.findall(r" -l (\S+)=(\S+)", "\n".join(told))
    assert every
    for selected in every:
        assert any(selected in labels(one).items() for one in built.processes), selected


def test_keda_asks_a_port_of_one_of_our_services() -> None:
    built = overlay("production")
    found = re.findall(r"http://\S+\.svc\.cluster\.local\S*", str(built.of("ScaledObject")))
    (parts,) = (urlsplit(url.rstrip("',")) for url in found)
    name, namespace, *_rest = str(parts.hostname).split(".")
    service = built.named("Service", name)
    assert service["metadata"]["namespace"] == namespace
    assert parts.port in {one["port"] for one in service["spec"]["ports"]}


def test_outside_reaches_what_customers_call_and_nothing_else() -> None:
    (ingress,) = overlay("production").of("Ingress")
    (rule,) = ingress["spec"]["rules"]
    public = []
    for path in rule["http"]["paths"]:
        backend = path["backend"]["service"]
        service = overlay("production").named("Service", backend["name"])
        assert backend["port"]["name"] in {one["name"] for one in service["spec"]["ports"]}
        public.append(path["path"])
    served = {route.path for route in ROUTES}
    assert set(public) <= served
    hidden = {path for path in served if not path.startswith(tuple(public))}
    assert {"/metrics", "/healthz", "/readyz", "/api/v1/admin/queue/depth"} <= hidden


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_image_is_pinned_by_the_one_tag_of_its_overlay(name: str) -> None:
    path = MANIFESTS / "overlays" / name / "kustomization.yaml"
    (image,) = yaml.safe_load(path.read_text())["images"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", image["newTag"]), "a tag that never moves"
    used = {container(one)["image"] for one in overlay(name).workloads}
    assert used == {f"{image['newName']}:{image['newTag']}"}
