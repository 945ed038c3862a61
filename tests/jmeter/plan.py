"""The JMeter plan and what is around it, read as text; and a receiver for what it sends."""

from __future__ import annotations

import contextlib
import importlib.util
import re
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

from sureshot.cli.sink_server import SinkServer

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "jmeter"
PLAN = FOLDER / "performance-test.jmx"
README = FOLDER / "README.md"
PROPERTY = re.compile(r"\$\{__P\((\w+),([^)]*)\)\}")


def tree() -> ET.Element:
    """Return the plan; raises when it is no well-formed XML."""
    return ET.fromstring(PLAN.read_text(encoding="utf-8"))


def texts(name: str) -> list[str]:
    """Return the values of every property of that name."""
    return [one.text or "" for one in tree().iter() if one.get("name") == name]


def properties() -> dict[str, str]:
    """Return the properties the plan reads, with their defaults."""
    return dict(PROPERTY.findall(PLAN.read_text(encoding="utf-8")))


def load_judge() -> ModuleType:
    """Return jmeter/judge.py, which lies outside every package."""
    spec = importlib.util.spec_from_file_location("judge", FOLDER / "judge.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.asynccontextmanager
async def receiver() -> AsyncIterator[tuple[str, list[str]]]:
    """Run a sink; yield its url, and the ids of the webhooks it received."""
    received: list[str] = []
    sink = SinkServer(on_receipt=lambda receipt: received.append(receipt.webhook_id))
    try:
        yield f"http://127.0.0.1:{await sink.start()}/", received
    finally:
        await sink.stop()
