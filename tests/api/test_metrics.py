"""What ``/metrics`` tells alerts: failures counted from zero, submissions apart from lists."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import sureshot
from sureshot.cli.sink_server import SinkServer
from sureshot.domain.errors import REFUSALS
from sureshot.service import Service
from tests.support.http import admin, call, exposed, submit, wait_for_status
from tests.support.service import running_service

W = "/api/v1/webhooks"
SUBMISSIONS = (W, f"{W}/batch", "/api/v1/events")
SOURCES = Path(sureshot.__file__).parent
NO_SUBMISSION = {"queue_full"}
"""The queue's own: what it refuses goes back to the store, and no client hears of it."""


def durations(endpoint: str, method: str) -> str:
    return f'http_request_duration_seconds_count{{endpoint="{endpoint}",method="{method}"}}'


async def test_the_first_failures_are_an_increase(url: str) -> None:
    series = await exposed(url)
    for endpoint in SUBMISSIONS:
        for status in (500, 503):
            labels = f'endpoint="{endpoint}",method="POST",status="{status}"'
            assert series[f"http_requests_total{{{labels}}}"] == 0
        assert series[durations(endpoint, "POST")] == 0
    for reason in REFUSALS:
        assert series[f'sureshot_rejected_total{{reason="{reason}"}}'] == 0


async def test_a_refusal_is_counted_where_the_zero_stood(tmp_path: Path) -> None:
    async with running_service(tmp_path, backlog_limit=1) as service:
        await admin(service.url, "POST", "/api/v1/admin/pause")
        before = await exposed(service.url)
        fields = {"url": "http://127.0.0.1:9/", "payload": 1}
        statuses = [(await call(service.url, "POST", W, fields)).status for _ in range(3)]
        assert statuses == [202, 503, 503]
        after = await exposed(service.url)
    for series in (
        f'http_requests_total{{endpoint="{W}",method="POST",status="503"}}',
        'sureshot_rejected_total{reason="backlog_full"}',
    ):
        assert (before[series], after[series]) == (0, 2), series


@pytest.mark.parametrize("folder", ["delivery", "store"])
def test_every_reason_to_refuse_a_submission_is_there_from_the_start(folder: str) -> None:
    given = {
        reason
        for file in (SOURCES / folder).glob("*.py")
        for reason in re.findall(r'\breason="(\w+)"', file.read_text())
    }
    assert given
    assert given - NO_SUBMISSION <= set(REFUSALS)


async def test_lists_and_submissions_are_timed_apart(url: str, service: Service) -> None:
    await submit(url, url="http://127.0.0.1:9/")
    for _ in range(3):
        assert (await call(url, "GET", W)).status == 200
    series = await exposed(url)
    assert series[durations(W, "POST")] == 1
    assert series[durations(W, "GET")] == 3


async def test_a_client_makes_no_series_by_its_methods(url: str) -> None:
    for method in ("PROPFIND", "MKCOL", "LOCK"):
        assert (await call(url, method, W)).status in {400, 405}
    series = await exposed(url)
    assert series[durations(W, "other")] == 3
    told = {name for name in series if "PROPFIND" in name or "MKCOL" in name}
    assert told == set()


async def test_a_scheduled_webhook_is_late_only_after_its_time(url: str) -> None:
    sink = SinkServer()
    port = await sink.start()
    try:
        at = datetime.now(UTC) + timedelta(seconds=2)
        target = f"http://127.0.0.1:{port}/"
        webhook_id = await submit(url, url=target, deliverAt=at.isoformat())
        await asyncio.sleep(1)
        await wait_for_status(url, webhook_id, "delivered")
    finally:
        await sink.stop()
    series = await exposed(url)
    assert series["sureshot_end_to_end_seconds_count"] == 1
    assert series["sureshot_end_to_end_seconds_sum"] < 1
