"""A deployment under load that is backed up, destroyed, restored, and held to its promises."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from sureshot.cli.sink_server import Behaviour, Receipt, SinkServer
from tests.support.cluster import Cluster
from tests.support.http import call, submit

RETRIED = 40
"""Webhooks to the receiver that fails until after the disaster."""
SUBMITTING_S = 1.0
QUIET_WITHIN_S = 120.0


@dataclass
class Promises:
    """What clients were promised, split by when the backup was taken."""

    before: set[str] = field(default_factory=set)
    after: set[str] = field(default_factory=set)
    retried: set[str] = field(default_factory=set)


class Receivers:
    """Two receivers that verify signatures: of urls without an endpoint, and of an endpoint."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.endpoint_id = ""
        self.direct = SinkServer(on_receipt=self._enter)
        self.failing = SinkServer(Behaviour.FAILING, on_receipt=self._enter)

    def _enter(self, receipt: Receipt) -> None:
        if receipt.status == 200:
            self.got.append(receipt.webhook_id)

    def start_anew(self) -> None:
        """Forget what came before the disaster, and let everything succeed from now on."""
        self.got.clear()
        self.failing.behaviour = Behaviour.OK

    @property
    def bad_signatures(self) -> int:
        return self.direct.bad_signatures + self.failing.bad_signatures


@contextlib.asynccontextmanager
async def receivers(deployed: Cluster) -> AsyncIterator[Receivers]:
    """Run both receivers; *deployed* sends to the first, the failing one has an endpoint."""
    made = Receivers()
    deployed.target = f"http://127.0.0.1:{await made.direct.start()}/"
    failing_port = await made.failing.start()
    try:
        tenant = (await call(deployed.url, "GET", "/api/v1/tenant")).json
        body = {
            "name": "Failing",
            "url": f"http://127.0.0.1:{failing_port}/",
            "retryScheduleSeconds": [1.0] * 20,
        }
        answer = await call(deployed.url, "POST", "/api/v1/endpoints", body)
        assert answer.status == 200, answer.body
        endpoint = answer.json
        made.direct.secrets = (tenant["secretKey"],)
        made.failing.secrets = (endpoint["secretKey"],)
        made.endpoint_id = endpoint["id"]
        yield made
    finally:
        await made.direct.stop()
        await made.failing.stop()


async def promises_around(
    deployed: Cluster, found: Receivers, back_up: Callable[[], Awaitable[None]]
) -> Promises:
    """Submit before, while and after *back_up* runs; return what was promised when."""
    made = Promises()
    for _ in range(RETRIED):
        made.retried.add(await submit(deployed.url, endpointId=found.endpoint_id))
    enough = asyncio.Event()
    load = asyncio.create_task(deployed.submit(8, enough))
    try:
        await asyncio.sleep(SUBMITTING_S)
        made.before = set(deployed.ledger.accepted)
        await back_up()
        while_taken = set(deployed.ledger.accepted)
        await asyncio.sleep(SUBMITTING_S)
    finally:
        enough.set()
        await load
    made.after = deployed.ledger.accepted - while_taken
    return made


async def hold_to(promises: Promises, deployed: Cluster, found: Receivers) -> None:
    """Assert that all the backup holds is there, delivered, recorded, and signed as before."""
    assert promises.before
    assert promises.after
    await deployed.quiet(QUIET_WITHIN_S)
    recorded = await deployed.recorded()
    assert promises.before | promises.retried <= recorded
    assert promises.retried <= set(found.got)
    assert found.bad_signatures == 0
    # What the backup does not hold is unknown, and said to be.
    assert not promises.after & recorded
    path = f"/api/v1/webhooks/{min(promises.after)}/status"
    assert (await call(deployed.url, "GET", path)).status == 404
    # It goes on: the restored endpoint takes and delivers.
    new = await submit(deployed.url, url=deployed.target)
    await deployed.quiet()
    assert new in found.got
