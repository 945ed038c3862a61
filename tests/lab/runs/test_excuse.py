"""Which INVALID runs a busy machine explains, and which are a fault all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sureshot_lab.result import FILE, Gate, Verdict, write_result
from sureshot_lab.runs.excuse import main
from sureshot_lab.runs.verdict import Evidence, decide
from tests.lab.report.examples import good

SOUND: dict[str, Any] = {
    "intended": 1000, "sent": 1000, "accepted": 1000, "dropped": 0, "generator_share": 0.3,
    "steal_share": 0.0,
}  # fmt: skip


def gate(name: str, unit: str, *, passed: bool | None) -> Gate:
    return Gate(name=name, metric=name, comparison="<", limit=0.5, unit=unit, value=0.9,
                passed=passed, title=name)  # fmt: skip


LATE = gate("delivery-latency", "s", passed=False)
FAILED = gate("success-rate", "share", passed=False)
KEPT = gate("success-rate", "share", passed=True)


def excused(folder: Path, found: dict[str, Any], *gates: Gate) -> bool:
    verdict, reasons = decide(Evidence(**{**SOUND, **found}), gates)
    result = msgspec.structs.replace(good(), verdict=verdict, reasons=reasons, gates=list(gates))
    write_result(folder, result)
    return main([str(folder)]) == 0


@pytest.mark.parametrize(
    "found",
    [
        {"dropped": 3},
        {"sent": 900},
        {"generator_share": 0.95},
        {"own_lag_p99_s": 2.0},
        {"steal_share": 0.2},
    ],
    ids=lambda found: next(iter(found)),
)
def test_a_busy_machine_is_excused_and_so_is_what_came_late(
    found: dict[str, Any], tmp_path: Path
) -> None:
    assert excused(tmp_path, found, KEPT)
    assert excused(tmp_path, found, LATE)


@pytest.mark.parametrize(
    "found",
    [{"ledger_gap": "it died"}, {"stopped_early": True}, {"sent": 0, "intended": 0}],
    ids=lambda found: next(iter(found)),
)
def test_what_broke_is_not_excused_on_a_busy_machine_either(
    found: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not excused(tmp_path, {**found, "steal_share": 0.2}, KEPT)
    assert "not by the machine: " in capsys.readouterr().err


def test_webhooks_that_failed_are_not_excused(tmp_path: Path) -> None:
    assert not excused(tmp_path, {"steal_share": 0.2}, FAILED)


def test_what_was_not_measured_or_not_accepted_is_not_excused(tmp_path: Path) -> None:
    assert not excused(tmp_path, {}, gate("lost", "count", passed=None))
    assert not excused(tmp_path, {"accepted": 0}, KEPT)


def test_a_fail_is_never_excused_and_a_pass_needs_no_excuse(tmp_path: Path) -> None:
    assert not excused(tmp_path, {}, LATE)
    assert excused(tmp_path, {}, KEPT)


def test_a_run_that_broke_off_or_left_nothing_is_not_excused(tmp_path: Path) -> None:
    broken = msgspec.structs.replace(
        good(), verdict=Verdict.INVALID, reasons=["the run broke off: no port"], gates=[]
    )
    write_result(tmp_path, broken)
    assert main([str(tmp_path)]) == 1
    (tmp_path / FILE).unlink()
    assert main([str(tmp_path)]) == 3
