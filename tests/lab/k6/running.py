"""The scripts of k6/, run for a moment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sureshot_lab.errors import ToolMissing
from sureshot_lab.load.k6 import Finished, find_k6, run_script
from tests.lab.k6.stub import ADMIN_TOKEN, API_TOKEN, Stub

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "k6"
SCRIPTS = sorted(FOLDER.glob("*-test.js"))
OURS = [
    "BASE_URL",
    "API_TOKEN",
    "ADMIN_TOKEN",
    "SINK_URL",
    "ENVIRONMENT",
    "SCALE",
    "DURATION_SCALE",
    "FOLLOW_SHARE",
    "SUMMARY",
    "REPLICAS",
    "METRICS_URL",
]


def require_k6() -> Path:
    """Return k6; without one skip with a reason, in CI fail."""
    try:
        return find_k6()
    except ToolMissing as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have k6: {error}")
        pytest.skip(str(error))


def run(name: str, stub: Stub, *arguments: str, **env: str) -> Finished:
    """Run ``k6/<name>`` against *stub* with every duration x 0.002; *env* goes before."""
    return run_script(
        FOLDER / name,
        env={
            **dict.fromkeys(OURS, ""),
            "BASE_URL": stub.url,
            "API_TOKEN": API_TOKEN,
            "ADMIN_TOKEN": ADMIN_TOKEN,
            "SINK_URL": "http://127.0.0.1:9/a, http://127.0.0.1:9/b",
            "DURATION_SCALE": "0.002",
            "SCALE": "0.5",
            **env,
        },
        timeout_s=30,
        arguments=arguments,
        k6=require_k6(),
    )
