"""A sink as a child process: started, asked, broken on purpose, finished, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from subprocess import PIPE
from typing import IO, Any

import msgspec

from sureshot_lab.errors import LabError, UnreadableResult
from sureshot_lab.scenario import Sink
from sureshot_lab.sink.address import HOST, in_url, listening_host
from sureshot_lab.sink.config import Mode, SinkConfig
from sureshot_lab.sink.ledger_file import SavedLedger, read_ledger
from sureshot_lab.sink.record import BEFORE_FILE, LEDGER_FILE
from sureshot_lab.sink.sink_result import SinkResult, read_sink_result
from sureshot_lab.sink.stats import Stats

LOG_FILE = "sink.log"
START_S = 20.0
ANSWER_S = 10.0
FINISH_S = 60.0
STOP_S = 2.0
LOG_BYTES = 500

Secrets = str | Sequence[str]
"""One secret, or all that are valid while one is being rotated out."""


class SinkFailed(LabError):
    """The sink did not start, died, or refused what it was told."""


class _Ready(msgspec.Struct):
    port: int
    control_port: int
    pid: int


class SinkProcess:
    """A running sink. Made by ``start``."""

    def __init__(
        self, child: asyncio.subprocess.Process, ready: _Ready, folder: Path, endpoints: int,
        reached_at: str,
    ) -> None:  # fmt: skip
        self._child = child
        self._folder = folder
        self._control_port = ready.control_port
        self._reached_at = reached_at
        self.port = ready.port
        self.endpoints = endpoints

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls,
        folder: Path,
        sink: Sink,
        endpoints: int,
        secrets: Sequence[Secrets] = (),
        seed: int = 1,
        *,
        default_secrets: Secrets = (),
        lose_every: int = 0,
        port: int = 0,
        reached_at: str = HOST,
    ) -> AsyncIterator[SinkProcess]:
        """Run a sink with so many *endpoints* until the block is left; its files are in *folder*.

        *secrets* are those of the first endpoints, in order; see ``know_secrets``
        for the rest. *lose_every* makes it forget webhooks, to see it found out.
        *reached_at* is the name or address under which a service elsewhere reaches this
        machine: the sink then listens there too, its control on loopback alone.
        The process ends when this one does, however that happens.

        Raises:
            SinkFailed: it does not start, because of its scenario, secrets or *port*.
            LabError: *reached_at* is neither a name nor an address.

        """
        config = SinkConfig(
            sink=sink,
            endpoints=endpoints,
            seed=seed,
            secrets={index: _listed(known) for index, known in enumerate(secrets)},
            default_secrets=_listed(default_secrets),
            lose_every=lose_every,
        )
        child = await _spawn(folder, listening_host(reached_at), port)
        try:
            ready = await _configure(child, config, folder)
            yield cls(child, ready, folder, endpoints, reached_at)
        finally:
            await _end(child)

    @property
    def pid(self) -> int:
        """The sink's process id."""
        return self._child.pid

    def url(self, index: int) -> str:
        """Return where endpoint *index* receives; raises ``LabError`` when there is none."""
        if not 0 <= index < self.endpoints:
            raise LabError(f"there is no endpoint {index}; the sink has 0 to {self.endpoints - 1}")
        return f"http://{in_url(self._reached_at)}:{self.port}/e/{index}"

    async def stats(self) -> Stats:
        """Return what it has seen so far. Raises ``SinkFailed`` when it is gone."""
        return await self._ask("GET", "stats")

    async def fault(self, mode: Mode | str) -> Stats:
        """Answer as *mode* says from now on: normal, fails or hangs. Raises ``SinkFailed``."""
        return await self._ask("POST", "fault", {"mode": mode})

    async def know_secrets(self, secrets: Mapping[int, Secrets], default: Secrets = ()) -> Stats:
        """Verify endpoints with their *secrets* from now on, those never named with *default*.

        What came before was taken unverified, and is counted so. Raises ``SinkFailed``.
        """
        told = {index: _listed(known) for index, known in secrets.items()}
        return await self._ask("POST", "secrets", {"secrets": told, "default": _listed(default)})

    async def reset(self) -> Stats:
        """Forget everything that came so far, and begin a new ledger. Raises ``SinkFailed``."""
        return await self._ask("POST", "reset", within_s=FINISH_S)

    async def turn(self) -> SavedLedger:
        """End the ledger, begin the next, and return the one that ended; nothing is refused.

        A webhook that comes again in the next one is new to it. Raises ``SinkFailed``.
        """
        await self._ask("POST", "turn", within_s=FINISH_S)
        return await asyncio.to_thread(_take, self._folder / BEFORE_FILE)

    async def finish(self, origin_s: float = 0.0) -> SinkResult:
        """End the ledger and return what is in it; webhooks that come later are answered 503.

        Seconds are counted from *origin_s*, such as the load's begin, since the epoch.
        Never raises for a sink that is gone: the result is then ``incomplete``.
        """
        stats, problem = None, ""
        try:
            stats = await self._ask("POST", "finish", within_s=FINISH_S)
        except SinkFailed as error:
            problem = str(error)
        ledger = self._folder / LEDGER_FILE
        return await asyncio.to_thread(read_sink_result, ledger, stats, problem, origin_s)

    async def _ask(
        self, method: str, route: str, value: Any = None, within_s: float = ANSWER_S
    ) -> Stats:
        body = b"" if value is None else msgspec.json.encode(value)
        try:
            async with asyncio.timeout(within_s):
                status, answer = await _call(self._control_port, method, f"/.sink/{route}", body)
        except TimeoutError:
            raise SinkFailed(f"the sink does not answer within {within_s:g} s") from None
        except (OSError, ValueError) as error:
            raise SinkFailed(await _obituary(self._child, self._folder, error)) from None
        if status != 200:
            raise SinkFailed(f"the sink refuses {method} {route}: {answer.decode().strip()}")
        return msgspec.json.decode(answer, type=Stats)


