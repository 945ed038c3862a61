"""What a runbook tells people to type exists: commands, options, routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from sureshot.api.routes import ROUTES
from sureshot.cli.app import app
from tests.observability.rule_files import RUNBOOKS

PAGES = sorted(RUNBOOKS.glob("*.md"))
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
CODE = re.compile(r"```sh\n(.*?)```|`([^`]+)`", re.DOTALL)
COMMAND = re.compile(r"(?:^|[\s(\"'])sureshot ((?:[-\w./]+\s?)+)")
CALL = re.compile(r"curl (?P<options>[^\n|]*?)\$SURESHOT_URL(?P<path>/[^\s\"?`]*)")


def _code(page: Path) -> Iterator[str]:
    for block, inline in CODE.findall(page.read_text()):
        if block:
            yield from (line.split(" #")[0] for line in block.splitlines())
        else:
            yield " ".join(inline.split())


def _unknown(words: list[str]) -> str:
    """Return the first of *words* after ``sureshot`` that means nothing, or nothing."""
    command: Any = typer.main.get_command(app)
    for word in words:
        inner = getattr(command, "commands", None)
        if inner is not None:
            if word not in inner:
                return word
            command = inner[word]
        elif word.startswith("-") and not any(word in each.opts for each in command.params):
            return word
    return ""


@EVERY_PAGE
def test_its_commands_are_ours(page: Path) -> None:
    for code in _code(page):
        for words in COMMAND.findall(code):
            assert _unknown(words.split()) == "", code


@EVERY_PAGE
def test_its_calls_are_routes(page: Path) -> None:
    for code in _code(page):
        for call in CALL.finditer(code):
            method = (re.findall(r"-X (\w+)", call["options"]) or ["GET"])[0]
            assert any(
                re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.path), call["path"])
                and any(each.method == method for each in route.calls)
                for route in ROUTES
            ), code


def test_there_is_something_to_check() -> None:
    code = [line for page in PAGES for line in _code(page)]
    assert sum(bool(COMMAND.search(line)) for line in code) > 30
    assert sum(bool(CALL.search(line)) for line in code) > 20


@EVERY_PAGE
def test_it_says_what_is_seen_what_it_means_and_what_to_do(page: Path) -> None:
    if page.stem == "README":
        return
    parts = ("**Symptom.** ", "**Meaning.** ", "## Look\n", "## Fix\n")
    places = [page.read_text().find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)
