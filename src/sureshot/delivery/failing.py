"""Endpoints that only ever fail: disabled after five days, and their tenant is told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta

from sureshot.delivery.directory import Directory
from sureshot.delivery.intake import Intake
from sureshot.domain.model import Endpoint, Event, IdempotencyKey
from sureshot.ports import Clock, Store
from sureshot.telemetry.logging import get_logger

AT_ONCE = 100
DISABLED_EVENT = "endpoint.disabled"
"""Sent to the tenant's endpoints that ask for exactly this type: its operational ones."""
REASON = "failing"

log = get_logger()


class FailingEndpoints:
    """Finds endpoints that failed continuously, disables them, and says so."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        directory: Directory,
        intake: Intake,
        new_id: Callable[[datetime, str], str],
        after_days: float,
    ) -> None:
        """*after_days* of nothing but failures disable an endpoint; 0: never."""
        self._store = store
        self._clock = clock
        self._directory = directory
        self._intake = intake
        self._new_id = new_id
        self._after = timedelta(days=after_days)

    async def disable_all(self) -> int:
        """Disable every endpoint that is failing; return how many.

        Raises ``Overloaded``; what is left then is found again by the next call.
        """
        if not self._after:
            return 0
        since = self._clock.now() - self._after
        enabled = [one for one in self._directory.every_endpoint() if one.enabled]
        enabled = [one for one in enabled if one.updated_at < since]
        disabled = 0
        for start in range(0, len(enabled), AT_ONCE):
            some = {endpoint.id: endpoint for endpoint in enabled[start : start + AT_ONCE]}
            for endpoint_id in await self._store.failing(list(some), since):
                await self._disable(some[endpoint_id])
                disabled += 1
        return disabled

    async def _disable(self, endpoint: Endpoint) -> None:
        # Told first: an endpoint that is disabled would not be found again to tell of it.
        await self._tell(endpoint)
        log.warning("endpoint.disabled", endpoint_id=endpoint.id, reason=REASON)
        await self._directory.disable(endpoint.id, REASON)

    async def _tell(self, endpoint: Endpoint) -> None:
        told = [
            one
            for one in self._directory.subscribed_to_exactly(endpoint.tenant, DISABLED_EVENT)
            if one != endpoint.id
        ]
        if not told:
            return
        now = self._clock.now()
        payload = json.dumps(
            {
                "type": DISABLED_EVENT,
                "timestamp": now.isoformat(),
                "data": {"endpointId": endpoint.id, "name": endpoint.name, "reason": REASON},
            }
        ).encode()
        # Every scheduler looks; whoever comes second finds the key taken.
        key = f"{DISABLED_EVENT}:{endpoint.id}:{endpoint.updated_at.isoformat()}"
        once = IdempotencyKey(key, hashlib.sha256(key.encode()).digest())
        event = Event(self._new_id(now, "ev"), endpoint.tenant, DISABLED_EVENT, payload, now,
                      len(told), once)  # fmt: skip
        await self._intake.submit_event(event, told, self._new_id_of_webhook)

    def _new_id_of_webhook(self, now: datetime) -> str:
        return self._new_id(now, "wh")
