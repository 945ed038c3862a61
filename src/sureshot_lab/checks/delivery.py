"""Whether an endpoint can be made, and one webhook goes all the way to a receiver of ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Any

from sureshot_lab.checks.check import Check, Subject
from sureshot_lab.checks.environment import Reached
from sureshot_lab.checks.load_data import pool_of
from sureshot_lab.checks.plan import Plan
from sureshot_lab.errors import LabError
from sureshot_lab.report.figures import figure
from sureshot_lab.runs.client import ServiceClient
from sureshot_lab.scenario import Sink
from sureshot_lab.sink.address import HOST
from sureshot_lab.sink.process import SinkProcess

WITHIN_S = 10.0
LOOK_S = 0.05

ENDPOINTS = Subject("endpoints", "Endpoints can be made")
ARRIVES = Subject("delivery", "A webhook arrives")


async def check_delivery(plan: Plan, reached: Reached) -> list[Check]:
    """Make an endpoint, send it the run's largest payload, and remove it again."""
    why = _why_not(reached)
    if reached.client is None or reached.folder is None or why:
        return [subject.failed(f"not tried: {why}") for subject in (ENDPOINTS, ARRIVES)]
    try:
        payload = max(pool_of(plan), key=len)
        return await _tried(plan, reached.client, reached.folder, payload)
    except LabError as error:
        return [ARRIVES.failed(str(error))]


def _why_not(reached: Reached) -> str:
    if reached.client is None:
        return "there is no service to ask"
    if not reached.taken:
        return "the service refuses a token"
    return "" if reached.folder is not None else "the receiver has no folder for its ledger"


async def _tried(plan: Plan, client: ServiceClient, folder: Path, payload: str) -> list[Check]:
    reached_at = HOST if plan.own else plan.options.sink_host
    async with SinkProcess.start(
        folder / "sink", Sink(), 1, port=plan.options.sink_port, reached_at=reached_at
    ) as sink:
        url = sink.url(0)
        if plan.scenario.endpoints.by_url:
            await sink.know_secrets({}, await client.default_secret() or ())
            arrived = await _arrives(client, sink, {"url": url}, payload)
            return [ENDPOINTS.not_applicable("the scenario sends to urls"), arrived]
        try:
            made = await client.create_endpoint({"name": "preflight", "url": url})
        except LabError as error:
            remedy = "the service must allow the network of the receivers"
            return [ENDPOINTS.failed(str(error), remedy)]
        try:
            await sink.know_secrets({0: made["secretKey"]})
            arrived = await _arrives(client, sink, {"endpointId": made["id"]}, payload)
        finally:
            with contextlib.suppress(LabError):
                await client.delete_endpoint(made["id"])
        return [ENDPOINTS.ok(f"{made['id']} at {url}, removed again"), arrived]


async def _arrives(
    client: ServiceClient, sink: SinkProcess, place: dict[str, str], payload: str
) -> Check:
    """Send one webhook and wait until it is delivered."""
    began_s = time.monotonic()
    members = {"id": "preflight-1", "sent_at_us": int(time.time() * 1e6), **json.loads(payload)}
    status, answer = await client.call("POST", "/api/v1/webhooks", {**place, "payload": members})
    if status != 202:
        detail = answer.get("detail", "") if isinstance(answer, dict) else ""
        return ARRIVES.failed(f"the largest payload is refused with {status}: {detail}")
    found: dict[str, Any] = {}
    while time.monotonic() - began_s < WITHIN_S and found.get("status") != "delivered":
        await asyncio.sleep(LOOK_S)
        found = (await client.call("GET", f"/api/v1/webhooks/{answer['id']}/status"))[1] or {}
    return await _judged(sink, str(answer["id"]), found, time.monotonic() - began_s)


async def _judged(sink: SinkProcess, webhook: str, found: dict[str, Any], took_s: float) -> Check:
    took = figure(took_s, "s")
    if found.get("status") != "delivered":
        last = found.get("lastAttempt") or {}
        why = last.get("error") or last.get("statusCode") or "no attempt was made"
        return ARRIVES.failed(
            f"{webhook} is {found.get('status', 'unknown')} after {took} ({why})",
            "the service must reach this machine: --sink-host is the address it is told, "
            "--sink-port the port that firewalls must let in",
        )
    if (await sink.stats()).bad_signatures:
        return ARRIVES.failed(f"{webhook} arrived with a wrong signature")
    return ARRIVES.ok(f"{webhook} was delivered within {took}, its signature right")
