"""Kill anything under load, again and again: what was accepted is delivered and recorded.

Run by itself for any number of faults: ``python -m tests.cluster.chaos --faults 200``.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.support.cluster import Cluster, Ledger, cluster
from tests.support.own_servers import OwnPostgres, OwnRabbitMQ

KINDS = ("api", "worker", "scheduler", "postgres", "rabbitmq")
UNWRITTEN_S = 4.0
"""So long after it arrived is a webhook written down; when the database was killed, too."""
SETTINGS = {"lease_s": "12", "timeout_s": "2", "connect_timeout_s": "1", "drain_s": "3"}


@dataclass
class Verdict:
    """How a run ended."""

    ledger: Ledger
    recorded: set[str]
    faults: list[str]
    workers_killed_s: list[float]

    @property
    def not_recorded(self) -> set[str]:
        return self.ledger.accepted - self.recorded

    @property
    def unexplained(self) -> int:
        """Repeats of what no worker can have had under way, or not written down, when killed."""
        return sum(
            len(times) - 1
            for times in self.ledger.received.values()
            if not any(0 <= at_s - times[0] <= UNWRITTEN_S for at_s in self.workers_killed_s)
        )

    def __str__(self) -> str:
        ledger = self.ledger
        counts = ", ".join(f"{self.faults.count(kind)} {kind}" for kind in KINDS)
        rate = ledger.duplicates / max(1, len(ledger.accepted))
        return (
            f"{len(self.faults)} faults ({counts}): {len(ledger.accepted)} accepted, "
            f"{len(ledger.lost)} lost, {len(self.not_recorded)} not recorded, "
            f"{ledger.duplicates} duplicates ({rate:.2%}), {self.unexplained} of no killed worker; "
            f"refused {sum(ledger.refused.values())}, broken {ledger.broken}"
        )


async def _strike(
    kind: str, deployed: Cluster, postgres: OwnPostgres, rabbitmq: OwnRabbitMQ, rng: random.Random
) -> None:
    """Kill one thing with SIGKILL and have it started again."""
    if kind == "postgres":
        await postgres.kill()
        await asyncio.sleep(rng.uniform(0.0, 1.0))
        await postgres.start()
    elif kind == "rabbitmq":
        await rabbitmq.kill()
        await rabbitmq.start()
    else:
        member = rng.choice(deployed.of(kind))
        await member.end(signal.SIGKILL)
        await asyncio.sleep(rng.uniform(0.0, 0.5))
        await member.start(wait=False)


async def run_chaos(folder: Path, faults: int, seed: int) -> Verdict:
    """Strike *faults* times in random order under load; return what came of it."""
    rng = random.Random(seed)
    order = [KINDS[n % len(KINDS)] for n in range(faults)]
    rng.shuffle(order)
    postgres, rabbitmq = OwnPostgres(), OwnRabbitMQ()
    try:
        await asyncio.gather(postgres.start(), rabbitmq.start())
        roles = ("api", "api", "worker", "worker", "scheduler")
        async with cluster(
            folder, *roles, database_url=postgres.url, queue_url=rabbitmq.url, **SETTINGS
        ) as deployed:
            ended = asyncio.Event()
            load = asyncio.create_task(deployed.submit(8, ended, pause_s=0.003))
            # RabbitMQ 3.10 cannot elect a leader for a queue it was killed right after making.
            await asyncio.sleep(6)
            killed_s = []
            for number, kind in enumerate(order):
                await asyncio.sleep(rng.uniform(0.3, 1.5))
                if kind == "worker":
                    killed_s.append(asyncio.get_running_loop().time())
                await _strike(kind, deployed, postgres, rabbitmq, rng)
                if sys.stdout.isatty():
                    accepted = len(deployed.ledger.accepted)
                    print(f"\rfault {number + 1}/{faults} ({kind}), accepted {accepted}   ", end="")
            await asyncio.sleep(1)
            ended.set()
            await load
            await asyncio.gather(*(member.ready(60, restart=True) for member in deployed.members))
            await deployed.quiet(90)
            return Verdict(deployed.ledger, await deployed.recorded(), order, killed_s)
    finally:
        await asyncio.gather(postgres.remove(), rabbitmq.remove())


def main() -> int:
    """Run from the command line; exit 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sureshot-chaos-") as name:
        verdict = asyncio.run(run_chaos(Path(name), arguments.faults, arguments.seed))
    print(f"\nseed {arguments.seed}: {verdict}")
    return 1 if verdict.ledger.lost or verdict.not_recorded else 0


if __name__ == "__main__":
    sys.exit(main())
