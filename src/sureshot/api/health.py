"""Alive, ready, metrics: no token needed."""

from __future__ import annotations

from sureshot.api.context import ApiContext
from sureshot.api.requests import Request, Response, answer
from sureshot.domain.errors import Overloaded


class Health:
    """``/healthz``, ``/readyz`` and ``/metrics``."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_get(self, request: Request, response: Response) -> None:  # noqa: ARG002
        """Answer while the event loop turns."""
        answer(response, {"status": "ok"})

    async def on_get_ready(self, request: Request, response: Response) -> None:  # noqa: ARG002
        """Answer 200 while new work is welcome, 503 otherwise."""
        if not self._context.engine.ready:
            raise Overloaded("the service is starting, stopping or broken", reason="not_ready")
        await self._context.store.check()
        answer(response, {"status": "ready"})

    async def on_get_metrics(self, request: Request, response: Response) -> None:  # noqa: ARG002
        """Return the metrics in Prometheus' text format."""
        response.data, response.content_type = self._context.metrics.render()
