"""One HTTP server that receives webhooks and alerts, and fails where it is told to."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

STATUSES = {"/failing": 500, "/gone": 410}
"""By path; every other is answered 200."""


class Receiver:
    """Answers by path, and keeps every alert by the path it came to."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._notices: list[tuple[str, dict[str, Any]]] = []

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, path: str, body: bytes) -> int:
        if path in {"/page", "/ticket"}:
            for alert in msgspec.json.decode(body)["alerts"]:
                self._notices.append((path, alert))
        return STATUSES.get(path, 200)

    def alerts(self, path: str, name: str, status: str) -> list[dict[str, Any]]:
        """Return the alerts *name* that came to *path* as ``firing`` or ``resolved``."""
        return [
            alert
            for where, alert in list(self._notices)
            if where == path and alert["labels"]["alertname"] == name and alert["status"] == status
        ]


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.send_response(receiver.take(self.path, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    return Handler
