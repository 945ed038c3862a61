"""Runs the command line as people do: in a process of its own, in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sureshot.cli.app import main
from tests.support.service import API_TOKEN

PATIENCE_S = 20.0
Capture = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)

    @property
    def pairs(self) -> dict[str, str]:
        """The output as names and values."""
        split = (line.split("  ", 1) for line in self.out.splitlines() if "  " in line)
        return {name.strip(): value.strip() for name, value in split}


def environment(**variables: str) -> dict[str, str]:
    """Return this environment without any setting of ours, then *variables*."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SURESHOT_")}
    return kept | variables


def at(url: str, **variables: str) -> dict[str, str]:
    """Return the environment of somebody who uses the service at *url*."""
    return environment(SURESHOT_URL=url, SURESHOT_API_TOKEN=API_TOKEN, **variables)


async def start(
    arguments: tuple[str, ...], folder: Path, env: Mapping[str, str]
) -> asyncio.subprocess.Process:
    """Start ``sureshot`` with *arguments*."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sureshot",
        *arguments,
        cwd=folder,
        env=dict(env),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(
    *arguments: str, folder: Path, env: Mapping[str, str] | None = None, stdin: bytes = b""
) -> Ran:
    """Run ``sureshot`` to its end; a stack trace is never all right."""
    process = await start(arguments, folder, environment() if env is None else env)
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate(stdin)
    assert process.returncode is not None
    ran = Ran(process.returncode, out.decode(), err.decode())
    assert "Traceback" not in ran.err, ran.err
    return ran


@contextlib.asynccontextmanager
async def running(
    *arguments: str, folder: Path, env: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run ``sureshot`` while the block lasts."""
    process = await start(arguments, folder, environment() if env is None else env)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            await process.communicate()


async def line_with(stream: asyncio.StreamReader | None, text: str) -> str:
    """Return the next line that contains *text*."""
    assert stream is not None
    async with asyncio.timeout(PATIENCE_S):
        while line := (await stream.readline()).decode():
            if text in line:
                return line.rstrip("\n")
    raise AssertionError(f"the stream ended without a line with {text!r}")


class HereRuns:
    """Runs commands in the test's own process: faster, for what needs no service."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capture: Capture) -> None:
        self._folder = folder
        self._patch = patch
        self._capture = capture
        self.stdin = b""

    async def beside(self, url: str, *arguments: str, stdin: bytes = b"", **variables: str) -> Ran:
        """Run against the service at *url*, which lives in the test's event loop."""
        self.stdin = stdin
        known = {"SURESHOT_URL": url, "SURESHOT_API_TOKEN": API_TOKEN, **variables}
        return await asyncio.to_thread(self, *arguments, **known)

    def __call__(self, *arguments: str, **variables: str) -> Ran:
        with self._patch.context() as patch:
            patch.chdir(self._folder)
            for name in [name for name in os.environ if name.startswith("SURESHOT_")]:
                patch.delenv(name)
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(self.stdin)))
            self._capture.readouterr()
            with pytest.raises(SystemExit) as ended:
                main(list(arguments))
        out, err = self._capture.readouterr()
        assert isinstance(ended.value.code, int)
        return Ran(ended.value.code, out, err)
