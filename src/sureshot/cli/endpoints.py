"""``sureshot endpoints``: look after endpoints from the command line."""

from __future__ import annotations

import sys
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from sureshot.cli.client import Client, call, path_to
from sureshot.cli.endpoint_fields import (
    Clear,
    EventTypes,
    Headers,
    MaxInFlight,
    Metadata,
    Rate,
    Schedule,
    Timeout,
    body_of,
)
from sureshot.cli.output import Json, examples, print_json, print_line, print_pairs, print_table
from sureshot.cli.webhooks import Timeout as WaitTimeout
from sureshot.cli.webhooks import Wait, finish
from sureshot.domain.errors import ConfigurationError

Id = Annotated[str, typer.Argument(metavar="ID", help="An endpoint's id, ep_...")]
Secret = Annotated[
    str | None, typer.Option(help="Signing secret, whsec_...; a new one if left out.")
]

endpoints = typer.Typer(
    help="Look after endpoints: urls with secrets, filters and limits.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.add_typer(endpoints, name="endpoints")


@endpoints.command("list")
def list_endpoints(as_json: Json = False) -> None:
    """List all endpoints, newest first."""
    found = call("GET", path_to("endpoints"))
    if as_json:
        print_json(found)
        return
    rows = [(e["id"], e["name"], e["url"], _state(e)) for e in found["items"]]
    print_table(("id", "name", "url", "state"), rows)


@endpoints.command(
    epilog=examples(
        "sureshot endpoints create Billing https://example.com/hooks",
        "sureshot endpoints create Shop https://example.com/shop --rate 50 --event-type 'order.*'",
        "sureshot endpoints create Partner https://example.com/p --algorithm ed25519",
        "sureshot endpoints create Slow https://example.com/s --retry-schedule 5,60,600",
    )
)
def create(
    name: Annotated[str, typer.Argument(help="A name for people.")],
    url: Annotated[str, typer.Argument(help="Where its webhooks go.")],
    secret: Secret = None,
    algorithm: Annotated[str, typer.Option(help="sha256, sha512 or ed25519.")] = "sha256",
    event_type: EventTypes = None,
    header: Headers = None,
    rate: Rate = None,
    max_in_flight: MaxInFlight = None,
    timeout: Timeout = None,
    retry_schedule: Schedule = None,
    metadata: Metadata = None,
    as_json: Json = False,
) -> None:
    """Create an endpoint; its secret is shown now and never again."""
    _check_order(name, url)
    body = body_of(
        name=name,
        url=url,
        secret=secret,
        algorithm=algorithm,
        event_type=event_type,
        header=header,
        rate=rate,
        max_in_flight=max_in_flight,
        timeout=timeout,
        retry_schedule=retry_schedule,
        metadata=metadata,
    )
    _show(call("POST", path_to("endpoints"), body), as_json=as_json)


@endpoints.command()
def show(endpoint_id: Id, as_json: Json = False) -> None:
    """Show an endpoint."""
    _show(call("GET", path_to("endpoints", endpoint_id)), as_json=as_json)


@endpoints.command(
    epilog=examples(
        "sureshot endpoints update ep_... --url https://example.com/new --rate 20",
        "sureshot endpoints update ep_... --clear rate --clear header",
    )
)
def update(
    endpoint_id: Id,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    url: Annotated[str | None, typer.Option(help="A new url; what waits goes there too.")] = None,
    event_type: EventTypes = None,
    header: Headers = None,
    rate: Rate = None,
    max_in_flight: MaxInFlight = None,
    timeout: Timeout = None,
    retry_schedule: Schedule = None,
    metadata: Metadata = None,
    clear: Clear = None,
    as_json: Json = False,
) -> None:
    """Change what is given, for what waits already too."""
    body = body_of(
        name=name,
        url=url,
        event_type=event_type,
        header=header,
        rate=rate,
        max_in_flight=max_in_flight,
        timeout=timeout,
        retry_schedule=retry_schedule,
        metadata=metadata,
        clear=clear,
    )
    if not body:
        raise ConfigurationError("nothing to change; `sureshot endpoints update --help`")
    _show(call("PATCH", path_to("endpoints", endpoint_id), body), as_json=as_json)


@endpoints.command(epilog=examples("sureshot endpoints delete ep_... --yes"))
def delete(
    endpoint_id: Id,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete an endpoint; what waits for it is cancelled."""
    if not yes and not sys.stdin.isatty():
        raise ConfigurationError("this cancels what waits for the endpoint; confirm with --yes")
    if not yes:
        typer.confirm(f"Delete {endpoint_id} and cancel what waits for it?", abort=True, err=True)
    call("DELETE", path_to("endpoints", endpoint_id))
    if as_json:
        print_json({"id": endpoint_id, "deleted": True})
    else:
        print_line(f"deleted {endpoint_id}")


@endpoints.command()
def enable(endpoint_id: Id, as_json: Json = False) -> None:
    """Enable an endpoint; its backlog is delivered."""
    _show(call("POST", path_to("endpoints", endpoint_id, "enable")), as_json=as_json)


@endpoints.command()
def disable(endpoint_id: Id, as_json: Json = False) -> None:
    """Disable an endpoint; its backlog is held."""
    _show(call("POST", path_to("endpoints", endpoint_id, "disable")), as_json=as_json)


@endpoints.command("rotate-secret")
def rotate_secret(endpoint_id: Id, secret: Secret = None, as_json: Json = False) -> None:
    """Make a new secret; the old one signs on for a while.

    Both sign for SURESHOT_ROTATION_OVERLAP_S (a day), so receivers can change over.
    """
    path = path_to("endpoints", endpoint_id, "rotate-secret")
    _show(call("POST", path, body_of(secret=secret)), as_json=as_json)


@endpoints.command("test", epilog=examples("sureshot endpoints test ep_... --wait"))
def send_test(
    endpoint_id: Id, wait: Wait = False, timeout: WaitTimeout = 60.0, as_json: Json = False
) -> None:
    """Send an endpoint a test webhook."""
    with Client() as client:
        accepted = client.call("POST", path_to("endpoints", endpoint_id, "test"))
        finish(client, accepted, wait=wait, timeout_s=timeout, as_json=as_json)


def _check_order(name: str, url: str) -> None:
    if "://" in name and not urlsplit(url).scheme:
        raise ConfigurationError(f"the name comes first: endpoints create {url!r} {name}")


def _state(endpoint: dict[str, Any]) -> str:
    return "enabled" if endpoint["enabled"] else f"disabled ({endpoint['disabledReason']})"


def _show(endpoint: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(endpoint)
        return
    schedule = endpoint["retryScheduleSeconds"]
    print_pairs(
        (
            ("id", endpoint["id"]),
            ("name", endpoint["name"]),
            ("url", endpoint["url"]),
            ("state", _state(endpoint)),
            ("algorithm", endpoint["algorithm"]),
            ("event types", ", ".join(endpoint["eventTypes"])),
            ("headers", ", ".join(endpoint["headers"])),
            ("rate limit/s", endpoint["rateLimitPerSecond"]),
            ("max in flight", endpoint["maxInFlight"]),
            ("timeout s", endpoint["timeoutSeconds"]),
            ("retry waits s", None if schedule is None else ", ".join(f"{w:g}" for w in schedule)),
            ("metadata", ", ".join(f"{k}={v}" for k, v in endpoint["metadata"].items())),
            ("secret (shown once)", endpoint.get("secretKey")),
            ("public key", endpoint.get("publicKey")),
            ("warning", "; ".join(endpoint.get("warnings", []))),
        )
    )
