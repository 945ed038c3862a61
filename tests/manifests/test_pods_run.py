"""Each pod's command with each pod's settings, as processes of this machine, on real servers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sureshot.cli.sink_server import SinkServer
from tests.manifests.built import Document, component, container, overlay, pod
from tests.support.http import call, submit, wait_for_status
from tests.support.own_servers import free_port
from tests.support.servers import AMQP, fresh_database, fresh_queue
from tests.support.service import ADMIN_TOKEN, API_TOKEN

BUILT = "production"
PATIENCE_S = 30.0
SERVERS = pytest.mark.parametrize("servers", ["postgres-rabbitmq"])
"""Its name has the test skipped, or the servers installed, where there are none."""


class Pod:
    """The one container of a workload as a process: its arguments, settings, ports, probes.

    What differs from a pod is what would disturb this machine: it listens on loopback, on
    free ports, and may deliver to this machine.
    """

    def __init__(self, workload: Document, folder: Path, secrets: dict[str, str]) -> None:
        self.workload = workload
        self.container = container(workload)
        self._folder = folder
        self.ports = {one["name"]: free_port() for one in self.container.get("ports", [])}
        # The image's environment is replaced as a whole: nothing of ours comes from it.
        kept = {name: text for name, text in os.environ.items() if "SURESHOT" not in name}
        self._environment = kept | overlay(BUILT).settings_of(workload, secrets)
        self._environment |= {
            "SURESHOT_HOST": "127.0.0.1",
            "SURESHOT_PORT": str(self.ports.get("http", 0)),
            "SURESHOT_METRICS_PORT": str(self.ports.get("metrics", 1)),
            "SURESHOT_QUEUE_NAME": secrets["queue"],
            "SURESHOT_ALLOWED_NETWORKS": "127.0.0.0/8",
        }
        self._process: asyncio.subprocess.Process | None = None

    def url(self, port: str) -> str:
        return f"http://127.0.0.1:{self.ports[port]}"

    async def start(self) -> asyncio.subprocess.Process:
        self._folder.mkdir(exist_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sureshot", *self.container["args"],
            env=self._environment, cwd=self._folder,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        return self._process

    async def ended(self) -> tuple[int, str]:
        """Run it to its end; return its exit code and what it said."""
        process = await self.start()
        async with asyncio.timeout(PATIENCE_S):
            said, _none = await process.communicate()
        return process.returncode or 0, said.decode()

    async def probed(self, probe: str) -> int:
        """Return the status the probe's path is answered with; 0 while nobody listens."""
        asked: dict[str, Any] = self.container[probe]["httpGet"]
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            return (await call(self.url(asked["port"]), "GET", asked["path"], token=None)).status
        return 0

    async def started(self) -> None:
        """Wait as a cluster does: as long as the startup probe allows."""
        probe = self.container["startupProbe"]
        async with asyncio.timeout(probe["periodSeconds"] * probe["failureThreshold"]):
            while await self.probed("startupProbe") != 200:
                assert self._process is not None
                assert self._process.returncode is None, await self._process.communicate()
                await asyncio.sleep(0.05)

    async def stop(self) -> int:
        """Send SIGTERM and wait for as long as a cluster would; return the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(pod(self.workload)["spec"]["terminationGracePeriodSeconds"]):
            await self._process.communicate()
        return self._process.returncode or 0

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()


@contextlib.asynccontextmanager
async def namespace(folder: Path) -> AsyncIterator[tuple[Pod, dict[str, Pod]]]:
    """Yield the migration and the pods by role, not started; they are gone afterwards."""
    async with fresh_database() as database, fresh_queue() as queue:
        secrets = {
            "webhook-postgres/url": database,
            "webhook-rabbitmq/url": AMQP,
            "webhook-tokens/secret-key": base64.b64encode(b"k" * 32).decode(),
            "webhook-tokens/api-token": API_TOKEN,
            "webhook-tokens/admin-token": ADMIN_TOKEN,
            "queue": queue,
        }
        built = overlay(BUILT)
        (job,) = built.of("Job")
        migration = Pod(job, folder / "migrate", secrets)
        pods = {component(one): Pod(one, folder / component(one), secrets)
                for one in built.processes}  # fmt: skip
        try:
            yield migration, pods
        finally:
            for one in [migration, *pods.values()]:
                await one.kill()


@SERVERS
async def test_pods_wait_for_the_migration_and_say_so(tmp_path: Path, servers: str) -> None:
    async with namespace(tmp_path) as (migration, pods):
        code, said = await pods["api"].ended()
        assert code != 0
        assert "run `sureshot migrate`" in said
        code, said = await migration.ended()
        assert (code, "applied " in said) == (0, True)
        code, said = await migration.ended()
        assert (code, said) == (0, "nothing to do: the schema is current\n")


@SERVERS
async def test_the_pods_answer_their_probes_deliver_together_and_stop_in_time(
    tmp_path: Path, servers: str
) -> None:
    sink = SinkServer()
    target = f"http://127.0.0.1:{await sink.start()}/"
    async with namespace(tmp_path) as (migration, pods):
        await migration.ended()
        for one in pods.values():
            await one.start()
        await asyncio.gather(*(one.started() for one in pods.values()))
        for one in pods.values():
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert await one.probed(probe) == 200, (one.container["args"], probe)
        api = pods["api"].url("http")
        for webhook_id in [await submit(api, url=target) for _ in range(50)]:
            await wait_for_status(api, webhook_id, "delivered")
        for role in ("api", "scheduler", "worker"):
            assert await pods[role].stop() == 0
    await sink.stop()


@SERVERS
async def test_a_pod_opens_no_more_connections_than_were_counted(
    tmp_path: Path, servers: str
) -> None:
    async with namespace(tmp_path) as (migration, pods):
        await migration.ended()
        api = pods["api"]
        await api.start()
        await api.started()
        paths = ["/api/v1/webhooks", "/api/v1/endpoints", "/readyz"]
        await asyncio.gather(*(call(api.url("http"), "GET", path) for path in paths * 20))
        page = (await call(api.url("metrics"), "GET", "/metrics", token=None)).body.decode()
        (line,) = (one for one in page.splitlines() if one.startswith("sureshot_database_conn"))
        assert 1 < float(line.split()[1]) <= 3 + 1
