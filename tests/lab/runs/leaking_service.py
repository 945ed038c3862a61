"""The service with a defect: it keeps a kilobyte of every webhook it records.

Takes the arguments of ``python``: ``leaking_service.py -m sureshot serve ...``.
"""

from __future__ import annotations

import sys

from sureshot.cli.app import main
from sureshot.delivery.recorder import Recorder

kept: list[bytes] = []
record = Recorder.record


def record_and_keep(self: Recorder, result: object) -> None:
    kept.append(bytes(1024))
    record(self, result)  # type: ignore[arg-type]


if __name__ == "__main__":
    Recorder.record = record_and_keep  # type: ignore[method-assign]
    main(sys.argv[3:])
