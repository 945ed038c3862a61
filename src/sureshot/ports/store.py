"""Store: the only truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

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
from sureshot.ports.values import (
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
    WebhookFilter,
)


class Store(Protocol):
    """The only truth about webhooks, attempts, endpoints, tenants and tokens."""

    @property
    def connections(self) -> int:
        """How many connections to the database this process has open."""
        ...

    async def open(self, now: datetime, owner: str) -> None:
        """Prepare the schema, take ownership, and void leases of owners that are gone."""
        ...

    async def close(self) -> None:
        """Finish the writes under way and let go of the database."""
        ...

    def watch(self, told: Callable[[Change], None]) -> None:
        """Have *told* called, on the event loop, when other processes change something.

        Within milliseconds as a rule. This process's own changes are left out.
        """
        ...

    async def beat(self, beat: Beat) -> Census:
        """Say that this process lives, and return who else does."""
        ...

    async def take_over(self, since: datetime) -> int:
        """Void the leases of processes silent since then; return how many.

        *since* is of the census this process judges by, so that a step of the
        store's clock after it buries nobody.
        """
        ...

    async def set_queue_depth(self, depth: int) -> None:
        """Correct the census: so many leases lie in the queue, whatever was counted."""
        ...

    async def add(
        self, batch: Sequence[tuple[NewWebhook, bool]], terms: LeaseTerms
    ) -> list[AddResult]:
        """Store *batch* in one durable transaction; one result per item, in order.

        The flag of an item says whether it is born leased on *terms*; otherwise
        it is stored free and ``lease_due`` finds it. Twins inside one batch are
        merged: the first is added, the others answer ``Twin`` or ``KeyConflict``.
        """
        ...

    async def add_event(
        self, event: Event, batch: Sequence[tuple[NewWebhook, bool]], terms: LeaseTerms
    ) -> AddEventResult:
        """Store *event*, its idempotency key and its webhooks in one durable transaction.

        *batch* as for ``add``, without keys of its own; one ``Added`` per item, in
        order. Keys of events and keys of webhooks are two things. Nothing is
        stored when the key is known.
        """
        ...

    async def event(self, tenant: str, event_id: str) -> Event | None:
        """Return one event without its key; None if unknown or another tenant's."""
        ...

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
        """Lease up to *limit* webhooks that are due at *now*, fairly by lane.

        At most *per_lane* come from one lane, none from those in *besides*; it stops
        after *limit_bytes* of payload, yet never before the first webhook.

        Retries, scheduled webhooks, overflow and orphans are one case here.
        Atomic; concurrent callers never get the same webhook. Closed lanes
        cost nothing however long their backlog; a pause leases nothing. A lane
        whose closing time has passed is half open: one lease is taken from it,
        and it stays closed until that lease ends or it is opened.
        """
        ...

    async def renew(self, leases: Sequence[Lease], terms: LeaseTerms) -> list[Lease]:
        """Return those of *leases* that nobody else took, with new tokens and ends."""
        ...

    async def release(self, leases: Sequence[Lease], due_at: datetime | None) -> None:
        """Give back unspent *leases*; no attempt is counted. Stale ones are ignored.

        They are due at *due_at*, or at the instant they were due before when None.
        """
        ...

    async def suspect(self, leases: Sequence[Lease]) -> None:
        """Give back *leases* that seem to kill the processes that hold them.

        Each will be leased alone, and fails as ``worker_crashed`` if that happens
        again. Stale ones are ignored.
        """
        ...

    async def record(self, results: Sequence[Result]) -> list[bool]:
        """Append the attempts and apply the decisions in one durable transaction.

        One flag per result: False where the lease had moved on. Its attempt is
        still logged and its decision changes nothing, except that a late 2xx
        finishes a webhook that is not final.
        """
        ...

    async def get(self, tenant: str, webhook_id: str) -> Webhook | None:
        """Return one webhook with its last attempt; None if unknown or another tenant's."""
        ...

    async def attempts(self, tenant: str, webhook_id: str) -> list[Attempt]:
        """Return a webhook's attempts, oldest first."""
        ...

    async def list_webhooks(
        self, tenant: str, which: WebhookFilter, after: str | None, limit: int, limit_bytes: int = 0
    ) -> Page:
        """Return up to *limit* webhooks older than the one called *after*.

        Their payloads are not read and stand there empty, unless *limit_bytes* is
        given: then the page ends before its payloads have more, yet never before
        the first webhook.
        """
        ...

    async def cancel(self, tenant: str, webhook_id: str) -> Webhook | None:
        """Cancel unless final, voiding any lease; return the webhook as it was before."""
        ...

    async def retry(
        self, tenant: str, webhook_id: str, *, force: bool, now: datetime
    ) -> Webhook | None:
        """Make due now with a fresh schedule; return the webhook as it was before.

        From any state but ``delivered``, and from that too with *force*. A
        webhook that was left alone is recognised by its returned state.
        """
        ...

    async def forget_before(self, before: datetime, limit: int) -> int:
        """Delete about *limit* finished webhooks created before then, with their attempts.

        As many old events too. Returns about how many rows; 0 means none is left, or
        that the rest is better tried later. What is not final is never deleted, nor
        what is younger than the oldest idempotency key. A store that keeps whole
        days together drops them at once.
        """
        ...

    async def forget_keys(self, before: datetime, limit: int) -> int:
        """Delete about *limit* idempotency keys that came before then; return how many."""
        ...

    async def forget_audit(self, before: datetime, limit: int) -> int:
        """Delete about *limit* entries of the audit log made before then; return how many."""
        ...

    async def reencrypt(self) -> int:
        """Encrypt every stored secret with the present key; return how many documents.

        Other processes may change and delete them meanwhile: nothing comes back,
        and no change is lost.
        """
        ...

    async def failing(self, endpoint_ids: Sequence[str], since: datetime) -> list[str]:
        """Return those of *endpoint_ids* that fail, and have failed without a success since then.

        A delivery makes every failure before it count for nothing. Looked up in
        what is stored, so that no delivery has to count for it; how much of it is
        looked at is bounded for each endpoint.
        """
        ...

    async def check(self) -> None:
        """Raise ``StoreUnavailable`` unless the store is there; one that is busy is."""
        ...

    async def prepare(self, now: datetime) -> None:
        """Make ready for the days to come; called at the start and every few minutes.

        Forgets closings of lanes that ended a day ago: nobody came back to them.
        """
        ...

    async def counts(self, now: datetime) -> Counts:
        """Return how much is waiting."""
        ...

    async def latest_id(self) -> str | None:
        """Return the highest webhook id ever stored, so that new ids stay above it."""
        ...

    async def change_lanes(self, changes: Mapping[str, ClosedLane | None]) -> None:
        """Close lanes, or open them where the value is None, all in one transaction.

        ``lease_due`` passes over a closed lane until then, or until it is opened. The
        lane of a disabled endpoint stays closed, whatever this asks for. Where processes
        share the store, one that is closed for another reason is not closed as ``FULL``.
        """
        ...

    async def open_full(self, lanes: Sequence[str]) -> None:
        """Open those of *lanes* that are closed as ``FULL``, whoever closed them."""
        ...

    async def closed_lanes(self) -> list[ClosedLane]:
        """Return every lane that is closed or half open."""
        ...

    async def set_paused(self, *, paused: bool) -> None:
        """Stop or resume all leasing; survives a restart."""
        ...

    async def paused(self) -> bool:
        """Whether leasing is paused."""
        ...

    async def put_endpoint(self, endpoint: Endpoint) -> None:
        """Create or replace an endpoint, and close its lane or not: one transaction."""
        ...

    async def update_endpoint(
        self, endpoint_id: str, change: Callable[[Endpoint], Endpoint]
    ) -> Endpoint | None:
        """Replace an endpoint by what *change* makes of it as it is now, and return that.

        Nobody else changes it meanwhile, and its lane is closed or not in the same
        transaction, even if *change* returns what it was given. None if there is no
        endpoint of that id: none is created. *change* may run in another thread.
        """
        ...

    async def delete_endpoint(self, endpoint_id: str) -> None:
        """Delete an endpoint; its waiting webhooks are cancelled in the same transaction.

        Repeated, it cancels what came in after it was deleted.
        """
        ...

    async def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """Return one endpoint; None if there is none of that id."""
        ...

    async def endpoints(self) -> list[Endpoint]:
        """Return every endpoint, oldest first."""
        ...

    async def put_tenant(self, tenant: Tenant) -> None:
        """Create or replace a tenant."""
        ...

    async def tenants(self) -> list[Tenant]:
        """Return every tenant."""
        ...

    async def put_token(self, token: Token) -> None:
        """Create or replace a token."""
        ...

    async def delete_token(self, token_id: str) -> None:
        """Revoke a token; an unknown id is ignored."""
        ...

    async def tokens(self) -> list[Token]:
        """Return every token."""
        ...

    async def add_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Append *entries* in one durable transaction; they are never changed."""
        ...

    async def audit(self, tenant: str, after: str | None, limit: int) -> list[AuditEntry]:
        """Return up to *limit* of the tenant's entries older than *after*, newest first."""
        ...
