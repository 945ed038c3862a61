"""GETs over one kept-alive connection, in a thread beside the loop."""

from __future__ import annotations

import asyncio
import base64
import http.client
from urllib.parse import unquote, urlsplit

from sureshot_lab.errors import LabError
from sureshot_lab.sampler.source import SourceUnreadable, sentence

TIMEOUT_S = 2.0


class HttpGet:
    """Asks one server; a name and a password in *base_url* are sent as basic authentication.

    One kept-alive connection also means one process: where several share a port,
    the kernel chooses again at each new connection.
    """

    def __init__(self, base_url: str, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise LabError(f"{base_url!r} is no address; give one such as http://127.0.0.1:8080")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)
        self._origin = f"{parts.scheme}://{parts.hostname}:{self._connection.port}"
        self._headers = {"Accept-Encoding": "identity"}
        if parts.username is not None:
            secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            encoded = base64.b64encode(secret.encode()).decode()
            self._headers["Authorization"] = f"Basic {encoded}"

    async def fetch(self, path: str) -> bytes:
        """Return the body of the answer.

        Raises ``OSError`` when nobody answers, ``SourceUnreadable`` for anything but 200.
        """
        return await asyncio.to_thread(self._fetch, path)

    async def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def _fetch(self, path: str) -> bytes:
        reused = self._connection.sock is not None
        try:
            return self._ask(path)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            # A server may end an idle connection at any time: that alone is no failure.
            if not reused or isinstance(error, TimeoutError):
                raise SourceUnreadable(f"{self._origin}{path}: {sentence(error)}") from error
        try:
            return self._ask(path)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise SourceUnreadable(f"{self._origin}{path}: {sentence(error)}") from error

    def _ask(self, path: str) -> bytes:
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SourceUnreadable(f"{self._origin}{path} answers {answer.status}, not 200")
        return body
