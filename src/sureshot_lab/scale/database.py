"""A run on a database with a past: so many finished webhooks are in it before the load."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.result import RunResult
from sureshot_lab.runs.backing import fresh_backing
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.own_service import own_service
from sureshot_lab.runs.progress import Progress, silent
from sureshot_lab.runs.run import run_scenario
from sureshot_lab.scale.history import fill_postgres, fill_sqlite
from sureshot_lab.scale.offered import NONE_WAITS
from sureshot_lab.scenario import Scenario, Service, load_scenario

PROFILES = ("postgres", "embedded")
WARM_UP_S = 2.0
DRAIN_S = 30.0
MOST_ADDED = 0.05
"""A database that runs have added more to than this share of its past is made anew."""


class DatabaseScale:
    """Runs of one load on databases of different pasts; all of them are gone at the end."""

    def __init__(
        self, rate_per_s: float, seconds: float, options: Options, profile: str,
        tell: Callable[[Progress], None] = silent,
    ) -> None:  # fmt: skip
        """Raise ``LabError`` for a profile that has no database of its own."""
        if profile not in PROFILES:
            raise LabError(f"--profile {profile}: must be {' or '.join(PROFILES)}")
        self.rate_per_s = rate_per_s
        self.profile = profile
        self._seconds = seconds
        self._options = options
        self._tell = tell
        self._made: dict[int, tuple[contextlib.AsyncExitStack, str]] = {}
        self._added: dict[int, float] = {}

    async def run(self, rows: int, pool: int | None = None) -> RunResult:
        """Run the load on a database of *rows*; *pool*: connections, by default the service's.

        The result's metrics tell ``history_rows``, ``pool`` if given, and ``cpu_us_per_webhook``
        of service and PostgreSQL together.

        Raises:
            LabError: the database cannot be made, or the run cannot begin.

        """
        url = await self._database(rows)
        scenario = self._scenario(rows, pool, url)
        result, _folder = await run_scenario(scenario, self._options, self._tell)
        warm_up = WARM_UP_S * self.rate_per_s
        self._added[rows] += result.metrics.get("accepted", 0.0) + warm_up
        told = {"history_rows": float(rows)} | ({} if pool is None else {"pool": float(pool)})
        metrics = {**result.metrics, **told, **_cpu(result)}
        return msgspec.structs.replace(result, metrics=metrics)

    async def close(self) -> None:
        """Drop every database."""
        while self._made:
            stack, _url = self._made.popitem()[1]
            await stack.aclose()

    async def _database(self, rows: int) -> str:
        """Return where there is one of *rows*, made now unless one is as good as new."""
        if rows in self._made and self._added[rows] <= MOST_ADDED * rows:
            return self._made[rows][1]
        if rows in self._made:
            stack, _url = self._made.pop(rows)
            await stack.aclose()
        stack = contextlib.AsyncExitStack()
        url = await stack.enter_async_context(database_with_past(self.profile, rows))
        self._made[rows], self._added[rows] = (stack, url), 0.0
        return url

    def _scenario(self, rows: int, pool: int | None, url: str) -> Scenario:
        of_pool = {} if pool is None else {"service.settings.database_pool": pool}
        beside = "" if pool is None else f", pool of {pool}"
        return load_scenario("smoke", changes={
            "title": f"Database of {rows:,} webhooks{beside}, {self.rate_per_s:.0f}/s",
            "load.stages": [[self._seconds, self.rate_per_s, self.rate_per_s]],
            "load.warm_up_s": WARM_UP_S,
            "endpoints.count": 20,
            "endpoints.zipf": 0.0,
            "service.profile": self.profile,
            "service.settings.database_url": url,
            # A past is not forgotten while it is measured.
            "service.settings.retention_days": 0,
            "gates.targets": ["lost"],
            "gates.own": [NONE_WAITS],
            "drain_s": DRAIN_S,
            **of_pool,
        })  # fmt: skip


@contextlib.asynccontextmanager
async def database_with_past(profile: str, rows: int) -> AsyncIterator[str]:
    """Yield the url of a database of its own with *rows* finished webhooks; then drop it.

    Raises:
        LabError: no PostgreSQL answers, or it cannot be filled.

    """
    with TemporaryDirectory(prefix="sureshot-lab-") as name:
        folder = Path(name)
        if profile == "embedded":
            url = f"sqlite:///{folder}/past.db"
            await _make_schema(profile, url, folder)
            await fill_sqlite(folder / "past.db", rows)
            yield url
            return
        async with fresh_backing(profile) as backing:
            if backing is None:
                raise LabError(f"the profile {profile} has no server's database")
            await _make_schema(profile, backing.database_url, folder)
            await fill_postgres(backing.database_url, rows)
            yield backing.database_url


async def _make_schema(profile: str, url: str, folder: Path) -> None:
    """Have a service make its tables: it alone knows them whole."""
    plan = Service(profile=profile, settings={"database_url": url})
    async with own_service(plan, folder / "service"):
        pass


def _cpu(result: RunResult) -> dict[str, float]:
    names = ("service_cpu_us_per_webhook", "postgres_cpu_us_per_webhook")
    known = [result.metrics[name] for name in names if name in result.metrics]
    return {"cpu_us_per_webhook": sum(known)} if known else {}
