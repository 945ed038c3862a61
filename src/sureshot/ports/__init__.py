"""What the delivery engine needs from the outside world, one Protocol per need.

Store and Queue take and give sequences: one webhook is a list of one. A round
trip costs far more than a row, so the batch is the unit of work. Every method
of a port may raise ``StoreUnavailable``; then nothing of the call was done.
"""

from __future__ import annotations

from sureshot.ports.queue import Queue, QueueRefused
from sureshot.ports.sender import Clock, OutgoingRequest, Sender
from sureshot.ports.store import Store
from sureshot.ports.values import (
    DISABLED,
    FULL,
    Added,
    AddEventResult,
    AddResult,
    Beat,
    Census,
    Change,
    ChangeKind,
    ClosedLane,
    Counts,
    Due,
    KeyConflict,
    KnownEvent,
    LeaseTerms,
    Page,
    Peer,
    Twin,
    WebhookFilter,
)

__all__ = [
    "DISABLED",
    "FULL",
    "AddEventResult",
    "AddResult",
    "Added",
    "Beat",
    "Census",
    "Change",
    "ChangeKind",
    "Clock",
    "ClosedLane",
    "Counts",
    "Due",
    "KeyConflict",
    "KnownEvent",
    "LeaseTerms",
    "OutgoingRequest",
    "Page",
    "Peer",
    "Queue",
    "QueueRefused",
    "Sender",
    "Store",
    "Twin",
    "WebhookFilter",
]
