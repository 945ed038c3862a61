"""The workflows of GitHub Actions: they parse, are pinned, and call what exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sureshot_lab.runs.options import Options

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".github" / "workflows"
NAMES = sorted(path.name for path in FOLDER.glob("*.yml"))
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")


def read(name: str) -> dict[str, Any]:
    """Return a workflow; its key ``on`` is true to YAML 1.1."""
    told: dict[Any, Any] = yaml.safe_load((FOLDER / name).read_text())
    return {"on" if key is True else key: value for key, value in told.items()}


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in read(name)["jobs"].values() for step in job["steps"]]


def commands(name: str) -> str:
    return "\n".join(step.get("run", "") for step in steps(name))


def test_there_are_the_two() -> None:
    assert NAMES == ["ci.yml", "performance.yml"]
    assert "pull_request" in read("ci.yml")["on"]
    assert {"workflow_dispatch", "schedule"} == read("performance.yml")["on"].keys()
    assert "bash .ci/run" in commands("ci.yml")
    for script in (ROOT / "scripts").glob("check-*.sh"):
        assert f"bash scripts/{script.name}" in commands("ci.yml"), "nobody would run it"
    assert "make perf" in commands("performance.yml")


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_and_may_only_read(name: str) -> None:
    workflow = read(name)
    assert workflow["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used
    assert all(PINNED.fullmatch(action) for action in used)
    lines = [line for line in (FOLDER / name).read_text().splitlines() if "uses:" in line]
    assert all(re.search(r"# v\d+\.\d+\.\d+$", line) for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_what_they_call_exists(name: str) -> None:
    for target in re.findall(r"\bmake (\S+)", commands(name)):
        made = subprocess.run(
            ["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stderr
    for script in re.findall(r"\bbash (\S+)", commands(name)):
        assert (ROOT / script).is_file()


def test_the_smoke_run_is_excused_for_a_busy_machine_alone() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert re.search(r'lab run smoke .*--output "(\S+)"[\s\S]*runs\.excuse "\1"', script)


def test_the_run_that_make_perf_leaves_is_kept() -> None:
    kept = [
        step["with"]["path"] for step in steps("performance.yml") if "path" in step.get("with", {})
    ]
    assert [Path(path).parts[0] for path in kept] == [str(Options().runs)] * 2
    assert any(path.endswith("junit.xml") for path in kept)
