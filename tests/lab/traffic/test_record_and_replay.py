"""What was recorded from one service and replayed to another is like the original."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any

import msgspec
import pytest

from sureshot_lab.scenario import Sink
from sureshot_lab.sink.process import SinkProcess
from sureshot_lab.traffic.recording import Record, read_records
from sureshot_lab.traffic.replay import OURS
from tests.cli.command import environment, run, running
from tests.lab.traffic.used_service import create_endpoints, traffic, use
from tests.support.service import ADMIN_TOKEN, API_TOKEN, running_service

ENV = {"SURESHOT_API_TOKEN": API_TOKEN, "SURESHOT_ADMIN_TOKEN": ADMIN_TOKEN}
PHASES = ((4.0, 20), (4.0, 60))
WEBHOOKS = 320


def per_s(records: list[Record], begins_s: float, ends_s: float) -> float:
    """Return the rate between two times after the first record."""
    first_s = min(one.at_s for one in records)
    inside = sum(begins_s <= one.at_s - first_s < ends_s for one in records)
    return inside / (ends_s - begins_s)


def shares(records: list[Record]) -> list[float]:
    """Return what each endpoint had, the largest first."""
    counts = Counter(one.endpoint for one in records)
    return [count / len(records) for _name, count in counts.most_common()]


def size(record: Record) -> int:
    """Return the bytes of a payload without what a generator puts in."""
    payload = json.loads(record.payload_text)
    return written({name: value for name, value in payload.items() if name not in OURS})


def written(payload: dict[str, Any]) -> int:
    """Return the bytes of a payload as it is submitted."""
    return len(msgspec.json.encode(payload))


async def recorded(folder: Path, url: str, *arguments: str) -> list[Record]:
    ran = await run(
        "lab", "traffic", "record", "a.ndjson.gz", "--target", url, "--since", "5m",
        "--per-second", "50", *arguments, folder=folder, env=environment(**ENV),
    )  # fmt: skip
    assert ran.code == 0, ran.err
    return list(read_records(folder / "a.ndjson.gz"))


@pytest.mark.slow
@pytest.mark.alone
async def test_rates_sizes_and_shares_are_those_of_the_original(tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    original.mkdir()
    copy.mkdir()
    async with running_service(original) as service, SinkProcess.start(original, Sink(), 3) as sink:
        places = await create_endpoints(service.url, *(sink.url(n) for n in range(3)))
        planned = traffic(places, *PHASES)
        await use(service.url, planned)
        first = await recorded(original, service.url)
    assert len(first) == len(planned) == WEBHOOKS
    assert per_s(first, 0, 4) == pytest.approx(20, rel=0.1)
    assert per_s(first, 4, 8) == pytest.approx(60, rel=0.1)
    assert shares(first) == pytest.approx([0.6, 0.3, 0.1])
    sent = [written(one.payload) for one in planned]
    assert sorted(map(size, first)) == sorted(sent)

    async with running_service(copy) as service:
        command = (
            "lab", "traffic", "replay", str(original / "a.ndjson.gz"), "--speed", "2",
            "--warm-up", "0", "--engine", "native", "--target", service.url, "--json",
        )  # fmt: skip
        async with running(*command, folder=copy, env=environment(**ENV)) as process:
            out, err = await process.communicate()
        assert json.loads(out)["metrics"]["delivered"] == WEBHOOKS, err
        second = await recorded(copy, service.url, "--raw")
    assert len(second) == WEBHOOKS
    assert per_s(second, 0, 2) == pytest.approx(40, rel=0.1)
    assert per_s(second, 2, 4) == pytest.approx(120, rel=0.1)
    assert shares(second) == pytest.approx([0.6, 0.3, 0.1], abs=0.1)
    assert mean(map(size, second)) == pytest.approx(mean(sent), rel=0.2)
    assert set(map(size, second)) <= set(sent)
