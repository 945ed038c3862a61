"""Statements of a file of SQL, by the name over each; those of ``postgres.sql`` are here."""

from __future__ import annotations

import re
from pathlib import Path

_BLOCK = re.compile(r"^-- (\w+) --\n(.*?)(?=^-- \w+ --$|\Z)", re.MULTILINE | re.DOTALL)


def named_statements(path: Path) -> dict[str, str]:
    """Return the statements of the file at *path*, each without its closing semicolon."""
    blocks = _BLOCK.findall(path.read_text(encoding="utf-8"))
    return {name: body.strip().rstrip(";") for name, body in blocks}


QUERIES = named_statements(Path(__file__).with_name("postgres.sql"))
"""A number in a name is the first version it is for."""
