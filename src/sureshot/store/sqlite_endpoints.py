"""Endpoints in the SQLite store: each is written together with the state of its lane."""

from __future__ import annotations

from collections.abc import Callable

import apsw

from sureshot.domain.model import Endpoint
from sureshot.ports import DISABLED
from sureshot.store.sealing import Sealer
from sureshot.store.sqlite_changes import delete_document, document, put_document
from sureshot.store.sqlite_rows import SQL

KIND = Endpoint.__name__


def put_endpoint(connection: apsw.Connection, sealer: Sealer, endpoint: Endpoint) -> None:
    """Create or replace an endpoint; see ``Store.put_endpoint``."""
    put_document(connection, KIND, endpoint.id, sealer.seal_document(endpoint))
    _write_lane(connection, endpoint)


def update_endpoint(
    connection: apsw.Connection,
    sealer: Sealer,
    endpoint_id: str,
    change: Callable[[Endpoint], Endpoint],
) -> Endpoint | None:
    """Change an endpoint that is there; see ``Store.update_endpoint``."""
    found = document(connection, KIND, endpoint_id)
    if found is None:
        return None
    endpoint = sealer.open_document(Endpoint, endpoint_id, found)
    changed = change(endpoint)
    if changed is endpoint:
        _write_lane(connection, endpoint)
    else:
        put_endpoint(connection, sealer, changed)
    return changed


def _write_lane(connection: apsw.Connection, endpoint: Endpoint) -> None:
    if endpoint.enabled:
        connection.execute(SQL["enable_lane"], (endpoint.id,))
    else:
        connection.execute(SQL["close_lane"], (endpoint.id, None, DISABLED))


def delete_endpoint(connection: apsw.Connection, endpoint_id: str) -> None:
    """Delete an endpoint with what waits for it; see ``Store.delete_endpoint``."""
    connection.execute(SQL["cancel_endpoint"], (endpoint_id,))
    delete_document(connection, KIND, endpoint_id)
    connection.execute(SQL["forget_lane"], (endpoint_id,))
