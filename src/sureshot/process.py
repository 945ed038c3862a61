"""One process of the service, from its start to its exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop

from sureshot.config_sources import LoadedSettings
from sureshot.descriptors import BESIDES, raise_descriptor_limit, share_out
from sureshot.service import Service
from sureshot.telemetry.logging import configure_logging, get_logger
from sureshot.telemetry.state_dump import dump_on_signal

log = get_logger()


class Started(msgspec.Struct, frozen=True):
    """What a start has to tell people; tokens only when they were generated just now."""

    url: str
    data_dir: Path
    docs_url: str
    api_token: str | None
    admin_token: str | None
    tokens_file: Path
    allowed_networks: tuple[str, ...]
    seconds: float


def serve(
    loaded: LoadedSettings,
    announce: Callable[[Started], None],
    role: str = "all",
    listen_fd: int | None = None,
    *,
    supervised: bool = False,
) -> int:
    """Run a process of *role* until SIGTERM or SIGINT; return the exit code.

    It is not 0 when a part of the process ended by itself: whoever supervises it
    starts another. *listen_fd* is an inherited listening socket to serve on;
    *supervised*, the process may be replaced while it runs. A second signal ends
    it at once. Raises ``ConfigurationError``.
    """
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # until it can answer
    settings = loaded.settings
    configure_logging(settings.log_level, settings.log_format)
    limit = raise_descriptor_limit(settings.max_in_flight + BESIDES)
    shares = share_out(limit, settings.max_in_flight)
    if shares.in_flight < settings.max_in_flight:
        log.warning("descriptors.in_flight_limited", max_in_flight=shares.in_flight)
    listener = None if listen_fd is None else socket.socket(fileno=listen_fd)
    if listener is not None:
        listener.setblocking(False)
    service = Service(settings, role=role, listener=listener, replaced=supervised, shares=shares)
    return uvloop.run(_serve(service, announce))


async def _serve(service: Service, announce: Callable[[Started], None]) -> int:
    began_s = time.monotonic()
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    started = False
    dump_on_signal(
        loop,
        service.settings.data_dir,
        service.clock.now,
        lambda: service.state() if started else {"service": "starting"},
    )
    await service.start()
    started = True
    announce(_started(service, time.monotonic() - began_s))
    ends = [loop.create_task(event.wait()) for event in (stop, service.engine.died)]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.cancel()
    broken = service.engine.died.is_set()
    log.info("service.draining", in_flight=service.engine.in_flight)
    await service.stop()
    log.info("service.stopped")
    return 1 if broken else 0


def _started(service: Service, seconds: float) -> Started:
    settings, tokens = service.settings, service.tokens
    return Started(
        url=service.url,
        data_dir=settings.data_dir,
        docs_url=f"{service.url}/docs",
        api_token=tokens.api if "SURESHOT_API_TOKEN" in tokens.generated else None,
        admin_token=tokens.admin if "SURESHOT_ADMIN_TOKEN" in tokens.generated else None,
        tokens_file=settings.data_dir / "tokens.env",
        allowed_networks=settings.allowed_networks,
        seconds=seconds,
    )
