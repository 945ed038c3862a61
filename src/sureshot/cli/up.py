"""``sureshot up``: several processes on this machine, as one deployment."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sureshot.cli.deployment import loaded_settings
from sureshot.cli.output import examples, print_line
from sureshot.config import Settings
from sureshot.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from sureshot.supervisor import Supervisor


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(
        epilog=examples(
            "sureshot up                            # 1 API, 1 worker, 1 scheduler",
            "sureshot up --api 2 --workers 3",
            "sureshot up --replicas 2               # PostgreSQL with the queue in memory",
            "sureshot up --autoscale 1..4           # as many workers as the load needs",
            "kill -HUP $(pgrep -f 'sureshot up')    # restart them one by one",
        )
    )(up)


def up(
    api: Annotated[int, typer.Option(min=1, help="API processes.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    schedulers: Annotated[int, typer.Option(min=1, help="Scheduler processes.")] = 1,
    replicas: Annotated[
        int | None, typer.Option(min=1, help="Instead: processes that do everything.")
    ] = None,
    autoscale: Annotated[
        str | None,
        typer.Option(
            metavar="MIN..MAX",
            help="As many workers (or replicas, with the queue in memory) as the load needs.",
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the API; 0: a free one.")] = None,
) -> None:
    """Run several processes on this machine, as one deployment.

    All API processes share one listening socket. A process that dies is started
    again; SIGHUP replaces them one by one without a failed request; SIGTERM or
    Ctrl-C drains and stops them all, a second one ends them at once.

    With --autoscale workers are added and removed by what GET /api/v1/admin/scaling
    says; the log tells when and why, and the SURESHOT_SCALING_ settings how.

    Needs PostgreSQL, and RabbitMQ unless --replicas is given. Health and metrics
    of process n are on SURESHOT_METRICS_PORT + n, if that is set.
    """
    flags = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = loaded_settings(dict(flags)).settings
    if autoscale is not None:
        settings, workers, replicas = _scaled(settings, autoscale, workers, replicas)
    roles = _roles(settings, api, workers, schedulers, replicas)
    from sureshot.http_server import listen  # noqa: PLC0415 - loads half of the service
    from sureshot.supervisor import Supervisor, supervise  # noqa: PLC0415 - as above
    from sureshot.telemetry.logging import configure_logging  # noqa: PLC0415 - as above

    style = settings.log_format
    if style == "auto":
        style = "console" if sys.stderr.isatty() else "json"
    configure_logging(settings.log_level, style)
    listener = listen(settings.host, settings.port, "--port or SURESHOT_PORT")
    address = f"http://{settings.host}:{listener.getsockname()[1]}"

    def command(role: str, number: int, ready_fd: int) -> Sequence[str]:
        return _command(settings, listener, role, number, ready_fd)

    supervisor = Supervisor(roles, command, [listener.fileno()])
    scaled = "worker" if replicas is None else "all"

    def ready() -> None:
        print_line(f"Sureshot is ready on {address}: {_in_words(roles)}")
        if autoscale is not None:
            print_line(f"  {scaled}: scales by itself, {autoscale}")
        print_line(f"  stop: Ctrl-C; restart one by one: kill -HUP {os.getpid()}")

    beside = None if autoscale is None else _autoscaler(settings, supervisor, scaled)
    raise typer.Exit(asyncio.run(supervise(supervisor, ready, beside)))


def _autoscaler(
    settings: Settings, supervisor: Supervisor, role: str
) -> Callable[[], Coroutine[None, None, None]]:
    from sureshot.autoscaler import Autoscaler  # noqa: PLC0415 - loads the other half

    return Autoscaler(settings, supervisor, role).run


def _scaled(
    settings: Settings, autoscale: str, workers: int, replicas: int | None
) -> tuple[Settings, int, int | None]:
    """Return the settings with the bounds in them, and the processes to begin with."""
    found = re.fullmatch(r"(\d+)\.\.(\d+)", autoscale)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise ConfigurationError(
            f"--autoscale {autoscale}: must be like 1..4, the least and the most"
        )
    least, most = int(found[1]), int(found[2])
    settings = dataclasses.replace(settings, scaling_min=least, scaling_max=most)
    if replicas is not None or settings.queue_url == "memory://":
        replicas = min(max(replicas or 1, least), most)
    return settings, min(max(workers, least), most), replicas


def _roles(
    settings: Settings, api: int, workers: int, schedulers: int, replicas: int | None
) -> list[str]:
    if settings.embedded:
        raise ConfigurationError(
            "several processes cannot share a SQLite file: set SURESHOT_DATABASE_URL to "
            "postgresql://..., or run `sureshot serve`"
        )
    if replicas is not None:
        return ["all"] * replicas
    if settings.queue_url == "memory://":
        raise ConfigurationError(
            "SURESHOT_QUEUE_URL=memory:// lives inside one process: give --replicas N for "
            "processes that do everything, or set it to amqp://... for roles apart"
        )
    return ["scheduler"] * schedulers + ["worker"] * workers + ["api"] * api


def _command(
    settings: Settings, listener: socket.socket, role: str, number: int, ready_fd: int
) -> list[str]:
    command = [sys.executable, "-m", "sureshot", "serve", "--role", role,
               "--ready-fd", str(ready_fd)]  # fmt: skip
    if role in {"api", "all"}:
        command += ["--listen-fd", str(listener.fileno())]
    # The bounds too, so that the API advises what is done here.
    changed = [f"SURESHOT_SCALING_MIN={settings.scaling_min}",
               f"SURESHOT_SCALING_MAX={settings.scaling_max}"]  # fmt: skip
    if settings.metrics_port is not None:
        changed.append(f"SURESHOT_METRICS_PORT={settings.metrics_port + number}")
    elif role not in {"api", "all"}:
        # Nobody asked for its health: any free port will do.
        command += ["--port", "0"]
    return ["env", *changed, *command]


def _in_words(roles: Sequence[str]) -> str:
    counts = {role: roles.count(role) for role in dict.fromkeys(roles)}
    return ", ".join(f"{count} x {role}" for role, count in counts.items())
