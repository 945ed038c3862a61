"""``sureshot serve``: run the service and say how to use it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sureshot.cli.output import print_line
from sureshot.cli.settings import loaded_settings
from sureshot.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from sureshot.service import Started

ROLES = ("all", "api", "worker", "scheduler")


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command()(serve)


def serve(
    role: Annotated[
        str, typer.Option(help="all; with a broker also api, worker, scheduler.")
    ] = "all",
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Run the service until it is told to stop (Ctrl-C or SIGTERM: it drains first).

    Nothing to install beside it: webhooks are stored in data/sureshot.db.

      sureshot serve

      SURESHOT_ALLOWED_NETWORKS=127.0.0.0/8 sureshot serve    may deliver to this machine
    """
    if role not in ROLES:
        raise ConfigurationError(f"--role {role}: must be one of {', '.join(ROLES)}")
    if role != "all":
        raise ConfigurationError(
            f"--role {role}: the queue memory:// lives in one process, which has every role; "
            "start it with --role all"
        )
    flags = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    loaded = loaded_settings(dict(flags))
    from sureshot.service import serve as run  # noqa: PLC0415 - loads everything

    sys.exit(run(loaded, announce))


def announce(started: Started) -> None:
    """Print what a person needs to go on."""
    first = started.api_token is not None
    token = started.api_token or "$SURESHOT_API_TOKEN"
    print_line(f"Sureshot is ready on {started.url} ({started.seconds:.2f} s)")
    print_line(f"  data     {started.data_dir}")
    print_line(f"  docs     {started.docs_url}")
    networks = ", ".join(started.allowed_networks)
    print_line(f"  private  {networks or 'none'} may be dialled (SURESHOT_ALLOWED_NETWORKS)")
    if first:
        print_line(f"  tokens   generated now, shown once, kept in {started.tokens_file}:")
        print_line(f"           SURESHOT_API_TOKEN={started.api_token}")
        print_line(f"           SURESHOT_ADMIN_TOKEN={started.admin_token}")
    elif started.tokens_file.exists():
        print_line(f"  tokens   in {started.tokens_file}; for this shell:")
        print_line(f"           set -a; . {started.tokens_file}; set +a")
    print_line("Send a webhook (start a receiver with `sureshot sink` in another terminal):")
    print_line(
        f"  curl -H 'Authorization: Bearer {token}' -H 'content-type: application/json' "
        f"""-d '{{"url":"http://127.0.0.1:9099/","payload":{{"hello":"world"}}}}' """
        f"{started.url}/api/v1/webhooks".replace(
            "'Authorization: Bearer $SURESHOT_API_TOKEN'",
            '"Authorization: Bearer $SURESHOT_API_TOKEN"',
        )
    )
