from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sureshot_lab.load.k6 import Outcome
from tests.lab.k6.running import run
from tests.lab.k6.stub import serving


@dataclass(frozen=True)
class OneRun:
    """Every file k6 wrote of one run, and what the server counted in it."""

    folder: Path
    requests: int
    submitted: int
    refused: int

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.glob("run.*"))

    def file(self, ending: str) -> Path:
        return self.folder / f"run.{ending}"


def _one_run(folder: Path, refuse_every: int) -> Iterator[OneRun]:
    with serving() as stub:
        stub.refuse_every = refuse_every
        finished = run(
            "scaling-test.js",
            stub,
            f"--summary-export={folder / 'run.export.json'}",
            f"--out=json={folder / 'run.ndjson'}",
            f"--out=json={folder / 'run.ndjson.gz'}",
            f"--out=csv={folder / 'run.csv'}",
            f"--out=csv={folder / 'run.csv.gz'}",
            SUMMARY=str(folder / "run.summary.json"),
            DURATION_SCALE="0.025",
        )
        expected = Outcome.THRESHOLDS if refuse_every else Outcome.PASSED
        assert finished.outcome is expected, finished.stdout
        refused = stub.asked["submit"] - len(stub.submitted)
        yield OneRun(folder, stub.total, stub.asked["submit"], refused)


@pytest.fixture(scope="session")
def good_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneRun]:
    """A run without a failure."""
    yield from _one_run(tmp_path_factory.mktemp("good"), 0)


@pytest.fixture(scope="session")
def bad_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneRun]:
    """A run with every fifth submission refused."""
    yield from _one_run(tmp_path_factory.mktemp("bad"), 5)
