"""The Store of the PostgreSQL profiles: many processes, one database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sureshot import __version__
from sureshot.domain.errors import StoreUnavailable
from sureshot.domain.model import (
    Attempt,
    AuditEntry,
    Endpoint,
    Event,
    Lease,
    NewWebhook,
    Result,
    Tenant,
    Token,
    Webhook,
    WebhookState,
)
from sureshot.ports import (
    AddEventResult,
    AddResult,
    Beat,
    Census,
    Change,
    ChangeKind,
    ClosedLane,
    Counts,
    Due,
    LeaseTerms,
    Page,
    WebhookFilter,
)
from sureshot.store import (
    postgres_audit,
    postgres_changes,
    postgres_endpoints,
    postgres_events,
    postgres_intake,
    postgres_processes,
    postgres_reads,
    postgres_record,
)
from sureshot.store.postgres_due import DueQuery
from sureshot.store.postgres_pool import Database
from sureshot.store.postgres_schema import SQL, check_version, ensure_partitions, migrate
from sureshot.store.postgres_upkeep import PostgresUpkeep
from sureshot.store.postgres_watch import Watch, announce
from sureshot.store.rows import LANES_KEPT
from sureshot.store.sealing import Document, Sealer

LEAVE_S = 2.0
PAUSE = "Pause"
"""The kind of the one document that says leasing is paused; absent when it is not."""


class PostgresStore(PostgresUpkeep):
    """``ports.Store`` on PostgreSQL 13 or newer; ``synchronous_commit`` stays on.

    Tables are partitioned by day. What one process changes, the others hear of
    by NOTIFY; leases of processes that fall silent are voided by any other.
    """

    def __init__(self, url: str, sealer: Sealer, *, pool_size: int = 8, migrates: bool = True):
        """*sealer* encrypts endpoints and tenants, which hold signing secrets."""
        self._url = url
        self._sealer = sealer
        self._pool_size = pool_size
        self._migrates = migrates
        self._database = Database(url, pool_size, "sureshot")
        self._watch = Watch(self._database)
        self._due = DueQuery()
        self._owner = ""
        self._beaten: Beat | None = None

    # -- life ---------------------------------------------------------------

    async def open(self, now: datetime, owner: str) -> None:
        """Connect, migrate unless switched off, and void what nobody alive owns.

        Raises ``ConfigurationError`` when the database cannot be used.
        """
        self._owner = self._watch.owner = owner
        await self._database.open()
        async with self._database.connection() as connection:
            if self._migrates:
                await migrate(connection)
            else:
                await check_version(connection)
            await ensure_partitions(connection, now)
        await self.beat(Beat("starting", __version__, 0, 0, 0))
        await postgres_processes.void_orphans(self._database)
        await self._watch.open()
        async with self._database.connection() as connection:
            await announce(connection, Change(ChangeKind.PEER, owner, origin=owner))

    async def close(self) -> None:
        """Give back what this process holds, and disconnect."""
        await self._watch.close()
        if self._beaten is not None:
            self._beaten = None
            # Without a database to say it to, the others notice the silence.
            with contextlib.suppress(StoreUnavailable, TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await postgres_processes.leave(self._database, self._owner)
        await self._database.close()

    @property
    def connections(self) -> int:
        """See ``Store.connections``: the pool's, and the one that listens."""
        return self._database.connections + self._watch.connections

    def watch(self, told: Callable[[Change], None]) -> None:
        """See ``Store.watch``."""
        self._watch.add(told)

    async def beat(self, beat: Beat) -> Census:
        """See ``Store.beat``."""
        census = await postgres_processes.beat(self._database, self._owner, beat, self._beaten)
        self._beaten = beat
        return census

    async def take_over(self, since: datetime) -> int:
        """See ``Store.take_over``."""
        voided = await postgres_processes.take_over(self._database, since)
        if voided:
            self._watch.announce_due()
        return voided

    async def set_queue_depth(self, depth: int) -> None:
        """See ``Store.set_queue_depth``."""
        async with self._database.connection() as connection:
            await connection.execute(SQL["set_carry"], depth)

    # -- the line -----------------------------------------------------------

    async def add(
        self, batch: Sequence[tuple[NewWebhook, bool]], terms: LeaseTerms
    ) -> list[AddResult]:
        """See ``Store.add``."""
        results = await postgres_intake.add(self._database, batch, terms)
        if not all(leased for _webhook, leased in batch):
            self._watch.announce_due()
        return results

    async def add_event(
        self, event: Event, batch: Sequence[tuple[NewWebhook, bool]], terms: LeaseTerms
    ) -> AddEventResult:
        """See ``Store.add_event``."""
        result = await postgres_events.add_event(self._database, event, batch, terms)
        if isinstance(result, list) and not all(leased for _webhook, leased in batch):
            self._watch.announce_due()
        return result

    async def event(self, tenant: str, event_id: str) -> Event | None:
        """See ``Store.event``."""
        return await postgres_events.event(self._database, tenant, event_id)

    async def lease_due(
        self,
        limit: int,
        per_lane: int,
        now: datetime,
        terms: LeaseTerms,
        *,
        limit_bytes: int = 64 << 20,
        besides: frozenset[str] = frozenset(),
    ) -> Due:
        """See ``Store.lease_due``."""
        return await self._due.lease_due(
            self._database, limit, limit_bytes, per_lane, now, terms, besides
        )

    async def renew(self, leases: Sequence[Lease], terms: LeaseTerms) -> list[Lease]:
        """See ``Store.renew``."""
        return await postgres_record.renew(self._database, leases, terms)

    async def release(self, leases: Sequence[Lease], due_at: datetime | None) -> None:
        """See ``Store.release``."""
        await postgres_record.release(self._database, leases, due_at)
        self._watch.announce_due()

    async def suspect(self, leases: Sequence[Lease]) -> None:
        """See ``Store.suspect``."""
        await postgres_record.suspect(self._database, leases)
        self._watch.announce_due()

    async def record(self, results: Sequence[Result]) -> list[bool]:
        """See ``Store.record``."""
        flags = await postgres_record.record(self._database, results)
        if any(result.decision.state is WebhookState.RETRYING for result in results):
            self._watch.announce_due()
        return flags

    # -- reading ------------------------------------------------------------

    async def get(self, tenant: str, webhook_id: str) -> Webhook | None:
        """See ``Store.get``."""
        async with self._database.connection(aside=True) as connection:
            return await postgres_reads.get(connection, tenant, webhook_id)

    async def attempts(self, tenant: str, webhook_id: str) -> list[Attempt]:
        """See ``Store.attempts``."""
        async with self._database.connection(aside=True) as connection:
            return await postgres_reads.attempts(connection, tenant, webhook_id)

    async def list_webhooks(
        self, tenant: str, which: WebhookFilter, after: str | None, limit: int, limit_bytes: int = 0
    ) -> Page:
        """See ``Store.list_webhooks``."""
        async with self._database.connection(aside=True) as connection:
            asked = (tenant, which, after, limit, limit_bytes)
            return await postgres_reads.list_webhooks(connection, *asked)

    async def counts(self, now: datetime) -> Counts:
        """See ``Store.counts``."""
        return await postgres_reads.counts(self._database, now)

    async def latest_id(self) -> str | None:
        """See ``Store.latest_id``."""
        async with self._database.connection() as connection:
            return await postgres_reads.latest_id(connection)

    # -- changes people ask for ---------------------------------------------

    async def cancel(self, tenant: str, webhook_id: str) -> Webhook | None:
        """See ``Store.cancel``."""
        return await postgres_changes.cancel(self._database, tenant, webhook_id, self._owner)

    async def retry(
        self, tenant: str, webhook_id: str, *, force: bool, now: datetime
    ) -> Webhook | None:
        """See ``Store.retry``."""
        return await postgres_changes.retry(
            self._database, tenant, webhook_id, self._owner, force=force, now=now
        )

    async def failing(self, endpoint_ids: Sequence[str], since: datetime) -> list[str]:
        """See ``Store.failing``."""
        async with self._database.connection() as connection:
            return await postgres_reads.failing(connection, endpoint_ids, since)

    async def prepare(self, now: datetime) -> None:
        """See ``Store.prepare``: partitions are made before they are needed."""
        async with self._database.connection() as connection:
            await ensure_partitions(connection, now)
            await postgres_changes.forget_old_lanes(connection, now - LANES_KEPT)

    async def change_lanes(self, changes: Mapping[str, ClosedLane | None]) -> None:
        """See ``Store.change_lanes``."""
        await postgres_changes.change_lanes(self._database, changes, self._owner)
        if None in changes.values():
            self._watch.announce_due()

    async def open_full(self, lanes: Sequence[str]) -> None:
        """See ``Store.open_full``."""
        await postgres_changes.open_full(self._database, lanes, self._owner)
        self._watch.announce_due()

    async def closed_lanes(self) -> list[ClosedLane]:
        """See ``Store.closed_lanes``."""
        async with self._database.connection() as connection:
            return await postgres_changes.closed_lanes(connection)

    async def set_paused(self, *, paused: bool) -> None:
        """See ``Store.set_paused``."""
        change = Change(ChangeKind.PAUSE, "all", origin=self._owner)
        if paused:
            await postgres_changes.put_document(self._database, change, PAUSE, b"{}")
        else:
            await postgres_changes.delete_document(self._database, change, PAUSE)

    async def paused(self) -> bool:
        """See ``Store.paused``."""
        async with self._database.connection() as connection:
            return bool(await connection.fetch(SQL["documents"], PAUSE))

    # -- endpoints, tenants, tokens -----------------------------------------

    async def put_endpoint(self, endpoint: Endpoint) -> None:
        """See ``Store.put_endpoint``."""
        await postgres_endpoints.put_endpoint(self._database, self._sealer, endpoint, self._owner)

    async def update_endpoint(
        self, endpoint_id: str, change: Callable[[Endpoint], Endpoint]
    ) -> Endpoint | None:
        """See ``Store.update_endpoint``."""
        return await postgres_endpoints.update_endpoint(
            self._database, self._sealer, endpoint_id, change, self._owner
        )

    async def delete_endpoint(self, endpoint_id: str) -> None:
        """See ``Store.delete_endpoint``."""
        await postgres_endpoints.delete_endpoint(self._database, endpoint_id, self._owner)

    async def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """See ``Store.endpoint``."""
        async with self._database.connection() as connection:
            found = await connection.fetchval(SQL["document"], Endpoint.__name__, endpoint_id)
        return None if found is None else self._sealer.open_document(Endpoint, endpoint_id, found)

    async def endpoints(self) -> list[Endpoint]:
        """See ``Store.endpoints``."""
        return await self._all(Endpoint)

    async def put_tenant(self, tenant: Tenant) -> None:
        """See ``Store.put_tenant``."""
        await self._put(ChangeKind.TENANT, tenant)

    async def tenants(self) -> list[Tenant]:
        """See ``Store.tenants``."""
        return await self._all(Tenant)

    async def put_token(self, token: Token) -> None:
        """See ``Store.put_token``."""
        await self._put(ChangeKind.TOKEN, token)

    async def delete_token(self, token_id: str) -> None:
        """See ``Store.delete_token``."""
        change = Change(ChangeKind.TOKEN, token_id, origin=self._owner)
        await postgres_changes.delete_document(self._database, change, Token.__name__)

    async def tokens(self) -> list[Token]:
        """See ``Store.tokens``."""
        return await self._all(Token)

    # -- the audit log ------------------------------------------------------

    async def add_audit(self, entries: Sequence[AuditEntry]) -> None:
        """See ``Store.add_audit``."""
        await postgres_audit.add(self._database, entries)

    async def audit(self, tenant: str, after: str | None, limit: int) -> list[AuditEntry]:
        """See ``Store.audit``."""
        return await postgres_audit.page(self._database, tenant, after, limit)

    async def _put(self, kind: ChangeKind, value: Tenant | Token) -> None:
        change = Change(kind, value.id, origin=self._owner)
        document = self._sealer.seal_document(value)
        await postgres_changes.put_document(self._database, change, type(value).__name__, document)

    async def _all(self, kind: type[Document]) -> list[Document]:
        async with self._database.connection() as connection:
            found = await connection.fetch(SQL["documents"], kind.__name__)
        return [self._sealer.open_document(kind, key, document) for key, document in found]
