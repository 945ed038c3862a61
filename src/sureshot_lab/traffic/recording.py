"""Recorded traffic: the file it is kept in, read and written.

One JSON object a line, UTF-8, the name ending in ``.ndjson`` or ``.ndjson.gz``::

    {"at_s":0.0125,"eventType":"user.created","endpoint":"crm","payload":{"userId":"usr_1"}}

``at_s``: when the webhook was submitted, in seconds from any origin (the epoch, the
start of the recording); lines may be out of order. ``endpoint``: any name or URL of
the receiver. ``payload``: a JSON object. Other members are passed over, so that an
access log which holds these four may be read as it is.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from sureshot_lab.errors import LabError


class UnreadableRecording(LabError):
    """A file is not recorded traffic, or is cut off."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook of the past. ``payload`` is a JSON object, as it was written."""

    at_s: float
    event_type: str = msgspec.field(name="eventType")
    endpoint: str
    payload: msgspec.Raw

    @property
    def payload_text(self) -> str:
        """The payload as text."""
        return bytes(self.payload).decode()


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a file in the order of its lines, one in memory at a time.

    Raises:
        UnreadableRecording: no such file, a line that is no record (its number is told),
            a file that is cut off, or one without any record.

    """
    number = 0
    try:
        with _opened(path) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _record(path, number, line)
    except FileNotFoundError:
        raise UnreadableRecording(f"{path} does not exist") from None
    except (EOFError, zlib.error):
        raise UnreadableRecording(f"{path} is cut off after line {number}") from None
    except OSError as error:
        raise UnreadableRecording(f"{path} cannot be read: {error}") from None
    if number == 0:
        raise UnreadableRecording(f"{path} is empty: it holds no recorded webhook")


def write_records(path: Path, records: Iterable[Record]) -> int:
    """Write *records* to *path* in one step, and return how many there were.

    A reader never sees half a file; one that was there is replaced.
    """
    draft = path.with_name(f".{path.name}.draft")
    count = 0
    try:
        with _opened(draft, write=True, packed=path.suffix == ".gz") as file:
            for record in records:
                # A payload may hold line ends between its members; in its strings none can be.
                file.write(msgspec.json.encode(record).replace(b"\n", b" ") + b"\n")
                count += 1
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return count


def _opened(path: Path, *, write: bool = False, packed: bool | None = None) -> BinaryIO:
    mode = "wb" if write else "rb"
    if packed is None:
        packed = path.suffix == ".gz"
    return cast("BinaryIO", gzip.open(path, mode) if packed else path.open(mode))


def _record(path: Path, number: int, line: bytes) -> Record:
    try:
        record = msgspec.json.decode(line, type=Record)
        payload = bytes(record.payload)
        payload.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if not line.endswith(b"\n"):
            raise UnreadableRecording(
                f"{path} is cut off in line {number}, which does not end: record it again, "
                f"or delete that line"
            ) from None
        raise UnreadableRecording(f"{path}, line {number}: {error}") from None
    if not payload.startswith(b"{"):
        raise UnreadableRecording(f"{path}, line {number}: `payload` must be a JSON object")
    if not math.isfinite(record.at_s):
        raise UnreadableRecording(f"{path}, line {number}: `at_s` must be a finite number")
    return record
