"""The process's cache of endpoints and tenants, and the destinations made from them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sureshot.delivery.destination import (
    Defaults,
    Destination,
    destination_of_endpoint,
    destination_of_url,
)
from sureshot.delivery.url_destinations import UrlDestinations
from sureshot.domain.errors import NotFound
from sureshot.domain.model import Endpoint, Lease, Tenant
from sureshot.domain.subscriptions import Subscriptions
from sureshot.ports import Clock, Store

URLS_REMEMBERED = 10_000


class Directory:
    """Answers who receives a lease, from memory; writes changes through to the store."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        defaults: Defaults,
        enable_lane: Callable[[str], None],
        disable_lane: Callable[[str], None],
    ) -> None:
        """*enable_lane* and *disable_lane* are told of an endpoint; the store knows already."""
        self._store = store
        self._clock = clock
        self._defaults = defaults
        self._enable_lane = enable_lane
        self._disable_lane = disable_lane
        self._tenants: dict[str, Tenant] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self.subscriptions = Subscriptions()
        self._by_url: dict[tuple[str, str], Endpoint] = {}
        self._sharing: dict[tuple[str, str], set[str]] = {}
        self._of_endpoint: dict[str, Destination] = {}
        self._of_url = UrlDestinations(URLS_REMEMBERED)

    async def load(self) -> None:
        """Read everything from the store."""
        self._tenants = {tenant.id: tenant for tenant in await self._store.tenants()}
        self._endpoints = {}
        self.subscriptions = Subscriptions()
        self._by_url = {}
        self._sharing = {}
        self._of_endpoint.clear()
        self._of_url.clear()
        for endpoint in await self._store.endpoints():
            self._note(endpoint.id, endpoint)

    async def reload_endpoint(self, endpoint_id: str) -> None:
        """Read one endpoint anew: another process changed it."""
        self._note(endpoint_id, await self._store.endpoint(endpoint_id))

    async def exists(self, endpoint_id: str) -> bool:
        """Whether there is such an endpoint; one that is unknown here is looked up."""
        if endpoint_id not in self._endpoints:
            await self.reload_endpoint(endpoint_id)
        return endpoint_id in self._endpoints

    def _note(self, endpoint_id: str, endpoint: Endpoint | None) -> None:
        """Take over what *endpoint* is now; what was made of others stays: there may be many."""
        before = self._endpoints.get(endpoint_id)
        if before is not None:
            self._leave_address(before)
        if endpoint is None:
            self._endpoints.pop(endpoint_id, None)
            self.subscriptions.remove(endpoint_id)
        else:
            self._endpoints[endpoint_id] = endpoint
            self.subscriptions.put(endpoint)
            self._join_address(endpoint)
        self._of_endpoint.pop(endpoint_id, None)
        self._of_url.forget_lane(endpoint_id)

    def _join_address(self, endpoint: Endpoint) -> None:
        address = (endpoint.tenant, endpoint.url)
        self._sharing.setdefault(address, set()).add(endpoint.id)
        newest = self._by_url.get(address)
        if endpoint.enabled and (newest is None or newest.id < endpoint.id):
            self._by_url[address] = endpoint
        self._of_url.forget_address(*address)

    def _leave_address(self, endpoint: Endpoint) -> None:
        address = (endpoint.tenant, endpoint.url)
        sharing = self._sharing[address]
        sharing.discard(endpoint.id)
        if self._by_url.get(address) is endpoint:
            # Ids are ordered by time.
            enabled = (one for one in sharing if self._endpoints[one].enabled)
            newest = max(enabled, default=None)
            if newest is None:
                del self._by_url[address]
            else:
                self._by_url[address] = self._endpoints[newest]
        if not sharing:
            del self._sharing[address]
        self._of_url.forget_address(*address)

    async def reload_tenants(self) -> None:
        """Read the tenants anew."""
        self._tenants = {tenant.id: tenant for tenant in await self._store.tenants()}
        self._of_url.clear()

    # -- endpoints and tenants ----------------------------------------------

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """Return the endpoint of that id, whoever's it is."""
        return self._endpoints.get(endpoint_id)

    def timeout_s(self, lease: Lease) -> float:
        """Return how long an attempt of *lease* takes at most, unless it says otherwise itself."""
        endpoint = self._endpoint_of(lease)
        return (endpoint and endpoint.timeout_s) or self._defaults.timeout_s

    def endpoint_for_url(self, tenant: str, url: str) -> Endpoint | None:
        """Return the tenant's newest enabled endpoint with exactly that *url*."""
        return self._by_url.get((tenant, url))

    @property
    def count(self) -> int:
        """How many endpoints there are, of all tenants."""
        return len(self._endpoints)

    def endpoints(self, tenant: str) -> list[Endpoint]:
        """Return the tenant's endpoints, oldest first."""
        return [endpoint for endpoint in self._endpoints.values() if endpoint.tenant == tenant]

    def every_endpoint(self) -> list[Endpoint]:
        """Return the endpoints of all tenants."""
        return list(self._endpoints.values())

    def subscribed_to_exactly(self, tenant: str, event_type: str) -> list[str]:
        """Return the ids of the tenant's enabled endpoints that name *event_type* itself."""
        named = self.subscriptions.exactly(tenant, event_type)
        return [one for one in named if self._endpoints[one].enabled]

    def several_tenants(self) -> bool:
        """Whether there is more than one tenant."""
        return len(self._tenants) > 1

    def tenant(self, tenant_id: str) -> Tenant:
        """Return the tenant; raises ``NotFound``."""
        try:
            return self._tenants[tenant_id]
        except KeyError as error:
            raise NotFound(f"there is no tenant {tenant_id}") from error

    async def create(self, endpoint: Endpoint) -> None:
        """Add a new endpoint, in the store first."""
        await self._store.put_endpoint(endpoint)
        self._note(endpoint.id, endpoint)

    async def change(
        self, endpoint_id: str, change: Callable[[Endpoint], Endpoint]
    ) -> Endpoint | None:
        """Change an endpoint as it is in the store now; None if it is deleted."""
        changed = await self._store.update_endpoint(endpoint_id, change)
        self._note(endpoint_id, changed)
        if changed is not None and not changed.enabled:
            self._disable_lane(endpoint_id)
        return changed

    async def enable(self, endpoint_id: str) -> Endpoint | None:
        """Enable an endpoint and open its lane, whatever closed it; None if it is deleted."""
        now = self._clock.now()
        enabled = await self.change(
            endpoint_id,
            lambda found: msgspec.structs.replace(found, disabled_reason=None, updated_at=now),
        )
        if enabled is not None:
            self._enable_lane(endpoint_id)
        return enabled

    async def disable(self, endpoint_id: str, reason: str) -> Endpoint | None:
        """Disable an endpoint, unless it is disabled for another reason; None if it is deleted."""
        now = self._clock.now()

        def disabled(found: Endpoint) -> Endpoint:
            if not found.enabled:
                return found
            return msgspec.structs.replace(found, disabled_reason=reason, updated_at=now)

        return await self.change(endpoint_id, disabled)

    async def remove(self, endpoint_id: str) -> None:
        """Delete the endpoint; what waits for it is cancelled."""
        await self._store.delete_endpoint(endpoint_id)
        self._note(endpoint_id, None)
        self._enable_lane(endpoint_id)

    async def put_right(self, endpoint_id: str) -> bool:
        """Look up an endpoint that got a lease although it takes none; whether it does take some.

        If it is gone, what came in since it was deleted is cancelled like the
        rest; if it is disabled, its lane is closed again.
        """
        await self.reload_endpoint(endpoint_id)
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint is None:
            await self.remove(endpoint_id)
        elif not endpoint.enabled:
            endpoint = await self.change(endpoint_id, lambda found: found)
        return endpoint is not None and endpoint.enabled

    async def save_tenant(self, tenant: Tenant) -> None:
        """Create or replace *tenant*."""
        await self._store.put_tenant(tenant)
        self._tenants[tenant.id] = tenant
        self._of_url.clear()

    # -- destinations -------------------------------------------------------

    def destination(self, lease: Lease) -> Destination | None:
        """Return where *lease* goes now; None when its endpoint is deleted."""
        if lease.endpoint_id is not None:
            found = self._of_endpoint.get(lease.endpoint_id)
        else:
            found = self._of_url.get((lease.tenant, lease.url or "", lease.lane))
        if found is not None and (
            found.valid_until is None or found.valid_until > self._clock.now()
        ):
            return found
        return self._prepare(lease)

    def _prepare(self, lease: Lease) -> Destination | None:
        now = self._clock.now()
        endpoint = self._endpoint_of(lease)
        if lease.endpoint_id is not None:
            if endpoint is None:
                return None
            made = destination_of_endpoint(endpoint, endpoint.url, now, self._defaults)
            self._of_endpoint[endpoint.id] = made
            return made
        url = lease.url or ""
        if endpoint is None:
            made = destination_of_url(url, self.tenant(lease.tenant), now, self._defaults)
        else:
            made = destination_of_endpoint(endpoint, url, now, self._defaults)
        self._of_url.put((lease.tenant, url, lease.lane), made)
        return made

    def _endpoint_of(self, lease: Lease) -> Endpoint | None:
        """Return the endpoint whose rules *lease* is sent by; None if there is none."""
        if lease.endpoint_id is not None:
            return self._endpoints.get(lease.endpoint_id)
        return self._by_url.get((lease.tenant, lease.url or "")) or self._disabled(lease.lane)

    def _disabled(self, lane: str) -> Endpoint | None:
        """Return the disabled endpoint whose lane this is: what was sent to its url waits too."""
        endpoint = self._endpoints.get(lane)
        return endpoint if endpoint is not None and not endpoint.enabled else None
