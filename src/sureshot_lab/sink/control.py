"""The sink's own routes below ``/.sink/``: look, break it, tell it secrets, turn, end it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.sink.behaviour import Reply, reply
from sureshot_lab.sink.config import Mode
from sureshot_lab.sink.request import Request
from sureshot_lab.sink.server import SinkServer

PREFIX = b"/.sink/"
STATS_FILE = "stats.json"


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /.sink/fault``."""

    mode: Mode


class Secrets(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /.sink/secrets``: by endpoint, and for those without."""

    secrets: dict[int, list[str]] = {}
    default: list[str] = []


class Control:
    """Answers the routes; every answer but a refusal is the sink's ``Stats``."""

    def __init__(self, server: SinkServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._routes: dict[tuple[bytes, bytes], Callable[[bytes], Awaitable[None]]] = {
            (b"GET", b"/.sink/stats"): self._look,
            (b"POST", b"/.sink/fault"): self._fault,
            (b"POST", b"/.sink/secrets"): self._know_secrets,
            (b"POST", b"/.sink/reset"): self._reset,
            (b"POST", b"/.sink/turn"): self._turn,
            (b"POST", b"/.sink/finish"): self._finish,
        }

    async def answer(self, request: Request) -> Reply:
        """Do what *request* asks; 404 for an unknown route, 400 for a body that is wrong."""
        route = self._routes.get((request.method, request.path))
        if route is None:
            known = ", ".join(f"{m.decode()} {path.decode()}" for m, path in self._routes)
            return reply(404, f"the sink's routes are {known}\n".encode())
        try:
            await route(request.body)
        except msgspec.DecodeError as error:
            return reply(400, f"the body is not the JSON this route takes: {error}\n".encode())
        except LabError as error:
            return reply(400, f"{error}\n".encode())
        except OSError as error:
            return reply(500, f"the sink's files can't be written: {error}\n".encode())
        return reply(200, msgspec.json.encode(self._server.stats()))

    async def _look(self, body: bytes) -> None:
        del body

    async def _fault(self, body: bytes) -> None:
        self._server.switch(msgspec.json.decode(body, type=Fault).mode)

    async def _know_secrets(self, body: bytes) -> None:
        told = msgspec.json.decode(body, type=Secrets)
        self._server.know_secrets(told.secrets, told.default)

    async def _reset(self, body: bytes) -> None:
        del body
        await self._server.restart()

    async def _turn(self, body: bytes) -> None:
        del body
        await self._server.turn()

    async def _finish(self, body: bytes) -> None:
        del body
        stats = await self._server.finish()
        text = msgspec.json.format(msgspec.json.encode(stats), indent=1)
        (self._folder / STATS_FILE).write_bytes(text)
