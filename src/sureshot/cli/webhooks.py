"""``sureshot send``, ``status``, ``explain``: one webhook from the command line."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from sureshot.cli.client import Client
from sureshot.cli.output import print_json, print_line, print_pairs
from sureshot.cli.settings import Json
from sureshot.domain.errors import ConfigurationError

FINAL = frozenset({"delivered", "failed", "cancelled"})
POLL_S = 0.1


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command()(send)
    app.command()(status)
    app.command()(explain)


def send(
    url: Annotated[str | None, typer.Argument(help="Where to; or give --endpoint.")] = None,
    data: Annotated[
        str | None, typer.Option(help="The JSON payload; - reads it from stdin.")
    ] = None,
    file: Annotated[str | None, typer.Option(help="A file with the payload; - is stdin.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="An endpoint's id instead of a url.")] = None,
    method: Annotated[str, typer.Option(help="POST, PUT, PATCH, DELETE or GET.")] = "POST",
    event_type: Annotated[str | None, typer.Option(help="Such as invoice.paid.")] = None,
    header: Annotated[list[str] | None, typer.Option(help="'Name: value'; repeatable.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="Send at most once per key.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is final.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds --wait waits at most.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Send one webhook; with --wait exit 0 only when it was delivered.

    sureshot send http://127.0.0.1:9099/ --data '{"n":1}' --wait

    echo '{"n":2}' | sureshot send --endpoint ep_... --file -
    """
    payload = _payload(data, file)
    fields: dict[str, Any] = {"payload": msgspec.Raw(payload), "method": method.upper()}
    optional = (
        ("url", url),
        ("endpointId", endpoint),
        ("eventType", event_type),
        ("idempotencyKey", idempotency_key),
        ("headers", _headers(header or []) or None),
    )
    fields.update((name, value) for name, value in optional if value is not None)
    client = Client()
    accepted = client.call("POST", "/api/v1/webhooks", fields)
    if not wait:
        _show(accepted, as_json)
        return
    final = _wait(client, accepted["id"], timeout, quiet=as_json)
    _show(final, as_json)
    sys.exit(0 if final["status"] == "delivered" else 1)


def status(
    webhook_id: Annotated[str, typer.Argument(help="wh_...")], as_json: Json = False
) -> None:
    """Show where a webhook stands.

    sureshot status wh_0192...
    """
    _show(Client().call("GET", f"/api/v1/webhooks/{webhook_id}/status"), as_json)


def explain(
    webhook_id: Annotated[str, typer.Argument(help="wh_...")], as_json: Json = False
) -> None:
    """Say why a webhook is not delivered yet, what happens next and when."""
    found = Client().call("GET", f"/api/v1/webhooks/{webhook_id}/explain")
    if as_json:
        print_json(found)
    else:
        print_line(found["explanation"])


def _payload(data: str | None, file: str | None) -> bytes:
    if data is not None and file is not None:
        raise ConfigurationError("give --data or --file, not both")
    source = file if data in {None, "-"} else None
    if data == "-" or source == "-":
        raw = sys.stdin.buffer.read()
    elif source is not None:
        try:
            raw = Path(source).read_bytes()
        except OSError as error:
            raise ConfigurationError(f"--file {source}: {error.strerror}") from error
    else:
        raw = (data or "{}").encode()
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the payload is not valid JSON: {error}") from error
    return raw.strip()


def _headers(lines: list[str]) -> dict[str, str]:
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ConfigurationError(f"--header {line!r}: write it as 'Name: value'")
        headers[name.strip()] = value.strip()
    return headers


def _wait(client: Client, webhook_id: str, timeout_s: float, *, quiet: bool) -> dict[str, Any]:
    began_s = time.monotonic()
    shown = ""
    while True:
        found: dict[str, Any] = client.call("GET", f"/api/v1/webhooks/{webhook_id}/status")
        line = f"{found['status']}, attempts {found['attempts']}"
        if line != shown and not quiet:
            print_line(f"{time.monotonic() - began_s:6.2f} s  {line}")
            shown = line
        if found["status"] in FINAL or time.monotonic() - began_s > timeout_s:
            return found
        time.sleep(POLL_S)


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    last = found.get("lastAttempt") or {}
    print_pairs(
        (
            ("id", found["id"]),
            ("status", found["status"]),
            ("attempts", found.get("attempts")),
            ("created", found.get("createdAt")),
            ("delivered", found.get("deliveredAt")),
            ("next attempt", found.get("nextAttemptAt")),
            ("last answer", last.get("statusCode") or last.get("error")),
        )
    )
