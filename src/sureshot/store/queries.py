"""Named queries: SQL lives in ``.sql`` files, one ``-- name --`` block each."""

from __future__ import annotations

import re
from importlib import resources

_BLOCK = re.compile(r"^-- (\w+) --\n(.*?)(?=^-- \w+ --$|\Z)", re.MULTILINE | re.DOTALL)


def read_sql(file: str) -> str:
    """Return the text of ``store/sql/<file>``."""
    return resources.files("sureshot.store").joinpath("sql", file).read_text(encoding="utf-8")


def named_queries(file: str) -> dict[str, str]:
    """Return the blocks of ``store/sql/<file>`` by name, without the closing semicolon."""
    return {name: body.strip().rstrip(";") for name, body in _BLOCK.findall(read_sql(file))}
