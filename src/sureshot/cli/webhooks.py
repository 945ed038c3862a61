"""``sureshot send``, ``status``, ``explain``: one webhook from the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from sureshot.cli.client import Client, call, path_to
from sureshot.cli.output import Json, examples, note, print_json, print_line, print_pairs
from sureshot.cli.waiting import DELIVERED, wait_for_end
from sureshot.domain.errors import ConfigurationError

HELLO = b'{"hello":"world"}'

Id = Annotated[str, typer.Argument(metavar="ID", help="A webhook's id, wh_...")]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait until it is delivered, failed or cancelled.")
]
Timeout = Annotated[float, typer.Option(min=0, help="Seconds --wait waits at most.")]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command(
        epilog=examples(
            "sureshot send http://127.0.0.1:9099/ --data '{\"n\":1}' --wait",
            "sureshot send https://example.com/hook --file order.json --event-type order.paid",
            "echo '\"hello\"' | sureshot send --endpoint ep_... --data -",
            "sureshot send https://example.com/hook --header 'X-Shop: 7' --idempotency-key o-7",
        )
    )(send)
    app.command(epilog=examples("sureshot status wh_...", "sureshot status wh_... --json"))(status)
    app.command(epilog=examples("sureshot explain wh_..."))(explain)


def send(
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="Where to; or give --endpoint.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="JSON", help="The payload; - reads it from stdin.")
    ] = None,
    file: Annotated[
        str | None, typer.Option(metavar="PATH", help="A file with the payload; - is stdin.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="ID", help="Send to this endpoint instead of a url.")
    ] = None,
    method: Annotated[str, typer.Option(help="POST, PUT, PATCH, DELETE or GET.")] = "POST",
    event_type: Annotated[str | None, typer.Option(help="Such as invoice.paid.")] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="Repeatable.")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The same key again sends nothing new.")
    ] = None,
    wait: Wait = False,
    timeout: Timeout = 60.0,
    as_json: Json = False,
) -> None:
    """Send one webhook.

    Exits with 0 when it was accepted; with --wait only when it was delivered,
    and with 1 when it failed, was cancelled, or is not delivered in time. The
    payload is any JSON and arrives byte for byte; without one it is
    {"hello":"world"}.
    """
    if (url is None) == (endpoint is None):
        raise ConfigurationError("give either a url or --endpoint; `sureshot send --help`")
    fields: dict[str, Any] = {"payload": msgspec.Raw(_payload(data, file))}
    optional = (
        ("url", url),
        ("endpointId", endpoint),
        ("method", method.upper()),
        ("eventType", event_type),
        ("idempotencyKey", idempotency_key),
        ("headers", parse_headers(header or []) or None),
    )
    fields.update((name, value) for name, value in optional if value is not None)
    with Client() as client:
        accepted = client.call("POST", path_to("webhooks"), fields)
        finish(client, accepted, wait=wait, timeout_s=timeout, as_json=as_json)


def status(webhook_id: Id, as_json: Json = False) -> None:
    """Show where a webhook stands."""
    print_status(call("GET", path_to("webhooks", webhook_id, "status")), as_json=as_json)


def explain(webhook_id: Id, as_json: Json = False) -> None:
    """Say why a webhook is not delivered yet, and what is next."""
    found = call("GET", path_to("webhooks", webhook_id, "explain"))
    if as_json:
        print_json(found)
    else:
        print_line(found["explanation"])


def finish(
    client: Client, accepted: dict[str, Any], *, wait: bool, timeout_s: float, as_json: bool
) -> None:
    """Show an accepted webhook; with *wait* follow it to its end and exit as ``send`` does."""
    if not wait:
        print_status(accepted, as_json=as_json)
        if not as_json:
            note(f"follow it with: sureshot status {accepted['id']}")
        return
    last = wait_for_end(client, accepted["id"], timeout_s)
    print_status(last, as_json=as_json)
    raise typer.Exit(0 if last["status"] == DELIVERED else 1)


def print_status(found: dict[str, Any], *, as_json: bool) -> None:
    """Print the status document of a webhook."""
    if as_json:
        print_json(found)
        return
    last = found.get("lastAttempt") or {}
    took = f"{last['durationMs']:g} ms" if last else None
    print_pairs(
        (
            ("id", found["id"]),
            ("status", found["status"]),
            ("attempts", found.get("attempts")),
            ("created", found.get("createdAt")),
            ("delivered", found.get("deliveredAt")),
            ("next attempt", found.get("nextAttemptAt")),
            ("last answer", last.get("statusCode") or last.get("error")),
            ("last took", took),
        )
    )


def parse_headers(lines: list[str]) -> dict[str, str]:
    """Return ``Name: value`` lines as headers; raises ``ConfigurationError``."""
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ConfigurationError(f"--header {line!r}: write it as 'Name: value'")
        headers[name.strip()] = value.strip()
    return headers


def _payload(data: str | None, file: str | None) -> bytes:
    if data is not None and file is not None:
        raise ConfigurationError("give --data or --file, not both")
    if data is None and file is None:
        return HELLO
    raw = _read(file) if file is not None else _read("-") if data == "-" else (data or "").encode()
    try:
        msgspec.json.decode(raw)
        raw.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(
            f"the payload is not valid JSON in UTF-8 ({error}); text goes in quotes: '\"hello\"'"
        ) from error
    return raw.strip()


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"--file {path}: {error.strerror}") from error
