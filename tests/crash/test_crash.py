"""Twenty kills under load in CI; ``make crash CYCLES=1000`` for more."""

from __future__ import annotations

import random
import signal
import socket
from pathlib import Path

import pytest

from tests.crash.crash_cycles import report, run_cycles


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_nothing_accepted_is_lost_by_twenty_kills(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    seed = random.SystemRandom().randrange(1 << 30)
    ledger, recorded, verdict = await run_cycles(tmp_path, port, 20, seed)
    with capsys.disabled():
        print("\n" + report(ledger, recorded, verdict, seed))
    assert ledger.cycles == 20
    assert len(ledger.accepted) > 500
    assert not ledger.lost
    assert not ledger.accepted - recorded
    assert verdict == "ok"
    assert b"Traceback" not in (tmp_path / "service.log").read_bytes()


@pytest.mark.slow
async def test_stopping_under_load_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ledger, recorded, verdict = await run_cycles(tmp_path, port, 4, 1, signal.SIGTERM)
    assert len(ledger.accepted) > 100
    assert not ledger.lost
    assert not ledger.accepted - recorded
    assert ledger.duplicates == 0
    assert verdict == "ok"
