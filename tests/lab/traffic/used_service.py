"""A service that was used: webhooks to three endpoints, at two rates, of different sizes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.http import call

NOWHERE = "http://127.0.0.1:9/"


@dataclass(frozen=True)
class Sent:
    """One submission: when, in seconds from the first, where to, and what."""

    at_s: float
    endpoint: str
    payload: dict[str, Any]


def traffic(endpoints: Sequence[str], *phases: tuple[float, int]) -> list[Sent]:
    """Plan phases of so many seconds at so many webhooks a second.

    Of ten webhooks six go to the first endpoint, three to the second, one to the third;
    the rarer the endpoint, the larger its payloads.
    """
    planned: list[Sent] = []
    begins_s = 0.0
    for seconds, per_s in phases:
        for number in range(round(seconds * per_s)):
            rank = (0, 1, 0, 0, 1, 0, 2, 0, 1, 0)[number % 10]
            note = "é" * (30 * 4**rank)
            payload = {"orderId": f"ord_{number}", "email": "ann@corp.com", "note": note}
            planned.append(Sent(begins_s + number / per_s, endpoints[rank], payload))
        begins_s += seconds
    return planned


async def create_endpoints(url: str, *urls: str) -> list[str]:
    """Create endpoints; return their ids."""
    answers = [
        await call(url, "POST", "/api/v1/endpoints", {"name": f"e{n}", "url": one})
        for n, one in enumerate(urls)
    ]
    return [answer.json["id"] for answer in answers]


async def use(url: str, planned: Sequence[Sent]) -> None:
    """Submit each webhook when it is meant to be, however long the answers take."""
    began_s = time.monotonic()

    async def submit(one: Sent) -> None:
        await asyncio.sleep(began_s + one.at_s - time.monotonic())
        fields = {"endpointId": one.endpoint, "eventType": "order.paid", "payload": one.payload}
        answer = await call(url, "POST", "/api/v1/webhooks", fields)
        assert answer.status == 202, answer.body

    async with asyncio.TaskGroup() as group:
        for one in planned:
            group.create_task(submit(one))


async def store(url: str, payloads: Sequence[Any], **fields: Any) -> None:
    """Submit a batch of webhooks that stay where they are: nobody listens at their url."""
    for first in range(0, len(payloads), 500):
        items = [
            {"url": NOWHERE, "payload": one, **fields} for one in payloads[first : first + 500]
        ]
        answer = await call(url, "POST", "/api/v1/webhooks/batch", {"webhooks": items})
        assert answer.status == 202, answer.body
