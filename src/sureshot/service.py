"""The composition root: settings and a role become a running process."""

from __future__ import annotations

import random
import secrets
import socket
from collections import Counter
from collections.abc import Callable

import msgspec

from sureshot.adapters import make_clock, make_queue, make_store
from sureshot.api.app import create_app, create_health_app
from sureshot.api.auth import AccessList
from sureshot.api.context import ApiContext
from sureshot.api.express import ROUTE, Front
from sureshot.api.submission import Submitter
from sureshot.config import Settings
from sureshot.delivery.backlog import Backlog
from sureshot.delivery.change_feed import ChangeFeed
from sureshot.delivery.crowding import Crowding
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
from sureshot.delivery.scaling import Scaling, scaling_plan
from sureshot.delivery.scheduler import Scheduler
from sureshot.delivery.sender import HttpSender
from sureshot.delivery.sender_limits import SenderLimits
from sureshot.delivery.slots import Slots
from sureshot.delivery.tls import Egress
from sureshot.delivery.worker import Worker
from sureshot.descriptors import Shares
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
from sureshot.telemetry.loop_lag import LoopLag
from sureshot.telemetry.metrics import Metrics
from sureshot.telemetry.slow_callbacks import SlowCallbacks


class Service:
    """One process: the API, a worker, a scheduler, or all of them together."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock | None = None,
        role: str = "all",
        listener: socket.socket | None = None,
        *,
        replaced: bool = False,
        shares: Shares | None = None,
    ) -> None:
        """*clock* replaces the real one, for tests of waits that take days.

        *shares* bounds its connections; without it only the settings do.

        *listener* is a listening socket to serve on instead of a new one. With
        *replaced* this process's successor may listen beside it for a while.
        """
        self.settings = settings
        self.role = role
        self._given_listener = listener
        self._replaced = replaced
        most = settings.max_in_flight
        self._shares = shares or Shares(clients=1_000_000, in_flight=most, idle=2 * most)
        real, self._anchor = make_clock(settings)
        self.clock = clock or real
        self.metrics = Metrics()
        self._loop_lag = LoopLag(self.metrics.loop_lag.observe)
        self._slow_callbacks = SlowCallbacks(settings.slow_callback_s)
        self.owner = f"p_{secrets.token_hex(6)}"
        self.changes = ChangeFeed()
        self.ids = IdSource(secrets.randbits)
        self.tokens = Tokens("", "", frozenset())
        self.url = ""
        self.http: HttpServer | None = None
        self._metrics_http: HttpServer | None = None

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
            self.scaling.follow(self.heartbeat)
        except BaseException:
            if listener is not None:
                listener.close()
            if metrics_listener is not None:
                metrics_listener.close()
            await self.store.close()
            raise
        await self._listen(listener, metrics_listener)
        self._loop_lag.start()
        if settings.slow_callback_s:
            self._slow_callbacks.start()

    async def stop(self) -> None:
        """Stop accepting, finish or release what is in flight, close everything."""
        if self.http is not None:
            await self.http.stop()
        await self.engine.drain(self.settings.drain_s)
        if self._metrics_http is not None:
            await self._metrics_http.stop()
        self._loop_lag.stop()
        self._slow_callbacks.stop()
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
                metrics_listener = listen(
                    settings.host, port, "SURESHOT_METRICS_PORT", shared=self._replaced
                )
            except BaseException:
                if listener is not None:
                    listener.close()
                raise
        return listener, metrics_listener

    # -- building -----------------------------------------------------------

    def _build_engine(self) -> Engine:
        settings, store, clock, metrics = self.settings, self.store, self.clock, self.metrics
        queue = self.queue
        slots = self.slots = Slots(self._shares.in_flight, settings.in_flight_bytes)
        backlog = self.backlog = Backlog(store, clock, settings.backlog_limit)
        scheduler = Scheduler(store, queue, clock, self.owner, settings.lease_s)
        lanes = self.lanes = Lanes(
            store, clock, slots.limit, settings.breaker_threshold, settings.breaker_open_s,
            adaptive=settings.adaptive_in_flight, brokered=queue.brokered,
            opened=scheduler.wake,
        )  # fmt: skip
        scheduler.besides = lanes.full_here
        policy = RetryPolicy(settings.retry_schedule_s)
        defaults = Defaults(settings.timeout_s, policy, settings.max_in_flight_per_endpoint)
        directory = self.directory = Directory(store, clock, defaults, lanes.enable, lanes.disable)
        self.policy = AddressPolicy(settings.allowed_networks)
        dialling = SenderLimits(
            connect_timeout_s=settings.connect_timeout_s, max_idle_connections=self._shares.idle
        )
        sender = HttpSender(self.policy, clock, dialling, _egress(settings))
        recorder = Recorder(store, queue, slots, backlog, metrics, scheduler.wake)
        rng = random.Random()  # noqa: S311 - jitter is no secret
        heartbeat = self.heartbeat = Heartbeat(
            store, queue, slots, clock, self.role, self._anchor, self.ids.use_slot
        )
        dispatcher = Dispatcher(
            directory, lanes, sender, recorder, clock, rng, metrics, heartbeat.trusted
        )
        slots.several_tenants = directory.several_tenants
        worker = Worker(
            queue, dispatcher, slots, Crowding(slots, lanes, dispatcher.give_back), clock,
            recorder, heartbeat.trusted, self.owner, settings.lease_s,
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
        self.scaling = Scaling(scaling_plan(settings), clock, backlog, lambda: self.engine.paused)
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

    def _expose_gauges(self, slots: Slots, lanes: Lanes, trusted: Callable[[], bool]) -> None:
        gauge = self.metrics.gauge
        self.metrics.poisoned = lambda: self.queue.poisoned
        gauge("sureshot_queue_depth", "Leases published, not taken", self.queue.depth)
        gauge("sureshot_backlog", "Webhooks stored, not final", lambda: self.backlog.count)
        gauge("sureshot_in_flight", "Leases between queue and record", lambda: slots.taken)
        gauge("sureshot_oldest_due_seconds", "Age of the oldest due", self.backlog.oldest_due_s)
        gauge("sureshot_breaker_open", "Lanes closed by trouble", lanes.open_breakers)
        gauge("sureshot_lanes_held_back", "Lanes sent fewer at once, as learned", lanes.held_back)
        gauge("sureshot_heartbeat_recent", "1: the store heard of this process lately", trusted)
        gauge("sureshot_database_connections", "Open now", lambda: self.store.connections)
        gauge("sureshot_broker_connections", "Open now", lambda: self.queue.connections)

    def state(self) -> dict[str, object]:
        """Return what the line is at, for people: counts, no ids, no payloads."""
        lanes: Counter[str] = Counter()
        for endpoint in self.directory.every_endpoint():
            status = self.engine.lane_status(endpoint.id)
            lanes[status.closed_reason or status.breaker] += 1
        waiting = self.lanes.waiting()
        return {
            "role": self.role,
            "ready": self.engine.ready,
            "paused": self.engine.paused,
            "lanes of endpoints": ", ".join(f"{n} {state}" for state, n in lanes.items()) or "none",
            "lanes with leases waiting": len(waiting),
            "leases waiting in lanes": sum(len(lane.waiting) for lane in waiting),
            "slots taken": f"{self.slots.taken} of {self.slots.limit}",
            **{name: value for name, _meaning, value in self.metrics.gauges()},
        }

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
        self.changes.on(ChangeKind.TOKEN, self._reload_tokens)
        await access.load(self.store)
        if self.tokens.api:
            access.add(self.tokens.api, DEFAULT_TENANT, API_SCOPES, "api")
        if self.tokens.admin:
            access.add(self.tokens.admin, DEFAULT_TENANT, frozenset(Scope), "admin")

        context = ApiContext(
            settings=settings, clock=self.clock, ids=ids, random_bytes=secrets.token_bytes,
            store=self.store, queue=self.queue, intake=self.intake, directory=self.directory,
            engine=self.engine, access=access, metrics=self.metrics, policy=self.policy,
            scaling=self.scaling,
        )  # fmt: skip
        front = Front(
            access, Submitter(context), self.intake, self.metrics, self.metrics.call(ROUTE, "POST"),
            settings.max_body_bytes, settings.express, self._shares.clients,
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

    async def _reload_tokens(self, change: Change) -> None:
        if change.kind is ChangeKind.TOKEN:
            # Refused until it is read anew: it may have been revoked.
            self.access.remove(change.subject)
        await self.access.load(self.store)


def _egress(settings: Settings) -> Egress:
    return Egress(
        settings.proxy_url,
        settings.ca_file,
        settings.client_cert_file,
        settings.client_key_file,
    )
