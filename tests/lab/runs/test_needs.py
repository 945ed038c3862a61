"""What a scenario needs of a service of the laboratory's own is refused to any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.runs.needs import refuse_impossible
from sureshot_lab.runs.options import Options
from sureshot_lab.scenario import load_scenario, scenario_names
from tests.lab.runs.conftest import Run
from tests.lab.runs.test_ending import lab
from tests.support.service import ADMIN_TOKEN, API_TOKEN, running_service

OF_ITS_OWN = {
    "exhaustion": "service.descriptors",
    "exhaustion-memory": "service.memory_bytes",
    "exhaustion-disk": "service.disk_bytes",
    "exhaustion-disk-cluster": "service.disk_bytes and the fault disk-grows",
    "exhaustion-connections": "service.settings.database_pool",
    "recovery": "the fault kill",
    "kill-worker": "the fault kill",
}
"""Scenarios that a target can't be asked, and what of it."""


@pytest.mark.parametrize("name", scenario_names())
def test_only_what_a_target_can_be_asked_is_asked(name: str) -> None:
    options = Options(target="http://127.0.0.1:1")
    if name in OF_ITS_OWN:
        with pytest.raises(LabError, match=f"{name} needs {OF_ITS_OWN[name]}, which"):
            refuse_impossible(load_scenario(name), options)
    else:
        refuse_impossible(load_scenario(name), options)
    refuse_impossible(load_scenario(name), Options())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["exhaustion"], "exhaustion needs service.descriptors"),
        (["smoke", "--set", 'fault=[{kind="kill",at_s=1}]'], "smoke needs the fault kill"),
    ],
)
def test_it_is_refused_before_anything_begins(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    done = lab("run", *arguments, "--target", "http://127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 3
    assert told in done.stderr
    assert "leave --target out" in done.stderr
    assert not (tmp_path / "runs").exists()


async def test_a_disk_that_nobody_made_small_cannot_grow(run: Run, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"needs service\.disk_bytes"):
        await run({"fault": [{"kind": "disk-grows", "at_s": 1}]})
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
async def test_settings_a_target_did_not_get_are_told(run: Run, tmp_path: Path) -> None:
    changes = {"service.settings": {"intake_limit": 500}, "payload.seed": 3}
    async with running_service(tmp_path) as service:
        result = await run(
            changes, target=service.url, token=API_TOKEN, admin_token=ADMIN_TOKEN, seed=None
        )
    assert result.conditions.service["not_applied"] == "intake_limit = 500"
    told = next(one for one in result.findings if "settings were not applied" in one.what)
    assert "intake_limit = 500" in told.evidence
    assert result.conditions.seed == 3
