"""What can be said about an endpoint on the command line, and the body it becomes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from sureshot.cli.webhooks import parse_headers
from sureshot.domain.errors import ConfigurationError


class Clearable(StrEnum):
    """A field that can go back to its default."""

    EVENT_TYPE = "event-type"
    HEADER = "header"
    RATE = "rate"
    MAX_IN_FLIGHT = "max-in-flight"
    TIMEOUT = "timeout"
    RETRY_SCHEDULE = "retry-schedule"
    METADATA = "metadata"


EventTypes = Annotated[
    list[str] | None, typer.Option("--event-type", help="invoice.paid, invoice.* ; repeatable.")
]
Headers = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="'NAME: VALUE'", help="Sent with each webhook; repeatable."),
]
Rate = Annotated[float | None, typer.Option("--rate", help="Webhooks per second at most.")]
MaxInFlight = Annotated[
    int | None, typer.Option("--max-in-flight", help="Requests at once at most.")
]
Timeout = Annotated[float | None, typer.Option("--timeout", help="Seconds for one attempt.")]
Schedule = Annotated[
    str | None,
    typer.Option(
        "--retry-schedule",
        metavar="S,S,...",
        help="Seconds to wait after each failed attempt; empty: never again.",
    ),
]
Metadata = Annotated[
    list[str] | None, typer.Option("--metadata", metavar="KEY=VALUE", help="Repeatable.")
]
Clear = Annotated[
    list[Clearable] | None, typer.Option("--clear", help="Back to the default; repeatable.")
]

_NAMES = {
    "name": "name",
    "url": "url",
    "secret": "secretKey",
    "algorithm": "algorithm",
    "event_type": "eventTypes",
    "header": "headers",
    "rate": "rateLimitPerSecond",
    "max_in_flight": "maxInFlight",
    "timeout": "timeoutSeconds",
    "retry_schedule": "retryScheduleSeconds",
    "metadata": "metadata",
}


def body_of(*, clear: list[Clearable] | None = None, **options: Any) -> dict[str, Any]:
    """Return the request body for what was given; a cleared field is null.

    Raises ``ConfigurationError`` when an option cannot be read.
    """
    body: dict[str, Any] = {
        _NAMES[option]: _value(option, given)
        for option, given in options.items()
        if given is not None and given != []
    }
    for field in clear or []:
        name = _NAMES[field.value.replace("-", "_")]
        if name in body:
            raise ConfigurationError(f"--clear {field.value}: it is set in the same call")
        body[name] = None
    return body


def _value(option: str, given: Any) -> Any:
    match option:
        case "header":
            return parse_headers(given)
        case "metadata":
            return dict(_pair(one) for one in given)
        case "retry_schedule":
            return _schedule(given)
        case _:
            return given


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigurationError(f"--metadata {text!r}: write it as key=value")
    return key, value


def _schedule(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise ConfigurationError(
            f"--retry-schedule {text!r}: must be seconds separated by commas, such as 5,60,600"
        ) from error
