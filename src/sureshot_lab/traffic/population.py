"""Who receives and who sends: endpoints with their popularity, and the tenants they belong to."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sureshot_lab.errors import LabError
from sureshot_lab.traffic.chance import Chance
from sureshot_lab.traffic.quotas import quotas


def zipf_weights(count: int, exponent: float) -> list[float]:
    """Return the shares of *count* ranks, the n-th in proportion to 1/n^exponent; sum 1.

    *exponent* 0 makes all alike; about 1 is what is found of the popularity of web
    pages (Breslau et al., "Web Caching and Zipf-like Distributions", 1999).

    Raises:
        LabError: *count* below 1, or *exponent* negative or not finite.

    """
    if count < 1:
        raise LabError(f"there must be 1 endpoint or more, not {count}")
    if not (exponent >= 0 and math.isfinite(exponent)):
        raise LabError(f"a Zipf exponent must be 0 or more, not {exponent}")
    weights = [rank**-exponent for rank in range(1, count + 1)]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


@dataclass(frozen=True)
class EndpointDefinition:
    """An endpoint to create. *weight*: its share of the webhooks. Index 0 is the most popular."""

    index: int
    name: str
    tenant: str
    weight: float

    @property
    def path(self) -> str:
        """Where it is at the sink."""
        return f"/e/{self.index}"

    def url(self, base_url: str) -> str:
        """Return its URL at the sink that *base_url* names."""
        return base_url.rstrip("/") + self.path


@dataclass(frozen=True)
class Population:
    """Endpoints by falling popularity, and the names of their tenants, the largest first."""

    endpoints: list[EndpointDefinition]
    tenants: list[str]

    @property
    def weights(self) -> list[float]:
        """The endpoints' shares of the webhooks, in their order; sum 1."""
        return [endpoint.weight for endpoint in self.endpoints]

    def of_tenant(self, tenant: str) -> list[EndpointDefinition]:
        """Return the endpoints of one tenant."""
        return [endpoint for endpoint in self.endpoints if endpoint.tenant == tenant]


def populate(
    count: int,
    *,
    exponent: float = 1.1,
    tenants: int = 1,
    tenant_exponent: float = 1.0,
    seed: int = 1,
) -> Population:
    """Return *count* endpoints spread over *tenants*, each of which has one or more.

    Popularity of the endpoints and size of the tenants follow Zipf, independently: a
    small tenant may own the busiest endpoint. Equal arguments give equal populations.

    Raises:
        LabError: more tenants than endpoints, or fewer than 1; a negative exponent.

    """
    weights = zipf_weights(count, exponent)
    if not 1 <= tenants <= count:
        raise LabError(f"{count} endpoints can belong to 1 to {count} tenants, not {tenants}")
    names = [f"tenant-{number:03d}" for number in range(1, tenants + 1)]
    more = quotas(zipf_weights(tenants, tenant_exponent), count - tenants)
    owners = [name for name, extra in zip(names, more, strict=True) for _ in range(1 + extra)]
    dealt = Chance("tenants", seed).shuffled(owners)
    endpoints = [
        EndpointDefinition(index, f"endpoint-{index + 1:04d}", tenant, weight)
        for index, (tenant, weight) in enumerate(zip(dealt, weights, strict=True))
    ]
    return Population(endpoints, names)
