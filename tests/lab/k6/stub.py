"""A stand-in for the service, and a sink, on a port of its own: counts, and fails when told to."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

API_TOKEN = "the token of the api"
ADMIN_TOKEN = "the token of the admin"
STATUS = re.compile(r"/api/v1/webhooks/([^/]+)/status")
METRICS = """# HELP process_cpu_seconds_total x
process_cpu_seconds_total {cpu}
process_resident_memory_bytes {rss}
process_start_time_seconds 1.7e9
sureshot_database_connections{{pool="api"}} 3
sureshot_database_connections{{pool="worker"}} 4
"""
Answer = tuple[int, str]


class Stub:
    """What was asked, and how to answer: ``refuse_every`` n-th submission gets ``refusal``."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: Counter[str] = Counter()
        self.submitted: list[dict[str, Any]] = []
        self.endpoints: set[str] = set()
        self.created: Counter[str] = Counter()
        self.polled: set[str] = set()
        self.refuse_every = 0
        self.refusal: Answer = (503, "<html>Service Unavailable</html>")
        self.endpoints_allowed = 1_000
        self.delay_s = 0.0
        self.frozen_until_s = 0.0
        self.depth = 3
        self.rss_bytes = 100 << 20
        self.cpu_share = 0.3

    @property
    def total(self) -> int:
        return sum(self.asked.values())

    def freeze(self, seconds: float) -> None:
        """Answer nothing for *seconds*, as a stopped process does."""
        self.frozen_until_s = time.monotonic() + seconds

    def answer(self, method: str, path: str, token: str, body: bytes) -> Answer:
        if method == "POST" and not path.startswith("/api/"):
            self.asked["delivered"] += 1
            return 200, ""
        if path == "/metrics":
            self.asked["metrics"] += 1
            cpu = self.cpu_share * time.monotonic()
            return 200, METRICS.format(cpu=cpu, rss=self.rss_bytes)
        if path == "/api/v1/admin/queue/depth":
            self.asked["queue_depth"] += 1
            if token != ADMIN_TOKEN:
                return 401, "{}"
            return 200, json.dumps({"depth": self.depth})
        if token != API_TOKEN:
            self.asked["refused"] += 1
            return 401, '{"title":"A valid token is needed"}'
        return self._api(method, path, body)

    def _api(self, method: str, path: str, body: bytes) -> Answer:
        found = STATUS.fullmatch(path)
        if found:
            return self._status(found[1])
        if (method, path) == ("POST", "/api/v1/webhooks"):
            return self._submit(json.loads(body))
        if (method, path) == ("POST", "/api/v1/endpoints"):
            return self._endpoint(json.loads(body))
        if method == "DELETE":
            self.asked["delete_endpoint"] += 1
            self.endpoints.discard(path.rpartition("/")[2])
            return 204, ""
        self.asked["read"] += 1
        return 200, "{}"

    def _endpoint(self, asked: dict[str, Any]) -> Answer:
        self.asked["create_endpoint"] += 1
        if len(self.endpoints) >= self.endpoints_allowed:
            return 429, '{"title":"Too many endpoints"}'
        name = f"ep_{self.asked['create_endpoint']}"
        self.endpoints.add(name)
        self.created[asked["url"]] += 1
        return 200, json.dumps({"id": name})

    def _submit(self, asked: dict[str, Any]) -> Answer:
        self.asked["submit"] += 1
        if self.refuse_every and self.asked["submit"] % self.refuse_every == 0:
            return self.refusal
        self.submitted.append(asked)
        return 202, json.dumps({"id": f"wh_{len(self.submitted)}", "status": "queued"})

    def _status(self, webhook: str) -> Answer:
        self.asked["status"] += 1
        self.polled.add(webhook)
        now = datetime.now(UTC).isoformat()
        return 200, json.dumps({"status": "delivered", "createdAt": now, "deliveredAt": now})

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split(" ", 2)
        length = re.search(r"(?im)^content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        token = re.search(r"(?im)^authorization: Bearer (.*)\r$", head)
        pause_s = max(self.delay_s, self.frozen_until_s - time.monotonic())
        if pause_s > 0:
            await asyncio.sleep(pause_s)
        status, text = self.answer(method, path.partition("?")[0], token[1] if token else "", body)
        told = text.encode()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(told)}\r\n\r\n".encode() + told)
        await writer.drain()
        return True


@contextmanager
def serving() -> Iterator[Stub]:
    """Serve a stub on loopback, in a thread, until the block is left."""
    stub = Stub()
    ready, done = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        server = await asyncio.start_server(stub.talk, "127.0.0.1", 0)
        stub.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await done.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    ready.wait(5)
    try:
        yield stub
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(5)
        loop.close()
