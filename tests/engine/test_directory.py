"""Who receives what, from memory: one endpoint changes, and nothing else is touched."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from sureshot.delivery.destination import Defaults, Destination
from sureshot.delivery.directory import Directory
from sureshot.domain.model import Endpoint, Tenant
from sureshot.domain.retry import RetryPolicy
from sureshot.ports import Store
from sureshot.store.rows import newborn_lease
from tests.support.builders import endpoint, terms, webhook
from tests.support.clock import ManualClock


class Endpoints:
    """What a directory asks of a store."""

    def __init__(self, *endpoints: Endpoint) -> None:
        self.kept = {one.id: one for one in endpoints}

    async def endpoints(self) -> list[Endpoint]:
        return sorted(self.kept.values(), key=lambda one: one.id)

    async def tenants(self) -> list[Tenant]:
        return [Tenant("default", ())]

    async def put_endpoint(self, one: Endpoint) -> None:
        self.kept[one.id] = one

    async def update_endpoint(
        self, endpoint_id: str, change: Callable[[Endpoint], Endpoint]
    ) -> Endpoint:
        self.kept[endpoint_id] = change(self.kept[endpoint_id])
        return self.kept[endpoint_id]

    async def delete_endpoint(self, endpoint_id: str) -> None:
        del self.kept[endpoint_id]


def named(number: int, **changes: Any) -> Endpoint:
    """Return an endpoint; a higher number is a newer one."""
    values = {"id": f"ep_{number:06}", "url": f"http://h{number}.example/", **changes}
    return msgspec.structs.replace(endpoint(), **values)


async def directory_of(*endpoints: Endpoint) -> Directory:
    made = Directory(
        cast(Store, Endpoints(*endpoints)), ManualClock(), Defaults(15.0, RetryPolicy()),
        lambda _id: None, lambda _id: None,
    )  # fmt: skip
    await made.load()
    return made


def to(directory: Directory, url: str, lane: str) -> Destination:
    """Return where a webhook to *url* in *lane* goes."""
    new = webhook(url=url, endpoint_id=None, lane=lane)
    found = directory.destination(newborn_lease(new, terms()))
    assert found is not None
    return found


URL = "http://shared.example/"


async def test_the_newest_enabled_endpoint_of_a_url_is_the_one_used() -> None:
    old, new = named(1, url=URL), named(2, url=URL)
    directory = await directory_of(old, new)

    def used() -> str | None:
        found = directory.endpoint_for_url("default", URL)
        assert to(directory, URL, "lane").endpoint_id == (None if found is None else found.id)
        return None if found is None else found.id

    assert used() == new.id
    await directory.disable(new.id, "manual")
    assert used() == old.id
    await directory.enable(new.id)
    assert used() == new.id
    await directory.create(named(3, url=URL))
    assert used() == "ep_000003"
    await directory.remove("ep_000003")
    assert used() == new.id
    await directory.change(
        new.id, lambda one: msgspec.structs.replace(one, url="http://x.example/")
    )
    assert used() == old.id
    await directory.remove(old.id)
    assert used() is None
    await directory.change(new.id, lambda one: msgspec.structs.replace(one, url=URL))
    assert used() == new.id


async def test_what_waits_for_a_disabled_endpoint_follows_it_whatever_its_url_is_now() -> None:
    one = named(1, url=URL)
    directory = await directory_of(one)
    for other in ("http://a.example/", "http://b.example/"):
        await directory.change(
            one.id,
            lambda found, url=other: msgspec.structs.replace(found, url=url),  # type: ignore[misc]
        )
    await directory.disable(one.id, "manual")
    assert not to(directory, URL, one.id).enabled
    await directory.enable(one.id)
    assert to(directory, URL, one.id).enabled
    assert to(directory, URL, one.id).endpoint_id is None


async def test_a_change_leaves_what_was_prepared_for_others() -> None:
    directory = await directory_of(named(1), named(2))
    kept = to(directory, "http://h2.example/", "lane"), to(directory, "http://no.example/", "l")
    before = to(directory, "http://h1.example/", "lane")
    await directory.change("ep_000001", lambda one: msgspec.structs.replace(one, timeout_s=3.0))
    assert to(directory, "http://h1.example/", "lane").timeout_s == 3.0 != before.timeout_s
    again = to(directory, "http://h2.example/", "lane"), to(directory, "http://no.example/", "l")
    assert again[0] is kept[0]
    assert again[1] is kept[1]


@pytest.mark.alone
async def test_a_change_among_very_many_endpoints_takes_no_time() -> None:
    directory = await directory_of(*(named(number) for number in range(50_000)))
    took_s = []
    for number in range(20):
        began_s = time.perf_counter()
        await directory.change(f"ep_{number:06}", lambda one: one)
        took_s.append(time.perf_counter() - began_s)
    assert min(took_s) < 0.001
