from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import msgspec
import pytest

from tests.cli.command import Ran, environment, line_with, run, running

FREE_PORT = ("serve", "--port", "0")
LOOPBACK = {"SURESHOT_ALLOWED_NETWORKS": "127.0.0.0/8"}


async def banner(process: asyncio.subprocess.Process) -> list[str]:
    """Return what a started service prints, to the line with the first webhook."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(20):
        while not lines or "curl" not in lines[-1]:
            line = await process.stdout.readline()
            assert line, (await process.communicate())[1].decode()
            lines.append(line.decode().rstrip("\n"))
    return lines


async def stop(process: asyncio.subprocess.Process) -> int:
    process.terminate()
    async with asyncio.timeout(20):
        await process.communicate()
    assert process.returncode is not None
    return process.returncode


async def paste(line: str, folder: Path) -> Ran:
    """Run a line of the banner in a shell in another folder."""
    shell = await asyncio.create_subprocess_exec(
        "sh", "-c", line, cwd=folder, env=environment(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await shell.communicate()
    assert shell.returncode is not None
    return Ran(shell.returncode, out.decode(), err.decode())


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_line_of_the_banner_sends_a_webhook_at_the_first_start_and_later(
    tmp_path: Path,
) -> None:
    folder, elsewhere = tmp_path / "a folder", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    banners = []
    for _start in range(2):
        async with running(*FREE_PORT, folder=folder, env=environment(**LOOPBACK)) as process:
            lines = await banner(process)
            pasted = await paste(lines[-1], elsewhere)
            assert msgspec.json.decode(pasted.out)["status"] == "queued", pasted
            assert await stop(process) == 0
        banners.append("\n".join(lines))
    first, second = banners
    token = (folder / "data" / "tokens.env").read_text().splitlines()[0].partition("=")[2]
    assert token.startswith("sst_")
    assert f"SURESHOT_API_TOKEN={token}" in first
    assert "sst_" not in second
    assert "kept in data/tokens.env" in second
    for text in banners:
        assert str(folder / "data") in text
        assert "/docs" in text
        assert "127.0.0.0/8" in text


async def test_without_private_networks_the_banner_says_how_to_allow_this_machine(
    tmp_path: Path,
) -> None:
    async with running(*FREE_PORT, folder=tmp_path) as process:
        lines = await banner(process)
        assert any("but no private one" in line for line in lines)
        hint = await line_with(process.stdout, "SURESHOT_ALLOWED_NETWORKS=")
        assert hint.strip() == "SURESHOT_ALLOWED_NETWORKS=127.0.0.0/8,::1/128 sureshot serve"
        assert await stop(process) == 0


async def test_tokens_of_the_environment_are_used_and_never_printed(tmp_path: Path) -> None:
    given = {"SURESHOT_API_TOKEN": "my-api-token", "SURESHOT_ADMIN_TOKEN": "my-admin-token"}
    async with running(*FREE_PORT, folder=tmp_path, env=environment(**given)) as process:
        lines = await banner(process)
        url = lines[0].split()[4]
        asked = await run(
            "secrets", "show", folder=tmp_path, env=environment(**given, SURESHOT_URL=url)
        )
        assert asked.code == 0
        assert await stop(process) == 0
    text = "\n".join(lines)
    assert "from the environment" in text
    assert "my-api-token" not in text
    assert "my-admin-token" not in text
    assert "$SURESHOT_API_TOKEN" in lines[-1]


async def test_the_commands_find_the_service_and_its_token_by_themselves(tmp_path: Path) -> None:
    (tmp_path / "sureshot.toml").write_text('database_url = "sqlite:///state/hooks.db"\n')
    async with running(*FREE_PORT, folder=tmp_path) as process:
        url = (await banner(process))[0].split()[4]
        env = environment(SURESHOT_URL=url + "/")
        shown = await run("secrets", "show", "--json", folder=tmp_path, env=env)
        assert shown.code == 0
        assert shown.json["secretKey"].startswith("whsec_")
    assert (await run("tokens", "path", folder=tmp_path)).out == "state/tokens.env\n"
    masked = await run("tokens", "show", folder=tmp_path)
    revealed = await run("tokens", "show", "--reveal", folder=tmp_path)
    kept = (tmp_path / "state" / "tokens.env").read_text().splitlines()
    for line in kept:
        assert line in revealed.out
        assert line.partition("=")[2] not in masked.out


async def test_logs_are_json_lines_when_nobody_watches(tmp_path: Path) -> None:
    async with running(*FREE_PORT, folder=tmp_path) as process:
        await banner(process)
        process.terminate()
        _out, err = await process.communicate()
    events = [msgspec.json.decode(line)["event"] for line in err.splitlines()]
    assert "service.stopped" in events


async def test_a_second_service_on_the_same_port_or_data_says_what_is_in_the_way(
    tmp_path: Path,
) -> None:
    async with running(*FREE_PORT, folder=tmp_path) as process:
        port = (await banner(process))[0].split()[4].rpartition(":")[2]
        other = tmp_path / "other"
        other.mkdir()
        on_port = await run("serve", "--port", port, folder=other)
        on_data = await run(*FREE_PORT, folder=tmp_path)
    assert (on_port.code, on_data.code) == (2, 2)
    assert f"cannot listen on 127.0.0.1:{port}" in on_port.err
    assert "data/sureshot.db is in use" in on_data.err


@pytest.mark.parametrize(
    ("name", "value"),
    [("SURESHOT_DATABASE_URL", "sqlite:////proc/none/x.db"), ("SURESHOT_CA_FILE", "gone.pem")],
)
async def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, name: str, value: str) -> None:
    ran = await run(*FREE_PORT, folder=tmp_path, env=environment(**{name: value}))
    assert ran.code == 2
    assert value.removeprefix("sqlite:///").removesuffix("/x.db") in ran.err
