"""How results look: tables for people, JSON for programs, colours only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec
import typer

PIPED_WIDTH = 400

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def print_json(value: Any) -> None:
    """Print *value* as JSON, indented."""
    print_line(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_line(text: str = "") -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Print what is wrong to standard error."""
    sys.stderr.write(f"sureshot: {text}\n")


def note(text: str) -> None:
    """Print what is going on to standard error, out of the way of the result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; piped output keeps whole values instead of folding them."""
    from rich.console import Console  # noqa: PLC0415 - only tables need it, and it loads slowly
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        # Text, not str: what a receiver or a customer wrote must not act as markup.
        table.add_row(*(Text(cell) for cell in row))
    with console.capture() as capture:
        console.print(table)
    print_line("\n".join(line.rstrip() for line in capture.get().splitlines()))


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names with their values, one a line, those without a value left out."""
    shown = [(name, str(value)) for name, value in pairs if value is not None and value != ""]
    width = max((len(name) for name, _value in shown), default=0)
    for name, value in shown:
        print_line(f"{name:<{width}}  {value}")


def examples(*lines: str) -> str:
    """Return the end of a command's help: its examples, as they are typed."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
