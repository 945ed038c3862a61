"""What the sink shows while it runs: a live table, lines, or a ledger for programs."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Protocol, Self

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sureshot.cli.output import note, print_line
from sureshot.cli.sink_server import Receipt, SinkServer

NEWEST_SHOWN = 10
LINES_PER_TICK = 20
TICKS_PER_DRAWING = 5


class View(Protocol):
    """What people see."""

    def receipt(self, receipt: Receipt) -> None:
        """Take one arrival."""

    def tick(self, server: SinkServer) -> None:
        """Show what came since the last tick."""

    def finish(self, server: SinkServer) -> None:
        """Show the rest and let go of the terminal."""


class Display:
    """Sends each arrival to the ledger and to what people see."""

    def __init__(self, ledger: Ledger, view: View | None = None) -> None:
        self._ledger = ledger
        self._view = view

    def receipt(self, receipt: Receipt) -> None:
        """Take one arrival."""
        self._ledger.receipt(receipt)
        if self._view is not None:
            self._view.receipt(receipt)

    def tick(self, server: SinkServer) -> None:
        """Write and show what came since the last tick."""
        self._ledger.flush()
        if self._view is not None:
            self._view.tick(server)

    def finish(self, server: SinkServer) -> None:
        """Show the last arrivals and the totals (on standard error)."""
        self._ledger.flush()
        if self._view is not None:
            self._view.finish(server)
        note(", ".join(f"{name} {count}" for name, count in totals(server)))


class Ledger:
    """One line of JSON for each arrival, in files written at each flush."""

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        self._files = files
        self._pending: list[bytes] = []
        self._encode = msgspec.json.Encoder().encode

    def receipt(self, receipt: Receipt) -> None:
        """Take one arrival."""
        if self._files:
            self._pending.append(self._encode(receipt))

    def flush(self) -> None:
        """Write what is pending."""
        if not self._pending:
            return
        text = b"\n".join(self._pending) + b"\n"
        self._pending.clear()
        for file in self._files:
            file.write(text)
            file.flush()


class Lines:
    """A line for each arrival; when they come too fast to read, only how many."""

    def __init__(self) -> None:
        self._pending: list[Receipt] = []
        self._left_out = 0

    def receipt(self, receipt: Receipt) -> None:
        """Take one arrival."""
        if len(self._pending) < LINES_PER_TICK:
            self._pending.append(receipt)
        else:
            self._left_out += 1

    def tick(self, server: SinkServer) -> None:
        """Print what came since the last tick."""
        for receipt in self._pending:
            print_line("  ".join(cells(receipt)))
        if self._left_out:
            print_line(f"and {self._left_out:,} more; {server.received:,} in all")
        self._pending.clear()
        self._left_out = 0

    def finish(self, server: SinkServer) -> None:
        """Print the rest."""
        self.tick(server)


class Screen:
    """A table that is drawn over: the counters, and the newest arrivals below."""

    def __init__(self) -> None:
        self._newest: deque[Receipt] = deque(maxlen=NEWEST_SHOWN)
        self._live = Live(console=Console(highlight=False), auto_refresh=False, transient=False)
        self._ticks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def receipt(self, receipt: Receipt) -> None:
        """Take one arrival."""
        self._newest.append(receipt)

    def tick(self, server: SinkServer) -> None:
        """Draw the table again, though not more often than eyes follow."""
        self._ticks += 1
        if self._ticks % TICKS_PER_DRAWING == 1:
            self._live.start()
            self._live.update(self._drawn(server), refresh=True)

    def finish(self, server: SinkServer) -> None:
        """Leave the last table standing."""
        self._live.start()
        self._live.update(self._drawn(server), refresh=True)
        self._live.stop()

    def _drawn(self, server: SinkServer) -> Group:
        counters = Table(*(name for name, _count in totals(server)), box=None)
        counters.add_row(*(f"{count:,}" for _name, count in totals(server)))
        newest = Table(box=None, show_header=False)
        for receipt in self._newest:
            colour = "red" if receipt.problem else "yellow" if receipt.duplicate else None
            newest.add_row(*(Text(cell) for cell in cells(receipt)), style=colour)
        return Group(counters, newest)


def totals(server: SinkServer) -> list[tuple[str, int]]:
    """Return the sink's counters with their names."""
    return [
        ("received", server.received),
        ("unique", server.unique),
        ("duplicates", server.duplicates),
        ("retries", server.retries),
        ("bad signatures", server.bad_signatures),
        ("in flight", server.in_flight),
        ("most at once", server.max_in_flight),
        ("connections", server.connections),
    ]


def cells(receipt: Receipt) -> list[str]:
    """Return what a line says of one arrival; a sender's bytes cannot steer the terminal."""
    remarks = [receipt.problem] if receipt.problem else []
    if receipt.duplicate:
        remarks.append("duplicate: it was answered with success before")
    parts = [
        f"{receipt.received_at:%H:%M:%S}",
        "---" if receipt.status is None else str(receipt.status),
        receipt.webhook_id or "(no webhook-id)",
        receipt.path,
        f"{receipt.size_bytes} bytes",
        *remarks,
    ]
    return ["".join(c if c.isprintable() else "?" for c in part) for part in parts]
