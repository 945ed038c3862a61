"""The command line's HTTP client of a running service."""

from __future__ import annotations

import http.client
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sureshot.domain.errors import ConfigurationError

DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT_S = 30.0


class ServiceUnreachable(Exception):
    """Nothing answers at the service's address."""


class ServiceRefused(Exception):
    """The service answered with a problem."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def tokens_file() -> Path:
    """Return where a service started from this folder keeps its tokens."""
    return _data_dir() / "tokens.env"


def _data_dir() -> Path:
    from sureshot.cli.settings import loaded_settings  # noqa: PLC0415 - most calls do not need it

    return loaded_settings({}).settings.data_dir


def find_token(name: str) -> str:
    """Return the token from the environment, else from ``tokens.env``.

    Raises ``ConfigurationError`` saying where it was looked for.
    """
    given = os.environ.get(name)
    if given:
        return given
    path = tokens_file()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _equals, value = line.partition("=")
        if key == name:
            return value
    raise ConfigurationError(f"no token: set {name}, or run this where {path} is")


class Client:
    """Calls the service at ``SURESHOT_URL`` with a token."""

    def __init__(self, token_name: str = "SURESHOT_API_TOKEN") -> None:  # noqa: S107 - a name
        self.url = os.environ.get("SURESHOT_URL", DEFAULT_URL).rstrip("/")
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError(f"SURESHOT_URL={self.url!r}: must be an http or https url")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_S)
        self._prefix = parts.path
        self._token = find_token(token_name)

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """Return the decoded answer; *body* may be bytes of JSON or a value.

        Raises ``ServiceUnreachable`` or ``ServiceRefused``.
        """
        sent = {"Authorization": f"Bearer {self._token}", **(headers or {})}
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else msgspec.json.encode(body)
            sent["Content-Type"] = "application/json"
        try:
            self._connection.request(method, self._prefix + path, data, sent)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServiceUnreachable(
                f"no service at {self.url} ({error}); start one with `sureshot serve`, "
                "or set SURESHOT_URL"
            ) from error
        if response.status >= 400:
            raise ServiceRefused(response.status, _problem_text(response.status, text))
        return msgspec.json.decode(text) if text else None


def _problem_text(status: int, text: bytes) -> str:
    try:
        problem = msgspec.json.decode(text)
        detail = problem.get("detail") or problem.get("title") or ""
    except (msgspec.DecodeError, AttributeError):
        detail = text[:200].decode("utf-8", "replace")
    return f"the service refused this ({status}): {detail}"
