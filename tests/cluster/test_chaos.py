"""Twenty faults in random order; ``python -m tests.cluster.chaos`` runs any number."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from sureshot.delivery.recorder import UNWRITTEN
from sureshot.delivery.worker import BATCH
from tests.cluster.chaos import run_chaos


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_killing_anything_under_load_loses_nothing(tmp_path: Path) -> None:
    seed = secrets.randbelow(1 << 30)
    verdict = await run_chaos(tmp_path, 20, seed)
    told = f"seed {seed}: {verdict}"
    assert len(verdict.ledger.accepted) > 500, told
    assert verdict.ledger.lost == set(), told
    assert verdict.not_recorded == set(), told
    # Again comes what a worker had not written down when it was killed, and hardly any other.
    assert verdict.ledger.duplicates <= len(verdict.workers_killed_s) * (UNWRITTEN + BATCH), told
    assert verdict.unexplained < len(verdict.ledger.accepted) * 0.01, told
