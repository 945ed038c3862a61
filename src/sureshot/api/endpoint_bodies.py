"""What an endpoint looks like coming in and going out, and the checks in between."""

from __future__ import annotations

from typing import Any

import msgspec

from sureshot.api.submission import (
    checked_url,
    event_type_errors,
    header_errors,
    instant_text,
    name_errors,
    nul_errors,
)
from sureshot.domain.errors import FieldError, InvalidFields
from sureshot.domain.model import Algorithm, Endpoint
from sureshot.domain.secret_key import decode_secret, private_key

LONGEST_SCHEDULE = 50
Unset = msgspec.UnsetType


class EndpointBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of ``POST /api/v1/endpoints``."""

    name: str
    url: str
    secret_key: str | None = None
    algorithm: Algorithm = Algorithm.SHA256
    event_types: list[str] | None = None
    headers: dict[str, str] | None = None
    rate_limit_per_second: float | None = None
    max_in_flight: int | None = None
    timeout_seconds: float | None = None
    retry_schedule_seconds: list[float] | None = None
    metadata: dict[str, str] | None = None


class EndpointPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of ``PATCH``: only what is given changes; null restores the default."""

    name: str | Unset = msgspec.UNSET
    url: str | Unset = msgspec.UNSET
    event_types: list[str] | Unset | None = msgspec.UNSET
    headers: dict[str, str] | Unset | None = msgspec.UNSET
    rate_limit_per_second: float | Unset | None = msgspec.UNSET
    max_in_flight: int | Unset | None = msgspec.UNSET
    timeout_seconds: float | Unset | None = msgspec.UNSET
    retry_schedule_seconds: list[float] | Unset | None = msgspec.UNSET
    metadata: dict[str, str] | Unset | None = msgspec.UNSET


class RotateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of ``rotate-secret``; without a key a new one is generated."""

    secret_key: str | None = None


class EndpointView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An endpoint; ``secretKey`` and ``warnings`` only where a secret was just set."""

    id: str
    name: str
    url: str
    algorithm: str
    event_types: list[str]
    headers: dict[str, str]
    rate_limit_per_second: float | None
    max_in_flight: int | None
    timeout_seconds: float | None
    retry_schedule_seconds: list[float] | None
    metadata: dict[str, str]
    enabled: bool
    disabled_reason: str | None
    created_at: str
    updated_at: str
    secret_key: str | None = None
    public_key: str | None = None
    warnings: list[str] = []


class EndpointList(msgspec.Struct, frozen=True, rename="camel"):
    """All endpoints of the tenant, newest first."""

    items: list[EndpointView]
    next_cursor: str | None = None


def endpoint_view(endpoint: Endpoint, **shown_once: Any) -> EndpointView:
    """Return *endpoint* as clients see it."""
    schedule = endpoint.retry_schedule_s
    return EndpointView(
        id=endpoint.id,
        name=endpoint.name,
        url=endpoint.url,
        algorithm=endpoint.algorithm.value,
        event_types=list(endpoint.event_types),
        headers=dict(endpoint.headers),
        rate_limit_per_second=endpoint.rate_limit_per_s,
        max_in_flight=endpoint.max_in_flight,
        timeout_seconds=endpoint.timeout_s,
        retry_schedule_seconds=None if schedule is None else list(schedule),
        metadata=endpoint.metadata,
        enabled=endpoint.enabled,
        disabled_reason=endpoint.disabled_reason,
        created_at=instant_text(endpoint.created_at),
        updated_at=instant_text(endpoint.updated_at),
        **shown_once,
    )


def checked_fields(
    body: EndpointBody | EndpointPatch, denied: Any, longest_timeout_s: float
) -> dict[str, Any]:
    """Return the given fields as ``Endpoint`` names them; raises ``InvalidFields``."""
    given = {
        name: getattr(body, name)
        for name in body.__struct_fields__
        if getattr(body, name) is not msgspec.UNSET
    }
    wrong: list[FieldError] = []
    if "url" in given:
        checked_url(given["url"], denied)
    if "name" in given:
        wrong += name_errors(given["name"])
    for index, event_type in enumerate(given.get("event_types") or ()):
        pattern = event_type.removesuffix(".*") if event_type != "*" else "any"
        wrong += event_type_errors(pattern, f"eventTypes[{index}]")
    wrong += header_errors(tuple((given.get("headers") or {}).items()))
    for key, value in (given.get("metadata") or {}).items():
        wrong += nul_errors(key + value, "metadata")
    wrong += _number_errors(given, longest_timeout_s)
    if wrong:
        raise InvalidFields(*wrong)
    return _as_endpoint_fields(given)


def _number_errors(given: dict[str, Any], longest_timeout_s: float) -> list[FieldError]:
    wrong = []
    rate, cap = given.get("rate_limit_per_second"), given.get("max_in_flight")
    timeout_s, schedule = given.get("timeout_seconds"), given.get("retry_schedule_seconds")
    if rate is not None and not 0.01 <= rate <= 1_000_000:
        wrong.append(FieldError("rateLimitPerSecond", "must be from 0.01 to 1,000,000"))
    if cap is not None and not 1 <= cap <= 1_000_000:
        wrong.append(FieldError("maxInFlight", "must be from 1 to 1,000,000"))
    if timeout_s is not None and not 1 <= timeout_s <= longest_timeout_s:
        wrong.append(FieldError("timeoutSeconds", f"must be from 1 to {longest_timeout_s:g}"))
    if schedule is not None and (
        len(schedule) > LONGEST_SCHEDULE
        or any(not 0 <= wait_s <= 30 * 86400 for wait_s in schedule)
    ):
        detail = f"must be at most {LONGEST_SCHEDULE} waits from 0 to 2,592,000 seconds"
        wrong.append(FieldError("retryScheduleSeconds", detail))
    return wrong


def _as_endpoint_fields(given: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in given.items():
        match name:
            case "name" | "url" | "max_in_flight":
                fields[name] = value
            case "event_types":
                fields[name] = tuple(value) if value else ("*",)
            case "headers":
                fields[name] = tuple((value or {}).items())
            case "metadata":
                fields[name] = value or {}
            case "rate_limit_per_second":
                fields["rate_limit_per_s"] = value
            case "timeout_seconds":
                fields["timeout_s"] = value
            case "retry_schedule_seconds":
                fields["retry_schedule_s"] = None if value is None else tuple(value)
    return fields


def check_secret(secret: str, algorithm: Algorithm) -> None:
    """Raise ``InvalidFields`` when *secret* cannot sign with *algorithm*."""
    try:
        if algorithm is Algorithm.ED25519:
            private_key(secret)
        else:
            decode_secret(secret)
    except ValueError as error:
        raise InvalidFields(FieldError("secretKey", str(error))) from error
