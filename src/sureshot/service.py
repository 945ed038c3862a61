"""The composition root: settings and a role become a running process."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop

from sureshot.adapters import make_clock, make_queue, make_store
from sureshot.api.app import create_app, create_health_app
from sureshot.api.auth import AccessList
from sureshot.api.context import ApiContext
from sureshot.api.express import Front
from sureshot.api.submission import Submitter
from sureshot.config import Settings
from sureshot.config_sources import LoadedSettings
from sureshot.delivery.backlog import Backlog
from sureshot.delivery.change_feed import ChangeFeed
from sureshot.delivery.destination import Defaults
from sureshot.delivery.directory import Directory
from sureshot.delivery.dispatcher import Dispatcher
from sureshot.delivery.engine import Engine, Parts
from sureshot.delivery.failing import FailingEndpoints
from sureshot.delivery.heartbeat import Heartbeat
from sureshot.delivery.housekeeper import Housekeeper
from sureshot.delivery.intake import Intake, IntakeLimits
from sureshot.delivery.lanes import Lanes
from sureshot.delivery.recorder import Recorder
from sureshot.delivery.scheduler import Scheduler
from sureshot.delivery.sender import HttpSender
from sureshot.delivery.sender_limits import SenderLimits
from sureshot.delivery.slots import Slots
from sureshot.delivery.tls import Egress
from sureshot.delivery.worker import Worker
from sureshot.descriptors import raise_descriptor_limit
from sureshot.domain.address import AddressPolicy
from sureshot.domain.ids import IdSource, parse_id
from sureshot.domain.model import DEFAULT_TENANT, Scope
from sureshot.domain.retry import RetryPolicy
from sureshot.first_start import (
    API_SCOPES,
    Tokens,
    ensure_stored_tokens,
    ensure_tenant,
    ensure_tokens,
)
from sureshot.http_server import HttpServer, listen
from sureshot.ports import Change, ChangeKind, Clock
from sureshot.telemetry.logging import configure_logging, get_logger
from sureshot.telemetry.metrics import Metrics

log = get_logger()


class Started(msgspec.Struct, frozen=True):
    """What a start has to tell people; tokens only when they were generated just now."""

    url: str
    data_dir: Path
    docs_url: str
    api_token: str | None
    admin_token: str | None
    tokens_file: Path
    allowed_networks: tuple[str, ...]
    seconds: float


class Service:
    """One process: the API, a worker, a scheduler, or all of them together."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock | None = None,
        role: str = "all",
        listener: socket.socket | None = None,
    ) -> None:
        """*clock* replaces the real one, for tests of waits that take days.

        *listener* is a listening socket to serve on instead of a new one.
        """
        self.settings = settings
        self.role = role
        self._given_listener = listener
        real, self._anchor = make_clock(settings)
        self.clock = clock or real
        self.metrics = Metrics()
        self.owner = f"p_{secrets.token_hex(6)}"
        self.changes = ChangeFeed()
        self.ids = IdSource(secrets.randbits)
        self.tokens = Tokens("", "", frozenset())
        self.url = ""
        self.http: HttpServer | None = None
        self._metrics_http: HttpServer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open the store, recover, start delivering, then listen.

        Raises ``ConfigurationError`` when a file, an address or a setting is in the way.
        """
        settings = self.settings
        self.queue = make_queue(settings, self.clock, self.role, self.metrics.queue_latency.observe)
        self.store = make_store(settings)
        listener, metrics_listener = self._listeners()
        try:
            if settings.embedded:
                self.tokens = ensure_tokens(settings, secrets.token_bytes)
            await self.store.open(self.clock.now(), self.owner)
            await ensure_tenant(self.store, secrets.token_bytes)
            if not settings.embedded:
                self.tokens = await ensure_stored_tokens(
                    settings, self.store, self.clock.now(), secrets.token_bytes
                )
            self.engine = self._build_engine()
            await self.engine.start()
        except BaseException:
            if listener is not None:
                listener.close()
            if metrics_listener is not None:
                metrics_listener.close()
            await self.store.close()
            raise
        await self._listen(listener, metrics_listener)

    async def stop(self) -> None:
        """Stop accepting, finish or release what is in flight, close everything."""
        if self.http is not None:
            await self.http.stop()
        await self.engine.drain(self.settings.drain_s)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._metrics_http is not None:
            await self._metrics_http.stop()
        await self.store.close()

    def _listeners(self) -> tuple[socket.socket | None, socket.socket | None]:
        """Return where the API listens, and where health and metrics alone do."""
        settings = self.settings
        serves_api = self.role in {"all", "api"}
        listener = metrics_listener = None
        if serves_api:
            listener = self._given_listener or listen(
                settings.host, settings.port, "--port or SURESHOT_PORT"
            )
        port = settings.metrics_port
        if port is None and not serves_api:
            port = settings.port
        if port is not None:
            try:
                metrics_listener = listen(settings.host, port, "SURESHOT_METRICS_PORT")
            except BaseException:
                if listener is not None:
                    listener.close()
                raise
        return listener, metrics_listener

    # -- building -----------------------------------------------------------

    def _build_engine(self) -> Engine:
        settings, store, clock, metrics = self.settings, self.store, self.clock, self.metrics
        queue = self.queue
        slots = Slots(settings.max_in_flight, settings.in_flight_bytes)
        backlog = self.backlog = Backlog(store, clock, settings.backlog_limit)
        lanes = Lanes(
            store, clock, slots.limit, settings.breaker_threshold, settings.breaker_open_s
        )
        policy = RetryPolicy(settings.retry_schedule_s)
        defaults = Defaults(settings.timeout_s, policy, settings.max_in_flight_per_endpoint)
        directory = self.directory = Directory(store, clock, defaults, lanes.enable, lanes.disable)
        self.policy = AddressPolicy(settings.allowed_networks)
        sender = HttpSender(self.policy, clock, _sender_limits(settings), _egress(settings))
        scheduler = Scheduler(store, queue, clock, self.owner, settings.lease_s)
        recorder = Recorder(store, queue, slots, backlog, metrics, scheduler.wake)
        dispatcher = Dispatcher(
            directory,
            lanes,
            sender,
            recorder,
            clock,
            random.Random(),  # noqa: S311 - jitter is no secret
            metrics,
            self._endpoint_gone,
        )
        heartbeat = Heartbeat(
            store, queue, slots, clock, self.role, self._anchor, self.ids.use_slot
        )
        worker = Worker(
            store, queue, dispatcher, slots, clock, recorder, heartbeat.trusted,
            self.owner, settings.lease_s, settings.timeout_s,
        )  # fmt: skip
        limits = IntakeLimits(settings.intake_limit, settings.intake_bytes, settings.lease_s)
        self.intake = Intake(
            store, queue, backlog, clock, metrics, self.owner, limits,
            self._lane_takes, scheduler.wake,
        )  # fmt: skip
        failing = FailingEndpoints(
            store, clock, directory, self.intake, self.ids.new, settings.disable_after_days
        )
        self._expose_gauges(slots, lanes, heartbeat.trusted)
        return Engine(
            Parts(
                store, queue, sender, clock, directory, lanes, slots, backlog, recorder,
                dispatcher, worker, scheduler, self.intake,
                Housekeeper(store, clock, settings.retention_days, failing),
                heartbeat, self.changes,
            ),
            self.role,
        )  # fmt: skip

    def _lane_takes(self, lane: str) -> bool:
        return self.engine.takes(lane)

    def _endpoint_gone(self, endpoint_id: str) -> None:
        task = asyncio.get_running_loop().create_task(self.directory.disable(endpoint_id, "gone"))
        self._tasks.append(task)
        task.add_done_callback(self._tasks.remove)

    def _expose_gauges(self, slots: Slots, lanes: Lanes, trusted: Callable[[], bool]) -> None:
        gauge = self.metrics.gauge
        self.metrics.poisoned = lambda: self.queue.poisoned
        gauge("sureshot_queue_depth", "Leases published, not taken", self.queue.depth)
        gauge("sureshot_backlog", "Webhooks stored, not final", lambda: self.backlog.count)
        gauge("sureshot_in_flight", "Leases between queue and record", lambda: slots.taken)
        gauge("sureshot_oldest_due_seconds", "Age of the oldest due", self.backlog.oldest_due_s)
        gauge("sureshot_breaker_open", "Lanes closed by trouble", lanes.open_breakers)
        gauge("sureshot_heartbeat_recent", "1: the store heard of this process lately", trusted)
        gauge("sureshot_database_connections", "Open now", lambda: self.store.connections)
        gauge("sureshot_broker_connections", "Open now", lambda: self.queue.connections)

    # -- listening ----------------------------------------------------------

    async def _listen(
        self, listener: socket.socket | None, metrics_listener: socket.socket | None
    ) -> None:
        settings = self.settings
        ids = self.ids
        latest = await self.store.latest_id()
        if latest is not None and (parsed := parse_id(latest)) is not None:
            ids.raise_floor(parsed[0])
        access = self.access = AccessList()
        await access.load(self.store)
        if self.tokens.api:
            access.add(self.tokens.api, DEFAULT_TENANT, API_SCOPES, "api")
        if self.tokens.admin:
            access.add(self.tokens.admin, DEFAULT_TENANT, frozenset(Scope), "admin")

        async def reload_tokens(_change: Change) -> None:
            await access.load(self.store)

        self.changes.on(ChangeKind.TOKEN, reload_tokens)
        context = ApiContext(
            settings=settings, clock=self.clock, ids=ids, random_bytes=secrets.token_bytes,
            store=self.store, queue=self.queue, intake=self.intake, directory=self.directory,
            engine=self.engine, access=access, metrics=self.metrics, policy=self.policy,
        )  # fmt: skip
        front = Front(
            access, Submitter(context), self.intake, self.metrics,
            settings.max_body_bytes, settings.express,
        )  # fmt: skip
        if listener is not None:
            self.http = HttpServer(create_app(context), front, listener)
            self.url = await self.http.start()
        if metrics_listener is not None:
            # The express path stays on the API's port: this one knows no token.
            health = msgspec.structs.replace(front, enabled=False)
            self._metrics_http = HttpServer(create_health_app(context), health, metrics_listener)
            url = await self._metrics_http.start()
            self.url = self.url or url


def _sender_limits(settings: Settings) -> SenderLimits:
    return SenderLimits(connect_timeout_s=settings.connect_timeout_s)


def _egress(settings: Settings) -> Egress:
    return Egress(
        settings.proxy_url,
        settings.ca_file,
        settings.client_cert_file,
        settings.client_key_file,
    )


def serve(
    loaded: LoadedSettings,
    announce: Callable[[Started], None],
    role: str = "all",
    listen_fd: int | None = None,
) -> int:
    """Run a process of *role* until SIGTERM or SIGINT; return the exit code.

    *listen_fd* is an inherited listening socket to serve on. A second signal ends
    the process at once. Raises ``ConfigurationError``.
    """
    settings = loaded.settings
    configure_logging(settings.log_level, settings.log_format)
    raise_descriptor_limit(settings.max_in_flight + 5000)
    listener = None if listen_fd is None else socket.socket(fileno=listen_fd)
    if listener is not None:
        listener.setblocking(False)
    uvloop.run(_serve(settings, announce, role, listener))
    return 0


async def _serve(
    settings: Settings,
    announce: Callable[[Started], None],
    role: str,
    listener: socket.socket | None,
) -> None:
    began_s = time.monotonic()
    service = Service(settings, role=role, listener=listener)
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    await service.start()
    tokens = service.tokens
    announce(
        Started(
            url=service.url,
            data_dir=settings.data_dir,
            docs_url=f"{service.url}/docs",
            api_token=tokens.api if "SURESHOT_API_TOKEN" in tokens.generated else None,
            admin_token=tokens.admin if "SURESHOT_ADMIN_TOKEN" in tokens.generated else None,
            tokens_file=settings.data_dir / "tokens.env",
            allowed_networks=settings.allowed_networks,
            seconds=time.monotonic() - began_s,
        )
    )
    await stop.wait()
    log.info("service.draining", in_flight=service.engine.in_flight)
    await service.stop()
    log.info("service.stopped")
