"""The manifests as a cluster would get them: built overlays, and questions to ask of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from sureshot_lab.targets import Resource, load_targets

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "manifests"
OVERLAYS = ("staging", "loadtest", "production")
OPTIONAL = ("keda-prometheus", "egress-proxy")
"""Components that no overlay has switched on."""
UNITS = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "": 1.0}

Document = dict[str, Any]


def kubectl() -> str:
    """Return the program; without it skip on a laptop, fail in CI."""
    program = shutil.which("kubectl")
    if program is None:
        told = "kubectl is not installed here: it builds the overlays of manifests/"
        if os.environ.get("CI") == "true":
            raise FileNotFoundError(told)
        pytest.skip(told)
    return program


def build(folder: Path) -> list[Document]:
    """Return what ``kubectl kustomize`` makes of *folder*."""
    ran = subprocess.run(
        [kubectl(), "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    # What is out of date in a file is told here, and nowhere else.
    assert ran.stderr == "", ran.stderr
    return list(yaml.safe_load_all(ran.stdout))


@cache
def _overlay(name: str) -> tuple[Document, ...]:
    return tuple(build(MANIFESTS / "overlays" / name))


class Built:
    """The documents of one build."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = documents

    def of(self, *kinds: str) -> list[Document]:
        """Return the documents of these kinds."""
        return [document for document in self.documents if document["kind"] in kinds]

    def named(self, kind: str, name: str) -> Document:
        """Return the one document of that kind and name."""
        (found,) = (one for one in self.of(kind) if one["metadata"]["name"] == name)
        return found

    @property
    def workloads(self) -> list[Document]:
        """Everything that makes pods."""
        return self.of("Deployment", "Job")

    @property
    def processes(self) -> list[Document]:
        """The Deployments that run the service, by role."""
        return [one for one in self.of("Deployment") if container(one)["args"][0] == "serve"]

    def settings_of(self, workload: Document, secrets: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of its container; *secrets* by ``name/key``.

        Raises ``KeyError`` for a ConfigMap or key that is not there.
        """
        values: dict[str, str] = {}
        for source in container(workload).get("envFrom", []):
            values |= self.named("ConfigMap", source["configMapRef"]["name"])["data"]
        for entry in container(workload).get("env", []):
            if "value" in entry:
                values[entry["name"]] = entry["value"]
            else:
                wanted = entry["valueFrom"]["secretKeyRef"]
                values[entry["name"]] = secrets[f"{wanted['name']}/{wanted['key']}"]
        return values


def overlay(name: str) -> Built:
    """Return the overlay called *name*."""
    return Built(_overlay(name))


def with_component(name: str, folder: Path) -> Built:
    """Return staging with an optional component; *folder* is a place to build it in."""
    shutil.copytree(MANIFESTS, folder / "manifests", symlinks=True)
    path = folder / "manifests" / "overlays" / "staging" / "kustomization.yaml"
    overlay = yaml.safe_load(path.read_text())
    others = [one for one in overlay["components"] if not one.endswith("/keda")]
    overlay["components"] = [*others, f"../../components/{name}"]
    path.write_text(yaml.safe_dump(overlay))
    return Built(build(path.parent))


def pod(workload: Document) -> Document:
    """Return the pod template of a Deployment or Job."""
    template: Document = workload["spec"]["template"]
    return template


def container(workload: Document) -> Document:
    """Return its one container."""
    (only,) = pod(workload)["spec"]["containers"]
    found: Document = only
    return found


def component(workload: Document) -> str:
    """Return which part of the service its pods are."""
    return str(labels(workload).get("app.kubernetes.io/component", ""))


def labels(workload: Document) -> dict[str, str]:
    """Return the labels of its pods."""
    found: dict[str, str] = pod(workload)["metadata"]["labels"]
    return found


def selects(selector: Document, given: Mapping[str, str]) -> bool:
    """Whether a label selector, as in ``spec.selector``, matches the labels *given*."""
    pairs = selector.get("matchLabels", {})
    expressions = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in expressions), expressions
    return all(given.get(key) == value for key, value in pairs.items()) and all(
        given.get(one["key"]) in one["values"] for one in expressions
    )


def quantity(text: str) -> float:
    """Return a quantity such as ``250m`` or ``1Gi`` as a number."""
    digits = text.rstrip("mKMGi")
    return float(digits) * UNITS[text.removeprefix(digits)]


def resource(name: str) -> Resource:
    """Return a row of the table of resources in targets.toml."""
    return next(one for one in load_targets().resource if one.name == name)


def example_secrets() -> dict[str, str]:
    """Return every value of the example, by ``name/key``."""
    documents = yaml.safe_load_all((MANIFESTS / "secrets.example.yaml").read_text())
    return {
        f"{one['metadata']['name']}/{key}": value
        for one in documents
        for key, value in one["stringData"].items()
    }
