"""How the laboratory's commands print: tables for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec
import typer

PIPED_WIDTH = 120

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def print_json(value: Any) -> None:
    """Print *value* as JSON, indented."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_line(text: str = "") -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print what is going on to standard error, out of the way of the result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def print_renderable(thing: Any) -> None:
    """Print something of rich; without colours where standard output is no terminal."""
    from rich.console import Console  # noqa: PLC0415 - loads slowly

    Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False).print(thing)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table without lines, long cells folded."""
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    print_renderable(table)


def examples(*lines: str) -> str:
    """Return the end of a command's help: its examples, as they are typed."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
