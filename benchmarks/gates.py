"""What every benchmark begins and ends with: programs, the machine, gates, the result as JSON."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.processes import Missing, need

RESULTS = Path(__file__).parent / "results"
MISSING = 3

Gates = list[tuple[str, str, str, bool]]
"""What was measured, the figure, its limit, and whether it is met."""


def require(*programs: str) -> None:
    """Exit with 3 and a sentence when a program is missing; forget the caller's settings."""
    for name in list(os.environ):
        if name.startswith("SURESHOT_"):
            del os.environ[name]
    try:
        for program in programs:
            need(program)
    except Missing as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(MISSING)


def open_console() -> Console:
    """Return where tables go: as wide as the terminal, or wide enough for a file."""
    return Console(width=None if sys.stdout.isatty() else 130)


def conclude(console: Console, path: Path, results: dict[str, object], gates: Gates) -> int:
    """Print the gates, write everything to *path*; return the exit code, 1 for a missed gate."""
    print_gates(console, gates)
    named = [dict(zip(("what", "measured", "limit", "met"), gate, strict=True)) for gate in gates]
    whole = {"machine": machine(), **results, "gates": named}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=2))
    console.print(f"written to {path}")
    return 0 if all(gate[3] for gate in gates) else 1


def print_gates(console: Console, gates: Gates) -> None:
    """Print each figure beside its limit."""
    table = Table("figure", "measured", "limit", "", box=None)
    for what, measured, limit, met in gates:
        table.add_row(what, measured, limit, "met" if met else "MISSED")
    console.print(table)


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), "unknown",
    )  # fmt: skip
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
    }
