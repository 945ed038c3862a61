"""What operators ask: depth, statistics, pause and resume; and the tenant's own secret.

The figures, and sending as a whole, are the deployment's: they are for the
administrators of the tenant ``default`` alone.
"""

from __future__ import annotations

import msgspec

from sureshot.api.audit import write_down
from sureshot.api.context import ApiContext
from sureshot.api.requests import Request, Response, answer, caller
from sureshot.domain.errors import Forbidden
from sureshot.domain.model import DEFAULT_TENANT, Action, Scope, Token

ALL = "all"
"""The subject of an act that is about all webhooks of all tenants."""


class Depth(msgspec.Struct, frozen=True, rename="camel"):
    """How much waits where."""

    depth: int
    backlog: int
    in_flight: int
    oldest_due_seconds: float


class Stats(msgspec.Struct, frozen=True, rename="camel"):
    """Totals of this process since it started, and what waits now."""

    accepted: int
    attempts: dict[str, int]
    finished: dict[str, int]
    rejected: dict[str, int]
    endpoints: int
    paused: bool
    queue: Depth


class TenantView(msgspec.Struct, frozen=True, rename="camel"):
    """The caller's tenant; its secret signs webhooks to urls without an endpoint."""

    id: str
    secret_key: str


class Paused(msgspec.Struct, frozen=True):
    """Whether sending is paused."""

    paused: bool


class Admin:
    """``/api/v1/admin/...``: for the administrators of the deployment."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_get_depth(self, request: Request, response: Response) -> None:
        """Return how much waits where."""
        self._caller(request)
        answer(response, await self._depth())

    async def on_get_stats(self, request: Request, response: Response) -> None:
        """Return totals since the start."""
        context = self._context
        self._caller(request)
        metrics = context.metrics
        stats = Stats(
            metrics.accepted,
            {outcome: count for outcome, count in metrics.attempts.items() if count},
            dict(metrics.finished),
            dict(metrics.rejections),
            context.directory.count,
            context.engine.paused,
            await self._depth(),
        )
        answer(response, stats)

    async def on_post_pause(self, request: Request, response: Response) -> None:
        """Stop sending; what is submitted meanwhile is stored."""
        token = self._caller(request)
        await write_down(self._context, token, Action.PAUSE, ALL)
        await self._context.engine.pause()
        answer(response, Paused(paused=True))

    async def on_post_resume(self, request: Request, response: Response) -> None:
        """Send again."""
        token = self._caller(request)
        await write_down(self._context, token, Action.RESUME, ALL)
        await self._context.engine.resume()
        answer(response, Paused(paused=False))

    def _caller(self, request: Request) -> Token:
        token = caller(request, self._context.access, Scope.ADMIN)
        if token.tenant != DEFAULT_TENANT:
            raise Forbidden(f"only administrators of the tenant {DEFAULT_TENANT} may do this")
        return token

    async def _depth(self) -> Depth:
        context = self._context
        counts = await context.engine.counts()
        oldest_s = 0.0
        if counts.oldest_due_at is not None:
            oldest_s = (context.clock.now() - counts.oldest_due_at).total_seconds()
        depth = context.queue.depth()
        return Depth(
            depth, counts.backlog, context.engine.in_flight_everywhere, max(0.0, round(oldest_s, 3))
        )


class TenantResource:
    """``/api/v1/tenant``."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_get(self, request: Request, response: Response) -> None:
        """Return the caller's tenant with its default secret."""
        token = caller(request, self._context.access, Scope.MANAGE)
        tenant = self._context.directory.tenant(token.tenant)
        answer(response, TenantView(tenant.id, tenant.secrets[0].key))
