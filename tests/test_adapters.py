"""What a process loads: the drivers of its own store and queue, and no others."""

from __future__ import annotations

import subprocess
import sys

DRIVERS = ("asyncpg", "aiormq")
STARTED = """
import sys
from sureshot.adapters import make_clock, make_queue, make_store
from sureshot.config import Settings
import sureshot.process
settings = Settings(database_url=sys.argv[1], queue_url=sys.argv[2], secret_key="A" * 43 + "=")
make_store(settings)
make_queue(settings, make_clock(settings)[0], "all", lambda _depth, _size: None)
print(*(name for name in sys.argv[3:] if name in sys.modules))
"""


def _loaded(database_url: str, queue_url: str) -> list[str]:
    command = [sys.executable, "-c", STARTED, database_url, queue_url, *DRIVERS]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return ran.stdout.split()


def test_drivers_are_loaded_by_those_who_use_them() -> None:
    assert _loaded("sqlite:///a.db", "memory://") == []
    assert _loaded("postgresql://u@h/d", "memory://") == ["asyncpg"]
    assert _loaded("postgresql://u@h/d", "amqp://h/") == list(DRIVERS)
