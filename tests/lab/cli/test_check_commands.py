"""``sureshot lab preflight`` and ``closeout`` as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sureshot_lab.checks import preflight
from sureshot_lab.checks.cpu import CpuUse
from tests.cli.command import HereRuns, environment, run
from tests.lab.checks.stakeholder import stakeholder
from tests.lab.checks.test_closeout import BROKEN, a_folder
from tests.support.service import ADMIN_TOKEN, API_TOKEN, running_service

FAILED, OPEN, NOT_BEGUN = 3, 1, 3


def be_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the machine seen as idle: what else runs on it is not what is tested."""

    async def idle() -> CpuUse:
        return CpuUse(idle=0.93, steal=0.0)

    monkeypatch.setattr(preflight, "watch_cpu", idle)


def test_a_machine_that_is_ready_is_told_so(
    here: HereRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_idle(monkeypatch)
    ran = here("lab", "preflight", "smoke", "--smoke")
    assert ran.code == 0, ran.out
    assert "[x] Test environment ready" in ran.out
    assert "[!] Baselines established" in ran.out
    assert "sureshot lab baseline save" in " ".join(ran.out.split())
    assert "93 % idle" in ran.out
    assert ran.out.splitlines()[-1].startswith("ready: nothing failed")


async def test_a_refused_token_is_exit_code_3_and_json_says_the_same(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        ran = await run(
            "lab", "preflight", "smoke", "--smoke", "--json", "--target", service.url,
            folder=tmp_path,
            env=environment(SURESHOT_API_TOKEN="mistyped", SURESHOT_ADMIN_TOKEN=ADMIN_TOKEN),
        )  # fmt: skip
    assert ran.code == FAILED
    ready = ran.json["ticks"][0]
    assert ready["title"] == "Test environment ready"
    assert ready["state"] == ran.json["state"] == "failed"
    (token,) = [check for check in ready["checks"] if check["name"] == "token"]
    assert "401" in token["evidence"]
    assert "mistyped" not in ran.out + ran.err


def test_an_unknown_scenario_is_a_sentence(here: HereRuns) -> None:
    ran = here("lab", "preflight", "smok")
    assert ran.code == NOT_BEGUN
    assert "no scenario is called 'smok'" in ran.err


async def test_a_run_is_closed_step_by_step(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "runs", gates=[BROKEN]).rename(tmp_path / "a-run")
    first = await run("lab", "closeout", str(folder), folder=tmp_path)
    assert first.code == OPEN
    assert "[ ] Stakeholders notified" in first.out
    assert "open: Results analysed, Stakeholders notified" in " ".join(first.out.split())
    assert "- [ ] **Reviewed**" in (folder / "closeout.md").read_text()
    async with running_service(tmp_path) as service, stakeholder() as somebody:
        last = await run(
            "lab", "closeout", str(folder), "--notify", somebody.url, "--reviewer", "Ada",
            "--approver", "Grace", "--follow-up", "Nothing", "--json",
            "--explain", "submission_p99_s=a shared disk",
            folder=tmp_path,
            env=environment(SURESHOT_URL=service.url, SURESHOT_API_TOKEN=API_TOKEN),
        )  # fmt: skip
    assert last.code == 0, last.out
    assert last.json["notification"]["status"] == "delivered"
    assert last.json["notification"]["service"] == service.url
    assert len(somebody.news) == 1
    assert "- [x] **Reviewed**" in (folder / "closeout.md").read_text()


def test_a_run_is_found_by_its_id(here: HereRuns, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    a_folder(tmp_path / "runs" / "20250601-120000-load-1")
    assert here("lab", "closeout", "20250601-120000-load-1").code == OPEN
    ran = here("lab", "closeout", "another")
    assert ran.code == NOT_BEGUN
    assert "another does not exist" in ran.err


@pytest.mark.parametrize("told", ["submission_p99_s", "=why", "submission_p99_s= "])
def test_an_explanation_needs_a_gate_and_a_reason(
    here: HereRuns, tmp_path: Path, told: str
) -> None:
    a_folder(tmp_path / "run", gates=[BROKEN])
    ran = here("lab", "closeout", "run", "--explain", told)
    assert ran.code == NOT_BEGUN
    assert "must be like" in ran.err
    assert not (tmp_path / "run" / "closeout.md").exists()
