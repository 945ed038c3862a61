"""What a process tells of the core it uses, or would."""

from __future__ import annotations

from pathlib import Path

import pytest

from sureshot.telemetry import core_time


def test_work_is_seen_and_waiting_never_goes_back() -> None:
    before = core_time.cpu_s(), core_time.starved_s()
    for _ in range(10**6):
        pass
    assert core_time.cpu_s() > before[0]
    assert core_time.starved_s() >= before[1] >= 0


def test_time_without_a_core_is_read_as_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = tmp_path / "schedstat"
    counted.write_text("963336068 2921282227 17\n")
    monkeypatch.setattr(core_time, "SCHEDULED", counted)
    assert core_time.starved_s() == pytest.approx(2.921282227)


def test_where_nobody_counts_it_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_time, "SCHEDULED", tmp_path / "none")
    assert core_time.starved_s() == 0
    (tmp_path / "none").write_text("")
    assert core_time.starved_s() == 0
