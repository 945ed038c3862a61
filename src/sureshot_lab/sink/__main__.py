"""``python -m sureshot_lab.sink``: a sink as a process of its own, on 127.0.0.1 unless told."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import signal
import sys
from pathlib import Path

import msgspec
import uvloop

from sureshot_lab.errors import LabError
from sureshot_lab.sink.address import HOST, in_url
from sureshot_lab.sink.config import SinkConfig, decode_config
from sureshot_lab.sink.connection import SinkConnection
from sureshot_lab.sink.control import Control
from sureshot_lab.sink.server import SinkServer

BACKLOG = 4096
STDIN = 0


def main() -> int:
    """Serve until SIGINT, SIGTERM, or the end of a standard input that brought the configuration.

    The first line of standard output is ``{"port": ..., "control_port": ...}``. Returns the
    exit code: 3 when it was told something wrong.
    """
    arguments = _arguments()
    _raise_descriptor_limit()
    try:
        config = _read_config(arguments.config)
        until_eof = arguments.config == "-"
        uvloop.run(_serve(config, arguments, until_eof=until_eof))
    except LabError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sureshot_lab.sink", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument(
        "--host",
        default=HOST,
        help="address to listen on; on another one than 127.0.0.1 the routes below /.sink/ are "
        "on a port of their own, of 127.0.0.1",
    )
    parser.add_argument("--folder", type=Path, required=True, help="for the ledger and the figures")
    parser.add_argument(
        "--config",
        default="",
        metavar="FILE",
        help="SinkConfig as JSON; - reads one line of standard input and ends with it",
    )
    return parser.parse_args()


def _read_config(source: str) -> SinkConfig:
    if not source:
        return SinkConfig()
    if source == "-":
        return decode_config(sys.stdin.buffer.readline())
    try:
        return decode_config(Path(source).read_bytes())
    except OSError as error:
        raise LabError(f"{source} can't be read: {error.strerror}") from None


def _raise_descriptor_limit() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(config: SinkConfig, told: argparse.Namespace, *, until_eof: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if until_eof:
        # Whoever started this process holds the other end: when it dies, so does the sink.
        loop.add_reader(STDIN, _stop_at_end, stop)
    server = SinkServer(config, told.folder)
    control = Control(server, told.folder)
    # Whoever reaches the receivers from elsewhere must not reach the secrets and the ledger.
    apart = told.host != HOST
    listener = await _listen(server, None if apart else control, told.host, told.port)
    inner = await _listen(server, control, HOST, 0) if apart else listener
    server.record.keep_flushing()
    # What exists by now stays; the collector need not look at it again.
    gc.freeze()
    ready = {"port": _port(listener), "control_port": _port(inner), "pid": os.getpid()}
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()
    await stop.wait()
    listener.close()
    inner.close()
    for transport in list(server.connections):
        transport.abort()
    await server.record.end()


async def _listen(
    server: SinkServer, control: Control | None, host: str, port: int
) -> asyncio.Server:
    """Take connections; without *control* they reach the receivers alone."""
    try:
        return await asyncio.get_running_loop().create_server(
            lambda: SinkConnection(server, control), host, port, backlog=BACKLOG
        )
    except OSError as error:
        where = f"{in_url(host)}:{port}"
        raise LabError(f"the sink can't listen on {where}: {error.strerror}") from None


def _port(listener: asyncio.Server) -> int:
    return int(listener.sockets[0].getsockname()[1])


def _stop_at_end(stop: asyncio.Event) -> None:
    if not os.read(STDIN, 1024):
        stop.set()


if __name__ == "__main__":
    sys.exit(main())
