"""Hearing what other processes changed: a change that cannot be applied keeps back no other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from sureshot.delivery import change_feed
from sureshot.delivery.change_feed import MOST_WAITING, ChangeFeed
from sureshot.domain.errors import ConfigurationError
from sureshot.ports import Change, ChangeKind


class Heard:
    """What was applied, and what to refuse."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.refused: set[str] = set()

    async def apply(self, change: Change) -> None:
        if change.subject in self.refused or "all" in self.refused:
            raise ConfigurationError("cannot be decrypted")
        self.changes.append(change)

    async def until(self, change: Change) -> None:
        async with asyncio.timeout(2):
            while change not in self.changes:
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def _running(feed: ChangeFeed) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(feed.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_fails_keeps_back_nothing_and_is_read_anew_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(change_feed, "FIRST_PAUSE_S", 0.05, raising=False)
    feed, endpoints, pauses = ChangeFeed(), Heard(), Heard()
    feed.on(ChangeKind.ENDPOINT, endpoints.apply)
    feed.on(ChangeKind.PAUSE, pauses.apply)
    endpoints.refused = {"ep_1"}
    async with _running(feed) as task:
        feed.tell(Change(ChangeKind.ENDPOINT, "ep_1"))
        feed.tell(Change(ChangeKind.ENDPOINT, "ep_2"))
        feed.tell(Change(ChangeKind.PAUSE, "all"))
        await pauses.until(Change(ChangeKind.PAUSE, "all"))
        assert endpoints.changes == [Change(ChangeKind.ENDPOINT, "ep_2")]
        await endpoints.until(Change(ChangeKind.EVERYTHING, "endpoint"))
        assert pauses.changes == [Change(ChangeKind.PAUSE, "all")]
        assert not task.done()


async def test_it_is_tried_with_growing_pauses_until_it_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(change_feed, "FIRST_PAUSE_S", 0.01, raising=False)
    feed, heard = ChangeFeed(), Heard()
    feed.on(ChangeKind.ENDPOINT, heard.apply)
    heard.refused = {"all"}
    async with _running(feed):
        for number in range(100):
            feed.tell(Change(ChangeKind.ENDPOINT, f"ep_{number}"))
        await asyncio.sleep(0.2)
        assert heard.changes == []
        heard.refused = set()
        await heard.until(Change(ChangeKind.EVERYTHING, "endpoint"))
        assert heard.changes == [Change(ChangeKind.EVERYTHING, "endpoint")]


async def test_too_many_changes_become_one() -> None:
    feed, heard = ChangeFeed(), Heard()
    feed.on(ChangeKind.ENDPOINT, heard.apply)
    for number in range(MOST_WAITING + 2):
        feed.tell(Change(ChangeKind.ENDPOINT, f"ep_{number}"))
    async with _running(feed):
        await heard.until(Change(ChangeKind.EVERYTHING))
        assert heard.changes == [Change(ChangeKind.EVERYTHING)]
