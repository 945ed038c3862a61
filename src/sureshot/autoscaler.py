"""Who changes the number of processes of ``sureshot up``: by the census, one role, every second."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets

from sureshot import __version__
from sureshot.adapters import make_store
from sureshot.clock import SystemClock
from sureshot.config import Settings
from sureshot.delivery.backlog import Backlog
from sureshot.delivery.scaling import Scaling, scaling_plan
from sureshot.domain.errors import Overloaded, SureshotError
from sureshot.domain.scaling.advisor import Advice
from sureshot.ports import Beat, Store
from sureshot.supervisor import Supervisor
from sureshot.telemetry.logging import get_logger

EVERY_S = 1.0
AGAIN_S = 5.0
"""After a store that could not be opened, or a process that did not start."""
ROLE = "supervisor"
"""What it is in the census: it delivers nothing and counts nowhere."""
CONNECTIONS = 2
ADVISED_AS = {"worker": "worker", "all": "replica"}

log = get_logger()


class Autoscaler:
    """Adds children of *role* to *supervisor*, and has some drain and leave.

    It reads the census itself instead of asking an API process: that one may be the one
    that has no time to answer.
    """

    def __init__(self, settings: Settings, supervisor: Supervisor, role: str) -> None:
        self._settings = dataclasses.replace(settings, database_pool=CONNECTIONS, migrate=False)
        self._supervisor = supervisor
        self._role = role
        self._paused = False
        self._adding: set[asyncio.Task[None]] = set()
        self._rests_until_s = 0.0

    async def run(self) -> None:
        """Watch and act until cancelled; a store that is away is waited for."""
        try:
            while True:
                try:
                    await self._watch()
                except SureshotError as error:
                    log.warning("autoscaler.waiting", reason=str(error))
                await asyncio.sleep(AGAIN_S)
        finally:
            for task in self._adding:
                task.cancel()
            await asyncio.gather(*self._adding, return_exceptions=True)

    async def _watch(self) -> None:
        clock = SystemClock()
        store = make_store(self._settings)
        await store.open(clock.now(), f"p_{secrets.token_hex(6)}")
        backlog = Backlog(store, clock, self._settings.backlog_limit)
        scaling = Scaling(scaling_plan(self._settings), clock, backlog, lambda: self._paused)
        try:
            while True:
                try:
                    await self._look(store, backlog, scaling)
                except Overloaded as error:
                    log.warning("autoscaler.blind", reason=error.detail)
                await asyncio.sleep(EVERY_S)
        finally:
            await store.close()

    async def _look(self, store: Store, backlog: Backlog, scaling: Scaling) -> None:
        census = await store.beat(Beat(ROLE, __version__, 0, 0, 0))
        await backlog.refresh()
        self._paused = await store.paused()
        scaling.observe(census)
        advice = scaling.advice.get(ADVISED_AS[self._role])
        if advice is not None:
            self._act(advice)

    def _act(self, advice: Advice) -> None:
        """Start all that are missing at once; let go of one at a time."""
        present = self._supervisor.count(self._role)
        if advice.wanted > present:
            if asyncio.get_running_loop().time() < self._rests_until_s:
                return
            self._say(present, advice.wanted, advice)
            for _ in range(advice.wanted - present):
                task = asyncio.get_running_loop().create_task(self._add())
                self._adding.add(task)
                task.add_done_callback(self._adding.discard)
        elif advice.wanted < present and not self._adding:
            self._say(present, present - 1, advice)
            self._supervisor.remove(self._role)

    async def _add(self) -> None:
        try:
            await self._supervisor.add(self._role)
        except TimeoutError as error:
            self._rests_until_s = asyncio.get_running_loop().time() + AGAIN_S
            log.warning("autoscaler.not_ready", role=self._role, reason=str(error))

    def _say(self, present: int, to: int, advice: Advice) -> None:
        log.info(
            "autoscaler.scaled",
            role=self._role,
            present=present,
            to=to,
            reason="; ".join(advice.reasons),
        )