def _open_log(folder: Path) -> IO[bytes]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / LOG_FILE).open("wb")
    except OSError as error:
        raise SinkFailed(f"the sink can't write to {folder}: {error.strerror}") from None


async def _spawn(folder: Path, host: str, port: int) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "sureshot_lab.sink", "--folder", str(folder)]
    with _open_log(folder) as log:
        # Away from the terminal: Ctrl-C is for the run, which still wants the sink's result.
        return await asyncio.create_subprocess_exec(
            *command,
            "--host",
            host,
            "--port",
            str(port),
            "--config",
            "-",
            stdin=PIPE,
            stdout=PIPE,
            stderr=log,
            start_new_session=True,
        )


async def _configure(child: asyncio.subprocess.Process, config: SinkConfig, folder: Path) -> _Ready:
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("the sink was started without pipes")
    try:
        async with asyncio.timeout(START_S):
            child.stdin.write(msgspec.json.encode(config) + b"\n")
            with contextlib.suppress(ConnectionError):
                await child.stdin.drain()
            return msgspec.json.decode(await child.stdout.readline(), type=_Ready)
    except TimeoutError:
        raise SinkFailed(f"the sink did not start within {START_S:g} s") from None
    except msgspec.DecodeError as error:
        raise SinkFailed(await _obituary(child, folder, error)) from None


async def _end(child: asyncio.subprocess.Process) -> None:
    """Close its input, which ends it; kill it when that takes longer, or when cancelled."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        # One that does not end by itself in time is killed below.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), STOP_S)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def _call(port: int, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    """Return status and body of one request; raises ``OSError`` or ``ValueError`` when cut off."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        head = f"{method} {path} HTTP/1.1\r\nhost: sink\r\nconnection: close\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        status, _blank, rest = (await reader.read()).partition(b"\r\n\r\n")
        length = int(status.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(rest) != length:
            raise ValueError("its answer is cut off")
        return int(status.split()[1]), rest
    finally:
        writer.close()


async def _obituary(child: asyncio.subprocess.Process, folder: Path, error: Exception) -> str:
    """Say how the sink ended, if it did, and what it last wrote to its log."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(child.wait(), 1.0)
    if child.returncode is None:
        return f"the sink does not answer: {error}"
    log = (folder / LOG_FILE).read_bytes()[-LOG_BYTES:].decode(errors="replace").strip()
    died = f"the sink (process {child.pid}) ended with exit code {child.returncode}"
    return f"{died}: {log}" if log else f"{died} and said nothing"


def _take(path: Path) -> SavedLedger:
    """Return the ledger at *path*, which nobody else needs, and remove it."""
    try:
        return read_ledger(path)
    except UnreadableResult as error:
        return SavedLedger([], str(error))
    finally:
        path.unlink(missing_ok=True)


def _listed(secrets: Secrets) -> list[str]:
    return [secrets] if isinstance(secrets, str) else list(secrets)
