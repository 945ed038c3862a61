"""From an event to its webhooks, a slice at a time: the event loop has others to serve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from sureshot.domain.errors import BodyTooLarge
from sureshot.domain.model import Event, NewWebhook

SLICE = 250
"""How many webhooks are built in one turn of the event loop, about a millisecond."""
LARGEST_BYTES = 256 << 20
"""What the payloads of one event's webhooks may have together: it is one transaction."""


def check_size(event: Event) -> None:
    """Raise ``BodyTooLarge`` when *event* is more than one transaction should hold."""
    size_bytes = event.webhooks * len(event.payload)
    if size_bytes > LARGEST_BYTES:
        raise BodyTooLarge(
            f"{event.webhooks} endpoints want this event; with this payload that is {size_bytes} "
            f"bytes, the limit for one event is {LARGEST_BYTES}. Send a smaller payload"
        )


async def webhooks_of(
    event: Event, endpoint_ids: Sequence[str], new_id: Callable[[datetime], str]
) -> list[NewWebhook]:
    """Return one webhook for each endpoint; they share the bytes of the payload."""
    webhooks: list[NewWebhook] = []
    for start in range(0, len(endpoint_ids), SLICE):
        if start:
            await asyncio.sleep(0)
        webhooks += [
            NewWebhook(
                new_id(event.created_at),
                event.tenant,
                endpoint_id,
                endpoint_id,
                None,
                "POST",
                (),
                event.payload,
                event.event_type,
                event.created_at,
                event.created_at,
            )
            for endpoint_id in endpoint_ids[start : start + SLICE]
        ]
    return webhooks
