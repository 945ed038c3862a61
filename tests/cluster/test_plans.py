"""With a million rows in the tables, every hot query still goes by an index."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from sureshot.store.postgres_pool import SESSION
from sureshot.store.postgres_schema import SQL, ensure_partitions, migrate
from sureshot.store.rows import first_key
from tests.support.clock import NOON
from tests.support.servers import fresh_database

ROWS = 1_000_000
DAYS = 4
KEY = first_key(NOON)
US = KEY >> 12

CALLS = {
    "record": f"""'{{{KEY}}}', '{{1}}', '{{2}}', '{{null}}', '{{1}}', '{{1}}',
        '{{1}}', '{{1}}', '{{0.1}}', '{{200}}', '{{null}}', '{{null}}', '{{null}}', '{{a}}',
        '{{a}}'""",
    "renew": f"'{{{KEY}}}', '{{1}}', 1, 'p'",
    "release": f"'{{{KEY}}}', '{{1}}', null",
    "claim_keys": f"'{{t}}', '{{k}}', '{{a}}', '{{{KEY}}}', '{{1}}'",
    "known_keys": "'{t}', '{k}'",
    "paused_and_next_end": "",
    "void_expired": "1",
    "waiting_lanes": "'', 100, ''",
    "claim_probes": "'{a}', 1, 1",
    "pick_due": "'{a}', '{5}', 1, 10",
    "take_leases": f"'{{{KEY}}}', 1, 'p'",
    "lock_webhook": f"{KEY}",
    "same_attempt": f"{KEY}, 1, 1, 0.1",
    "apply_decision": f"2, null, 1, 1, 1, {KEY}, 1",
    "count_attempt": f"1, {KEY}",
    "finish_late": f"1, {KEY}",
    "webhook": f"{KEY}, 1, 't'",
    "attempts": f"{KEY}",
    "payload_sizes": f"'{{{KEY}}}'",
    "payloads": f"'{{{KEY}}}'",
    "last_attempts": f"'{{{KEY}}}'",
    "cancel": f"{KEY}",
    "pick_waiting": "'lane', 10",
    "cancel_keys": f"{KEY}, {KEY + 9}, '{{{KEY}}}'",
    "cancel_leased": "'lane'",
    "retry": f"1, {KEY}",
    "counts": "",
    "latest": "",
    "void_owned": "'{p}'",
    "failing": f"'{{ep1,ep2}}', {KEY}, {US}",
    "old_finished": f"{KEY}, 100",
    "forget_attempts": f"{KEY}, {KEY + 9}, '{{{KEY}}}'",
    "forget_webhooks": f"{KEY}, {KEY + 9}, '{{{KEY}}}'",
}

BATCHES = {"record", "renew", "release", "take_leases", "payload_sizes", "payloads"}
WALKS_A_KEY = {"latest"}
"""Walks the key, newest first, and stops at the first row."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def connection() -> AsyncIterator[asyncpg.Connection]:
    """Return a connection, set like the store's, to a database with a long history."""
    async with fresh_database() as url:
        made = await asyncpg.connect(url, server_settings=SESSION, command_timeout=120)
        await made.execute("SET statement_timeout = '120s'")
        await migrate(made)
        for day in range(DAYS):
            await ensure_partitions(made, NOON + timedelta(days=day))
        await made.execute(
            f"""
            INSERT INTO webhooks (key, tail, state, due_at, lease_until, owner, leases_taken,
                                  attempts, created_at, lane, tenant, endpoint_id, method, payload)
            SELECT {first_key(NOON - timedelta(days=1))} + n * ({DAYS}::bigint * 86400000 << 12)
                   / {ROWS}, n,
                   CASE WHEN n % 1000 = 0 THEN 3 WHEN n % 5000 < 2 THEN 1 ELSE 2 END,
                   n, CASE WHEN n % 5000 = 1 THEN n END, CASE WHEN n % 5000 = 1 THEN 'p' END,
                   1, 1, n, 'lane' || n % 97, 't', 'ep' || n % 97, 'POST', 'x'
            FROM generate_series(1, {ROWS}) n
            """
        )
        await made.execute(
            "INSERT INTO attempts"
            " SELECT key, 1, 1, 0.1, 200, null, null, null, '', '' FROM webhooks"
        )
        await made.execute(
            "INSERT INTO idempotency_keys SELECT 't', 'k' || n, 'f', n, n"
            " FROM generate_series(1, 100000) n"
        )
        yield made
        await made.close()


def _reads_everything(node: dict[str, Any]) -> bool:
    """Whether a node reads a large table, or the whole index of its key."""
    if not node.get("Relation Name", "").startswith(("webhooks", "attempts", "idempotency")):
        return False
    by_key = node.get("Index Name", "").endswith("pkey") and "Index Cond" not in node
    return node["Node Type"] == "Seq Scan" or by_key


def _joins_backwards(name: str, node: dict[str, Any]) -> bool:
    """Whether a batch is joined by reading a range of rows instead of one lookup a row."""
    if name not in BATCHES or not node.get("Relation Name", "").startswith("webhooks"):
        return False
    scans = node["Node Type"] in {"Index Scan", "Seq Scan", "Bitmap Heap Scan"}
    return scans and "(key = " not in node.get("Index Cond", "")


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in _nodes(child))]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.asyncio(loop_scope="module")
async def test_no_hot_query_reads_a_whole_table(connection: asyncpg.Connection) -> None:
    await _check_all(connection, "without statistics")
    await connection.execute("ANALYZE")
    await _check_all(connection, "analyzed")


async def _check_all(connection: asyncpg.Connection, when: str) -> None:
    scans = []
    for name, arguments in CALLS.items():
        await connection.execute(f"PREPARE q AS {SQL[name]}")
        call = f"EXECUTE q({arguments})" if arguments else "EXECUTE q"
        plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {call}")
        await connection.execute("DEALLOCATE q")
        scans += [
            f"{when}: {name} reads all of {node['Relation Name']}"
            for node in _nodes(json.loads(plan)[0]["Plan"])
            if (_reads_everything(node) and name not in WALKS_A_KEY) or _joins_backwards(name, node)
        ]
    assert scans == []
