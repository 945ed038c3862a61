"""What a service was given, read through its public API: slowly, and nothing is changed.

Newest first, a page of about a MiB at a time on one connection. A service that does not
answer, or answers 429 or 5xx, is asked again from the same place until patience ends.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode, urlsplit

import msgspec

from sureshot_lab.errors import LabError, TargetUnreachable, TokenRefused

LIST = "/api/v1/webhooks"
TIMEOUT_S = 30.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
PAGE_BYTES = 1 << 20
FIRST_PAGE, LONGEST_PAGE = 50, 200
BUSY = frozenset({429, 500, 502, 503, 504})


class Past(msgspec.Struct, frozen=True, rename="camel"):
    """One webhook of the past. ``payload`` is the JSON value that was submitted."""

    created_at: datetime
    url: str | None
    endpoint_id: str | None
    method: str
    event_type: str | None
    payload: msgspec.Raw

    @property
    def endpoint(self) -> str:
        """Where it went: the id of its endpoint, or its url."""
        return self.endpoint_id or self.url or ""


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    items: list[Past]
    next_cursor: str | None


_decoder = msgspec.json.Decoder(_Page)


class _Unanswered(Exception):
    """A request that may be answered when it is sent again."""


@dataclass(frozen=True)
class Window:
    """From when, included, until when, excluded; both in UTC or with their offset."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Pace:
    """How hard a service may be asked.

    ``per_s``: requests a second at most; between two it also rests as long as the last
    one took. ``patience_s``: how long one request is repeated before it is given up.
    """

    per_s: float = 5.0
    patience_s: float = 30.0


class History:
    """Reads the history of the tenant that *token* belongs to. ``requests`` counts its calls.

    Raises:
        LabError: *url* is no address, or the pace is not above 0.

    """

    def __init__(
        self, url: str, token: str, pace: Pace, waiting: Callable[[str], None] = lambda _why: None
    ) -> None:
        """Take it as it is; *waiting* is told why a request has to be repeated."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in {"http", "https"}:
            raise LabError(f"{url} is no address; http://127.0.0.1:8080 would be one")
        if pace.per_s <= 0 or pace.patience_s < 0:
            raise LabError("a pace needs more than 0 requests a second and patience of 0 s or more")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(host, port, timeout=TIMEOUT_S)
        self._prefix = parts.path.rstrip("/")
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._pace = pace
        self._waiting = waiting
        self.requests = 0

    def webhooks(self, window: Window) -> Iterator[Past]:
        """Yield every webhook created in *window*, newest first, a page in memory at a time.

        Raises:
            TargetUnreachable: it was silent, or failed, for longer than patience.
            TokenRefused: the token is unknown or may not read.
            LabError: what answers cannot tell payloads, or is no Sureshot service.

        """
        size = FIRST_PAGE
        asked = {
            "include": "payload",
            "since": window.since.isoformat(),
            "until": window.until.isoformat(),
        }
        try:
            while True:
                began_s = time.monotonic()
                page = self._page({**asked, "limit": str(size)})
                rested_at_s = began_s + self._pause_s(time.monotonic() - began_s)
                yield from page.items
                if page.next_cursor is None:
                    return
                asked["cursor"] = page.next_cursor
                size = _next_size(page, size)
                time.sleep(max(0.0, rested_at_s - time.monotonic()))
        finally:
            self._connection.close()

    def _pause_s(self, took_s: float) -> float:
        return max(1 / self._pace.per_s, 2 * took_s)

    def _page(self, asked: dict[str, str]) -> _Page:
        text = self._answer(f"{self._prefix}{LIST}?{urlencode(asked)}")
        try:
            return _decoder.decode(text)
        except msgspec.DecodeError as error:
            raise LabError(
                f"what answers at {self._url} does not list webhooks with their payloads: {error}"
            ) from None

    def _answer(self, path: str) -> bytes:
        until_s = time.monotonic() + self._pace.patience_s
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return self._ask(path)
            except _Unanswered as error:
                if time.monotonic() + pause_s > until_s:
                    raise TargetUnreachable(
                        f"{self._url} {error}, for {self._pace.patience_s:g} s: nothing is kept; "
                        f"start again, or give it more --patience"
                    ) from None
                self._waiting(f"{self._url} {error}; trying again")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _ask(self, path: str) -> bytes:
        self.requests += 1
        try:
            self._connection.request("GET", path, headers=self._headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise _Unanswered(f"does not answer: {error}") from None
        if response.status in BUSY:
            raise _Unanswered(f"answers {response.status}")
        if response.status in {401, 403}:
            raise TokenRefused(
                f"{self._url} refuses the token with {response.status}; "
                f"give one with the scope read by --token"
            )
        if response.status != 200:
            raise LabError(
                f"{self._url} does not list webhooks with their payloads, it answers "
                f"{response.status}: {text[:200].decode('utf-8', 'replace')}"
            )
        return text


def _next_size(page: _Page, size: int) -> int:
    """Return how many webhooks are about a MiB, if the next are like those of *page*."""
    if not page.items:
        return size
    mean_bytes = sum(len(bytes(item.payload)) for item in page.items) / len(page.items)
    return max(1, min(LONGEST_PAGE, int(PAGE_BYTES / max(mean_bytes, 1))))
