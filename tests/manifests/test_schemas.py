"""A cluster would take every document: Kubernetes' own schemas, strictly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.built import (
    MANIFESTS,
    OPTIONAL,
    OVERLAYS,
    Document,
    build,
    overlay,
    with_component,
)

VERSIONS = ("1.30", "1.37")
"""The oldest that the documentation promises, and the newest whose schemas are at hand."""
EXTENSIONS = ("keda.sh/", "monitoring.coreos.com/")
"""Groups whose schemas are no part of Kubernetes; scripts/check-manifests.sh knows them."""


def complaints(documents: list[Document], folder: Path, version: str) -> str:
    """Return what the validator says of *documents*; an unknown kind is a complaint too."""
    file = folder / "built.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    ran = subprocess.run(
        [sys.executable, "-m", "kubernetes_validate",
         "--strict", "--quiet", "-k", version, str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.stderr == "", ran.stderr
    assert ran.returncode == 0 or ran.stdout, "the validator failed without a word"
    return ran.stdout


def core(documents: list[Document]) -> list[Document]:
    return [one for one in documents if not one["apiVersion"].startswith(EXTENSIONS)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OVERLAYS)
def test_every_overlay_is_valid(name: str, version: str, tmp_path: Path) -> None:
    documents = core(list(overlay(name).documents))
    assert len(documents) > 15
    assert complaints(documents, tmp_path, version) == ""


@pytest.mark.parametrize("name", OPTIONAL)
def test_every_optional_component_can_be_added(name: str, tmp_path: Path) -> None:
    documents = list(with_component(name, tmp_path).documents)
    assert complaints(core(documents), tmp_path, VERSIONS[0]) == ""


def test_the_examples_and_the_file_applied_by_itself_are_valid(tmp_path: Path) -> None:
    for name in ("secrets.example.yaml", "hpa.yaml"):
        documents = list(yaml.safe_load_all((MANIFESTS / name).read_text()))
        assert complaints(documents, tmp_path, VERSIONS[0]) == ""
        assert all(one["metadata"]["namespace"] == "webhook-service" for one in documents)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("kind",), "Deploymint"),
        (("spec", "replica"), 3),
        (("spec", "template", "spec", "terminationGracePeriodSeconds"), "soon"),
    ],
    ids=["kind", "field", "type"],
)
def test_a_mistake_would_be_found(path: tuple[str, ...], value: Any, tmp_path: Path) -> None:
    (document,) = (
        one
        for one in build(MANIFESTS / "base")
        if one["metadata"]["name"] == "webhook-worker" and one["kind"] == "Deployment"
    )
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert complaints([document], tmp_path, VERSIONS[0]) != ""
