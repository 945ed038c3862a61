"""What operators ask: depth, statistics, pause and resume; and the tenant's own secret."""

from __future__ import annotations

import msgspec

from sureshot.api.context import ApiContext
from sureshot.api.requests import Request, Response, answer, caller
from sureshot.domain.model import Scope


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
    """``/api/v1/admin/...``: all of it needs the admin scope."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_get_depth(self, request: Request, response: Response) -> None:
        """Return how much waits where."""
        caller(request, self._context.access, Scope.ADMIN)
        answer(response, await self._depth())

    async def on_get_stats(self, request: Request, response: Response) -> None:
        """Return totals since the start."""
        context = self._context
        token = caller(request, context.access, Scope.ADMIN)
        metrics = context.metrics
        stats = Stats(
            metrics.accepted,
            dict(metrics.attempts),
            dict(metrics.finished),
            dict(metrics.rejections),
            len(context.directory.endpoints(token.tenant)),
            context.engine.paused,
            await self._depth(),
        )
        answer(response, stats)

    async def on_post_pause(self, request: Request, response: Response) -> None:
        """Stop sending; what is submitted meanwhile is stored."""
        caller(request, self._context.access, Scope.ADMIN)
        await self._context.engine.pause()
        answer(response, Paused(paused=True))

    async def on_post_resume(self, request: Request, response: Response) -> None:
        """Send again."""
        caller(request, self._context.access, Scope.ADMIN)
        await self._context.engine.resume()
        answer(response, Paused(paused=False))

    async def _depth(self) -> Depth:
        context = self._context
        counts = await context.engine.counts()
        oldest_s = 0.0
        if counts.oldest_due_at is not None:
            oldest_s = (context.clock.now() - counts.oldest_due_at).total_seconds()
        depth = context.queue.depth()
        return Depth(depth, counts.backlog, context.engine.in_flight, max(0.0, round(oldest_s, 3)))


class TenantResource:
    """``/api/v1/tenant``."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_get(self, request: Request, response: Response) -> None:
        """Return the caller's tenant with its default secret."""
        token = caller(request, self._context.access, Scope.MANAGE)
        tenant = self._context.directory.tenant(token.tenant)
        answer(response, TenantView(tenant.id, tenant.secrets[0].key))
