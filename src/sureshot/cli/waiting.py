"""Following one webhook until it is final, saying what happens meanwhile."""

from __future__ import annotations

import sys
import time
from typing import Any

from sureshot.cli.client import Client, path_to
from sureshot.cli.output import note

DELIVERED = "delivered"
FINAL = frozenset({DELIVERED, "failed", "cancelled"})
FIRST_POLL_S = 0.02
LONGEST_POLL_S = 1.0


def wait_for_end(client: Client, webhook_id: str, timeout_s: float) -> dict[str, Any]:
    """Return the status document once it is final, or as it is after *timeout_s* seconds.

    Changes go to standard error as lines; on a terminal a spinner stands
    below them. Raises what ``Client.call`` raises.
    """
    if not sys.stderr.isatty():
        return _follow(client, webhook_id, timeout_s)
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it

    with Console(stderr=True).status("waiting; Ctrl-C stops waiting, not the delivery"):
        return _follow(client, webhook_id, timeout_s)


def _follow(client: Client, webhook_id: str, timeout_s: float) -> dict[str, Any]:
    began_s, pause_s, shown = time.monotonic(), FIRST_POLL_S, ""
    while True:
        found: dict[str, Any] = client.call("GET", path_to("webhooks", webhook_id, "status"))
        waited_s = time.monotonic() - began_s
        line = _sentence(found)
        if line != shown:
            note(f"{waited_s:7.2f} s  {line}")
            shown = line
        if found["status"] in FINAL:
            return found
        if waited_s >= timeout_s:
            note(f"not delivered within {timeout_s:g} s; it goes on: sureshot explain {webhook_id}")
            return found
        time.sleep(min(pause_s, max(0.0, timeout_s - waited_s)))
        pause_s = min(pause_s * 1.5, LONGEST_POLL_S)


def _sentence(found: dict[str, Any]) -> str:
    last = found["lastAttempt"]
    if last is None:
        return str(found["status"])
    answer = last["statusCode"] or str(last["error"]).replace("_", " ")
    line = f"{found['status']} after attempt {last['number']}: {answer}"
    if found["nextAttemptAt"] is not None:
        line += f"; next attempt at {found['nextAttemptAt']}"
    return line
