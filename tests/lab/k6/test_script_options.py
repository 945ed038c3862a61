"""What the scripts promise, before any of them runs."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sureshot_lab.targets import load_targets
from tests.lab.k6.running import FOLDER, SCRIPTS, require_k6

NAMED = {
    "performance-test.js",
    "single-user-test.js",
    "small-load-test.js",
    "load-test.js",
    "scaling-test.js",
    "auto-scaling-test.js",
    "monitoring-test.js",
}
SUBMITTING = sorted(NAMED - {"monitoring-test.js"})
OPEN = sorted(NAMED - {"monitoring-test.js", "single-user-test.js"})


@cache
def options(name: str, **env: str) -> Any:
    command = [str(require_k6()), "inspect", "--execution-requirements"]
    command += [f"--env={key}={value}" for key, value in env.items()]
    told = subprocess.run(
        [*command, str(FOLDER / name)], capture_output=True, text=True, timeout=30, check=False
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def table(name: str) -> dict[str, Any]:
    """Return a constant of lib.js, which is written as JSON but for quotes, commas, keys."""
    text = (FOLDER / "lib.js").read_text()
    body = text.split(f"export const {name} = ", 1)[1].split(";\n", 1)[0]
    body = re.sub(r"([{,]\s*)(\w+):", r'\1"\2":', body.replace("'", '"'))
    return dict(json.loads(re.sub(r",(\s*})", r"\1", body)))


def test_every_named_script_is_there() -> None:
    assert {path.name for path in SCRIPTS} == NAMED


@pytest.mark.parametrize("name", sorted(NAMED))
def test_k6_understands_every_script(name: str) -> None:
    assert options(name)["scenarios"]


@pytest.mark.parametrize("path", [*SCRIPTS, FOLDER / "lib.js"], ids=lambda path: path.name)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    imported = re.findall(r"from '([^']+)'", path.read_text())
    assert imported
    assert [name for name in imported if not re.fullmatch(r"k6(/\w+)?|\./lib\.js", name)] == []


def test_the_figures_are_those_of_the_targets() -> None:
    known = load_targets()
    limits = {target.name: target.limit for target in known.target}
    for name, limit in table("TARGETS").items():
        assert limits[name] == limit, name
    assert table("RESOURCES") == {
        r.name: {"target": r.target, "limit": r.limit, "alert": r.alert} for r in known.resource
    }


@pytest.mark.parametrize("name", SUBMITTING)
def test_each_promise_has_its_threshold_and_a_volume_beside_it(name: str) -> None:
    thresholds = options(name)["thresholds"]
    assert thresholds["checks"] == ["rate>0.999"]
    assert thresholds["submission_success"] == ["rate>0.999"]
    assert thresholds["delivery_success"] == ["rate>0.999"]
    assert thresholds["dropped_iterations"] == ["count==0"]
    assert thresholds["http_reqs{name:submit}"][0].startswith("count>=")
    latencies = [found for key, found in thresholds.items() if "http_req_duration" in key]
    assert ["p(99)<100"] in latencies
    assert ["p(95)<500"] in [found for key, found in thresholds.items() if "end_to_end" in key]


@pytest.mark.parametrize("name", OPEN)
def test_arrivals_do_not_wait_for_the_service(name: str) -> None:
    loads = {n: s for n, s in options(name)["scenarios"].items() if n != "queue_watch"}
    assert {load["executor"] for load in loads.values()} <= {
        "constant-arrival-rate",
        "ramping-arrival-rate",
    }
    for load in loads.values():
        peak = max([load.get("rate", 0)] + [stage["target"] for stage in load.get("stages") or []])
        assert load["maxVUs"] >= peak / 60
        assert load["preAllocatedVUs"] == load["maxVUs"]


def test_the_staged_test_lasts_half_an_hour_and_goes_to_four_times_the_target() -> None:
    found = options("performance-test.js")["scenarios"]["performance"]
    assert [stage["target"] for stage in found["stages"]] == [
        2000, 2000, 10_000, 10_000, 20_000, 20_000, 40_000, 40_000, 0,
    ]  # fmt: skip
    assert sum(milliseconds(stage["duration"]) for stage in found["stages"]) == 30 * 60 * 1000


def test_the_load_test_runs_its_three_loads_one_after_the_other() -> None:
    found = options("load-test.js")
    assert found["totalDuration"] == "24m30s"
    ends = 0.0
    for name in ("constant_load", "ramp_up_load", "spike_test"):
        load = found["scenarios"][name]
        begins = milliseconds(load["startTime"] or "0s")
        assert begins >= ends
        stages = load.get("stages") or [load]
        ends = begins + sum(milliseconds(stage["duration"]) for stage in stages)
        assert found["thresholds"][f"http_req_duration{{scenario:{name},name:submit}}"] == [
            "p(99)<100"
        ]


def test_the_queue_is_watched_by_one_user_of_its_own() -> None:
    for name in ("load-test.js", "auto-scaling-test.js"):
        watch = options(name)["scenarios"]["queue_watch"]
        assert (watch["executor"], watch["vus"]) == ("constant-vus", 1)


def test_staging_is_a_quarter_of_production() -> None:
    at = {
        env: options("small-load-test.js", ENVIRONMENT=env)["scenarios"]["small_load"]["rate"]
        for env in ("production-like", "staging")
    }
    assert at == {"production-like": 200, "staging": 50}


def milliseconds(text: str) -> float:
    units = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
    return sum(float(n) * units[unit] for n, unit in re.findall(r"([\d.]+)(ms|s|m|h)", text))
