"""``sureshot sink``: a receiver in a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sureshot.cli.output import Json, examples, note
from sureshot.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from sureshot.cli.sink_display import Display
    from sureshot.cli.sink_server import SinkServer

REFRESH_S = 0.05
DESCRIPTORS = 20_000
BEHAVIOURS = ("ok", "slow", "failing", "flaky", "hanging", "reset")


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(
        epilog=examples(
            "sureshot sink",
            'sureshot sink --secret "$(sureshot secrets show)"',
            "sureshot sink --port 9100 --behaviour flaky",
            "sureshot sink --delay-s 5                    # holds 10,000 connections at once",
            "sureshot sink --count 1000 --json > ids.ndjson",
        )
    )(sink)


def sink(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0: a free one.")
    ] = 9099,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    secret: Annotated[
        list[str] | None,
        typer.Option(help="Verify signatures with it (whsec_, whpk_ or text); repeatable."),
    ] = None,
    behaviour: Annotated[
        str, typer.Option(metavar="NAME", help=f"One of {', '.join(BEHAVIOURS)}.")
    ] = "ok",
    delay_s: Annotated[
        float | None, typer.Option(min=0, max=3600, help="Seconds until it answers.")
    ] = None,
    status: Annotated[
        int | None, typer.Option(min=200, max=599, help="Answer with this status.")
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many requests.")] = None,
    as_json: Json = False,
    ledger: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write the lines of --json there.")
    ] = None,
) -> None:
    """Receive webhooks: count and verify them, misbehave on demand.

    \b
    Behaviours:
      ok       answers 200 at once
      slow     answers 200 after a second, or --delay-s
      failing  answers 500
      flaky    answers 503 half of the time, by chance
      hanging  never answers
      reset    cuts the connection
    A wrong signature is answered 401. --json prints a line of JSON for each
    request. Exits with 1 when a signature was wrong.
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    with contextlib.ExitStack() as stack:
        display = _display(as_json, ledger, stack)
        server = _server(behaviour, secret or [], delay_s, status, display)
        _run_loop(_receive(server, host, port, count, display))
        display.finish(server)
    raise typer.Exit(1 if server.bad_signatures else 0)


def _display(as_json: bool, ledger: Path | None, stack: contextlib.ExitStack) -> Display:
    from sureshot.cli.sink_display import Display, Ledger, Lines, Screen  # noqa: PLC0415

    try:
        file = None if ledger is None else stack.enter_context(ledger.open("wb"))
    except OSError as error:
        raise ConfigurationError(f"--ledger {ledger}: {error.strerror}") from error
    files = [] if file is None else [file]
    if as_json:
        return Display(Ledger([sys.stdout.buffer, *files]))
    if sys.stdout.isatty():
        return Display(Ledger(files), stack.enter_context(Screen()))
    return Display(Ledger(files), Lines())


def _server(
    behaviour: str,
    secrets: list[str],
    delay_s: float | None,
    status: int | None,
    display: Display,
) -> SinkServer:
    # Loaded here: the parser and the cryptography would slow every other command down.
    from sureshot.cli.sink_server import Behaviour, SinkServer  # noqa: PLC0415

    if behaviour not in BEHAVIOURS:
        raise ConfigurationError(f"--behaviour {behaviour}: must be one of {', '.join(BEHAVIOURS)}")
    try:
        return SinkServer(
            Behaviour(behaviour),
            secrets,
            delay_s=delay_s,
            status=status,
            on_receipt=display.receipt,
        )
    except ValueError as error:
        raise ConfigurationError(f"--secret: the given one {error}") from error


async def _receive(
    server: SinkServer, host: str, port: int, count: int | None, display: Display
) -> None:
    try:
        bound = await server.start(host, port)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port"
        ) from error
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    shown = f"[{host}]" if ":" in host else host
    note(f"receiving on http://{shown}:{bound}/ ({server.behaviour.value}); Ctrl-C stops")
    while not stop.is_set() and (count is None or server.finished < count):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), REFRESH_S)
        display.tick(server)
    await server.stop()


def _run_loop(main: Coroutine[None, None, None]) -> None:
    import uvloop  # noqa: PLC0415 - see _server

    from sureshot.descriptors import raise_descriptor_limit  # noqa: PLC0415
    from sureshot.telemetry.logging import configure_logging  # noqa: PLC0415

    configure_logging("error", "console")
    raise_descriptor_limit(DESCRIPTORS)
    uvloop.run(main)
