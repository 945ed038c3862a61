"""What a pod that was taken over could do: next to nothing."""

from __future__ import annotations

import ipaddress

import pytest
import yaml

from sureshot.config import KNOBS, check_value
from sureshot.domain.address_table import DENIED_V4, DENIED_V6, GLOBAL_V6
from sureshot.domain.errors import ConfigurationError
from tests.manifests.built import (
    MANIFESTS,
    Built,
    Document,
    component,
    container,
    example_secrets,
    labels,
    overlay,
    pod,
    selects,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
USER = 10001


def test_every_pod_is_an_ordinary_user_that_can_change_nothing(built: Built) -> None:
    for workload in built.workloads:
        spec, inside = pod(workload)["spec"], container(workload)["securityContext"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == USER
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert inside["readOnlyRootFilesystem"] is True
        assert inside["allowPrivilegeEscalation"] is False
        assert inside["capabilities"] == {"drop": ["ALL"]}
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & spec.keys()


def test_the_user_is_the_one_of_the_image() -> None:
    text = (MANIFESTS.parent / "Dockerfile").read_text()
    assert f"USER {USER}\n" in text
    assert "WORKDIR /var/lib/sureshot\n" in text


def test_what_a_process_may_write_to_is_writable(built: Built) -> None:
    for workload in built.processes:
        mounted = {one["mountPath"] for one in container(workload)["volumeMounts"]}
        assert mounted == {"/tmp", "/var/lib/sureshot"}
        assert pod(workload)["spec"]["securityContext"]["fsGroup"] == USER


def test_no_pod_holds_a_token_of_the_cluster(built: Built) -> None:
    for workload in built.workloads:
        assert pod(workload)["spec"]["automountServiceAccountToken"] is False
        # Variables of a Service called sureshot would be settings nobody knows.
        assert pod(workload)["spec"]["enableServiceLinks"] is False
    assert built.of("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding") == []
    (namespace,) = built.of("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_secrets_come_from_secrets_and_none_is_kept_here(built: Built) -> None:
    assert built.of("Secret") == []
    for workload in built.workloads:
        for entry in container(workload).get("env", []):
            name = entry["name"].removeprefix("SURESHOT_").lower()
            hidden = KNOBS[name].secret or name.endswith("_url")
            assert hidden == ("valueFrom" in entry), entry
    for settings in built.of("ConfigMap"):
        for variable in settings["data"]:
            name = variable.removeprefix("SURESHOT_").lower()
            assert not KNOBS[name].secret, variable
            assert not name.endswith("_url"), variable


def test_the_migration_knows_the_database_and_no_other_secret(built: Built) -> None:
    (job,) = built.of("Job")
    assert [one["name"] for one in container(job)["env"]] == ["SURESHOT_DATABASE_URL"]


@pytest.mark.parametrize("key", example_secrets())
def test_a_value_of_the_example_is_refused_until_it_is_filled_in(key: str) -> None:
    names = {
        "webhook-postgres/url": "database_url",
        "webhook-rabbitmq/url": "queue_url",
        "webhook-tokens/secret-key": "secret_key",
        "webhook-tokens/api-token": "api_token",
        "webhook-tokens/admin-token": "admin_token",
        "webhook-proxy/url": "proxy_url",
    }
    with pytest.raises(ConfigurationError):
        check_value(names[key], example_secrets()[key])


# -- networks -----------------------------------------------------------------


def rules(built: Built, workload: Document, direction: str) -> list[Document]:
    """Return the rules that apply to a workload's pods in that direction."""
    return [
        rule
        for policy in built.of("NetworkPolicy")
        if selects(policy["spec"]["podSelector"], labels(workload))
        for rule in policy["spec"].get(direction, [])
    ]


def allowed_ports(built: Built, workload: Document, direction: str) -> set[int]:
    return {
        port["port"]
        for rule in rules(built, workload, direction)
        for port in rule["ports"]
        if "port" in port
    }


def blocks(built: Built, workload: Document) -> list[Document]:
    return [
        peer["ipBlock"]
        for rule in rules(built, workload, "egress")
        for peer in rule["to"]
        if "ipBlock" in peer
    ]


def test_nothing_is_allowed_that_is_not_named(built: Built) -> None:
    default = built.named("NetworkPolicy", "default-deny")["spec"]
    assert default == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for workload in built.workloads:
        for rule in rules(built, workload, "ingress"):
            assert rule["from"], "from everywhere"
            assert rule["ports"], "to every port"
        for rule in rules(built, workload, "egress"):
            assert rule["to"], "to everywhere"
            assert rule["ports"], "to every port"


def test_each_role_is_reached_on_the_ports_it_has_and_calls_what_it_needs(built: Built) -> None:
    dns, database, broker = {53}, {5432}, {5671, 5672}
    sinks = {one["metadata"]["name"] for one in built.of("Service")} & {"webhook-sink"}
    for workload in built.processes:
        api = component(workload) == "api"
        assert allowed_ports(built, workload, "ingress") == ({8080, 9090} if api else {9090})
        extra = {9099} if sinks and component(workload) == "worker" else set()
        assert allowed_ports(built, workload, "egress") == dns | database | broker | extra
    (job,) = built.of("Job")
    assert allowed_ports(built, job, "egress") == dns | database


@pytest.mark.parametrize("name", ["staging", "production"])
def test_workers_alone_reach_the_internet(name: str) -> None:
    built = overlay(name)
    reaching = {component(one) for one in built.workloads if blocks(built, one)}
    assert reaching == {"worker"}


def test_a_load_test_reaches_its_sink_and_nothing_outside() -> None:
    built = overlay("loadtest")
    assert all(blocks(built, one) == [] for one in built.workloads)
    (rule,) = built.named("NetworkPolicy", "receivers")["spec"]["egress"]
    sink = built.named("Deployment", "webhook-sink")
    assert [selects(peer["podSelector"], labels(sink)) for peer in rule["to"]] == [True]
    (arriving,) = rules(built, sink, "ingress")
    worker = built.named("Deployment", "webhook-worker")
    assert [selects(peer["podSelector"], labels(worker)) for peer in arriving["from"]] == [True]


@pytest.mark.parametrize("version", [4, 6])
def test_the_network_that_is_closed_to_workers_is_the_one_deliveries_are_refused_to(
    version: int,
) -> None:
    built = overlay("production")
    worker = built.named("Deployment", "webhook-worker")
    (block,) = (
        one for one in blocks(built, worker) if ipaddress.ip_network(one["cidr"]).version == version
    )
    whole = ipaddress.ip_network(block["cidr"])
    table = DENIED_V4 if version == 4 else DENIED_V6
    denied = [ipaddress.ip_network(cidr) for cidr, _why in table]
    assert str(whole) == ("0.0.0.0/0" if version == 4 else GLOBAL_V6)
    excepted = [ipaddress.ip_network(cidr) for cidr in block["except"]]
    assert merged(excepted) == merged([one for one in denied if within(one, whole)])


def within(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and (
        int(outer.network_address) <= int(inner.network_address)
        and int(inner.broadcast_address) <= int(outer.broadcast_address)
    )


def merged(networks: list[Network]) -> set[Network]:
    """Return them without those that lie in another."""
    return {
        one
        for one in networks
        if not any(one != other and within(one, other) for other in networks)
    }


def test_what_is_filled_in_is_kept_out_of_git() -> None:
    assert "secrets.yaml" in (MANIFESTS / ".gitignore").read_text().split()
    for document in yaml.safe_load_all((MANIFESTS / "secrets.example.yaml").read_text()):
        for value in document["stringData"].values():
            assert value.startswith("REPLACE ME: ")
