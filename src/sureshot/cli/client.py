"""The command line's HTTP client of a running service."""

from __future__ import annotations

import http.client
from typing import Any, Self
from urllib.parse import quote, urlsplit

import msgspec

from sureshot.cli.deployment import find_token, service_url
from sureshot.domain.errors import ConfigurationError

TIMEOUT_S = 30.0


class ServiceUnreachable(Exception):
    """Nothing that speaks for Sureshot answers at the service's address."""


class ServiceRefused(Exception):
    """The service answered with a problem; ``status`` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def path_to(*parts: str) -> str:
    """Return the path of a resource; ids are quoted, whatever was typed."""
    return "/api/v1/" + "/".join(quote(part, safe="") for part in parts)


def call(method: str, path: str, body: Any = None, *, admin: bool = False) -> Any:
    """Make one call; as ``Client.call``."""
    with Client(admin=admin) as client:
        return client.call(method, path, body)


class Client:
    """Calls the service at ``SURESHOT_URL``; raises ``ConfigurationError`` without a token.

    No proxy variable and no .netrc is read: the token goes to that address alone.
    """

    def __init__(self, *, admin: bool = False) -> None:
        """With *admin* the admin token is used, if there is one."""
        self.url = service_url()
        self._token = find_token(admin=admin)
        self._connection, self._prefix = _connection(self.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self._connection.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the decoded answer; *body* is sent as JSON.

        Raises ``ServiceUnreachable`` or ``ServiceRefused``.
        """
        headers = {"Authorization": f"Bearer {self._token.text}", "Accept": "application/json"}
        data = None
        if body is not None:
            data = msgspec.json.encode(body)
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, self._prefix + path, data, headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            self._connection.close()
            raise ServiceUnreachable(
                f"no service at {self.url} ({error}); "
                "start one with `sureshot serve`, or set SURESHOT_URL"
            ) from error
        if response.status >= 300:
            raise ServiceRefused(response.status, self._refusal(response, text))
        return self._decoded(text)

    def _decoded(self, text: bytes) -> Any:
        try:
            return msgspec.json.decode(text) if text else None
        except msgspec.DecodeError as error:
            raise ServiceUnreachable(
                f"what answers at {self.url} is no Sureshot service; set SURESHOT_URL"
            ) from error

    def _refusal(self, response: http.client.HTTPResponse, text: bytes) -> str:
        message = f"the service refused this ({response.status}): {_problem_text(text)}"
        if response.status == 401:
            message += f" ({self._token.name} from {self._token.origin}, at {self.url})"
        retry_after = response.getheader("Retry-After")
        return message if retry_after is None else f"{message}; try again in {retry_after} s"


def _connection(url: str) -> tuple[http.client.HTTPConnection, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise ConfigurationError(
            f"SURESHOT_URL={url!r}: must be an http or https url, such as http://127.0.0.1:8080"
        )
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(host, port, timeout=TIMEOUT_S), parts.path


def _problem_text(text: bytes) -> str:
    try:
        problem = msgspec.json.decode(text)
        return str(problem.get("detail") or problem.get("title") or "no reason given")
    except (msgspec.DecodeError, AttributeError):
        return text[:200].decode("utf-8", "replace") or "no reason given"
