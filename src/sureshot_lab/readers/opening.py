"""Files opened as text, packed or not, with a plain word for each way they can be wrong."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from sureshot_lab.errors import UnreadableResult

GZIP = b"\x1f\x8b"
LONGEST_WHOLE_BYTES = 256 << 20
"""A summary of k6 has kilobytes, a result of ours megabytes; more is something else."""


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of *path*, unpacked, one at a time; raises ``UnreadableResult``."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP
        with gzip.open(path, "rt") if packed else path.open("rt") as file:
            yield from file
    except FileNotFoundError:
        raise UnreadableResult(f"{path} does not exist") from None
    except IsADirectoryError:
        raise UnreadableResult(f"{path} is a folder, not a file") from None
    except UnicodeDecodeError:
        raise UnreadableResult(f"{path} is not text") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableResult(f"{path} is cut off: its packing ends early ({error})") from None
    except OSError as error:
        raise UnreadableResult(f"{path} cannot be read: {error}") from None


def text_of(path: Path) -> str:
    """Return the whole file, of at most 256 MiB unpacked; raises ``UnreadableResult``."""
    parts: list[str] = []
    size = 0
    for line in lines_of(path):
        parts.append(line)
        size += len(line)
        if size > LONGEST_WHOLE_BYTES:
            raise UnreadableResult(f"{path} is too long for a summary or a result")
    return "".join(parts)
