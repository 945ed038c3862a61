"""What kubectl prints is understood. kubectl is a stand-in: a script that records how it is called
and prints what a real one prints; there is no cluster here."""

from __future__ import annotations

from pathlib import Path

import pytest

from sureshot_lab.errors import ToolMissing
from sureshot_lab.sampler.kubernetes import Kubernetes, parse_quantity, read_top
from sureshot_lab.sampler.sampler import Sampler
from sureshot_lab.sampler.source import SourceUnreadable


def stand_in(folder: Path, prints: str, code: int = 0, complains: str = "") -> str:
    """Return a program that is called like kubectl and writes its arguments to ``called``."""
    (folder / "out").write_text(prints)
    (folder / "err").write_text(complains)
    script = folder / "kubectl"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {folder}/called\ncat {folder}/out\n'
        f"cat {folder}/err >&2\nexit {code}\n"
    )
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("2", 2), ("250m", 0.25), ("1500m", 1.5), ("0.5", 0.5), (".5", 0.5), ("5.", 5),
        ("250000u", 0.25), ("123456789n", 0.123456789),
        ("128974848", 128974848), ("129e6", 129e6), ("129E6", 129e6), ("1e-3", 0.001),
        ("129M", 129e6), ("123Mi", 128974848), ("1Ki", 1024), ("64Mi", 67108864),
        ("2Gi", 2147483648), ("1Ti", 1099511627776), ("1Pi", 2**50), ("1Ei", 2**60),
        ("1k", 1000), ("3G", 3e9), ("1T", 1e12), ("1P", 1e15), ("12E", 12e18), ("-5m", -0.005),
    ],
)  # fmt: skip
def test_every_quantity_of_kubernetes_is_read(text: str, value: float) -> None:
    assert parse_quantity(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["", "m", "<unknown>", "12K", "1e", "5 Mi", "0x10", "1Kim", "NaN"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(SourceUnreadable, match="no quantity"):
        parse_quantity(text)


def test_a_table_of_pods_is_read() -> None:
    assert read_top("api-7d9f   250m   64Mi\nworker-0   1   1Gi\n\n") == {
        "api-7d9f": (0.25, 67108864.0),
        "worker-0": (1.0, 1073741824.0),
    }


async def test_pods_are_summed_and_told_one_by_one(tmp_path: Path) -> None:
    kubectl = stand_in(tmp_path, "api-7d9f   250m   64Mi\nworker-0   500m   128Mi\n")
    values = await Kubernetes("staging", "webhooks", kubectl).read()
    assert values == {
        "kubernetes.pods": 2.0,
        "kubernetes.cpu_cores": 0.75,
        "kubernetes.cpu_cores_max": 0.5,
        "kubernetes.memory_bytes": 192.0 * 2**20,
        "kubernetes.memory_max_bytes": 128.0 * 2**20,
        "kubernetes.api-7d9f.cpu_cores": 0.25,
        "kubernetes.api-7d9f.memory_bytes": 64.0 * 2**20,
        "kubernetes.worker-0.cpu_cores": 0.5,
        "kubernetes.worker-0.memory_bytes": 128.0 * 2**20,
    }
    called = (tmp_path / "called").read_text()
    assert called == "--context staging --namespace webhooks top pods --no-headers\n"


async def test_the_cluster_is_not_asked_more_often_than_it_knows(tmp_path: Path) -> None:
    source = Kubernetes("staging", "webhooks", stand_in(tmp_path, "api 1m 1Mi\n"))
    assert await source.read()
    assert await source.read() == {}
    assert len((tmp_path / "called").read_text().splitlines()) == 1


async def test_what_kubectl_complains_about_becomes_a_problem(tmp_path: Path) -> None:
    complaint = "warning: old client\nerror: Metrics API not available\n"
    kubectl = stand_in(tmp_path, "", code=1, complains=complaint)
    sampler = Sampler([Kubernetes("staging", "webhooks", kubectl)], every_s=0.5)
    await sampler.start()
    await sampler.stop()
    (problem,) = sampler.problems
    assert problem.endswith("kubectl failed (exit code 1): error: Metrics API not available")


async def test_a_missing_kubectl_is_said_to_be_missing(tmp_path: Path) -> None:
    missing = str(tmp_path / "kubectl")
    with pytest.raises(ToolMissing, match="kubectl does not run: No such file"):
        await Kubernetes("staging", "webhooks", missing).read()


async def test_output_that_is_no_table_is_refused(tmp_path: Path) -> None:
    kubectl = stand_in(tmp_path, "No resources found in webhooks namespace.\n")
    with pytest.raises(SourceUnreadable, match="not a pod, its CPU and memory"):
        await Kubernetes("staging", "webhooks", kubectl).read()
