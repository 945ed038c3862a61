"""``sureshot sink``: a receiver in a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import IO, Annotated

import msgspec
import typer
import uvloop

from sureshot.cli.output import print_json, print_line
from sureshot.cli.sink_server import Behaviour, Receipt, SinkServer
from sureshot.descriptors import raise_descriptor_limit
from sureshot.domain.errors import ConfigurationError

REFRESH_S = 0.5
CONNECTIONS = 12_000


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command()(sink)


def sink(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 9099,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    secret: Annotated[list[str] | None, typer.Option(help="Verify with it; repeatable.")] = None,
    behaviour: Annotated[Behaviour, typer.Option(help="How it answers.")] = Behaviour.OK,
    delay_s: Annotated[float, typer.Option(help="How long `slow` holds a request.")] = 1.0,
    status: Annotated[int | None, typer.Option(help="Answer with this status.")] = None,
    count: Annotated[int | None, typer.Option(help="Stop after so many webhooks.")] = None,
    ledger: Annotated[
        str | None,
        typer.Option("--json", help="Write received ids there, a line of JSON each; - is stdout."),
    ] = None,
) -> None:
    """Receive webhooks: count them, verify their signatures, misbehave when told to.

    sureshot sink --secret "$(sureshot secrets show)"

    sureshot sink --behaviour flaky --json ledger.ndjson
    """  # fmt: skip
    raise_descriptor_limit(CONNECTIONS)
    with contextlib.ExitStack() as stack:
        file = _open_ledger(ledger, stack)
        server = SinkServer(
            behaviour,
            tuple(secret or ()),
            delay_s=delay_s,
            status=status,
            on_receipt=None if file is None else lambda receipt: _write(file, receipt),
        )
        uvloop.run(_run(server, host, port, count, quiet=ledger == "-"))
    if ledger != "-":
        print_json(_totals(server))


def _open_ledger(path: str | None, stack: contextlib.ExitStack) -> IO[str] | None:
    if path is None:
        return None
    if path == "-":
        return sys.stdout
    try:
        return stack.enter_context(Path(path).open("w", encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"--json {path}: {error.strerror}") from error


def _write(file: IO[str], receipt: Receipt) -> None:
    file.write(msgspec.json.encode(receipt).decode() + "\n")


async def _run(server: SinkServer, host: str, port: int, count: int | None, *, quiet: bool) -> None:
    try:
        bound = await server.start(host, port)
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if not quiet:
        print_line(f"receiving on http://{host}:{bound}/ ({server.behaviour.value}); Ctrl-C stops")
    with _screen(server, quiet=quiet) as show:
        while not stop.is_set() and (count is None or server.received < count):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), REFRESH_S if count is None else 0.05)
            show()
    await server.stop()


@contextlib.contextmanager
def _screen(server: SinkServer, *, quiet: bool):  # type: ignore[no-untyped-def]
    if quiet or not sys.stdout.isatty():
        yield lambda: None
        return
    from rich.live import Live  # noqa: PLC0415 - only a terminal needs it

    with Live(_table(server), refresh_per_second=4) as live:
        yield lambda: live.update(_table(server))


def _table(server: SinkServer):  # type: ignore[no-untyped-def]
    from rich.table import Table  # noqa: PLC0415

    table = Table(*_totals(server).keys(), box=None)
    table.add_row(*(str(value) for value in _totals(server).values()))
    return table


def _totals(server: SinkServer) -> dict[str, int]:
    return {
        "received": server.received,
        "unique": server.unique,
        "duplicates": server.duplicates,
        "badSignatures": server.bad_signatures,
        "maxInFlight": server.max_in_flight,
        "connections": server.connections,
    }
