"""``sureshot serve``: run the service and say how to use it."""

from __future__ import annotations

import dataclasses
import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from sureshot.cli.banner import print_banner
from sureshot.cli.deployment import loaded_settings
from sureshot.cli.output import examples, print_line
from sureshot.config_sources import LoadedSettings


class Role(StrEnum):
    """What a process does."""

    ALL = "all"
    API = "api"
    WORKER = "worker"
    SCHEDULER = "scheduler"


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(
        epilog=examples(
            "sureshot serve",
            "sureshot serve --host 0.0.0.0 --port 9000",
            "SURESHOT_ALLOWED_NETWORKS=127.0.0.0/8,::1/128 sureshot serve   # may call here",
        )
    )(serve)


def serve(
    role: Annotated[
        Role, typer.Option(help="What this process does; with the queue memory:// only all.")
    ] = Role.ALL,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0: a free one.")] = None,
    listen_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    ready_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the service until it is told to stop.

    Nothing to install beside it: webhooks are stored in data/sureshot.db. Ctrl-C
    or SIGTERM stops it: it takes no more, finishes what is being sent
    (SURESHOT_DRAIN_S at most) and keeps the rest for the next start. A second
    Ctrl-C stops it at once; nothing that was accepted is lost.

    Private networks are not called unless SURESHOT_ALLOWED_NETWORKS names them.
    """
    flags = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    loaded = _with_log_format(loaded_settings(dict(flags)))
    from sureshot import process  # noqa: PLC0415 - loads everything

    def announce(started: process.Started) -> None:
        if ready_fd is not None:
            os.write(ready_fd, b"1")
            os.close(ready_fd)
        elif role in {Role.ALL, Role.API}:
            print_banner(started, loaded)
        else:
            print_line(f"Sureshot {role.value} is ready; health and metrics on {started.url}")

    supervised = ready_fd is not None
    raise typer.Exit(process.serve(loaded, announce, role.value, listen_fd, supervised=supervised))


def _with_log_format(loaded: LoadedSettings) -> LoadedSettings:
    if loaded.settings.log_format != "auto":
        return loaded
    style = "console" if sys.stderr.isatty() else "json"
    return LoadedSettings(dataclasses.replace(loaded.settings, log_format=style), loaded.origins)
