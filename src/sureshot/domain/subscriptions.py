"""Which endpoints want which events: an index by pattern, so that nobody is asked in vain."""

from __future__ import annotations

from sureshot.domain.model import Endpoint

ANY = "*"


class Subscriptions:
    """The event types of all endpoints, kept up to date one endpoint at a time.

    A pattern is an event type (``invoice.paid``), all below a name
    (``invoice.*``: ``invoice.paid`` and ``invoice.line.added``, not ``invoice``),
    or ``*``.
    """

    def __init__(self) -> None:
        self._subscribers: dict[tuple[str, str], set[str]] = {}
        self._wanted: dict[str, list[tuple[str, str]]] = {}

    def put(self, endpoint: Endpoint) -> None:
        """Add *endpoint*, or take over what it wants now."""
        self.remove(endpoint.id)
        places = [(endpoint.tenant, pattern) for pattern in set(endpoint.event_types)]
        self._wanted[endpoint.id] = places
        for place in places:
            self._subscribers.setdefault(place, set()).add(endpoint.id)

    def remove(self, endpoint_id: str) -> None:
        """Forget an endpoint, if it is known."""
        for place in self._wanted.pop(endpoint_id, ()):
            subscribers = self._subscribers[place]
            subscribers.discard(endpoint_id)
            if not subscribers:
                del self._subscribers[place]

    def exactly(self, tenant: str, event_type: str) -> list[str]:
        """Return the ids of the tenant's endpoints that name *event_type* itself."""
        return sorted(self._subscribers.get((tenant, event_type), set()))

    def matching(self, tenant: str, event_type: str) -> list[str]:
        """Return the ids of the tenant's endpoints that want *event_type*, oldest first."""
        found: set[str] = set()
        for pattern in patterns_of(event_type):
            found |= self._subscribers.get((tenant, pattern), set())
        return sorted(found)


def patterns_of(event_type: str) -> list[str]:
    """Return every pattern that *event_type* matches."""
    names = event_type.split(".")
    prefixes = [".".join(names[:length]) + ".*" for length in range(1, len(names))]
    return [ANY, event_type, *prefixes]
