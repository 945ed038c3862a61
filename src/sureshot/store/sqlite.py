"""The Store of the embedded profile: one SQLite file, one process, one writing thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

from sureshot.domain.errors import ConfigurationError, StoreUnavailable
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
)
from sureshot.ports import (
    AddEventResult,
    AddResult,
    Beat,
    Census,
    Change,
    ClosedLane,
    Counts,
    Due,
    LeaseTerms,
    Page,
    Peer,
    WebhookFilter,
)
from sureshot.store import (
    sqlite_audit,
    sqlite_changes,
    sqlite_endpoints,
    sqlite_events,
    sqlite_intake,
    sqlite_lanes,
    sqlite_reads,
    sqlite_record,
    sqlite_upkeep,
)
from sureshot.store.rows import LANES_KEPT
from sureshot.store.sealing import Document, Sealer
from sureshot.store.sqlite_due import DueQuery
from sureshot.store.sqlite_file import prepare, take_file
from sureshot.store.sqlite_lanes import LanesInMemory
from sureshot.store.sqlite_thread import DatabaseThread

PAUSE = "Pause"
"""The kind of the one document that says leasing is paused; absent when it is not."""


class SqliteStore:
    """``ports.Store`` on SQLite: WAL, ``synchronous=FULL``, every write a group commit.

    One process owns the file, proven by a lock beside it; so opening the store
    means that every lease in it is an orphan.
    """

    connections = 2  # the writer's and the reader's

    def __init__(self, path: Path, sealer: Sealer) -> None:
        """*sealer* encrypts endpoints and tenants, which hold signing secrets."""
        self._path = path
        self._sealer = sealer
        self._lock: IO[str] | None = None
        self._threads: tuple[DatabaseThread, DatabaseThread] | None = None
        self._due = DueQuery()
        self._lanes = LanesInMemory({})
        self._paused = False
        self._owner = ""

    # -- life ---------------------------------------------------------------

    async def open(self, now: datetime, owner: str) -> None:  # noqa: ARG002 - others partition by it
        """Create or open the file, void all leases.

        Raises ``ConfigurationError`` when another process owns the file or it
        cannot be used.
        """
        self._owner = owner
        self._lock = await asyncio.to_thread(take_file, self._path, owner)
        try:
            writer = DatabaseThread(self._path, writes=True)
            await writer.run(prepare)
        except StoreUnavailable as error:
            raise ConfigurationError(f"cannot use {self._path}: {error.detail}") from error
        self._threads = writer, DatabaseThread(self._path, writes=False)
        self._lanes = LanesInMemory(await writer.run(sqlite_lanes.closed_lanes))
        self._paused = bool(await writer.run(sqlite_changes.documents, PAUSE))

    async def close(self) -> None:
        """Finish what waits, close both connections, give up the file."""
        if self._threads is not None:
            for thread in reversed(self._threads):
                await thread.close()
            self._threads = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def _writer(self) -> DatabaseThread:
        return self._open_threads()[0]

    @property
    def _reader(self) -> DatabaseThread:
        return self._open_threads()[1]

    def _open_threads(self) -> tuple[DatabaseThread, DatabaseThread]:
        if self._threads is None:
            raise StoreUnavailable("the store is not open", reason="store_closed")
        return self._threads

    # -- other processes: there are none ------------------------------------

    def watch(self, told: Callable[[Change], None]) -> None:
        """See ``Store.watch``; nobody else writes this file."""

    async def beat(self, beat: Beat) -> Census:
        """See ``Store.beat``."""
        return Census([Peer(self._owner, beat, 0.0)])

    async def take_over(self, since: datetime) -> int:  # noqa: ARG002 - there is nobody
        """See ``Store.take_over``; opening the file has voided every lease."""
        return 0

    async def set_queue_depth(self, depth: int) -> None:
        """See ``Store.set_queue_depth``; the queue in memory counts itself."""

    # -- the line -----------------------------------------------------------

    async def add(
        self, batch: Sequence[tuple[NewWebhook, bool]], terms: LeaseTerms
    ) -> list[AddResult]:
        """See ``Store.add``."""
        return await self._writer.run(sqlite_intake.add, batch, terms)

    async def add_event(
        self, event: Event, batch: Sequence[tuple[NewWebhook, bool]], terms: LeaseTerms
    ) -> AddEventResult:
        """See ``Store.add_event``."""
        return await self._writer.run(sqlite_events.add_event, event, batch, terms)

    async def event(self, tenant: str, event_id: str) -> Event | None:
        """See ``Store.event``."""
        return await self._reader.run(sqlite_events.event, tenant, event_id)

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
        if self._paused:
            return Due([], None)
        return await self._writer.run(
            self._due.lease_due, limit, limit_bytes, per_lane, now, terms, self._lanes.rows, besides
        )

    async def renew(self, leases: Sequence[Lease], terms: LeaseTerms) -> list[Lease]:
        """See ``Store.renew``."""
        return await self._writer.run(sqlite_record.renew, leases, terms)

    async def release(self, leases: Sequence[Lease], due_at: datetime | None) -> None:
        """See ``Store.release``."""
        await self._writer.run(sqlite_record.release, leases, due_at)

    async def suspect(self, leases: Sequence[Lease]) -> None:
        """See ``Store.suspect``."""
        await self._writer.run(sqlite_record.suspect, leases)

    async def record(self, results: Sequence[Result]) -> list[bool]:
        """See ``Store.record``."""
        return await self._writer.run(sqlite_record.record, results)

    # -- reading ------------------------------------------------------------

    async def get(self, tenant: str, webhook_id: str) -> Webhook | None:
        """See ``Store.get``."""
        return await self._reader.run(sqlite_reads.get, tenant, webhook_id)

    async def attempts(self, tenant: str, webhook_id: str) -> list[Attempt]:
        """See ``Store.attempts``."""
        return await self._reader.run(sqlite_reads.attempts, tenant, webhook_id)

    async def list_webhooks(
        self, tenant: str, which: WebhookFilter, after: str | None, limit: int, limit_bytes: int = 0
    ) -> Page:
        """See ``Store.list_webhooks``."""
        values = (tenant, which, after, limit, limit_bytes)
        return await self._reader.run(sqlite_reads.list_webhooks, *values)

    async def counts(self, now: datetime) -> Counts:
        """See ``Store.counts``."""
        return await self._reader.run(sqlite_reads.counts, now, self._lanes.rows)

    async def latest_id(self) -> str | None:
        """See ``Store.latest_id``."""
        return await self._reader.run(sqlite_reads.latest_id)

    # -- changes people ask for ---------------------------------------------

    async def cancel(self, tenant: str, webhook_id: str) -> Webhook | None:
        """See ``Store.cancel``."""
        return await self._writer.run(sqlite_changes.cancel, tenant, webhook_id)

    async def retry(
        self, tenant: str, webhook_id: str, *, force: bool, now: datetime
    ) -> Webhook | None:
        """See ``Store.retry``."""
        return await self._writer.run(
            sqlite_changes.retry, tenant, webhook_id, force=force, now=now
        )

    async def failing(self, endpoint_ids: Sequence[str], since: datetime) -> list[str]:
        """See ``Store.failing``."""
        return await self._reader.run(sqlite_reads.failing, endpoint_ids, since)

    async def prepare(self, now: datetime) -> None:
        """See ``Store.prepare``; the file itself needs nothing."""
        forget = sqlite_lanes.forget_old_lanes
        self._lanes.forget(await self._writer.run(forget, now - LANES_KEPT))

    async def forget_before(self, before: datetime, limit: int) -> int:
        """See ``Store.forget_before``."""
        return await self._writer.run(sqlite_upkeep.forget_before, before, limit)

    async def forget_keys(self, before: datetime, limit: int) -> int:
        """See ``Store.forget_keys``."""
        return await self._writer.run(sqlite_upkeep.forget_keys, before, limit)

    async def forget_audit(self, before: datetime, limit: int) -> int:
        """See ``Store.forget_audit``."""
        return await self._writer.run(sqlite_upkeep.forget_audit, before, limit)

    async def reencrypt(self) -> int:
        """See ``Store.reencrypt``."""
        return await self._writer.run(sqlite_upkeep.reencrypt, self._sealer)

    async def change_lanes(self, changes: Mapping[str, ClosedLane | None]) -> None:
        """See ``Store.change_lanes``."""
        await self._writer.run(sqlite_lanes.change_lanes, changes)
        self._lanes.change(changes)

    async def open_full(self, lanes: Sequence[str]) -> None:
        """See ``Store.open_full``."""
        await self._writer.run(sqlite_lanes.open_full, lanes)
        self._lanes.open_full(lanes)

    async def closed_lanes(self) -> list[ClosedLane]:
        """See ``Store.closed_lanes``."""
        return self._lanes.all()

    async def set_paused(self, *, paused: bool) -> None:
        """See ``Store.set_paused``."""
        if paused:
            await self._writer.run(sqlite_changes.put_document, PAUSE, "all", b"{}")
        else:
            await self._writer.run(sqlite_changes.delete_document, PAUSE, "all")
        self._paused = paused

    async def check(self) -> None:
        """See ``Store.check``: the file is there while it is open."""

    async def paused(self) -> bool:
        """See ``Store.paused``."""
        return self._paused

    # -- endpoints, tenants, tokens -----------------------------------------

    async def put_endpoint(self, endpoint: Endpoint) -> None:
        """See ``Store.put_endpoint``."""
        await self._writer.run(sqlite_endpoints.put_endpoint, self._sealer, endpoint)
        self._lanes.note(endpoint)

    async def update_endpoint(
        self, endpoint_id: str, change: Callable[[Endpoint], Endpoint]
    ) -> Endpoint | None:
        """See ``Store.update_endpoint``."""
        update = sqlite_endpoints.update_endpoint
        changed = await self._writer.run(update, self._sealer, endpoint_id, change)
        if changed is not None:
            self._lanes.note(changed)
        return changed

    async def delete_endpoint(self, endpoint_id: str) -> None:
        """See ``Store.delete_endpoint``."""
        await self._writer.run(sqlite_endpoints.delete_endpoint, endpoint_id)
        self._lanes.forget([endpoint_id])

    async def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """See ``Store.endpoint``."""
        found = await self._writer.run(sqlite_changes.document, Endpoint.__name__, endpoint_id)
        return None if found is None else self._sealer.open_document(Endpoint, endpoint_id, found)

    async def endpoints(self) -> list[Endpoint]:
        """See ``Store.endpoints``."""
        return await self._all(Endpoint)

    async def put_tenant(self, tenant: Tenant) -> None:
        """See ``Store.put_tenant``."""
        await self._put(tenant)

    async def tenants(self) -> list[Tenant]:
        """See ``Store.tenants``."""
        return await self._all(Tenant)

    async def put_token(self, token: Token) -> None:
        """See ``Store.put_token``."""
        await self._put(token)

    async def delete_token(self, token_id: str) -> None:
        """See ``Store.delete_token``."""
        await self._writer.run(sqlite_changes.delete_document, Token.__name__, token_id)

    async def tokens(self) -> list[Token]:
        """See ``Store.tokens``."""
        return await self._all(Token)

    # -- the audit log ------------------------------------------------------

    async def add_audit(self, entries: Sequence[AuditEntry]) -> None:
        """See ``Store.add_audit``."""
        await self._writer.run(sqlite_audit.add, entries)

    async def audit(self, tenant: str, after: str | None, limit: int) -> list[AuditEntry]:
        """See ``Store.audit``."""
        return await self._reader.run(sqlite_audit.page, tenant, after, limit)

    async def _put(self, value: Tenant | Token) -> None:
        kind, document = type(value).__name__, self._sealer.seal_document(value)
        await self._writer.run(sqlite_changes.put_document, kind, value.id, document)

    async def _all(self, kind: type[Document]) -> list[Document]:
        # The writer's connection sees its own commits at once; a reader might lag behind.
        found = await self._writer.run(sqlite_changes.documents, kind.__name__)
        return [self._sealer.open_document(kind, key, document) for key, document in found]
