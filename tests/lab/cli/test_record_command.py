"""``sureshot lab traffic record`` as it is typed."""

from __future__ import annotations

import asyncio
import signal
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sureshot_lab.cli.record_command import share_done, window_of
from sureshot_lab.errors import LabError
from sureshot_lab.traffic.recorder import Told
from sureshot_lab.traffic.recording import Record, read_records
from tests.cli.command import HereRuns, Ran, environment, line_with, run, running
from tests.lab.traffic.used_service import store
from tests.support.http import admin, call, submit
from tests.support.own_servers import free_port
from tests.support.service import API_TOKEN, running_service

STOPPED, NOT_MADE = 2, 3
PATIENCE_S = 30.0
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)
ANN = {"name": "Ann Smith", "email": "ann@corp.com"}


async def record(folder: Path, url: str, *arguments: str, **variables: str) -> Ran:
    env = environment(SURESHOT_URL=url, SURESHOT_API_TOKEN=API_TOKEN, **variables)
    return await run(
        "lab", "traffic", "record", "--per-second", "100", *arguments, folder=folder, env=env
    )


def lines(path: Path) -> list[Record]:
    return list(read_records(path))


@pytest.mark.slow
async def test_a_recording_is_anonymous_unless_it_is_wanted_raw(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        await admin(service.url, "POST", "/api/v1/admin/pause")
        await store(service.url, [ANN] * 3, eventType="user.created")
        ran = await record(tmp_path, service.url, "thrown.ndjson.gz")
        again = await record(tmp_path, service.url, "again.ndjson.gz")
        kept = [
            await record(tmp_path, service.url, name, SURESHOT_LAB_SALT="pepper")
            for name in ("a.ndjson", "b.ndjson")
        ]
        raw = await record(tmp_path, service.url, "raw.ndjson", "--raw")
    assert (ran.code, again.code, raw.code) == (0, 0, 0), ran.err
    assert "3 webhooks in thrown.ndjson.gz, anonymous, its salt thrown away" in ran.out
    assert "came in the same millisecond" in ran.out
    assert ran.err == ""  # no progress is drawn into a pipe
    thrown, other = lines(tmp_path / "thrown.ndjson.gz"), lines(tmp_path / "again.ndjson.gz")
    assert "Ann" not in thrown[0].payload_text
    assert "corp" not in thrown[0].payload_text
    assert thrown[0].event_type == "user.created"
    assert thrown[0].payload != other[0].payload  # two salts, and nobody has either
    assert "under your salt" in kept[0].out
    payloads = [
        [one.payload for one in lines(tmp_path / name)] for name in ("a.ndjson", "b.ndjson")
    ]
    assert payloads[0] == payloads[1]
    assert "AS THEY WERE" in raw.out
    assert "secrets and all" in raw.err
    assert lines(tmp_path / "raw.ndjson")[0].payload_text == (
        '{"name":"Ann Smith","email":"ann@corp.com"}'
    )


async def test_what_is_left_out_is_counted_with_its_reason(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        await admin(service.url, "POST", "/api/v1/admin/pause")
        await store(service.url, [ANN, [1], ANN, 17])
        await submit(service.url, url="http://127.0.0.1:9/", method="PUT")
        told = await record(tmp_path, service.url, "a.ndjson")
        ran = await record(tmp_path, service.url, "b.ndjson", "--json")
    assert "2 left out: payload is no JSON object" in told.out
    assert "1 were not sent by POST" in told.out
    assert ran.json["webhooks"] == len(lines(tmp_path / "b.ndjson")) == 3
    assert list(ran.json["left_out"].values()) == [2]
    assert (ran.json["other_methods"], ran.json["anonymous"]) == (1, True)


async def test_a_payload_over_several_lines_is_one_line_of_the_recording(tmp_path: Path) -> None:
    payload = '{\n  "a": "b",\n  "c": [1,\n 2]\n}'
    async with running_service(tmp_path) as service:
        await admin(service.url, "POST", "/api/v1/admin/pause")
        body = f'{{"url":"http://127.0.0.1:9/","payload":{payload}}}'.encode()
        assert (await call(service.url, "POST", "/api/v1/webhooks", body=body)).status == 202
        assert (await record(tmp_path, service.url, "a.ndjson", "--raw")).code == 0
        assert (await record(tmp_path, service.url, "b.ndjson")).code == 0
    (raw,), (anonymous,) = lines(tmp_path / "a.ndjson"), lines(tmp_path / "b.ndjson")
    assert raw.payload_text == payload.replace("\n", " ")
    assert len(anonymous.payload_text) == len(payload)


async def test_the_newest_are_recorded_when_there_is_a_limit(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        await admin(service.url, "POST", "/api/v1/admin/pause")
        await store(service.url, [{"n": n} for n in range(300)])
        await record(tmp_path, service.url, "a.ndjson", "--raw", "--limit", "120")
    numbers = [one.payload_text for one in lines(tmp_path / "a.ndjson")]
    assert numbers == [f'{{"n":{n}}}' for n in range(299, 179, -1)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.ndjson", "--since", "yesterday"], "write an instant with its offset"),
        (["a.ndjson", "--since", "2030-01-31T12:00:00"], "write an instant with its offset"),
        (["a.ndjson", "--since", "1h", "--until", "2h"], "must be before --until"),
        (["a.ndjson", "--salt", ""], "the salt is empty"),
        (["a.ndjson", "--raw", "--salt", "x"], "keeps every value"),
        (["a.ndjson", "--per-second", "0"], "more than 0 requests"),
        (["a.ndjson", "--patience", "0"], "does not answer"),
        (["nowhere/a.ndjson"], "cannot be written"),
    ],
)
async def test_what_cannot_be_recorded_is_a_sentence(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    ran = await record(tmp_path, f"http://127.0.0.1:{free_port()}", *arguments)
    assert ran.code == NOT_MADE
    assert words in ran.err
    assert list(tmp_path.iterdir()) == []


async def test_nothing_to_record_makes_no_file(tmp_path: Path) -> None:
    service_folder, folder = tmp_path / "service", tmp_path / "folder"
    service_folder.mkdir()
    folder.mkdir()
    async with running_service(service_folder) as service:
        none = await record(folder, service.url, "a.ndjson")
        await admin(service.url, "POST", "/api/v1/admin/pause")
        await store(service.url, [1, 2])
        useless = await record(folder, service.url, "a.ndjson")
    assert (none.code, useless.code) == (NOT_MADE, NOT_MADE)
    assert "no webhook was created from" in none.err
    assert "2 left out: payload is no JSON object" in useless.err
    assert list(folder.iterdir()) == []


async def test_a_service_that_goes_away_half_way_leaves_the_old_file_and_no_half_one(
    tmp_path: Path,
) -> None:
    service_folder, folder = tmp_path / "service", tmp_path / "folder"
    service_folder.mkdir()
    folder.mkdir()
    (folder / "a.ndjson").write_text("kept\n")
    arguments = ("a.ndjson", "--per-second", "0.5", "--patience", "1")
    async with running_service(service_folder) as service:
        await admin(service.url, "POST", "/api/v1/admin/pause")
        await store(service.url, [ANN] * 500)
        env = environment(SURESHOT_URL=service.url, SURESHOT_API_TOKEN=API_TOKEN)
        async with running("lab", "traffic", "record", *arguments, folder=folder, env=env) as made:
            while len(list(folder.iterdir())) < 2:
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
            await service.stop()
            async with asyncio.timeout(PATIENCE_S):
                _out, err = await made.communicate()
    assert made.returncode == NOT_MADE
    assert b"for 1 s: nothing is kept" in err
    assert [path.name for path in folder.iterdir()] == ["a.ndjson"]
    assert (folder / "a.ndjson").read_text() == "kept\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_recording_that_is_stopped_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    arguments = ("lab", "traffic", "record", "a.ndjson", "--target")
    env = environment(SURESHOT_API_TOKEN=API_TOKEN)
    # Bound and not listening: nobody answers there, and nobody else can.
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        async with running(*arguments, url, folder=tmp_path, env=env) as made:
            await line_with(made.stderr, "trying again")
            made.send_signal(number)
            async with asyncio.timeout(PATIENCE_S):
                _out, err = await made.communicate()
    assert made.returncode == STOPPED
    assert b"stopped: a.ndjson was not made" in err
    assert list(tmp_path.iterdir()) == []


def test_a_target_is_needed(here: HereRuns) -> None:
    ran = here("lab", "traffic", "record", "a.ndjson")
    assert ran.code != 0
    assert "--target" in ran.err


def test_times_are_instants_or_how_long_ago() -> None:
    window = window_of("90m", "2025-06-30T13:30:00+02:00", NOON)
    assert window.since == datetime(2025, 6, 30, 10, 30, tzinfo=UTC)
    assert window.until == datetime(2025, 6, 30, 11, 30, tzinfo=UTC)
    with pytest.raises(LabError, match="before --until 2h"):
        window_of("1h", "2h", NOON)


def test_progress_is_the_share_of_the_time_or_of_the_limit() -> None:
    window = window_of("4h", "0s", NOON)
    told = Told(recorded=30, oldest_at=datetime(2025, 6, 30, 11, tzinfo=UTC))
    assert share_done(told, window, None) == 0.25
    assert share_done(told, window, 40) == 0.75
    assert share_done(Told(), window, None) == 0.0
