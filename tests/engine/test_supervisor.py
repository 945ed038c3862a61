"""The supervisor when children do not start: it tries again, and says nothing too early."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from unittest.mock import Mock

import pytest

from sureshot import supervisor as module
from sureshot.supervisor import Supervisor

READY = "import os, sys, time; os.write(int(sys.argv[1]), b'1'); time.sleep(60)"
ABSENT = ["/nonexistent/program"]


class Commands:
    """Gives command lines one after the other, the last one again and again."""

    def __init__(self, *scripts: str | None) -> None:
        self.scripts = list(scripts)

    def __call__(self, _role: str, _number: int, ready_fd: int) -> Sequence[str]:
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        return ABSENT if script is None else [sys.executable, "-c", script, str(ready_fd)]


@contextlib.asynccontextmanager
async def _running(commands: Commands) -> AsyncIterator[Supervisor]:
    made = Supervisor(["worker"], commands, [])
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def _pid(supervisor: Supervisor) -> int:
    process = supervisor.children[0].process
    assert process is not None
    assert process.returncode is None
    return process.pid


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Mock:
    made = Mock()
    monkeypatch.setattr(module, "log", made)
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    return made


def _rolled(log: Mock) -> bool:
    return any(call.args == ("supervisor.rolled",) for call in log.info.call_args_list)


async def test_a_child_that_cannot_be_forked_is_tried_again(log: Mock) -> None:
    async with _running(Commands(READY, None, None, READY)) as supervisor:
        first = _pid(supervisor)
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(5):
            while log.info.call_count < 2:
                await asyncio.sleep(0.01)
        assert _pid(supervisor) != first


@pytest.mark.parametrize("script", [None, "raise SystemExit(1)"], ids=["no fork", "not ready"])
async def test_a_roll_that_fails_leaves_the_old_one_and_does_not_call_it_done(
    log: Mock, script: str | None
) -> None:
    async with _running(Commands(READY, script, READY)) as supervisor:
        before = _pid(supervisor)
        await supervisor.roll()
        assert _pid(supervisor) == before
        assert log.exception.called
        assert not _rolled(log)
        await supervisor.roll()
        assert _pid(supervisor) != before
        assert _rolled(log)
