from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sureshot_lab.result import RunResult
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.run import run_scenario
from sureshot_lab.scenario import load_scenario

SMALL: dict[str, Any] = {
    "load.stages": [[3, 100, 100]],
    "load.warm_up_s": 0.5,
    "endpoints.count": 3,
    "drain_s": 10,
}
"""What makes ``smoke`` a matter of seconds."""

REPEATS = 2
STOLEN = "of the CPU away"
"""A run whose host had other guests to serve says nothing, whatever is asked: it is repeated."""

Run = Callable[..., Awaitable[RunResult]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs a small scenario, changed as told, and returns its result."""

    async def made(
        changes: dict[str, Any] | None = None,
        *,
        scenario: str = "smoke",
        once: bool = False,
        **options: Any,
    ) -> RunResult:
        told = load_scenario(
            scenario,
            environment=options.get("environment", "local"),
            changes={**SMALL, **(changes or {})},
        )
        options = {"runs": tmp_path / "runs", "engine": "native", **options}
        result, folder = await run_scenario(told, Options(**options))
        for _ in range(0 if once else REPEATS):
            if not any(STOLEN in reason for reason in result.reasons):
                break
            shutil.rmtree(folder)
            result, folder = await run_scenario(told, Options(**options))
        return result

    return made
