"""While versions are exchanged, each hears the heartbeats of the other."""

from __future__ import annotations

import asyncpg

from sureshot import __version__
from sureshot.ports import Beat
from sureshot.store.postgres import PostgresStore
from sureshot.store.sealing import Sealer
from tests.support.clock import NOON
from tests.support.servers import fresh_database

BEFORE = """
INSERT INTO processes AS p (owner, role, version, beat_at, published, taken, in_flight, slot)
VALUES ('p_old', 'worker', '0.0.9', clock_timestamp(), 0, $1, 0, 99)
ON CONFLICT (owner) DO UPDATE SET beat_at = excluded.beat_at, taken = excluded.taken
"""
"""As the version writes it that knew nothing of CPU: it names its columns."""


async def test_one_of_the_version_before_is_heard_and_nobody_knows_its_cpu() -> None:
    async with fresh_database() as url:
        store = PostgresStore(url, Sealer(b"k" * 32))
        await store.open(NOON, "p_new")
        connection = await asyncpg.connect(url)
        for taken in (1, 2):
            await connection.execute(BEFORE, taken)
        await connection.close()
        new = Beat("api", __version__, 0, 0, 0, 7.5, 0.25)
        census = await store.beat(new)
        told = {peer.owner: peer.beat for peer in census.peers}
        assert told == {"p_old": Beat("worker", "0.0.9", 0, 2, 0), "p_new": new}
        await store.close()
