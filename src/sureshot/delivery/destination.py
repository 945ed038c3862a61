"""Where and how a webhook is sent, as configured now: prepared once, used for many."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sureshot import __version__
from sureshot.domain.model import Algorithm, Endpoint, Headers, Secret, Tenant
from sureshot.domain.retry import RetryPolicy
from sureshot.domain.signature import SigningKey
from sureshot.domain.url import Target, parse_url

DEFAULT_HEADERS: Headers = (
    ("content-type", "application/json"),
    ("user-agent", f"Sureshot/{__version__}"),
)


class Defaults(msgspec.Struct, frozen=True):
    """What holds for a destination that says nothing itself."""

    timeout_s: float
    policy: RetryPolicy
    max_in_flight: int = 0


class Destination(msgspec.Struct, frozen=True):
    """A receiver with everything prepared that does not change between webhooks.

    ``header_text`` holds the header lines of a webhook without headers of its
    own. It is good until ``valid_until`` (None: for ever): then a rotated
    secret stops signing. ``max_in_flight`` 0 means no cap.
    """

    target: Target
    keys: tuple[SigningKey, ...]
    headers: Headers
    header_text: str
    timeout_s: float
    policy: RetryPolicy
    rate_limit_per_s: float | None
    max_in_flight: int
    enabled: bool
    endpoint_id: str | None
    valid_until: datetime | None

    @property
    def limited(self) -> bool:
        """Whether a rate limit or an in-flight cap applies."""
        return self.rate_limit_per_s is not None or self.max_in_flight > 0

    def header_text_with(self, headers: Headers) -> str:
        """Return the header lines with a webhook's own *headers*, which win."""
        return _lines(_merge(self.headers, headers)) if headers else self.header_text


def destination_of_endpoint(
    endpoint: Endpoint, url: str, now: datetime, defaults: Defaults
) -> Destination:
    """Return where *endpoint*'s webhooks go; *url* is its own or the webhook's same one."""
    schedule = endpoint.retry_schedule_s
    policy = defaults.policy if schedule is None else RetryPolicy(schedule, defaults.policy.jitter)
    secrets = _active(endpoint.secrets, now)
    headers = _merge(DEFAULT_HEADERS, endpoint.headers)
    return Destination(
        target=parse_url(url),
        keys=_signing_keys(endpoint.algorithm, secrets),
        headers=headers,
        header_text=_lines(headers),
        timeout_s=endpoint.timeout_s or defaults.timeout_s,
        policy=policy,
        rate_limit_per_s=endpoint.rate_limit_per_s,
        max_in_flight=endpoint.max_in_flight or defaults.max_in_flight,
        enabled=endpoint.enabled,
        endpoint_id=endpoint.id,
        valid_until=_first_expiry(secrets),
    )


def destination_of_url(url: str, tenant: Tenant, now: datetime, defaults: Defaults) -> Destination:
    """Return how webhooks to an unregistered *url* are sent: the tenant's default secret."""
    secrets = _active(tenant.secrets, now)
    return Destination(
        target=parse_url(url),
        keys=_signing_keys(Algorithm.SHA256, secrets),
        headers=DEFAULT_HEADERS,
        header_text=_lines(DEFAULT_HEADERS),
        timeout_s=defaults.timeout_s,
        policy=defaults.policy,
        rate_limit_per_s=None,
        max_in_flight=defaults.max_in_flight,
        enabled=True,
        endpoint_id=None,
        valid_until=_first_expiry(secrets),
    )


def _active(secrets: tuple[Secret, ...], now: datetime) -> tuple[Secret, ...]:
    return tuple(s for s in secrets if s.expires_at is None or s.expires_at > now)


def _first_expiry(secrets: tuple[Secret, ...]) -> datetime | None:
    return min((s.expires_at for s in secrets if s.expires_at is not None), default=None)


def _signing_keys(algorithm: Algorithm, secrets: tuple[Secret, ...]) -> tuple[SigningKey, ...]:
    return tuple(SigningKey(algorithm, secret.key) for secret in secrets)


def _merge(under: Headers, over: Headers) -> Headers:
    names = {name.lower() for name, _value in over}
    return (*(pair for pair in under if pair[0].lower() not in names), *over)


def _lines(headers: Headers) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers)
