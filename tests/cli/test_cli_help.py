from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from sureshot.cli.app import app

runner = CliRunner()
SLOW_TO_LOAD = ("rich", "uvloop", "uvicorn", "falcon", "structlog", "cryptography", "apsw")


def command_lines() -> list[tuple[str, ...]]:
    root = typer.main.get_command(app)
    found: list[tuple[str, ...]] = []

    def walk(command: object, path: tuple[str, ...]) -> None:
        below = getattr(command, "commands", None)
        if below is None:
            found.append(path)
            return
        for name, child in below.items():
            walk(child, (*path, name))

    walk(root, ())
    return found


COMMANDS = command_lines()


def test_the_commands_are_the_ones_people_know() -> None:
    assert {" ".join(path) for path in COMMANDS if path[0] != "lab"} == {
        "serve", "up", "migrate", "backup", "restore",
        "send", "status", "explain", "recover", "sink", "config", "version",
        "tokens path", "tokens show", "secrets show", "secrets reencrypt",
        "tokens create", "tokens list", "tokens rotate", "tokens revoke",
        "endpoints list", "endpoints create", "endpoints show", "endpoints update",
        "endpoints delete", "endpoints enable", "endpoints disable",
        "endpoints rotate-secret", "endpoints test",
    }  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_in_lines_that_fit(path: tuple[str, ...]) -> None:
    result = runner.invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output
    assert " ..." not in result.output.partition("Options:")[0]
    assert max(len(line) for line in result.output.splitlines()) <= 100


NOT_ASKED = {("serve",), ("sink",), ("up",), ("lab", "traffic", "stages")}
"""Three that run, and one whose output is JSON in any case."""


@pytest.mark.parametrize("path", [p for p in COMMANDS if p not in NOT_ASKED], ids=" ".join)
def test_every_command_that_prints_a_result_can_print_json(path: tuple[str, ...]) -> None:
    assert "--json" in runner.invoke(app, [*path, "--help"]).output


@pytest.mark.parametrize(
    "command", ["serve", "send", "sink", "config", "endpoints create", "tokens create", "recover"]
)
def test_the_help_of_the_big_commands_teaches_by_examples(command: str) -> None:
    help_text = runner.invoke(app, [*command.split(), "--help"]).output
    examples = help_text.partition("Examples:")[2].strip().splitlines()
    assert len([line for line in examples if "sureshot" in line]) >= 3
    assert all(f"sureshot {command}" in line or "sureshot." in line for line in examples)


def test_the_first_help_lists_every_exit_code_and_whole_sentences() -> None:
    help_text = runner.invoke(app, ["--help"]).output
    codes = help_text.partition("Exit codes:")[2].partition("Options:")[0]
    assert [line.split()[0] for line in codes.strip().splitlines()] == ["0", "1", "2", "3"]
    commands = help_text.partition("Commands:")[2].partition("Examples:")[0]
    assert "..." not in commands


def test_asking_for_help_loads_nothing_slow() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['sureshot', '--help']\n"
        "try:\n    import sureshot.__main__ as m; m.main()\n"
        "except SystemExit: pass\n"
        f"print([name for name in {SLOW_TO_LOAD!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
