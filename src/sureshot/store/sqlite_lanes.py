"""Closed lanes in the SQLite store: in the file, and in memory, where leasing looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import apsw

from sureshot.domain.model import Endpoint
from sureshot.ports import DISABLED, FULL, ClosedLane
from sureshot.store.rows import from_us, to_us
from sureshot.store.sqlite_rows import SQL, fetch

Rows = dict[str, tuple[int | None, str]]
"""When each closed lane opens (µs, None: not by time), and why it is closed."""


def change_lanes(connection: apsw.Connection, changes: Mapping[str, ClosedLane | None]) -> None:
    """Write which lanes are closed and which open (None); see ``Store.change_lanes``."""
    for lane, closed in changes.items():
        if closed is None:
            connection.execute(SQL["open_lane"], (lane,))
        else:
            connection.execute(SQL["close_lane"], (lane, *_row(closed)))


def open_full(connection: apsw.Connection, lanes: Sequence[str]) -> None:
    """Open those of *lanes* that are closed as full; see ``Store.open_full``."""
    for lane in lanes:
        connection.execute(SQL["open_full_lane"], (lane,))


def forget_old_lanes(connection: apsw.Connection, before: datetime) -> list[str]:
    """Open what was to open until then; return the lanes."""
    return [lane for (lane,) in fetch(connection, "forget_old_lanes", (to_us(before),))]


def closed_lanes(connection: apsw.Connection) -> Rows:
    """Return every closed lane."""
    return {lane: (until, why) for lane, until, why in connection.execute(SQL["closed_lanes"])}


def _row(closed: ClosedLane) -> tuple[int | None, str]:
    return None if closed.until is None else to_us(closed.until), closed.reason


class LanesInMemory:
    """What the file says of closed lanes; changed after the file, once that is certain."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def change(self, changes: Mapping[str, ClosedLane | None]) -> None:
        """Follow ``change_lanes``."""
        for lane, closed in changes.items():
            if not self._is_disabled(lane):
                self._set(lane, closed)

    def open_full(self, lanes: Sequence[str]) -> None:
        """Follow ``open_full``."""
        for lane in lanes:
            if self.rows.get(lane, (None, ""))[1] == FULL:
                self._set(lane, None)

    def note(self, endpoint: Endpoint) -> None:
        """Follow what was written with *endpoint*."""
        if not endpoint.enabled:
            self._set(endpoint.id, ClosedLane(endpoint.id, None, DISABLED))
        elif self._is_disabled(endpoint.id):
            self._set(endpoint.id, None)

    def forget(self, lanes: Iterable[str]) -> None:
        """Take *lanes* for open."""
        for lane in lanes:
            self._set(lane, None)

    def all(self) -> list[ClosedLane]:
        """Return every closed lane."""
        return [
            ClosedLane(lane, None if until is None else from_us(until), reason)
            for lane, (until, reason) in self.rows.items()
        ]

    def _is_disabled(self, lane: str) -> bool:
        return self.rows.get(lane, (None, ""))[1] == DISABLED

    def _set(self, lane: str, closed: ClosedLane | None) -> None:
        if closed is None:
            self.rows.pop(lane, None)
        else:
            self.rows[lane] = _row(closed)
