"""Log lines of processes that share a file stay whole."""

from __future__ import annotations

import json
import sys

import pytest

from sureshot.telemetry.logging import configure_logging, get_logger


class Writes:
    """A standard error that keeps every write by itself, as the kernel sees it."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def write(self, text: str) -> int:
        self.seen.append(text)
        return len(text)

    def flush(self) -> None:
        pass


def test_a_line_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    writes = Writes()
    monkeypatch.setattr(sys, "stderr", writes)
    configure_logging("warning", "json")
    get_logger().warning("something.happened", times=2)
    (line,) = writes.seen
    assert line.endswith("\n")
    assert json.loads(line)["times"] == 2
