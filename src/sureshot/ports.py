"""What the delivery engine needs from the outside world, one Protocol per need.

Store and Queue take and give sequences: one webhook is a list of one. A round
trip costs far more than a row, so the batch is the unit of work. Every method
of a port may raise ``StoreUnavailable``; then nothing of the call was done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from sureshot.domain.model import (
    Attempt,
    Endpoint,
    Lease,
    NewWebhook,
    Outcome,
    Result,
    Tenant,
    Token,
    Webhook,
    WebhookState,
)
from sureshot.domain.url import Target


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current instant, timezone-aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean something."""
        ...


class OutgoingRequest(msgspec.Struct, frozen=True, gc=False):
    """One HTTP request, complete but for what the connection adds.

    ``header_text`` holds validated ``name: value`` lines, each ended by CRLF,
    without Host, Content-Length and Accept-Encoding: the sender adds these.
    ``timeout_s`` bounds the whole attempt, name lookup included.
    """

    target: Target
    method: str
    header_text: str
    body: bytes
    timeout_s: float


class Sender(Protocol):
    """Makes HTTP requests to receivers."""

    def send(self, request: OutgoingRequest, on_outcome: Callable[[Outcome], None]) -> None:
        """Start one request; *on_outcome* is called exactly once, from the event loop.

        Every failure becomes an ``Outcome``; nothing is raised for one. The
        call may come before this method returns.
        """
        ...

    async def close(self) -> None:
        """Abort what is in flight (outcome ``sender_closed``) and free every socket."""
        ...


class Added(msgspec.Struct, frozen=True, gc=False):
    """The webhook was stored; ``lease`` is None when it was stored free."""

    lease: Lease | None


class Twin(msgspec.Struct, frozen=True, gc=False):
    """The idempotency key is known and the request is the same: the original."""

    id: str
    created_at: datetime
    state: WebhookState


class KeyConflict(msgspec.Struct, frozen=True, gc=False):
    """The idempotency key is known with another request; nothing was stored."""

    id: str


AddResult = Added | Twin | KeyConflict


class LeaseTerms(msgspec.Struct, frozen=True, gc=False):
    """For whom and until when a lease is given."""

    owner: str
    expires_at: datetime


class Due(msgspec.Struct, frozen=True):
    """What ``lease_due`` found: leases, and when to look again (None: nothing waits)."""

    leases: list[Lease]
    next_due_at: datetime | None


class Counts(msgspec.Struct, frozen=True):
    """How much is stored and not final, and how old the oldest due free row is.

    ``free`` counts the rows nobody holds a lease for; it is part of ``backlog``.
    """

    backlog: int
    free: int
    oldest_due_at: datetime | None


class ClosedLane(msgspec.Struct, frozen=True, gc=False):
    """A lane ``lease_due`` passes over until then (None: until it is opened)."""

    lane: str
    until: datetime | None
    reason: str


class WebhookFilter(msgspec.Struct, frozen=True):
    """Which webhooks a list shows; None means any. ``since`` <= created < ``until``."""

    state: WebhookState | None = None
    endpoint_id: str | None = None
    event_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Page(msgspec.Struct, frozen=True):
    """Webhooks newest first, and the id to go on after (None at the end).

    A page may hold fewer than asked for although more follow: the store reads
    a bounded number of rows for each page.
    """

    items: list[Webhook]
    next_after: str | None


class Store(Protocol):
    """The only truth about webhooks, attempts, endpoints, tenants and tokens."""

    async def open(self, now: datetime, owner: str) -> None:
        """Prepare the schema, take ownership, and void leases of owners that are gone."""
        ...

    async def close(self) -> None:
        """Finish the writes under way and let go of the database."""
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

    async def lease_due(
        self,
        limit: int,
        per_lane: int,
        now: datetime,
        terms: LeaseTerms,
        *,
        limit_bytes: int = 64 << 20,
    ) -> Due:
        """Lease up to *limit* webhooks that are due at *now*, fairly by lane.

        At most *per_lane* come from one lane; it stops after *limit_bytes* of
        payload, yet never before the first webhook.

        Retries, scheduled webhooks, overflow and orphans are one case here.
        Atomic; concurrent callers never get the same webhook. Closed lanes
        cost nothing however long their backlog; a pause leases nothing. A lane
        whose closing time has passed is half open: one lease is taken from it,
        and it stays closed until that lease ends or ``open_lane`` is called.
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
        self, tenant: str, which: WebhookFilter, after: str | None, limit: int
    ) -> Page:
        """Return up to *limit* webhooks older than the one called *after*."""
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
        """Delete up to *limit* finished webhooks created before then, with their attempts.

        Returns how many; 0 means none is left. What is not final is never deleted.
        """
        ...

    async def counts(self, now: datetime) -> Counts:
        """Return how much is waiting."""
        ...

    async def latest_id(self) -> str | None:
        """Return the highest webhook id ever stored, so that new ids stay above it."""
        ...

    async def close_lane(self, lane: str, until: datetime | None, reason: str) -> None:
        """Let ``lease_due`` pass over *lane* until then (None: until it is opened)."""
        ...

    async def open_lane(self, lane: str) -> None:
        """Undo ``close_lane``; a lane that is open stays so."""
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
        """Create or replace an endpoint."""
        ...

    async def delete_endpoint(self, endpoint_id: str) -> None:
        """Delete an endpoint; its waiting webhooks are cancelled in the same transaction."""
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


class Queue(Protocol):
    """Carries leases to workers, at least once. Holds no truth and no delays."""

    def room(self) -> tuple[int, int]:
        """Return how many leases, and how many bytes of payload, still fit."""
        ...

    async def publish(self, leases: Sequence[Lease]) -> None:
        """Hand *leases* over. May raise ``Overloaded``; the leases then expire."""
        ...

    async def take(self, limit: int) -> list[Lease]:
        """Wait for at least one lease and return at most *limit*."""
        ...

    async def ack(self, leases: Sequence[Lease]) -> None:
        """Forget *leases*: each was recorded, renewed elsewhere or given back."""
        ...

    def depth(self) -> int:
        """Return how many leases were published and not yet taken."""
        ...

    async def close(self) -> None:
        """Stop handing out; ``take`` returns what is left, then empty lists."""
        ...
