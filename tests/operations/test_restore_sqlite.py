"""The disk of a service with SQLite is lost under load, and comes back from a copy."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Ran, environment, run
from tests.support.cluster import cluster
from tests.support.disaster import Receivers, hold_to, promises_around, receivers
from tests.support.http import admin, call, submit, wait_for_status

pytestmark = pytest.mark.timeout(300)


class Disk:
    """The folder of a service, which a test may lose; what is kept apart lies elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.apart = folder / "apart"
        self.data.mkdir()
        self.apart.mkdir()
        self.copy = self.apart / "copy.db"
        self.url = f"sqlite:///{self.data}/sureshot.db"

    async def command(self, *arguments: str) -> Ran:
        """Run ``sureshot`` as its operator does: without the service's environment."""
        env = environment(SURESHOT_DATABASE_URL=self.url)
        return await run(*arguments, folder=self.apart, env=env)

    async def back_up(self) -> None:
        ran = await self.command("backup", str(self.copy), "--json")
        assert ran.code == 0, ran.err
        self.taken: dict[str, Any] = ran.json
        shutil.copy(self.data / "secret.key", self.apart)

    def lose(self) -> None:
        """Delete everything but what was kept apart."""
        shutil.rmtree(self.data)
        self.data.mkdir()

    async def restore(self, *options: str) -> Ran:
        shutil.copy(self.apart / "secret.key", self.data)
        return await self.command("restore", str(self.copy), "--json", *options)


# An empty setting counts as not given: the key is the one the service makes for itself.
OWN_KEY = {"queue_url": "memory://", "secret_key": "", "breaker_open_s": "0.5"}


@pytest.mark.slow
async def test_a_lost_disk_comes_back_from_a_copy_taken_under_load(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    async with (
        cluster(tmp_path, "all", database_url=disk.url, **OWN_KEY) as deployed,
        receivers(deployed) as found,
    ):
        promises = await promises_around(deployed, found, disk.back_up)
        (service,) = deployed.members
        await service.end(signal.SIGKILL)
        disk.lose()
        found.start_anew()
        ran = await disk.restore()
        assert ran.code == 0, ran.err
        assert ran.json["webhooks"] == disk.taken["webhooks"]
        assert ran.json["replaced"] is None
        await service.start()
        await hold_to(promises, deployed, found)
        _assert_sent_what_was_not_final(found, disk.taken["waiting"])


def _assert_sent_what_was_not_final(found: Receivers, waiting: int) -> None:
    """What the copy holds as final is not sent again; the rest is, once; and the new one."""
    assert len(found.got) == len(set(found.got)) == waiting + 1


@pytest.mark.slow
async def test_what_was_delivered_since_the_copy_is_sent_again_under_the_same_id(
    tmp_path: Path,
) -> None:
    disk = Disk(tmp_path)
    async with (
        cluster(tmp_path, "all", database_url=disk.url, **OWN_KEY) as deployed,
        receivers(deployed) as found,
    ):
        first = await submit(deployed.url, url=deployed.target)
        await wait_for_status(deployed.url, first, "delivered")
        await admin(deployed.url, "POST", "/api/v1/admin/pause")
        second = await submit(deployed.url, url=deployed.target)
        await disk.back_up()
        await admin(deployed.url, "POST", "/api/v1/admin/resume")
        await wait_for_status(deployed.url, second, "delivered")
        (service,) = deployed.members
        assert await service.end(signal.SIGTERM) == 0
        found.start_anew()
        ran = await disk.restore("--yes")
        assert ran.code == 0, ran.err
        aside = Path(ran.json["replaced"])
        assert aside.parent == disk.data
        assert aside.stat().st_size > 0
        await service.start()
        assert (await admin(deployed.url, "POST", "/api/v1/admin/resume")).status == 200
        await deployed.quiet()
        assert found.got == [second]


@pytest.mark.slow
async def test_a_database_restored_paused_sends_nothing_until_it_is_told_to(
    tmp_path: Path,
) -> None:
    disk = Disk(tmp_path)
    async with (
        cluster(tmp_path, "all", database_url=disk.url, **OWN_KEY) as deployed,
        receivers(deployed) as found,
    ):
        promises = await promises_around(deployed, found, disk.back_up)
        (service,) = deployed.members
        await service.end(signal.SIGKILL)
        found.start_anew()
        ran = await disk.restore("--yes", "--paused")
        assert ran.code == 0, ran.err
        await service.start()
        unwanted, *others = sorted(promises.retried)
        answer = await call(deployed.url, "POST", f"/api/v1/webhooks/{unwanted}/cancel")
        assert answer.status == 202, answer.body
        assert found.got == []
        await admin(deployed.url, "POST", "/api/v1/admin/resume")
        await deployed.quiet()
        assert set(others) <= set(found.got)
        assert unwanted not in found.got


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
async def test_what_lay_beside_the_database_before_does_not_meet_the_copy(
    tmp_path: Path, suffix: str
) -> None:
    """A write-ahead log that belongs to another file would be replayed into the copy."""
    disk = Disk(tmp_path)
    async with cluster(tmp_path, "all", database_url=disk.url, **OWN_KEY) as deployed:
        await disk.back_up()
        await submit(deployed.url, url=deployed.target)
        (service,) = deployed.members
        await service.end(signal.SIGKILL)
        beside = disk.data / f"sureshot.db{suffix}"
        assert beside.exists()
        ran = await disk.restore("--yes")
        assert ran.code == 0, ran.err
        assert not beside.exists()
        assert Path(ran.json["replaced"] + suffix).exists()
        await service.start()
        assert (await deployed.depth())["backlog"] == 0
