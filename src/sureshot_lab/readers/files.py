"""Any result file, known by what is in it and not by its name."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import msgspec

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.readers.k6_samples import read_csv, read_ndjson
from sureshot_lab.readers.k6_summary import read_summary
from sureshot_lab.readers.opening import lines_of, text_of
from sureshot_lab.readers.own import read_own
from sureshot_lab.readers.reading import Reading


def read_file(path: Path) -> Reading:
    """Read a result of k6, in any of its four shapes, packed or not, or one of our own.

    Raises:
        UnreadableResult: missing, empty, cut off, without requests, or something else.

    """
    if path.is_dir():
        return read_own(path)
    head = next((line for line in islice(lines_of(path), 100) if line.strip()), "").lstrip("\ufeff")
    if not head:
        raise UnreadableResult(f"{path} is empty: k6 writes at its end; did the run reach it?")
    if head.startswith("metric_name,"):
        return read_csv(path)
    if not head.lstrip().startswith("{"):
        raise UnreadableResult(
            f"{path} is neither JSON nor CSV of k6. What k6 prints is for people; for a file "
            "set SUMMARY=file.json, or use --summary-export, --out json= or --out csv="
        )
    if _is_stream(head):
        return read_ndjson(path)
    return _read_whole(path)


def _is_stream(head: str) -> bool:
    """Whether *head* is a line of ``--out json``; one cut off is known by how it begins."""
    try:
        found = msgspec.json.decode(head)
    except msgspec.DecodeError:
        return head.startswith(('{"type":"Metric"', '{"metric":'))
    return isinstance(found, dict) and found.get("type") in {"Metric", "Point"}


def _read_whole(path: Path) -> Reading:
    try:
        content = msgspec.json.decode(text_of(path))
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableResult(f"{path} is not whole JSON, it may be cut off: {error}") from None
    if "conditions" in content and "verdict" in content:
        return read_own(path)
    if isinstance(content.get("metrics"), dict):
        return read_summary(path, content)
    raise UnreadableResult(
        f"{path} is JSON, but no result: neither k6's `metrics` nor our `conditions` are in it"
    )
