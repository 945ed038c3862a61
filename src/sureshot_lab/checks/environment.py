"""Whether there is a service to measure: one that takes our tokens, or one that can be started."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from sureshot_lab.checks.check import Check, Subject
from sureshot_lab.checks.plan import Plan
from sureshot_lab.checks.room import nearest
from sureshot_lab.errors import LabError
from sureshot_lab.report.figures import duration, figure, number
from sureshot_lab.runs.client import ServiceClient
from sureshot_lab.runs.needs import refuse_impossible
from sureshot_lab.runs.options import refuse_production
from sureshot_lab.runs.own_service import OwnService, own_service
from sureshot_lab.scenario import ENVIRONMENTS

PROFILE = Subject("environment", "Environment profile")
PRODUCTION = Subject("not-production", "Not production")
FOLDER = Subject("runs-folder", "Folder of runs")
STARTS = Subject("service-starts", "Service starts")
READY = Subject("target-ready", "Target is ready")
TOKEN = Subject("token", "Token")
ADMIN_TOKEN = Subject("admin-token", "Admin token")


@dataclass(frozen=True)
class Reached:
    """The service of the run, if there is one: ``client`` is None when it cannot be asked.

    ``folder`` is a place for a moment, on the disk of the runs; ``service`` is ours alone.
    ``taken``: it takes our tokens, so webhooks may be sent.
    """

    checks: list[Check]
    folder: Path | None = None
    client: ServiceClient | None = None
    service: OwnService | None = None
    taken: bool = True

    @property
    def metrics_urls(self) -> list[str]:
        """Where it tells its metrics."""
        if self.service is not None:
            return self.service.metrics_urls
        return [self.client.url] if self.client is not None else []


@contextlib.asynccontextmanager
async def reached(plan: Plan) -> AsyncIterator[Reached]:
    """Yield the service that a run of *plan* would use; one of our own stops with the block."""
    checks = [_profile(plan), _production(plan)]
    async with contextlib.AsyncExitStack() as stack:
        folder, told = _folder(plan, stack)
        checks.append(told)
        if checks[1].state == "failed":
            yield Reached(checks, folder)
        elif plan.options.target is not None:
            yield await _target(plan, plan.options.target, folder, checks)
        else:
            yield await _own(plan, folder, checks, stack)


def _profile(plan: Plan) -> Check:
    try:
        refuse_impossible(plan.scenario, plan.options)
    except LabError as error:
        return PROFILE.failed(str(error))
    name, load = plan.options.environment, plan.scenario.load
    share = ENVIRONMENTS.get(name, 1.0)
    rate = (
        f"up to {number(load.peak_per_s)}/s" if load.peak_per_s else f"{load.connections} clients"
    )
    lasting = "" if plan.scenario.kind == "breakpoint" else f" for {duration(load.duration_s)}"
    return PROFILE.ok(
        f"{name}, {figure(share, 'share')} of production's rates: {plan.scenario.name} "
        f"({plan.scenario.size}) offers {rate}{lasting}"
    )


def _production(plan: Plan) -> Check:
    if plan.own:
        return PRODUCTION.ok("a service of the run's own on this machine")
    try:
        refuse_production(dataclasses.replace(plan.options, means_it=False))
    except LabError as error:
        if plan.options.means_it:
            return PRODUCTION.warning(
                f"{plan.options.target} is marked as production, and meant (--i-mean-it)",
                "make sure that those who are on call know of it",
            )
        return PRODUCTION.failed(str(error))
    return PRODUCTION.ok(f"{plan.options.target} is not marked as production")


def _folder(plan: Plan, stack: contextlib.AsyncExitStack) -> tuple[Path | None, Check]:
    """Make a folder that is gone again afterwards, where runs will be kept."""
    runs = plan.options.runs
    try:
        made = stack.enter_context(
            tempfile.TemporaryDirectory(prefix=".preflight-", dir=nearest(runs))
        )
    except OSError as error:
        return None, FOLDER.failed(
            f"{runs} cannot be written to: {error.strerror}", "give --runs a folder of yours"
        )
    return Path(made), FOLDER.ok(f"{runs.resolve()} can be written to")


async def _own(
    plan: Plan, folder: Path | None, checks: list[Check], stack: contextlib.AsyncExitStack
) -> Reached:
    """Start the service as the run would: that it can be done is seen by doing it."""
    if folder is None:
        told = STARTS.failed("not tried: there is no folder for its data")
        return Reached([*checks, told])
    began_s = time.monotonic()
    try:
        service = await stack.enter_async_context(
            own_service(plan.scenario.service, folder / "service")
        )
        version = await service.client.check()
    except (LabError, OSError) as error:
        remedy = "see what it says; `sureshot serve` says more"
        return Reached([*checks, STARTS.failed(str(error), remedy)], folder)
    took = figure(time.monotonic() - began_s, "s")
    told = STARTS.ok(f"Sureshot {version}, {plan.scenario.service.profile}, ready after {took}")
    return Reached([*checks, told], folder, service.client, service)


async def _target(plan: Plan, url: str, folder: Path | None, checks: list[Check]) -> Reached:
    """Ask a service that runs already whether it is ready and takes both tokens."""
    try:
        client = ServiceClient(url, plan.options.token, plan.options.admin_token)
        status, _body = await client.call("GET", "/readyz")
        if status != 200:
            told = READY.failed(f"{url}/readyz answers {status}, not 200", "see the service's log")
            return Reached([*checks, told], folder)
        checks = [*checks, READY.ok(await _version(client))]
        tokens = [await _token(client), await _admin_token(client)]
    except LabError as error:
        told = READY.failed(str(error), "start it, or leave --target out to have one started")
        return Reached([*checks, told], folder)
    taken = all(check.state != "failed" for check in tokens)
    return Reached([*checks, *tokens], folder, client, taken=taken)


async def _version(client: ServiceClient) -> str:
    _status, described = await client.call("GET", "/openapi.json")
    version = described.get("info", {}).get("version", "") if isinstance(described, dict) else ""
    return f"{client.url} is ready, Sureshot {version or 'of unknown version'}"


async def _token(client: ServiceClient) -> Check:
    status, _body = await client.call("GET", "/api/v1/webhooks?limit=1")
    if status == 200:
        return TOKEN.ok("it is taken")
    return TOKEN.failed(f"it is refused with {status}", "give --token, or SURESHOT_API_TOKEN")


async def _admin_token(client: ServiceClient) -> Check:
    remedy = "give --admin-token, or SURESHOT_ADMIN_TOKEN"
    if not client.admin_token:
        return ADMIN_TOKEN.warning(
            "none is given: when all has arrived can only be guessed from silence", remedy
        )
    status, _body = await client.call("GET", "/api/v1/admin/queue/depth", admin=True)
    if status == 200:
        return ADMIN_TOKEN.ok("it is taken")
    return ADMIN_TOKEN.failed(f"it is refused with {status}", remedy)
