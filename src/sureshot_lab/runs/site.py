"""Where a run happens: a service, receivers with endpoints, and what watches all of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sureshot_lab.errors import LabError, TargetUnreachable
from sureshot_lab.result import Sample
from sureshot_lab.runs.client import ServiceClient
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.own_service import OwnService, own_service
from sureshot_lab.runs.tenants import owners_of_endpoints, refuse_tenants
from sureshot_lab.runs.watched import database_of, sources_of
from sureshot_lab.sampler.postgres import Postgres
from sureshot_lab.sampler.sampler import Sampler
from sureshot_lab.sampler.service_metrics import ServiceMetrics
from sureshot_lab.sampler.steps import rebase
from sureshot_lab.scenario import Scenario
from sureshot_lab.sink.address import HOST
from sureshot_lab.sink.process import SinkProcess
from sureshot_lab.sink.stats import Stats
from sureshot_lab.traffic.payloads import make_payloads
from sureshot_lab.traffic.population import zipf_weights

POOL = 512
"""So many different payloads are drawn; each is sent with an id and a time of its own."""
AT_ONCE = 8


@dataclass(frozen=True)
class Sent:
    """What is sent in place of what the scenario would draw; ``described`` for the result."""

    payloads: list[str]
    weights: list[float]
    described: dict[str, Any]


@dataclass
class Site:
    """Everything a run works with.

    ``places`` are JSON members that name a receiver each, drawn by ``weights``; ``owners``
    act for the tenants these belong to, all the same one where there is only one.
    """

    client: ServiceClient
    service: OwnService | None
    sink: SinkProcess
    sampler: Sampler
    metrics: ServiceMetrics
    database: Postgres | None
    version: str
    places: list[str]
    weights: list[float]
    payloads: list[str]
    endpoint_ids: list[str] = field(default_factory=list)
    owners: list[ServiceClient] = field(default_factory=list)

    @property
    def tenants(self) -> list[ServiceClient]:
        """Who acts for each tenant, each once."""
        return list({owner.token: owner for owner in self.owners or [self.client]}.values())

    async def samples_since(self, origin_s: float) -> list[Sample]:
        """End the sampling; return all samples on a clock that is 0 at *origin_s* (epoch)."""
        samples = await self.sampler.stop()
        if self.sampler.started_at is None:
            return samples
        return rebase(samples, self.sampler.started_at.timestamp() - origin_s)

    async def empty(
        self, within_s: float, stop: asyncio.Event | None = None, *, expected: int | None = None
    ) -> bool:
        """Wait until nothing is left to deliver; return whether that came to pass.

        Without an admin token it waits until *expected* webhooks are in the sink's ledger, or
        nothing has arrived for 3 s.
        """
        until_s = asyncio.get_running_loop().time() + within_s
        still, before = 0, -1
        while asyncio.get_running_loop().time() < until_s:
            if stop is not None and stop.is_set():
                return False
            with contextlib.suppress(TargetUnreachable):
                depth = await self.client.depth()
                if depth and depth["backlog"] == 0 and depth["inFlight"] == 0:
                    return True
                seen = await self.sink.stats()
                still = still + 1 if seen.received == before else 0
                before = seen.received
                if not depth and (still >= 12 or _all_came(seen, expected)):
                    return True
            await asyncio.sleep(0.25)
        return False


def _all_came(seen: Stats, expected: int | None) -> bool:
    """Whether *expected* webhooks came, and none of them waits for its answer."""
    return expected is not None and seen.unique >= expected and not seen.in_flight


@contextlib.asynccontextmanager
async def open_site(
    scenario: Scenario,
    options: Options,
    folder: Path,
    watch: Callable[[Sample], None],
    sent: Sent | None = None,
) -> AsyncIterator[Site]:
    """Set everything up, and take it down again: our endpoints, our service, our sink.

    Raises ``LabError`` when something is missing or refuses.
    """
    refuse_tenants(scenario, own=options.target is None)
    async with contextlib.AsyncExitStack() as stack:
        service = None
        if options.target is None:
            service = await stack.enter_async_context(
                own_service(scenario.service, folder / "service", options.under)
            )
            client = service.client
        else:
            client = ServiceClient(options.target, options.token, options.admin_token)
        version = await client.check()
        sink = await stack.enter_async_context(
            SinkProcess.start(
                folder,
                scenario.sink,
                scenario.endpoints.count,
                seed=scenario.payload.seed,
                lose_every=options.lose_every,
                port=options.sink_port,
                reached_at=HOST if options.target is None else options.sink_host,
            )
        )
        metrics = ServiceMetrics([client.url] if service is None else service.metrics_urls)
        database = database_of(service, options)
        site = Site(
            client=client, service=service, sink=sink, metrics=metrics, database=database,
            sampler=Sampler(
                sources_of(service, sink.pid, metrics, database, options), watch=watch
            ),
            version=version, places=[],
            weights=sent.weights if sent else _weights(scenario),
            payloads=sent.payloads if sent else _payloads(scenario),
        )  # fmt: skip
        stack.push_async_callback(_remove_endpoints, site)
        await _make_endpoints(site, scenario)
        await site.sampler.start()
        stack.push_async_callback(site.sampler.stop)
        yield site


def _weights(scenario: Scenario) -> list[float]:
    return zipf_weights(scenario.endpoints.count, scenario.endpoints.zipf)


def _payloads(scenario: Scenario) -> list[str]:
    return make_payloads(scenario.payload.mix, scenario.payload.seed, POOL)


async def _make_endpoints(site: Site, scenario: Scenario) -> None:
    """Create the endpoints, or with ``by_url`` none, and tell the sink their secrets."""
    plan = scenario.endpoints
    urls = [site.sink.url(index) for index in range(plan.count)]
    default = await site.client.default_secret()
    secrets: dict[int, str] = {}
    if plan.by_url:
        site.places = [f'"url":{json.dumps(url)}' for url in urls]
    else:
        site.owners = await owners_of_endpoints(site.client, scenario)
        numbered = list(enumerate(urls))
        for batch in _batches(numbered):
            made = await asyncio.gather(*(_make(site, plan.max_in_flight, *one) for one in batch))
            for (index, _url), (endpoint_id, secret) in zip(batch, made, strict=True):
                site.endpoint_ids.append(endpoint_id)
                site.places.append(f'"endpointId":{json.dumps(endpoint_id)}')
                secrets[index] = secret
    if scenario.sink.verify:
        await site.sink.know_secrets(secrets, default or ())


async def _make(site: Site, max_in_flight: int | None, index: int, url: str) -> tuple[str, str]:
    body: dict[str, str | int] = {"name": f"laboratory {index}", "url": url}
    if max_in_flight is not None:
        body["maxInFlight"] = max_in_flight
    made = await site.owners[index].create_endpoint(body)
    return made["id"], made["secretKey"]


def _batches(items: list[tuple[int, str]]) -> list[list[tuple[int, str]]]:
    return [items[first : first + AT_ONCE] for first in range(0, len(items), AT_ONCE)]


async def _remove_endpoints(site: Site) -> None:
    """Delete what was made in a service that lives on; our own is thrown away as a whole."""
    if site.service is None:
        with contextlib.suppress(LabError):
            for endpoint_id in site.endpoint_ids:
                await site.client.delete_endpoint(endpoint_id)
