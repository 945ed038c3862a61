"""A deployment of many processes on one machine, whose members a test may kill or freeze."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from sureshot.cli.sink_server import Receipt, SinkServer
from tests.support.http import admin, build, call, read_answer
from tests.support.own_servers import free_port
from tests.support.servers import AMQP, fresh_database, fresh_queue
from tests.support.service import ADMIN_TOKEN, API_TOKEN

SECRET_KEY = base64.b64encode(b"k" * 32).decode()


class Ledger:
    """What clients were promised, and what the receiver got and when."""

    def __init__(self) -> None:
        self.accepted: set[str] = set()
        self.received: dict[str, list[float]] = {}
        self.refused: dict[int, int] = {}
        self.broken = 0

    def receive(self, receipt: Receipt) -> None:
        now_s = asyncio.get_running_loop().time()
        self.received.setdefault(receipt.webhook_id, []).append(now_s)

    @property
    def lost(self) -> set[str]:
        return self.accepted - self.received.keys()

    @property
    def duplicates(self) -> int:
        return sum(len(times) - 1 for times in self.received.values())


class Member:
    """One process of the deployment."""

    def __init__(self, role: str, folder: Path, settings: dict[str, str]) -> None:
        self.role = role
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, *, wait: bool = True) -> None:
        with (self._folder / f"{self.role}-{self.port}.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sureshot", "serve", "--role", self.role,
                "--port", str(self.port),
                env={**os.environ, **self._settings}, cwd=self._folder, stdout=log, stderr=log,
            )  # fmt: skip
        if wait:
            await self.ready()

    async def ready(self, within_s: float = 30, *, restart: bool = False) -> None:
        """Wait until it serves; with *restart*, as under a supervisor, start it when it ended."""
        async with asyncio.timeout(within_s):
            while True:
                if restart and self._process is not None and self._process.returncode is not None:
                    await self.start(wait=False)
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    if (await call(self.url, "GET", "/readyz", token=None)).status == 200:
                        return
                await asyncio.sleep(0.05)

    def log(self) -> str:
        return (self._folder / f"{self.role}-{self.port}.log").read_text()

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        assert self._process is not None
        self.send(number)
        return await self._process.wait()


class Cluster:
    """Members on one database and one queue, a sink, and the ledger of both sides."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.settings = settings
        self.members: list[Member] = []
        self.ledger = Ledger()
        self.sink = SinkServer(on_receipt=self.ledger.receive)
        self.target = ""

    async def add(self, *roles: str, **changes: str) -> list[Member]:
        added = [Member(role, self.folder, {**self.settings, **changes}) for role in roles]
        self.members += added
        await asyncio.gather(*(member.start() for member in added))
        return added

    def of(self, role: str) -> list[Member]:
        return [member for member in self.members if member.role == role]

    @property
    def url(self) -> str:
        return next(m for m in self.members if m.role in {"api", "all"}).url

    async def depth(self) -> dict[str, float]:
        found: dict[str, float] = (await admin(self.url, "GET", "/api/v1/admin/queue/depth")).json
        return found

    async def quiet(self, within_s: float = 60) -> None:
        """Wait until nothing is left to deliver."""
        async with asyncio.timeout(within_s):
            while True:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError, KeyError):
                    if (await self.depth())["backlog"] == 0:
                        return
                await asyncio.sleep(0.1)

    async def recorded(self) -> set[str]:
        """Return every webhook the service lists as delivered."""
        found: set[str] = set()
        cursor = ""
        while True:
            path = f"/api/v1/webhooks?status=delivered&limit=200{cursor}"
            page = (await call(self.url, "GET", path)).json
            found |= {item["id"] for item in page["items"]}
            if page["nextCursor"] is None:
                return found
            cursor = f"&cursor={page['nextCursor']}"

    async def submit(self, connections: int, until: asyncio.Event, pause_s: float = 0.0) -> None:
        """Submit on every connection until told to stop, whatever happens to the service."""
        body = msgspec.json.encode({"url": self.target, "payload": {"x": "x" * 200}})
        urls = [member.url for member in self.members if member.role in {"api", "all"}]

        async def one_connection(number: int) -> None:
            parts = urlsplit(urls[number % len(urls)])
            while not until.is_set():
                with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                    await self._submit_on(parts.port or 0, body, until, pause_s)
                await asyncio.sleep(0.05)

        await asyncio.gather(*(one_connection(n) for n in range(connections)))

    async def _submit_on(
        self, port: int, body: bytes, until: asyncio.Event, pause_s: float
    ) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while not until.is_set():
                writer.write(build("POST", "/api/v1/webhooks", body))
                try:
                    async with asyncio.timeout(15):
                        answer = await read_answer(reader)
                except (OSError, asyncio.IncompleteReadError, TimeoutError):
                    self.ledger.broken += 1
                    raise
                if answer.status == 202:
                    self.ledger.accepted.add(answer.json["id"])
                else:
                    refused = self.ledger.refused
                    refused[answer.status] = refused.get(answer.status, 0) + 1
                    await asyncio.sleep(0.1)
                if answer.headers.get("connection", "") == "close":
                    return
                await asyncio.sleep(pause_s)
        finally:
            writer.transport.abort()


@contextlib.asynccontextmanager
async def cluster(
    folder: Path, *roles: str, database_url: str = "", queue_url: str = "", **settings: str
) -> AsyncIterator[Cluster]:
    """Run a deployment; it is killed when the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        values = {
            "SURESHOT_DATABASE_URL": database_url
            or await stack.enter_async_context(fresh_database()),
            "SURESHOT_QUEUE_URL": queue_url or AMQP,
            "SURESHOT_ALLOWED_NETWORKS": "127.0.0.0/8",
            "SURESHOT_API_TOKEN": API_TOKEN,
            "SURESHOT_ADMIN_TOKEN": ADMIN_TOKEN,
            "SURESHOT_SECRET_KEY": SECRET_KEY,
            "SURESHOT_LOG_LEVEL": "warning",
            "SURESHOT_LOG_FORMAT": "json",
            **{f"SURESHOT_{name.upper()}": value for name, value in settings.items()},
        }
        if values["SURESHOT_QUEUE_URL"] == AMQP:  # a shared broker: a queue of one's own
            values["SURESHOT_QUEUE_NAME"] = await stack.enter_async_context(fresh_queue())
        made = Cluster(folder, values)
        made.target = f"http://127.0.0.1:{await made.sink.start()}/"
        try:
            await made.add(*roles)
            yield made
        finally:
            for member in made.members:
                member.send(signal.SIGCONT)
                await member.end()
            await made.sink.stop()
