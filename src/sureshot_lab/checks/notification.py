"""Those who wait for a run's result are told of it: by a webhook through the service itself."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.runs.client import ServiceClient
from sureshot_lab.runs.own_service import own_service
from sureshot_lab.scenario import Service

EVENT_TYPE = "performance.run.closed"
OWN = "own service"
DELIVERED = "delivered"
FINAL = frozenset({DELIVERED, "failed", "cancelled"})
LOOK_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Notify:
    """To whom, and through which service: the one at *service*, or None for one of our own."""

    url: str
    service: str | None = None
    token: str = field(default="", repr=False)
    within_s: float = 30.0


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it. ``receiver`` is the url's origin: its path may hold a secret.

    ``status`` is the webhook's, or ``not sent`` with the reason in ``detail``.
    """

    receiver: str
    service: str
    sent_at: datetime
    status: str
    webhook_id: str = ""
    attempts: int = 0
    detail: str = ""


async def notify(plan: Notify, payload: dict[str, Any]) -> Notification:
    """Submit *payload* to the service and wait until it is delivered, or ``within_s`` is over.

    A repeat sends another webhook. Never raises for a service or a receiver that refuses.
    """
    sent_at = datetime.now(UTC)
    try:
        async with _service(plan) as client:
            webhook_id = await _submitted(client, plan.url, payload)
            found = await _followed(client, webhook_id, plan.within_s)
    except (LabError, OSError) as error:
        return _told(plan, sent_at, status="not sent", detail=str(error))
    last = found.get("lastAttempt") or {}
    return _told(
        plan,
        sent_at,
        status=str(found.get("status", "unknown")),
        webhook_id=webhook_id,
        attempts=int(found.get("attempts", 0)),
        detail=str(last.get("statusCode") or last.get("error") or ""),
    )


def _told(plan: Notify, sent_at: datetime, **found: Any) -> Notification:
    parts = urlsplit(plan.url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return Notification(receiver=origin, service=plan.service or OWN, sent_at=sent_at, **found)


@contextlib.asynccontextmanager
async def _service(plan: Notify) -> AsyncIterator[ServiceClient]:
    if plan.service is not None:
        yield ServiceClient(plan.service, plan.token)
        return
    with tempfile.TemporaryDirectory(prefix="sureshot-closeout-") as folder:
        async with own_service(Service(), Path(folder)) as service:
            yield service.client


async def _submitted(client: ServiceClient, url: str, payload: dict[str, Any]) -> str:
    """Return the webhook's id; raises ``LabError`` with the service's reason for refusing it."""
    body = {"url": url, "eventType": EVENT_TYPE, "payload": payload}
    status, answer = await client.call("POST", "/api/v1/webhooks", body)
    if status != 202:
        told = answer.get("detail") if isinstance(answer, dict) else None
        raise LabError(f"the service refuses it with {status}: {told or 'no reason given'}")
    return str(answer["id"])


async def _followed(client: ServiceClient, webhook_id: str, within_s: float) -> dict[str, Any]:
    """Return the webhook's status document once it is final, or as it is when time is over."""
    until_s = time.monotonic() + within_s
    while True:
        status, found = await client.call("GET", f"/api/v1/webhooks/{webhook_id}/status")
        document = dict(found) if status == 200 else {}
        if document.get("status") in FINAL or time.monotonic() > until_s:
            return document
        await asyncio.sleep(LOOK_S)
