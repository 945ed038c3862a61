"""The SQL of ``postgres.sql``, by the name over each statement."""

from __future__ import annotations

import re
from pathlib import Path

_BLOCK = re.compile(r"^-- (\w+) --\n(.*?)(?=^-- \w+ --$|\Z)", re.MULTILINE | re.DOTALL)
_TEXT = Path(__file__).with_name("postgres.sql").read_text(encoding="utf-8")

QUERIES = {name: body.strip().rstrip(";") for name, body in _BLOCK.findall(_TEXT)}
"""Each without its closing semicolon. A number in a name is the first version it is for."""
