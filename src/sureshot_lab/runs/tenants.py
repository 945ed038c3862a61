"""Tenants of a service of the run's own, and who acts for which endpoint."""

from __future__ import annotations

import asyncio

from sureshot_lab.errors import LabError, TargetUnreachable
from sureshot_lab.runs.client import ServiceClient
from sureshot_lab.scenario import Kind, Scenario
from sureshot_lab.traffic.population import populate

TOLD_WITHIN_S = 1.0
"""So long at most until each process of a deployment knows a new token."""
SCOPES = ("submit", "read", "manage")


def refuse_tenants(scenario: Scenario, *, own: bool) -> None:
    """Raise ``LabError`` for several tenants where they cannot be; a single one always can."""
    plan = scenario.endpoints
    if plan.tenants == 1:
        return
    if not own:
        raise LabError(
            "endpoints.tenants: tenants cannot be deleted, so they are made only in a service of "
            "the run's own: leave --target out"
        )
    if plan.by_url:
        raise LabError("endpoints.tenants: with by_url nothing is registered that is somebody's")
    if scenario.kind is Kind.ROUTES:
        raise LabError("endpoints.tenants: one user calls all routes, as one tenant")
    if not 1 <= plan.tenants <= plan.count:
        raise LabError(
            f"endpoints.tenants must be 1 to {plan.count}, one for each endpoint at most, "
            f"not {plan.tenants}"
        )


async def owners_of_endpoints(client: ServiceClient, scenario: Scenario) -> list[ServiceClient]:
    """Return who acts for each endpoint, in their order; makes the tenants and their tokens.

    Raises ``TargetUnreachable`` when the service refuses to make one.
    """
    plan = scenario.endpoints
    if plan.tenants == 1:
        return [client] * plan.count
    population = populate(
        plan.count, exponent=plan.zipf, tenants=plan.tenants, seed=scenario.payload.seed
    )
    owners = {name: await _tenant(client, name) for name in population.tenants}
    if scenario.service.profile != "embedded":
        await asyncio.sleep(TOLD_WITHIN_S)
    return [owners[endpoint.tenant] for endpoint in population.endpoints]


async def _tenant(client: ServiceClient, name: str) -> ServiceClient:
    """Make a tenant and a token of its own; return who has it."""
    await _made(client, "tenants", {"id": name})
    body = {"name": "laboratory", "scopes": SCOPES, "tenant": name}
    made = await _made(client, "tokens", body)
    return ServiceClient(client.url, made["token"])


async def _made(client: ServiceClient, what: str, body: object) -> dict[str, str]:
    status, made = await client.call("POST", f"/api/v1/admin/{what}", body, admin=True)
    if status != 200:
        raise TargetUnreachable(f"{client.url} made no {what}, it answered {status}: {made}")
    return dict(made)
