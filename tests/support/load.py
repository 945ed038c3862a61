"""A small open-loop client: submits at a steady rate over kept-alive connections."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import msgspec

from tests.support.http import build, read_answer


class Submitted:
    """What a load run got back: ids that were accepted, and the other statuses."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.refused: dict[int, int] = {}
        self.slowest_refusal_s = 0.0


async def submit_many(
    url: str,
    count: int,
    target: str,
    *,
    connections: int = 16,
    rate_per_s: float | None = None,
    payload_bytes: int = 100,
    into: Submitted | None = None,
    headers: dict[str, str] | None = None,
) -> Submitted:
    """Submit *count* webhooks to *target*; with a rate, evenly spread over time."""
    result = into or Submitted()
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    numbers = iter(range(count))
    parts = urlsplit(url)

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            for number in numbers:
                if rate_per_s is not None:
                    await asyncio.sleep(max(0.0, began_s + number / rate_per_s - loop.time()))
                await submit_one(reader, writer, number)
        finally:
            writer.transport.abort()

    async def submit_one(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        body = {"url": target, "payload": {"n": number, "x": "x" * payload_bytes}}
        sent_s = loop.time()
        writer.write(build("POST", "/api/v1/webhooks", msgspec.json.encode(body), headers))
        answer = await read_answer(reader)
        if answer.status == 202:
            result.accepted.append(answer.json["id"])
        else:
            result.refused[answer.status] = result.refused.get(answer.status, 0) + 1
            result.slowest_refusal_s = max(result.slowest_refusal_s, loop.time() - sent_s)

    await asyncio.gather(*(one_connection() for _ in range(connections)), return_exceptions=False)
    return result
