"""``sureshot backup`` and ``restore``: what they refuse, and what they leave alone."""

from __future__ import annotations

import resource
import signal
import stat
from pathlib import Path

import apsw
import pytest

from sureshot.store import sqlite_backup
from tests.cli.command import HereRuns, Ran
from tests.support.http import call
from tests.support.service import running_service

POSTGRES = {"SURESHOT_DATABASE_URL": "postgresql://sureshot@127.0.0.1:1/none"}
OTHER_KEY = {"SURESHOT_SECRET_KEY": "A" * 43 + "="}


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """Return the folder of a service that has one endpoint and is stopped."""
    folder = tmp_path / "data"
    folder.mkdir()
    async with running_service(folder) as service:
        body = {"name": "A", "url": "http://127.0.0.1:9/"}
        assert (await call(service.url, "POST", "/api/v1/endpoints", body)).status == 200
    return folder


def refused(ran: Ran, *words: str) -> None:
    assert ran.code == 2, ran
    assert ran.err.startswith("sureshot: ")
    for word in words:
        assert word in ran.err


async def test_a_copy_is_private_whole_and_says_what_belongs_to_it(
    here: HereRuns, data: Path
) -> None:
    ran = here("backup", "copy.db")
    assert ran.code == 0, ran.err
    assert ran.pairs["endpoints"] == "1"
    assert ran.pairs["secret key"] == "data/secret.key"
    copy = data.parent / "copy.db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert apsw.Connection(str(copy)).pragma("integrity_check") == "ok"
    assert sorted(path.name for path in data.parent.iterdir()) == ["copy.db", "data"]


async def test_a_copy_never_replaces_a_file(here: HereRuns, data: Path) -> None:
    for taken in (data.parent / "copy.db", data / "sureshot.db"):
        taken.touch()
        before = taken.read_bytes()
        refused(here("backup", str(taken)), "exists", taken.name)
        assert taken.read_bytes() == before


async def test_a_copy_without_the_key_at_hand_says_so_and_makes_no_key(
    here: HereRuns, data: Path
) -> None:
    (data / "secret.key").unlink()
    ran = here("backup", "copy.db", "--json")
    assert (ran.code, ran.json["secretKey"]) == (0, None)
    assert "SURESHOT_SECRET_KEY" in here("backup", "another.db").err
    assert not (data / "secret.key").exists()


async def test_a_key_that_does_not_open_the_database_is_noticed_when_it_is_copied(
    here: HereRuns, data: Path
) -> None:
    refused(here("backup", "copy.db", **OTHER_KEY), "cannot be decrypted")
    assert not (data.parent / "copy.db").exists()


@pytest.mark.parametrize("key", ["none", "another"])
async def test_nothing_is_replaced_by_what_the_key_does_not_open(
    here: HereRuns, data: Path, key: str
) -> None:
    assert here("backup", "copy.db").code == 0
    if key == "none":
        (data / "secret.key").unlink()
    before = (data / "sureshot.db").read_bytes()
    ran = here("restore", "copy.db", "--yes", **(OTHER_KEY if key == "another" else {}))
    refused(ran, "SURESHOT_SECRET_KEY")
    assert (data / "sureshot.db").read_bytes() == before
    assert not [path for path in data.iterdir() if "restored" in path.name]


async def test_nothing_is_replaced_while_a_service_runs(here: HereRuns, data: Path) -> None:
    assert here("backup", "copy.db").code == 0
    async with running_service(data):
        refused(here("restore", "copy.db", "--yes"), "in use by process")


async def test_nothing_is_replaced_unasked(here: HereRuns, data: Path) -> None:
    assert here("backup", "copy.db").code == 0
    refused(here("restore", "copy.db"), "--yes")
    assert not [path for path in data.iterdir() if "replaced" in path.name]


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + 5000 * b"x"])
async def test_what_is_no_database_of_ours_is_refused(
    here: HereRuns, data: Path, content: bytes
) -> None:
    (data.parent / "copy.db").write_bytes(content)
    before = (data / "sureshot.db").read_bytes()
    ran = here("restore", "copy.db", "--yes")
    refused(ran, "copy.db is no database of Sureshot")
    assert (data / "sureshot.db").read_bytes() == before


async def test_a_damaged_copy_is_refused(here: HereRuns, data: Path) -> None:
    assert here("backup", "copy.db").code == 0
    copy = data.parent / "copy.db"
    connection = apsw.Connection(str(copy))
    ((page,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'event_keys'")
    page_bytes = connection.pragma("page_size")
    connection.close()
    spoiled = bytearray(copy.read_bytes())
    # A table that is not looked at on the way: only who checks the whole finds it.
    spoiled[page_bytes * (page - 1) : page_bytes * page] = bytes(page_bytes)
    copy.write_bytes(spoiled)
    ran = here("restore", "copy.db", "--yes")
    assert ran.code == 1
    assert "malformed" in ran.err
    assert not [path for path in data.iterdir() if "replaced" in path.name]


async def test_a_copy_is_of_one_instant_however_often_is_written_meanwhile(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step of the copy meets another commit of the process that owns the file."""
    monkeypatch.setattr(sqlite_backup, "PAGES_PER_STEP", 1)
    other = apsw.Connection(str(data / "sureshot.db"))
    steps = 0

    def write(_done_bytes: int, size_bytes: int) -> None:
        nonlocal steps
        steps += 1
        assert steps <= size_bytes / 512, "it began anew"
        other.execute("INSERT INTO closed_lanes VALUES (?, NULL, 'full')", (f"lane {steps}",))

    copied = sqlite_backup.back_up(data / "sureshot.db", data / "copy.db", None, write)
    assert steps == copied.size_bytes / 4096
    copy = apsw.Connection(str(data / "copy.db"))
    assert copy.execute("SELECT count(*) FROM closed_lanes").get == 0
    assert other.execute("SELECT count(*) FROM closed_lanes").get == steps


async def test_a_full_disk_is_a_failure_and_leaves_nothing_behind(
    here: HereRuns, data: Path
) -> None:
    """No file may grow beyond 8 KiB: what the system says then is what a full disk says."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        ran = here("backup", "copy.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert ran.code == 1, ran
    assert "was not copied" in ran.err
    assert [path.name for path in data.parent.iterdir()] == ["data"]


@pytest.mark.parametrize(("command", "tool"), [("backup", "pg_dump"), ("restore", "pg_restore")])
def test_with_postgresql_the_command_names_the_tool_to_use(
    here: HereRuns, command: str, tool: str
) -> None:
    refused(here(command, "copy.db", **POSTGRES), tool)
