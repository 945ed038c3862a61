from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from tests.cli.command import environment, line_with, running
from tests.cli.test_cli_sink_server import request
from tests.support.http import exchange

FREE_PORT = ("sink", "--port", "0")


async def address(process: asyncio.subprocess.Process) -> str:
    line = await line_with(process.stderr, "receiving on")
    found = re.search(r"http://\S+?(?=/ )", line)
    assert found is not None
    return found[0]


async def end(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    async with asyncio.timeout(20):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, (out or b"").decode(), err.decode()


async def test_it_stops_after_so_many_requests_and_says_what_came(tmp_path: Path) -> None:
    async with running(*FREE_PORT, "--count", "2", folder=tmp_path) as process:
        url = await address(process)
        assert (await exchange(url, request("wh_1", path="/a")))[0].status == 200
        assert (await exchange(url, request("wh_1", path="/b")))[0].status == 200
        code, out, err = await end(process)
    assert code == 0
    first, second = out.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d  200  wh_1  /a  7 bytes", first)
    assert "duplicate" in second
    assert "received 2, unique 1, duplicates 1, retries 0, bad signatures 0" in err


async def test_json_is_one_line_for_each_request_and_nothing_else(tmp_path: Path) -> None:
    arguments = (*FREE_PORT, "--json", "--ledger", "ledger.ndjson", "--count", "3")
    async with running(*arguments, folder=tmp_path) as process:
        url = await address(process)
        await exchange(url, b"".join(request(f"wh_{n}") for n in range(3)), 3)
        code, out, _err = await end(process)
    assert code == 0
    rows = [msgspec.json.decode(line) for line in out.splitlines()]
    assert [row["webhookId"] for row in rows] == ["wh_0", "wh_1", "wh_2"]
    assert {row["path"] for row in rows} == {"/hook"}
    assert all(row["receivedS"] > 0 and row["receivedAt"].endswith("Z") for row in rows)
    assert (tmp_path / "ledger.ndjson").read_text() == out


async def test_a_wrong_signature_shows_and_makes_it_exit_with_1(tmp_path: Path) -> None:
    arguments = (*FREE_PORT, "--secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3")
    async with running(*arguments, folder=tmp_path) as process:
        url = await address(process)
        assert (await exchange(url, request("wh_1")))[0].status == 401
        assert "header is missing" in await line_with(process.stdout, "401")
        process.send_signal(signal.SIGINT)
        code, _out, err = await end(process)
    assert code == 1
    assert "bad signatures 1" in err


async def test_what_a_sender_writes_cannot_steer_the_terminal(tmp_path: Path) -> None:
    async with running(*FREE_PORT, folder=tmp_path) as process:
        url = await address(process)
        await exchange(url, request("wh_\x9b2J"))
        line = await line_with(process.stdout, "200")
    assert "?2J" in line
    assert line.isprintable()


async def test_a_reset_on_the_fast_loop_is_a_reset_too(tmp_path: Path) -> None:
    async with running(*FREE_PORT, "--behaviour", "reset", folder=tmp_path) as process:
        url = await address(process)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(request("wh_1"))
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_many_connections_are_held_at_once(tmp_path: Path) -> None:
    async with running(*FREE_PORT, "--delay-s", "1", folder=tmp_path) as process:
        url = await address(process)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        async with asyncio.TaskGroup() as group:
            for n in range(400):
                group.create_task(exchange(url, request(f"wh_{n}")))
        took_s = loop.time() - began_s
        process.send_signal(signal.SIGTERM)
        code, out, err = await end(process)
    assert code == 0
    assert 1 <= took_s < 5
    assert "unique 400" in err
    assert "most at once 400" in err
    assert re.search(r"and \d+ more; \d+ in all", out)


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    async with running(*FREE_PORT, folder=tmp_path) as first:
        port = (await address(first)).rpartition(":")[2]
        async with running("sink", "--port", port, folder=tmp_path) as second:
            code, _out, err = await end(second)
    assert code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in err
    assert "Traceback" not in err


async def test_on_a_terminal_it_draws_a_table_of_what_came(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sureshot", *FREE_PORT, "--count", "1",
        cwd=tmp_path, env=environment(TERM="xterm", COLUMNS="120", NO_COLOR="1"),
        stdout=theirs, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    os.close(theirs)
    try:
        url = await address(process)
        await exchange(url, request("wh_on_screen"))
        code, _out, err = await end(process)
    finally:
        if process.returncode is None:
            process.kill()
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert code == 0
    assert "unique 1" in err
    assert "bad signatures" in shown
    assert "wh_on_screen" in shown
