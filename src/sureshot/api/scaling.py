"""How many replicas of each role are wanted, and why: for autoscalers and people.

KEDA's metrics-api trigger reads ``roles.worker.wanted``.
"""

from __future__ import annotations

import msgspec

from sureshot.api.context import ApiContext
from sureshot.api.requests import Request, Response, answer, caller
from sureshot.domain.errors import Forbidden
from sureshot.domain.model import DEFAULT_TENANT, Scope
from sureshot.domain.scaling.advisor import Advice


class ScalingInputs(msgspec.Struct, frozen=True, rename="camel"):
    """What the number rests on; rates are webhooks a second.

    ``capacityPerSecond`` is what one replica does, ``capacityLearned`` whether that was seen
    or is the start value. ``waiting`` webhooks are in the way of this role for about
    ``waitSeconds``. ``cpuShare`` of a core is what one of its processes uses, on the mean.
    """

    arrivals_per_second: float
    forecast_per_second: float
    capacity_per_second: float
    capacity_learned: bool
    waiting: int
    wait_seconds: float
    backlog: int
    oldest_due_seconds: float
    cpu_share: float | None
    exactly: float
    target: float
    drain_seconds: float
    min: int
    max: int


class RoleScaling(msgspec.Struct, frozen=True):
    """One role: how many there are, how many are wanted, and why."""

    current: int
    wanted: int
    reasons: list[str]
    inputs: ScalingInputs


class ScalingView(msgspec.Struct, frozen=True):
    """By role: ``api`` and ``worker``, or ``replica`` where all processes are alike."""

    roles: dict[str, RoleScaling]


class ScalingResource:
    """``/api/v1/admin/scaling``."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_get(self, request: Request, response: Response) -> None:
        """Return the wanted replicas of every role."""
        token = caller(request, self._context.access, Scope.ADMIN)
        if token.tenant != DEFAULT_TENANT:
            raise Forbidden(f"only administrators of the tenant {DEFAULT_TENANT} may do this")
        advice = self._context.scaling.advice
        answer(response, ScalingView({role: self._view(one) for role, one in advice.items()}))

    def _view(self, advice: Advice) -> RoleScaling:
        scaling = self._context.scaling
        need, rules, backlog = advice.need, scaling.rules, scaling.backlog
        inputs = ScalingInputs(
            arrivals_per_second=round(need.per_s, 2),
            forecast_per_second=round(need.forecast_per_s, 2),
            capacity_per_second=round(need.capacity_per_s, 2),
            capacity_learned=advice.capacity_learned,
            waiting=round(need.waiting),
            wait_seconds=round(need.wait_s, 2),
            backlog=backlog.count,
            oldest_due_seconds=round(backlog.oldest_due_s(), 3),
            cpu_share=None if advice.cpu is None else round(advice.cpu, 3),
            exactly=round(advice.exactly, 3),
            target=rules.target,
            drain_seconds=rules.drain_s,
            min=rules.least,
            max=rules.most,
        )
        return RoleScaling(advice.current, advice.wanted, list(advice.reasons), inputs)
