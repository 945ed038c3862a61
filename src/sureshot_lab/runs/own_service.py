"""A service of the run's own: started in a folder, watched over, hurt on demand, stopped."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ctypes
import os
import resource
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from signal import Signals

import psutil

from sureshot_lab.errors import LabError, TargetUnreachable
from sureshot_lab.runs.backing import Backing, fresh_backing
from sureshot_lab.runs.client import ServiceClient
from sureshot_lab.runs.ground import Disk, free_port, free_ports, open_folder, small_disk
from sureshot_lab.scenario import Service

READY_WITHIN_S = 60.0
STOPS_WITHIN_S = 40.0
LOOPBACK = "127.0.0.0/8,::1/128"
DATABASE = "data/sureshot.db"
PROFILES = ("embedded", "postgres", "cluster")
PR_SET_PDEATHSIG = 1


class OwnService:
    """One deployment on this machine; what dies in it is started again.

    ``restarts`` counts how often the watcher had to. ``metrics_urls`` is where
    each process answers ``/metrics``. *under* comes between the interpreter and
    the service: what traces it. ``disk`` is the small one its database lies on.
    """

    def __init__(
        self,
        plan: Service,
        folder: Path,
        backing: Backing | None,
        under: Sequence[str] = (),
        disk: Disk | None = None,
    ) -> None:
        self._plan = plan
        self._under = tuple(under)
        self.folder = folder
        self.backing = backing
        self.disk = disk
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token, self.admin_token = secrets.token_hex(16), secrets.token_hex(16)
        self.client = ServiceClient(self.url, self.token, self.admin_token)
        self.metrics_urls: list[str] = []
        self.restarts = 0
        self._metrics_port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def database_path(self) -> Path:
        """The SQLite file of the embedded profile."""
        return self.folder / (_told_database(self._plan).removeprefix("sqlite:///") or DATABASE)

    async def start(self) -> None:
        """Start it; returns once it is ready. Raises ``TargetUnreachable`` with its last words."""
        await self._spawn()
        await self.ready()
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Wait until it answers; raises ``TargetUnreachable`` when it does not."""
        until_s = time.monotonic() + within_s
        while not await self.client.ready():
            ended = self._process is None or self._process.returncode is not None
            if time.monotonic() > until_s or (ended and self._watcher is None):
                raise TargetUnreachable(
                    f"the service did not start (within {within_s:g} s): {self._last_words()}"
                )
            await asyncio.sleep(0.05)

    async def stop(self, within_s: float = STOPS_WITHIN_S) -> None:
        """Drain and stop it; kill it when that takes too long, or when cancelled."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._signal_all(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        try:
            # One that does not end by itself in time is killed below.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), within_s)
        finally:
            if process.returncode is None:
                self._signal_all(signal.SIGKILL)
                await process.wait()

    def pids(self, role: str = "all") -> list[int]:
        """Return its processes now: those of *role*, or with ``all`` every one that serves."""
        if self._process is None or self._process.returncode is not None:
            return []
        if self._plan.profile == "embedded":
            return [self._process.pid]
        try:
            children = psutil.Process(self._process.pid).children()
            return [c.pid for c in children if role == "all" or _plays(c, role)]
        except psutil.NoSuchProcess:
            return []

    def hurt(self, number: Signals, role: str = "all", *, most: int | None = None) -> int:
        """Send a signal to at most *most* of its processes of *role*; return to how many."""
        count = 0
        for pid in self.pids(role)[:most]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
                count += 1
        return count

    async def restart(self, within_s: float = READY_WITHIN_S) -> None:
        """Replace its processes: one by one where there are several, else stop and start.

        Raises ``TargetUnreachable`` when it does not end, or is not ready again, in time.
        """
        if self._process is None:
            return
        if self._plan.profile == "embedded":
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), STOPS_WITHIN_S)
            except TimeoutError:
                raise TargetUnreachable(
                    f"the service did not end within {STOPS_WITHIN_S:g} s of SIGTERM"
                ) from None
            await self.ready(within_s)
        else:
            self._process.send_signal(signal.SIGHUP)

    # -- processes ----------------------------------------------------------

    async def _spawn(self) -> None:
        with (self.folder / "service.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(),
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Away from the terminal: Ctrl-C is for the run, which then stops it in order.
                start_new_session=True,
                preexec_fn=_confine(self._plan),
            )

    async def _watch(self) -> None:
        """Start it again whenever it ends: what a supervisor in production does."""
        while True:
            process = self._process
            if process is not None:
                await process.wait()
            self.restarts += 1
            await asyncio.sleep(0.1)
            await self._spawn()

    def _command(self) -> list[str]:
        plan = self._plan
        python = [plan.python or sys.executable, *self._under, "-m", "sureshot"]
        if plan.profile == "embedded":
            self.metrics_urls = [self.url]
            return [*python, "serve", "--port", str(self.port)]
        count = plan.workers if plan.profile == "postgres" else plan.api + plan.workers + 1
        self._metrics_port = self._metrics_port or free_ports(count)
        self.metrics_urls = [f"http://127.0.0.1:{self._metrics_port + n}" for n in range(count)]
        up = [*python, "up", "--port", str(self.port)]
        if plan.profile == "postgres":
            return [*up, "--replicas", str(plan.workers)]
        return [*up, "--api", str(plan.api), "--workers", str(plan.workers)]

    def _environment(self) -> dict[str, str]:
        ours = {k: v for k, v in os.environ.items() if not k.startswith("SURESHOT_")}
        ours |= {
            "SURESHOT_ALLOWED_NETWORKS": LOOPBACK,
            "SURESHOT_API_TOKEN": self.token,
            "SURESHOT_ADMIN_TOKEN": self.admin_token,
            "SURESHOT_LOG_LEVEL": "warning",
        }
        if self.backing is not None:
            ours |= {
                "SURESHOT_DATABASE_URL": self.backing.database_url,
                "SURESHOT_QUEUE_URL": self.backing.queue_url,
                "SURESHOT_SECRET_KEY": base64.b64encode(
                    b"laboratory-key-of-thirty-two-byt"
                ).decode(),
                "SURESHOT_METRICS_PORT": str(self._metrics_port),
            }
            if self.backing.queue_name:
                ours["SURESHOT_QUEUE_NAME"] = self.backing.queue_name
        named = {f"SURESHOT_{k.upper()}": str(v) for k, v in self._plan.settings.items()}
        return {**ours, **named}

    def _signal_all(self, number: Signals) -> None:
        """Send a signal to every process of the deployment, its supervisor included."""
        self.hurt(number)
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _last_words(self) -> str:
        log = self.folder / "service.log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return lines[-1][:400] if lines else "it said nothing"


@contextlib.asynccontextmanager
async def own_service(
    plan: Service, folder: Path, under: Sequence[str] = ()
) -> AsyncIterator[OwnService]:
    """Run the service *plan* describes, with its data under *folder*; stop it at the end.

    Raises ``LabError`` for a plan this machine cannot carry out.
    """
    if plan.profile not in PROFILES:
        raise LabError(f"service.profile {plan.profile}: must be one of {', '.join(PROFILES)}")
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - once, before anything runs
    async with contextlib.AsyncExitStack() as stack:
        disk = stack.enter_context(_database_disk(plan, folder))
        backing = await stack.enter_async_context(
            fresh_backing(plan.profile, _told_database(plan), disk.folder if disk else None)
        )
        service = OwnService(plan, folder, backing, under, disk)
        try:
            await service.start()
            yield service
        except asyncio.CancelledError:
            # Whoever cancels wants an end at once, and the data is thrown away.
            await service.stop(within_s=0.0)
            raise
        finally:
            await service.stop()


@contextlib.contextmanager
def _database_disk(plan: Service, folder: Path) -> Iterator[Disk | None]:
    """Lay a small disk where the database will lie, if the plan has one."""
    data = folder / "data"
    data.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        if plan.disk_bytes is None:
            yield None
            return
        place = data if plan.profile == "embedded" else stack.enter_context(open_folder())
        yield stack.enter_context(small_disk(place, plan.disk_bytes))


def _told_database(plan: Service) -> str:
    """Return the url of the database the plan names, such as one with a past; else nothing."""
    return str(plan.settings.get("database_url", ""))


def _plays(process: psutil.Process, role: str) -> bool:
    line = process.cmdline()
    return "--role" in line and line[line.index("--role") + 1] == role


def _confine(plan: Service) -> Callable[[], None]:
    """Return what a new process does first: take its limits, and die with the laboratory."""

    def confine() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if plan.memory_bytes is not None:
            resource.setrlimit(resource.RLIMIT_AS, (plan.memory_bytes, plan.memory_bytes))
        if plan.descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (plan.descriptors, plan.descriptors))

    return confine
