"""The plan in JMeter itself, where there is one: it is an optional program."""

from __future__ import annotations

import asyncio
import csv
import shutil
from pathlib import Path

import pytest

from tests.jmeter.plan import PLAN, load_judge, receiver
from tests.support.service import API_TOKEN, running_service

RATE_PER_MIN = 1200
DURATION_S = 10
PATIENCE_S = 90.0


DEBIAN = Path("/usr/share/jmeter")


def jmeter() -> list[str]:
    """Return how JMeter is started here; skip where there is none that can load a plan."""
    if shutil.which("jmeter") is None:
        pytest.skip("jmeter is not installed here: the plan was read, not run")
    jars = [str(jar) for part in ("bin", "lib", "lib/ext") for jar in DEBIAN.glob(f"{part}/*.jar")]
    if not jars:
        return ["jmeter"]
    if shutil.which("javac") is None:
        pytest.skip("Debian's jmeter cannot load any plan without a JDK: read, not run")
    launcher = PLAN.with_name("DebianJMeter.java")
    return ["java", f"-Djmeter.home={DEBIAN}", "-cp", ":".join(sorted(jars)), str(launcher)]


async def run_plan(folder: Path, **properties: object) -> str:
    """Run the plan; return what JMeter said."""
    given = [f"-J{name}={value}" for name, value in properties.items()]
    process = await asyncio.create_subprocess_exec(
        *jmeter(), "-n", "-t", str(PLAN), "-j", str(folder / "jmeter.log"), *given,
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        return (await process.communicate())[0].decode()


@pytest.mark.slow
async def test_the_plan_submits_at_its_rate_and_everything_arrives_once(tmp_path: Path) -> None:
    results = tmp_path / "results.jtl"
    async with receiver() as (target, received), running_service(tmp_path) as service:
        said = await run_plan(
            tmp_path, url=service.url, token=API_TOKEN, sink=target, rate=RATE_PER_MIN,
            duration=DURATION_S, threads=20, rampup=1, results=results,
        )  # fmt: skip
        sent = list(csv.DictReader(results.read_text().splitlines()))
        async with asyncio.timeout(10):
            while len(received) < len(sent):
                await asyncio.sleep(0.05)
    assert {row["responseCode"] for row in sent} == {"202"}, said
    assert len(set(received)) == len(received) == len(sent)
    offered = load_judge().offered_per_min(load_judge().read_samples(results))
    # On a busy machine the timer is a few percent off in either direction.
    assert 0.85 * RATE_PER_MIN < offered < 1.15 * RATE_PER_MIN


@pytest.mark.slow
async def test_a_wrong_token_is_seen_by_the_judge(tmp_path: Path) -> None:
    results = tmp_path / "results.jtl"
    async with running_service(tmp_path) as service:
        await run_plan(
            tmp_path, url=service.url, token="wrong", rate=RATE_PER_MIN,
            duration=3, threads=5, rampup=0, results=results,
        )  # fmt: skip
    assert load_judge().main([str(results), "--rate", str(RATE_PER_MIN)]) == 1
