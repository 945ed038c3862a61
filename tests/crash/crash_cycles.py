"""kill -9 under load, again and again: what was accepted must be delivered and recorded.

Run by itself for any number of cycles: ``python -m tests.crash.crash_cycles --cycles 1000``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import apsw
import msgspec

from sureshot.cli.sink_server import Receipt, SinkServer
from tests.support.http import admin, build, call, read_answer
from tests.support.service import ADMIN_TOKEN, API_TOKEN

CONNECTIONS = 16


@dataclass
class Ledger:
    """What clients were promised and what the receiver got."""

    accepted: set[str] = field(default_factory=set)
    received: dict[str, int] = field(default_factory=dict)
    cycles: int = 0

    @property
    def lost(self) -> set[str]:
        return self.accepted - self.received.keys()

    @property
    def duplicates(self) -> int:
        return sum(count - 1 for count in self.received.values())

    def receive(self, receipt: Receipt) -> None:
        self.received[receipt.webhook_id] = self.received.get(receipt.webhook_id, 0) + 1


class Victim:
    """The service as a process of its own, started and killed on the same data."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        env = {
            **os.environ,
            "SURESHOT_ALLOWED_NETWORKS": "127.0.0.0/8",
            "SURESHOT_DATABASE_URL": f"sqlite:///{self.folder}/crash.db",
            "SURESHOT_API_TOKEN": API_TOKEN,
            "SURESHOT_ADMIN_TOKEN": ADMIN_TOKEN,
            "SURESHOT_LOG_LEVEL": "error",
        }
        log = (self.folder / "service.log").open("ab")
        with log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sureshot", "serve", "--port", str(self._port),
                env=env, cwd=self.folder, stdout=log, stderr=log,
            )  # fmt: skip
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    if (await call(self.url, "GET", "/readyz", token=None)).status == 200:
                        return
                await asyncio.sleep(0.02)

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return await self._process.wait()


async def _load(url: str, target: str, ledger: Ledger) -> None:
    """Submit on every connection until the service goes away."""
    parts = urlsplit(url)

    async def one_connection() -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                while True:
                    body = msgspec.json.encode({"url": target, "payload": {"x": "x" * 200}})
                    writer.write(build("POST", "/api/v1/webhooks", body))
                    answer = await read_answer(reader)
                    if answer.status == 202:
                        ledger.accepted.add(answer.json["id"])
            finally:
                writer.transport.abort()

    await asyncio.gather(*(one_connection() for _ in range(CONNECTIONS)))


async def _quiet(victim: Victim, within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while True:
            depth = (await admin(victim.url, "GET", "/api/v1/admin/queue/depth")).json
            if depth["backlog"] == 0:
                return
            await asyncio.sleep(0.1)


async def _recorded(victim: Victim) -> set[str]:
    """Return every webhook the service lists as delivered."""
    found: set[str] = set()
    cursor = ""
    while True:
        path = f"/api/v1/webhooks?status=delivered&limit=200{cursor}"
        page = (await call(victim.url, "GET", path)).json
        found |= {item["id"] for item in page["items"]}
        if page["nextCursor"] is None:
            return found
        cursor = f"&cursor={page['nextCursor']}"


async def run_cycles(
    folder: Path, port: int, cycles: int, seed: int, how: signal.Signals = signal.SIGKILL
) -> tuple[Ledger, set[str], str]:
    """End the service *cycles* times; return ledger, recorded ids and integrity verdict."""
    rng, ledger = random.Random(seed), Ledger()
    sink = SinkServer(on_receipt=ledger.receive)
    target = f"http://127.0.0.1:{await sink.start()}/"
    victim = Victim(folder, port)
    for cycle in range(cycles):
        await victim.start()
        load = asyncio.create_task(_load(victim.url, target, ledger))
        await asyncio.sleep(rng.uniform(0.05, 0.6 if cycles <= 20 else 2.0))
        await victim.kill(how)
        await load
        ledger.cycles += 1
        if sys.stdout.isatty():
            print(f"\rcycle {cycle + 1}/{cycles}, accepted {len(ledger.accepted)}", end="")
    await victim.start()
    await _quiet(victim)
    recorded = await _recorded(victim)
    code = await victim.kill(signal.SIGTERM)
    assert code == 0, f"a drained service exits 0, this one {code}"
    await sink.stop()
    verdict = apsw.Connection(str(folder / "crash.db")).pragma("integrity_check")
    assert isinstance(verdict, str)
    return ledger, recorded, verdict


def report(ledger: Ledger, recorded: set[str], verdict: str, seed: int) -> str:
    """Return the result in one line."""
    rate = ledger.duplicates / max(1, len(ledger.accepted))
    return (
        f"{ledger.cycles} kills (seed {seed}): {len(ledger.accepted)} accepted, "
        f"{len(ledger.lost)} lost, {len(ledger.accepted - recorded)} not recorded, "
        f"{ledger.duplicates} duplicates ({rate:.2%}), integrity {verdict}"
    )


def main() -> int:
    """Run from the command line; exit 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--port", type=int, default=18080)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sureshot-crash-") as name:
        ledger, recorded, verdict = asyncio.run(
            run_cycles(Path(name), arguments.port, arguments.cycles, arguments.seed)
        )
    print("\n" + report(ledger, recorded, verdict, arguments.seed))
    return 1 if ledger.lost or ledger.accepted - recorded or verdict != "ok" else 0


if __name__ == "__main__":
    sys.exit(main())
