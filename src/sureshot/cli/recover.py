"""``sureshot recover``: send again what failed while a receiver was down."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer

from sureshot.cli.client import Client, path_to
from sureshot.cli.output import Json, examples, note, print_json, print_pairs
from sureshot.clock import SystemClock
from sureshot.domain.errors import ConfigurationError

_AGO = re.compile(r"(\d{1,5})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(
        epilog=examples(
            "sureshot recover --endpoint ep_... --since 6h",
            "sureshot recover --endpoint ep_... --since 2030-01-31T12:00:00Z --rate 10",
            "sureshot recover --endpoint ep_... --since 2d --until 1d --json",
        )
    )(recover)


def recover(
    endpoint: Annotated[str, typer.Option(metavar="ID", help="The endpoint's id, ep_...")],
    since: Annotated[
        str, typer.Option(metavar="T", help="Created since: an instant, or how long ago: 90m, 2d.")
    ],
    until: Annotated[str | None, typer.Option(metavar="T", help="Created before.")] = None,
    rate: Annotated[float, typer.Option(min=0.01, max=10_000, help="How many a second.")] = 50.0,
    as_json: Json = False,
) -> None:
    """Retry an endpoint's failed webhooks at a bounded rate.

    They are made due one after the other, oldest first in each lot of 2,000;
    the service sends them from then on by itself.
    """
    now = SystemClock().now()
    body: dict[str, Any] = {"since": _instant(since, now, "--since"), "ratePerSecond": rate}
    if until is not None:
        body["until"] = _instant(until, now, "--until")
    recovered, last_due_at = 0, None
    with Client() as client:
        while True:
            done = client.call("POST", path_to("endpoints", endpoint, "recover"), body)
            recovered += done["recovered"]
            last_due_at = done["lastDueAt"] or last_due_at
            if done["nextCursor"] is None:
                break
            if not as_json:
                note(f"{recovered} are due again, the last at {last_due_at}")
            body["cursor"] = done["nextCursor"]
            if last_due_at is not None:
                body["startAt"] = last_due_at
    if as_json:
        print_json({"endpointId": endpoint, "recovered": recovered, "lastDueAt": last_due_at})
    else:
        print_pairs((("recovered", recovered), ("last one due", last_due_at)))


def _instant(text: str, now: datetime, option: str) -> datetime:
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        at = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        at = None
    if at is None or at.tzinfo is None:
        raise ConfigurationError(
            f"{option} {text!r}: write an instant with its offset, such as 2030-01-31T12:00:00Z, "
            "or how long ago: 90m, 6h, 2d"
        )
    return at
