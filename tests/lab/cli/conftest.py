from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import HereRuns


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> HereRuns:
    return HereRuns(tmp_path, monkeypatch, capsys)
