"""The values the ports give and take."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from sureshot.domain.model import (
    Lease,
    Webhook,
    WebhookState,
)


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


class KnownEvent(msgspec.Struct, frozen=True, gc=False):
    """The idempotency key is known and the event is the same: the original."""

    id: str
    webhooks: int


AddEventResult = list[Added] | KnownEvent | KeyConflict


class LeaseTerms(msgspec.Struct, frozen=True, gc=False):
    """For whom and until when a lease is given.

    ``owner`` is the process that holds it, None while it lies in a broker: a
    process that dies takes only what it owns with it. ``grace`` tells ``lease_due``
    how long after their end leases still count: the clock was set forward meanwhile.
    """

    owner: str | None
    expires_at: datetime
    grace: timedelta = timedelta(0)


class Due(msgspec.Struct, frozen=True):
    """What ``lease_due`` found: leases, and when to look again (None: nothing waits)."""

    leases: list[Lease]
    next_due_at: datetime | None


class Counts(msgspec.Struct, frozen=True):
    """How much is stored and not final, and since when the oldest free row could be sent.

    ``free`` counts the rows nobody holds a lease for; it is part of ``backlog``.
    ``oldest_due_at`` passes over lanes that are closed for their receiver, disabled or in
    trouble; such a lane's rows could be sent from when it was to open, not from when they
    were due. A lane that is ``FULL`` counts: the service does not keep up with it.
    """

    backlog: int
    free: int
    oldest_due_at: datetime | None


DISABLED = "disabled"
"""Why the lane of a disabled endpoint is closed; only enabling the endpoint opens it."""
FULL = "full"
"""Why a lane is closed whose process holds as many leases as it may; it opens it itself."""


class ClosedLane(msgspec.Struct, frozen=True, gc=False):
    """A lane ``lease_due`` passes over until then (None: until it is opened)."""

    lane: str
    until: datetime | None
    reason: str


class ChangeKind(StrEnum):
    """What another process may have changed in the store."""

    DUE = "due"
    LANE = "lane"
    PAUSE = "pause"
    ENDPOINT = "endpoint"
    TENANT = "tenant"
    TOKEN = "token"  # noqa: S105 - a kind of change
    CANCELLED = "cancelled"
    PEER = "peer"
    EVERYTHING = "everything"


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change in the store: of what kind, and whose.

    ``subject`` is the id of the endpoint, tenant, token or webhook, or the
    lane; ``closed`` is None when a lane was opened. ``everything`` means that
    changes may have been missed. ``origin`` is the owner that made the change.
    """

    kind: ChangeKind
    subject: str = ""
    closed: ClosedLane | None = None
    origin: str = ""


class Beat(msgspec.Struct, frozen=True):
    """What a process tells the others each second; totals are since its start.

    ``taken - in_flight`` leases it has done with. ``cpu_s`` is its CPU time, ``starved_s``
    how long it wanted a core and had none; 0 when it does not tell, as the version before.
    """

    role: str
    version: str
    published: int
    taken: int
    in_flight: int
    cpu_s: float = 0.0
    starved_s: float = 0.0


class Peer(msgspec.Struct, frozen=True):
    """A process of the deployment as its last heartbeat described it."""

    owner: str
    beat: Beat
    silent_s: float


class Census(msgspec.Struct, frozen=True):
    """The living processes of the deployment, and the store's own clock.

    ``now`` is None when the store has no clock of its own. ``rejoined`` tells
    the caller that it had been given up for dead: its leases are void. ``carry``
    is published minus taken of processes that are gone. ``slot`` is a number
    from 0 to 127 no other living process has; None when there is no other.
    """

    peers: list[Peer]
    now: datetime | None = None
    rejoined: bool = False
    carry: int = 0
    slot: int | None = None


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
