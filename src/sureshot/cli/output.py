"""How results look: tables for people, JSON for programs, colours only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec


def print_json(value: Any) -> None:
    """Print *value* as JSON, indented."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_line(text: str = "") -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Print what is wrong to standard error."""
    sys.stderr.write(f"sureshot: {text}\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Print a table; plain text when the output is no terminal."""
    from rich.console import Console  # noqa: PLC0415 - only tables need it, and it loads slowly
    from rich.table import Table  # noqa: PLC0415

    console = Console()
    table = Table(*columns, title=title or None, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    if not console.is_terminal:
        # Piped output keeps whole values instead of folding them at 80 columns.
        console = Console(width=400)
    console.print(table)


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names with their values, one a line, those without a value left out."""
    shown = [(name, str(value)) for name, value in pairs if value not in {None, ""}]
    width = max((len(name) for name, _value in shown), default=0)
    for name, value in shown:
        print_line(f"{name:<{width}}  {value}")
