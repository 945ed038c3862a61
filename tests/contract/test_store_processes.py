"""The census: what a process told of itself is what the others hear."""

from __future__ import annotations

from sureshot import __version__
from sureshot.ports import Beat, Store


async def test_a_heartbeat_is_heard_as_it_was_told(store: Store) -> None:
    for told in (
        Beat("worker", __version__, 0, 500, 20, 12.25, 0.5),
        Beat("worker", __version__, 3, 900, 0, 13.75, 4.5),
    ):
        census = await store.beat(told)
        assert [peer.beat for peer in census.peers] == [told]
        assert 0 <= census.peers[0].silent_s < 1
